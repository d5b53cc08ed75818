/* Many threads or processes take every port there is. Arguments: how many, `threads` or `processes`,
 * and `bind` or `connect`. Prints each port that was got; fails where running out has another errno. */
#include "coexistence.h"

static int connecting;
static pthread_barrier_t *barrier;

#include <sys/mman.h>

static void *take(void *unused)
{
    (void)unused;
    int kinds[] = { SOCK_DGRAM, SOCK_STREAM };
    pthread_barrier_wait(barrier);
    for (int k = 0; k < (connecting ? 1 : 2); k++) {
        for (;;) {
            int fd = connecting ? connected() : any_port(kinds[k]);
            if (fd < 0) {
                CHECK(errno == (connecting ? EADDRNOTAVAIL : EADDRINUSE));
                break;
            }
            CHECK(dprintf(1, "port %d\n", port_of(fd)) > 0);
        }
    }
    pthread_barrier_wait(barrier);
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    int many = atoi(argv[1]), threads = strcmp(argv[2], "threads") == 0;
    connecting = strcmp(argv[3], "connect") == 0;
    barrier = mmap(NULL, sizeof *barrier, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(barrier != MAP_FAILED);
    pthread_barrierattr_t shared;
    pthread_barrierattr_init(&shared);
    pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    CHECK(pthread_barrier_init(barrier, &shared, many) == 0);
    pthread_t all[64];
    pid_t children[64];
    CHECK(many <= 64);
    for (int i = 0; i < many; i++) {
        if (threads) {
            CHECK(pthread_create(&all[i], NULL, take, NULL) == 0);
        } else if ((children[i] = fork()) == 0) {
            take(NULL);
            _exit(0);
        }
    }
    for (int i = 0; i < many; i++) {
        if (threads)
            pthread_join(all[i], NULL);
        else
            reap(children[i]);
    }
}
