/* Loads plugin.so, which only this program's RUNPATH leads to, in each way that passes a preload by. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **words) {
	void *plugin = count > 1 ? dlmopen(LM_ID_BASE, "plugin.so", RTLD_NOW | RTLD_DEEPBIND)
	                         : dlopen("plugin.so", RTLD_NOW | RTLD_DEEPBIND);
	if (!plugin) return fprintf(stderr, "%s\n", dlerror()), 1;
	((void (*)(void))dlsym(plugin, "ask"))();
	(void)words;
	return fflush(stdout);
}
