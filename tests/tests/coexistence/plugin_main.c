/* Loads the plugin named by its argument, whose constructor takes ports, late and out of sight. */
#include "coexistence.h"
#include <dlfcn.h>

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    void *plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(plugin);
    CHECK(dlclose(plugin) == 0);
    tell(any_port(SOCK_STREAM));
}
