// Makes calls where a guest may lack room: on a small stack where a large one was, and on stacks of
// signal handlers that have something else right below.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAINT = 0xa5, LEN = 8192 };
#ifdef __GLIBC__
enum { SMALL = 16384, USED = 12288 };
#else
enum { SMALL = 2048, USED = 1 };
#endif

static struct sockaddr_in any = {.sin_family = AF_INET}, peer = {.sin_family = AF_INET};

static void *bound(void *unused)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&any, sizeof any) != 0)
        perror("bind");
    close(fd);
    return unused;
}

static void *bound_deep_down(void *unused)
{
    volatile char used[USED];
    for (int at = 0; at < USED; at++)
        used[at] = 0;
    bound(unused);
    return used[0] ? &any : NULL;
}

static void on_threads(void)
{
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, SMALL);
    for (int round = 0; round < 8; round++) {
        pthread_create(&thread, round % 2 ? &small : NULL, round % 2 ? bound_deep_down : bound, NULL);
        pthread_join(thread, NULL);
    }
}

static void handle(int number)
{
    int stream = socket(AF_INET, SOCK_STREAM, 0), datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    (void)number;
    bound(NULL);
    connect(stream, (struct sockaddr *)&peer, sizeof peer);
    sendto(datagrams, "x", 1, 0, (struct sockaddr *)&peer, sizeof peer);
    close(stream);
    close(datagrams);
}

struct stack {
    unsigned char below[LEN];
    unsigned char stack[LEN];
};

static void in_a_handler(struct stack *own, const char *where)
{
    stack_t alternate = {.ss_sp = own->stack, .ss_size = LEN};
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
    memset(own, PAINT, sizeof *own);
    sigaltstack(&alternate, NULL);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    for (int at = 0; at < LEN; at++)
        if (own->below[at] != PAINT) {
            printf("%d bytes below a stack %s are written over\n", LEN - at, where);
            break;
        }
}

static int has_a_guest(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        if (strncmp(line, "7e9a00000000-", 13) == 0)
            return 1;
    return 0;
}

int main(void)
{
    static struct stack among_variables;
    struct stack among_frames;
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer.sin_port = htons(9);
    on_threads();
    in_a_handler(&among_variables, "among variables");
    in_a_handler(&among_frames, "among frames");
    puts(has_a_guest() ? "with a guest" : "without a guest");
    return 0;
}
