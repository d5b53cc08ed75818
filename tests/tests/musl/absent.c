/* Calls a function that musl has not, where somebody has it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int main(void) {
	int from = 1023;
	int (*get)(int *) = (int (*)(int *))dlsym(RTLD_DEFAULT, "rresvport");
	if (!get) return puts("none"), 0;
	if (get(&from) < 0) return puts(strerror(errno)), 0;
	printf("port %d\n", from);
	return fflush(stdout);
}
