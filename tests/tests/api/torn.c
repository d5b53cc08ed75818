/*
 * Is torn out of calls by a signal handler that jumps away, time and again. Nothing may be left behind: neither the
 * turn to write, which would keep everybody else waiting, nor a descriptor.
 */
#include <errno.h>
#include <portshim.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static sigjmp_buf before;

static void away(int signal)
{
    siglongjmp(before, signal);
}

int main(void)
{
    struct itimerval soon;
    volatile int torn = 0;
    int lowest = dup(0);
    close(lowest);
    memset(&soon, 0, sizeof soon);
    signal(SIGALRM, away);
    while (torn < 500) {
        if (sigsetjmp(before, 1)) {
            torn++;
            continue;
        }
        soon.it_value.tv_usec = 100 + torn * 37 % 3000;
        setitimer(ITIMER_REAL, &soon, NULL);
        for (;;) {
            portshim_block(8000, 8003, PORTSHIM_ALL);
            portshim_unblock(8000, PORTSHIM_ALL);
        }
    }
    if (portshim_reserve(20000, 20001, PORTSHIM_ALL) < 0)
        perror("portshim_reserve");
    while (portshim_unblock(8000, PORTSHIM_ALL) == 0) {
    }
    printf("%s, %d descriptors more\n", strerror(errno), dup(0) - lowest);
    return 0;
}
