/* A library that asks for a port, and is loaded to find its functions in its own libraries first. */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

void ask(void) {
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (void *)&a, len) || getsockname(fd, (void *)&a, &len)) return perror("bind");
	printf("port %d\n", ntohs(a.sin_port));
}
