/* What a program is told when no port is left, of a port that is reserved, and of one that is blocked. Arguments: these
 * two. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in at(int port) {
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}
static const char *named(int error) {
	return error == EADDRINUSE      ? "EADDRINUSE"
	     : error == EADDRNOTAVAIL   ? "EADDRNOTAVAIL"
	     : error == EAGAIN          ? "EAGAIN"
	     : error == EACCES          ? "EACCES"
	                                : strerror(error);
}
static int peer;
static int binds(int fd) { struct sockaddr_in any = at(0); return bind(fd, (void *)&any, sizeof any); }
static int listens(int fd) { return listen(fd, 1); }
static int connects(int fd) { struct sockaddr_in to = at(peer); return connect(fd, (void *)&to, sizeof to); }
static int sends(int fd) { struct sockaddr_in to = at(9); return sendto(fd, "x", 1, 0, (void *)&to, sizeof to) < 0 ? -1 : 0; }

enum { MOST = 100 };
/* As many as there are, of which none is given back if they are to be kept. */
static void ask(const char *what, int kind, int (*how)(int), int keep) {
	int fds[MOST], count = 0;
	while (count < MOST && (fds[count] = socket(AF_INET, kind, 0)) >= 0 && !how(fds[count])) count++;
	printf("%s: %d, %s\n", what, count, named(errno));
	for (int n = 0; n <= count && !keep; n++) close(fds[n]);
}

int main(int count, char **words) {
	for (int port = 701; port <= 702; port++) {
		struct sockaddr_in here = at(port);
		int server = socket(AF_INET, SOCK_STREAM, 0);
		if (bind(server, (void *)&here, sizeof here) || listen(server, MOST)) return perror("a server"), 1;
	}
	ask("udp bind", SOCK_DGRAM, binds, 0);
	ask("udp send", SOCK_DGRAM, sends, 0);
	ask("tcp listen", SOCK_STREAM, listens, 0);
	for (peer = 701; peer <= 702; peer++) ask("tcp connect", SOCK_STREAM, connects, 1);
	ask("tcp bind", SOCK_STREAM, binds, 0);
	for (int n = 1; n < count; n++) {
		struct sockaddr_in here = at(atoi(words[n]));
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		printf("%s\n", bind(fd, (void *)&here, sizeof here) ? named(errno) : "ok");
	}
	return fflush(stdout);
}
