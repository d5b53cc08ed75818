// A library that stands between a program, whatever is preloaded before it, and libc: it tells of
// each connection.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/socket.h>

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    int (*next)(int, const struct sockaddr *, socklen_t);
    *(void **)&next = dlsym(RTLD_NEXT, "connect");
    puts("connect");
    return next(fd, address, len);
}
