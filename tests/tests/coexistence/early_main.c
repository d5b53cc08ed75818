/* A program that takes a port before any constructor runs, and needs a library that does so in its own. */
#include "coexistence.h"

void used(void);

static void earliest(void)
{
    tell(any_port(SOCK_DGRAM));
}

__attribute__((section(".preinit_array"), used)) static void (*first)(void) = earliest;

int main(void)
{
    used();
    tell(any_port(SOCK_STREAM));
}
