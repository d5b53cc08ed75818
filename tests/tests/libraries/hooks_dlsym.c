/* A preload that stands for dlsym itself, and looks names up before any other library has started. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static void *(*next)(void *, const char *);
static int asked;
void *dlsym(void *handle, const char *name) {
	if (!next) next = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
	asked++;
	return next(handle, name);
}
int times_asked(void) { return asked; }
__attribute__((constructor)) static void early(void) {
	if (dlsym(RTLD_DEFAULT, "bind") == 0 || dlsym(dlopen("libc.so.6", RTLD_LAZY), "strlen") == 0) abort();
}
