/* Writes a title over its arguments and its environment, as daemons do, then starts a program.
 * Arguments: `copied`, where the environment was moved away first, or `lost`; the program. */
#include "coexistence.h"

extern char **environ;

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    int copied = strcmp(argv[1], "copied") == 0;
    char *program = strdup(argv[2]), *begin = argv[0], *end = argv[argc - 1] + strlen(argv[argc - 1]) + 1;
    int count = 0;
    for (; environ[count]; count++)
        if (environ[count] == end)
            end += strlen(environ[count]) + 1;
    if (copied) {
        char **moved = calloc(count + 1, sizeof *moved);
        for (int i = 0; i < count; i++)
            moved[i] = strdup(environ[i]);
        environ = moved;
    }
    memset(begin, 'T', end - begin - 1);
    tell(any_port(SOCK_STREAM));
    pid_t child = fork();
    if (child == 0) {
        execl(program, program, (char *)NULL);
        _exit(1);
    }
    reap(child);
}
