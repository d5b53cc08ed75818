/* Sends a message whose header has anything where musl has padding, and says from which port. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(void) {
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof peer;
	struct iovec part = {"x", 1};
	struct msghdr message;
	memset(&message, 0xa5, sizeof message);
	message.msg_name = &peer, message.msg_namelen = len, message.msg_iov = &part, message.msg_iovlen = 1;
	message.msg_control = 0, message.msg_controllen = 0, message.msg_flags = 0;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (sendmsg(fd, &message, 0) != 1 || getsockname(fd, (void *)&peer, &len)) return perror("sendmsg"), 1;
	printf("port %d\n", ntohs(peer.sin_port));
	return fflush(stdout);
}
