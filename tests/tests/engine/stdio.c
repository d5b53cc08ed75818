/* Speaks to a server by stdio(3): over a connection, over one that is made by the first write, and
   by datagrams. Arguments: the ports of the servers of HTTP and of datagrams. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void speak(int type, int port, int by_first_write)
{
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)}, own = {0};
	socklen_t len = sizeof own;
	int fd = socket(AF_INET, type, 0), on = 1;
	char line[256] = "";
	FILE *stream;

	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (by_first_write)
		setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
	if (connect(fd, (struct sockaddr *)&peer, sizeof peer) != 0) {
		printf("connect: %d\n", errno);
		exit(1);
	}
	stream = fdopen(fd, "r+");
	fputs("GET / HTTP/1.0\r\n\r\n", stream);
	fflush(stream);
	if (fgets(line, sizeof line, stream) == NULL) {
		printf("fgets: %d\n", errno);
		exit(1);
	}
	getsockname(fd, (struct sockaddr *)&own, &len);
	printf("port %d\n", ntohs(own.sin_port));
	fclose(stream);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	speak(SOCK_STREAM, atoi(argv[1]), 0);
	/* The first gets a cookie, the second uses it. */
	speak(SOCK_STREAM, atoi(argv[1]), 1);
	speak(SOCK_STREAM, atoi(argv[1]), 1);
	speak(SOCK_DGRAM, atoi(argv[2]), 0);
	return 0;
}
