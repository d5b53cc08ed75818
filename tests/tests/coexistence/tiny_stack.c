/* Takes ports on the smallest stack that a thread may have. */
#include "coexistence.h"
#include <limits.h>

static int fds[4];

static void *work(void *unused)
{
    (void)unused;
    fds[0] = any_port(SOCK_STREAM);
    fds[1] = any_port(SOCK_DGRAM);
    fds[2] = connected();
    fds[3] = sent();
    return NULL;
}

int main(void)
{
    pthread_attr_t small;
    pthread_t thread;
    CHECK(pthread_attr_init(&small) == 0);
    CHECK(pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN) == 0);
    CHECK(pthread_create(&thread, &small, work, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    for (int i = 0; i < 4; i++)
        tell(fds[i]);
}
