// Executes itself so many times, then says which port it is given, and whether its session's file is still there.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    int left = count > 1 ? atoi(arguments[1]) : 0;
    if (left > 0) {
        char next[16];
        snprintf(next, sizeof next, "%d", left - 1);
        execl("/proc/self/exe", arguments[0], next, (char *)NULL);
        return 1;
    }
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(fd, (struct sockaddr *)&address, length) || getsockname(fd, (struct sockaddr *)&address, &length))
        return 2;
    const char *file = getenv("PORTSHIM_SESSION");
    printf("port %d %s\n", ntohs(address.sin_port), file && access(file, F_OK) == 0 ? "kept" : "gone");
    return 0;
}
