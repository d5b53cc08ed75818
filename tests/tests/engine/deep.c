// Binds a socket to any port.
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

void get_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, len) == 0 && getsockname(fd, (struct sockaddr *)&address, &len) == 0)
        printf("port %d\n", ntohs(address.sin_port));
}
