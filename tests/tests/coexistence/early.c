/* A library that takes ports in its constructor, before that of anything preloaded. */
#include "coexistence.h"

__attribute__((constructor)) static void early(void)
{
    tell(any_port(SOCK_STREAM));
    tell(sent());
    tell(connected());
}

void used(void)
{
}
