// Loads the library that is its argument so that it finds its own dependencies first.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    void *library = dlopen(argv[argc - 1], RTLD_NOW | RTLD_DEEPBIND);
    void (*get_port)(void) = library ? (void (*)(void))dlsym(library, "get_port") : NULL;
    if (get_port)
        get_port();
    else
        puts(dlerror());
    return 0;
}
