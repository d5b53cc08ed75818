/* Binds between vfork and exec, where parent and child share all memory, then execs. Argument: a program. */
#include "coexistence.h"

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    for (int i = 0; i < 20; i++) {
        pid_t child = vfork();
        if (child == 0) {
            int fd = any_port(SOCK_STREAM);
            if (fd < 0)
                _exit(1);
            tell(fd);
            execl(argv[1], argv[1], (char *)NULL);
            _exit(1);
        }
        reap(child);
        tell(any_port(SOCK_STREAM));
        tell(connected());
    }
}
