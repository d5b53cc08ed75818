/* Opens, binds and closes a hundred thousand sockets, and ends with the descriptors it began with. */
#include "coexistence.h"

int main(void)
{
    static char seen[65536];
    int lowest = dup(0);
    close(lowest);
    for (int i = 0; i < 100000; i++) {
        int fd = any_port(i % 2 ? SOCK_STREAM : SOCK_DGRAM);
        CHECK(fd == lowest);
        seen[port_of(fd)] = 1;
        CHECK(close(fd) == 0);
    }
    for (int port = 0; port < 65536; port++)
        if (seen[port])
            CHECK(printf("port %d\n", port) > 0);
}
