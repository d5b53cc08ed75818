/* Forks while other threads are inside the calls; each child then makes them too. */
#include "coexistence.h"

static volatile int over;

static void *busy(void *unused)
{
    (void)unused;
    while (!over) {
        int fd = any_port(SOCK_DGRAM);
        CHECK(fd >= 0);
        close(fd);
        fd = sent();
        close(fd);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, busy, NULL) == 0);
    for (int i = 0; i < 200; i++) {
        pid_t child = fork();
        if (child == 0) {
            tell(any_port(SOCK_STREAM));
            tell(any_port(SOCK_DGRAM));
            tell(connected());
            tell(sent());
            _exit(0);
        }
        reap(child);
    }
    over = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}
