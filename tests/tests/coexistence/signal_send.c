/* A signal handler sends from fresh UDP sockets while the main thread is inside the same calls. */
#include "coexistence.h"
#include <sys/time.h>

static volatile sig_atomic_t handled;
static int ports[1000];

static void handler(int number)
{
    (void)number;
    int error = errno;
    if (handled < 1000) {
        int fd = sent();
        ports[handled] = port_of(fd);
        handled++;
        close(fd);
    }
    errno = error;
}

int main(void)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
    struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { 0 };
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    while (handled < 1000) {
        int fd = any_port(SOCK_DGRAM);
        CHECK(fd >= 0);
        CHECK(close(fd) == 0);
        fd = any_port(SOCK_STREAM);
        CHECK(fd >= 0);
        CHECK(close(fd) == 0);
        fd = sent();
        CHECK(close(fd) == 0);
        /* A failure of the kernel's own must keep its errno though handlers come in between. */
        errno = 0;
        CHECK(bind(-1, NULL, 0) == -1 && errno == EBADF);
    }
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    for (int i = 0; i < 1000; i++)
        CHECK(dprintf(1, "port %d\n", ports[i]) > 0);
}
