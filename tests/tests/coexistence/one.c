/* A program that takes one port in each way. */
#include "coexistence.h"

int main(void)
{
    tell(any_port(SOCK_STREAM));
    tell(any_port(SOCK_DGRAM));
    tell(connected());
    tell(sent());
}
