// Threads that allocate from Boehm's collector, which stops them by a signal and looks for pointers
// from where that finds them to the end of their stacks, while they bind sockets, connect and send.
// Arguments: the first and the last port.
#define GC_THREADS
#include <gc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 4, TURNS = 4000, CELLS = 64 };
static int first, last, strays;
static struct sockaddr_in server = {.sin_family = AF_INET};

struct cell {
    struct cell *next;
    long number;
};

// A list that nothing but this frame, and those below, points to.
static struct cell *list(long number)
{
    struct cell *all = NULL;
    for (int at = 0; at < CELLS; at++) {
        struct cell *cell = GC_MALLOC(sizeof *cell);
        cell->next = all;
        cell->number = number;
        all = cell;
    }
    return all;
}

static int is_whole(const struct cell *all, long number)
{
    int count = 0;
    for (; all; all = all->next)
        count += all->number == number;
    return count == CELLS;
}

static int is_ours(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &len);
    return ntohs(address.sin_port) >= first && ntohs(address.sin_port) <= last;
}

static void *work(void *at)
{
    for (long turn = 0; turn < TURNS; turn++) {
        long number = turn * THREADS + (long)at;
        struct cell *kept = list(number);
        struct sockaddr_in any = {.sin_family = AF_INET};
        int fd = socket(AF_INET, turn % 2 ? SOCK_STREAM : SOCK_DGRAM, 0), got;
        if (turn % 4 == 0)
            got = sendto(fd, "x", 1, 0, (struct sockaddr *)&server, sizeof server) == 1;
        else if (turn % 16 == 1)
            got = connect(fd, (struct sockaddr *)&server, sizeof server) == 0;
        else
            got = bind(fd, (struct sockaddr *)&any, sizeof any) == 0;
        if (turn % 16 == 0)
            GC_gcollect();
        if (!got || !is_ours(fd) || !is_whole(kept, number))
            __atomic_fetch_add(&strays, 1, __ATOMIC_RELAXED);
        close(fd);
    }
    return NULL;
}

static const char *guest(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        if (strncmp(line, "7e9a00000000-", 13) == 0)
            return "with a guest";
    return "without a guest";
}

int main(int count, char **words)
{
    if (count != 3)
        return 2;
    first = atoi(words[1]);
    last = atoi(words[2]);
    GC_INIT();
    GC_allow_register_threads();
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof server;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&server, len) != 0 || listen(listener, 4096) != 0)
        return 1;
    getsockname(listener, (struct sockaddr *)&server, &len);
    pthread_t threads[THREADS];
    for (long at = 0; at < THREADS; at++)
        GC_pthread_create(&threads[at], NULL, work, (void *)at);
    for (int at = 0; at < THREADS; at++)
        GC_pthread_join(threads[at], NULL);
    const char *often = GC_get_gc_no() > 100 ? "often" : "hardly";
    printf("%d strays, collected %s, %s\n", strays, often, guest());
    return 0;
}
