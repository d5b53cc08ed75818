/* Every way to a port, through libc: one line for each port that the program did not choose. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static struct sockaddr_in local(int port) {
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}
static int port_of(int fd) {
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	return getsockname(fd, (void *)&a, &len) ? -1 : ntohs(a.sin_port);
}
static void tell(const char *what, int fd, long result) {
	if (result < 0) perror(what), exit(1);
	printf("port %d\n", port_of(fd));
}
static int made(int kind) {
	int fd = socket(AF_INET, kind, 0), one = 1;
	if (fd < 0) perror("socket"), exit(1);
	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one)) perror("setsockopt"), exit(1);
	return fd;
}

int main(void) {
	struct sockaddr_in any = local(0), server, peer = local(9);
	int listener = made(SOCK_STREAM), other = made(SOCK_STREAM), fd;
	tell("bind", listener, bind(listener, (void *)&any, sizeof any));
	tell("listen", other, listen(other, 5));
	if (listen(listener, 5)) return perror("listen"), 1;
	server = local(port_of(listener));
	fd = made(SOCK_STREAM);
	tell("connect", fd, connect(fd, (void *)&server, sizeof server));
	int passive = accept(listener, 0, 0);
	int copy = dup(fd), high = fcntl(copy, F_DUPFD_CLOEXEC, 100);
	if (passive < 0 || copy < 0 || high < 100 || dup2(fd, 101) != 101 || dup3(fd, 102, O_CLOEXEC) != 102) return perror("dup"), 1;
	if (write(102, "x", 1) != 1 || close(passive) || close(copy) || close(high) || close(101) || close(102)) return perror("close"), 1;
	fd = made(SOCK_STREAM);
	tell("connect", fd, connect(fd, (void *)&server, sizeof server));
	if (accept4(listener, 0, 0, SOCK_CLOEXEC) < 0) return perror("accept4"), 1;
	fd = made(SOCK_DGRAM);
	tell("sendto", fd, sendto(fd, "x", 1, 0, (void *)&peer, sizeof peer));
	struct iovec vector = {"x", 1};
	struct msghdr message = {.msg_name = &peer, .msg_namelen = sizeof peer, .msg_iov = &vector, .msg_iovlen = 1};
	fd = made(SOCK_DGRAM);
	tell("sendmsg", fd, sendmsg(fd, &message, 0));
	struct mmsghdr messages = {.msg_hdr = message};
	fd = made(SOCK_DGRAM);
	tell("sendmmsg", fd, sendmmsg(fd, &messages, 1, 0));
	fd = made(SOCK_DGRAM);
	if (write(fd, "x", 1) != -1) return 1;
	tell("write", fd, 0);
	fd = made(SOCK_DGRAM);
	if (writev(fd, &vector, 1) != -1) return 1;
	tell("writev", fd, 0);
	fd = made(SOCK_DGRAM);
	if (send(fd, "x", 1, 0) != -1) return 1;
	tell("send", fd, 0);
	return fflush(stdout);
}
