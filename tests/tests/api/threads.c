/*
 * Sixteen threads reserve, block and lift at once. No entry may be lost, and none may be there twice.
 */
#include <errno.h>
#include <portshim.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 16, EACH = 64, ENTRIES = 1024, OVER = 8 };

static pthread_barrier_t all;
static int entered[THREADS], refused[THREADS];

static void expect(int answer, int wanted, int error, const char *what)
{
    if (answer != wanted || (answer < 0 && errno != error)) {
        printf("%s: %d, %s\n", what, answer, strerror(errno));
        exit(1);
    }
}

static void *run(void *number)
{
    int me = *(int *)number;
    unsigned first = 20000 + (unsigned)me * 1000;
    for (int round = 0; round < 5; round++) {
        /* The ledger holds just as many as all threads enter, each of them ports of its own. */
        for (unsigned n = 0; n < EACH; n++)
            if (n % 8 == 0)
                expect(portshim_block(first + n, first + n, PORTSHIM_ALL), (int)(first + n), 0, "block");
            else
                expect(portshim_reserve(first + n, first + n, PORTSHIM_ALL), 0, 0, "reserve");
        pthread_barrier_wait(&all);
        expect(portshim_reserve(1, 1, PORTSHIM_ALL), -1, ENOSPC, "one more than there is room for");
        pthread_barrier_wait(&all);
        for (unsigned n = 0; n < EACH; n++)
            if (n % 8 == 0)
                expect(portshim_unblock(first + n, PORTSHIM_ALL), 0, 0, "unblock");
            else
                expect(portshim_unreserve(first + n, first + n, PORTSHIM_ALL), 0, 0, "unreserve");
        for (unsigned n = 0; n < EACH; n++) {
            expect(portshim_unblock(first + n, PORTSHIM_ALL), -1, ENOENT, "unblock again");
            expect(portshim_unreserve(first + n, first + n, PORTSHIM_ALL), -1, ENOENT, "unreserve again");
        }
        pthread_barrier_wait(&all);
    }
    /* And more than there is room for: as many as there is room for get in. */
    for (unsigned n = 0; n < EACH + OVER; n++)
        if (portshim_reserve(7, 7, PORTSHIM_TCP) == 0)
            entered[me]++;
        else if (errno == ENOSPC)
            refused[me]++;
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS], in = 0, out = 0, lifted = 0;
    pthread_barrier_init(&all, NULL, THREADS);
    for (int n = 0; n < THREADS; n++) {
        numbers[n] = n;
        pthread_create(&threads[n], NULL, run, &numbers[n]);
    }
    for (int n = 0; n < THREADS; n++) {
        pthread_join(threads[n], NULL);
        in += entered[n];
        out += refused[n];
    }
    while (portshim_unreserve(7, 7, PORTSHIM_TCP) == 0)
        lifted++;
    printf("%d in, %d refused, %d lifted\n", in, out, lifted);
    return in != ENTRIES || out != THREADS * OVER || lifted != ENTRIES || errno != ENOENT;
}
