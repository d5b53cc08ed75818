/* Looks functions up on libc's own handle and on others, and asks for a port by what it finds. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

typedef int (*Bind)(int, const struct sockaddr *, socklen_t);
static void ask(Bind bind) {
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (!bind || bind(fd, (void *)&a, len) || getsockname(fd, (void *)&a, &len)) return perror("bind");
	printf("port %d\n", ntohs(a.sin_port));
}

int main(void) {
	void *libc = dlopen("libc.so.6", RTLD_LAZY), *libm = dlopen("libm.so.6", RTLD_LAZY);
	ask((Bind)dlsym(libc, "bind"));
#ifdef __GLIBC__
	ask((Bind)dlvsym(libc, "bind", "GLIBC_2.2.5"));
#endif
	ask((Bind)dlsym(libm, "bind")); /* libm's libraries are looked at, too */
	ask((Bind)dlsym(RTLD_DEFAULT, "bind"));
	ask((Bind)dlsym(RTLD_NEXT, "bind"));
	ask((Bind)dlsym(dlopen(0, RTLD_LAZY), "bind"));
	void *(*find)(void *, const char *) = (void *(*)(void *, const char *))dlsym(libc, "dlsym");
	ask((Bind)find(libc, "bind"));
	/* What is not there is not found, and said so. */
	dlerror();
	printf("%d", dlsym(libc, "no_such_function") == 0 && dlerror() != 0);
#ifdef __GLIBC__
	printf("%d", dlvsym(libc, "bind", "GLIBC_2.3") == 0 && dlerror() != 0);
	printf("%d", dlvsym(RTLD_DEFAULT, "strlen", "GLIBC_2.2.5") != 0);
#endif
	printf("%d\n", dlsym(libm, "cos") == dlsym(RTLD_DEFAULT, "cos"));
	return fflush(stdout);
}
