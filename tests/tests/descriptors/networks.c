// A socket keeps the network that it was made in. Each of two networks has a range of its own; whatever thread uses the
// socket, its ports are the policy's. Arguments: the range of the second network, "FIRST LAST".
#include "descriptors.h"

static const char *range;
static int old[8];
static pthread_barrier_t turn;

static void make(int *sockets) {
    for (int n = 0; n < 8; n++) sockets[n] = socket(AF_INET, n % 2 ? SOCK_STREAM : SOCK_DGRAM, 0);
}

static void use(const char *what, const int *sockets) {
    struct sockaddr_in any = {.sin_family = AF_INET}, peer = loopback(7101);
    demand(bind(sockets[0], (void *)&any, sizeof any) == 0, what);
    demand(bind(sockets[1], (void *)&any, sizeof any) == 0, what);
    demand(sendto(sockets[2], "x", 1, 0, (void *)&peer, sizeof peer) == 1, what);
    demand(listen(sockets[3], 1) == 0, what);
    demand(connect(sockets[4], (void *)&peer, sizeof peer) == 0, what);
    demand(connect(sockets[5], (void *)&peer, sizeof peer) == 0, what);
    demand(write(sockets[6], "x", 1) == -1 && errno == EDESTADDRREQ, what);
    demand(connect(sockets[7], (void *)&peer, sizeof peer) == 0, what);
    for (int n = 0; n < 8; n++) {
        printf("port %d\n", port_of(sockets[n]));
        close(sockets[n]);
    }
}

static void set_up(void) {
    demand(system("ip link set lo up") == 0, "ip");
    FILE *file = fopen("/proc/thread-self/root/proc/sys/net/ipv4/ip_local_port_range", "w");
    demand(file && fputs(range, file) >= 0 && fclose(file) == 0, "the range of another network");
}

static void *elsewhere(void *unused) {
    int sockets[8];
    demand(unshare(CLONE_NEWNET) == 0, "unshare");
    set_up();
    int server = listener(7101);
    use("a socket of the first network, by a thread of the second", old);
    make(sockets);
    use("a socket of the second network", sockets);
    make(old);
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn);
    close(server);
    return unused;
}

static int child(void *unused) {
    int sockets[8];
    (void)unused;
    set_up();
    listener(7101);
    make(sockets);
    use("a socket of the network that a child was born into", sockets);
    fflush(stdout);
    return 0;
}

// A child that is born into another network, by the system call or by the function.
static void bear(int by_number) {
    static char stack[1 << 20] __attribute__((aligned(16)));
    int status;
    fflush(stdout);
    pid_t born = by_number ? syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, NULL, NULL, NULL, NULL)
                           : clone(child, stack + sizeof stack, CLONE_NEWNET | SIGCHLD, NULL);
    if (by_number && born == 0) _exit(child(NULL));
    demand(waitpid(born, &status, 0) == born && status == 0, "a child in another network");
}

int main(int count, char **argument) {
    (void)count;
    range = argument[1];
    bear(0);
    bear(1);
    int server = listener(7101), sockets[8];
    make(sockets);
    use("a socket of the only network", sockets);
    make(old);
    pthread_barrier_init(&turn, NULL, 2);
    pthread_t thread;
    pthread_create(&thread, NULL, elsewhere, NULL);
    pthread_barrier_wait(&turn);
    use("a socket of the second network, by a thread of the first", old);
    make(sockets);
    use("a socket of the first network", sockets);
    pthread_barrier_wait(&turn);
    pthread_join(thread, NULL);
    close(server);
}
