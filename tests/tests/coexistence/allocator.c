/* Threads that allocate and take ports at once, for an allocator that makes calls of its own. */
#include "coexistence.h"

static void *work(void *unused)
{
    (void)unused;
    for (int i = 0; i < 200; i++) {
        struct sockaddr_in *at = malloc(sizeof *at);
        *at = loopback(0);
        int fd = socket(AF_INET, i % 2 ? SOCK_STREAM : SOCK_DGRAM, 0);
        CHECK(bind(fd, (struct sockaddr *)at, sizeof *at) == 0);
        free(at);
        tell(fd);
        char *block = calloc(1, 1000 + 100 * i);
        fd = sent();
        block = realloc(block, 200000);
        tell(fd);
        free(block);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    tell(connected());
}
