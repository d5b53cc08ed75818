/* Asks for one port, and says which. */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void) {
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (void *)&a, len) || getsockname(fd, (void *)&a, &len)) return 1;
	printf("port %d\n", ntohs(a.sin_port));
	return fflush(stdout);
}
