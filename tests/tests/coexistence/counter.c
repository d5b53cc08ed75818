/* Another preloaded library: counts the calls of bind and says how many there were. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/socket.h>

static int calls;

int bind(int fd, const struct sockaddr *at, socklen_t len)
{
    int (*next)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
    return next(fd, at, len);
}

__attribute__((destructor)) static void say(void)
{
    dprintf(2, "calls of bind: %d\n", calls);
}
