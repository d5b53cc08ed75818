/* A preload that makes each call by its number, as wrappers of sockets do that are written without dlsym. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int socket(int family, int kind, int protocol) { return syscall(SYS_socket, family, kind, protocol); }
int bind(int fd, const struct sockaddr *to, socklen_t len) { return syscall(SYS_bind, fd, to, len); }
int listen(int fd, int backlog) { return syscall(SYS_listen, fd, backlog); }
int connect(int fd, const struct sockaddr *to, socklen_t len) { return syscall(SYS_connect, fd, to, len); }
ssize_t send(int fd, const void *bytes, size_t len, int flags) { return syscall(SYS_sendto, fd, bytes, len, flags, 0, 0); }
ssize_t sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to, socklen_t size) {
	return syscall(SYS_sendto, fd, bytes, len, flags, to, size);
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) { return syscall(SYS_sendmsg, fd, message, flags); }
int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
	return syscall(SYS_sendmmsg, fd, messages, count, flags);
}
ssize_t write(int fd, const void *bytes, size_t len) { return syscall(SYS_write, fd, bytes, len); }
ssize_t writev(int fd, const struct iovec *vectors, int count) { return syscall(SYS_writev, fd, vectors, count); }
int close(int fd) { return syscall(SYS_close, fd); }
int dup(int fd) { return syscall(SYS_dup, fd); }
int dup2(int from, int to) { return syscall(SYS_dup2, from, to); }
int dup3(int from, int to, int flags) { return syscall(SYS_dup3, from, to, flags); }
int accept(int fd, struct sockaddr *from, socklen_t *len) { return syscall(SYS_accept, fd, from, len); }
int accept4(int fd, struct sockaddr *from, socklen_t *len, int flags) {
	return syscall(SYS_accept4, fd, from, len, flags);
}
int setsockopt(int fd, int level, int name, const void *value, socklen_t len) {
	return syscall(SYS_setsockopt, fd, level, name, value, len);
}
int fcntl(int fd, int command, ...) {
	va_list more;
	va_start(more, command);
	long argument = va_arg(more, long);
	va_end(more);
	return syscall(SYS_fcntl, fd, command, argument);
}
