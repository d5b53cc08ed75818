/* What the probe calls, and glibc alone has: for a probe of musl. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

int __connect(int fd, const struct sockaddr *address, socklen_t length) { return connect(fd, address, length); }
ssize_t __send(int fd, const void *data, size_t length, int flags) { return send(fd, data, length, flags); }

static int none(void) { return errno = ENOSYS, -1; }
int rresvport(int *port) { return (void)port, none(); }
int rresvport_af(int *port, sa_family_t family) { return (void)port, (void)family, none(); }
int bindresvport(int fd, struct sockaddr_in *address) { return (void)fd, (void)address, none(); }

/* gcc's unwinder asks for it. */
int _dl_find_object(void *address, void *result) { return (void)address, (void)result, -1; }
