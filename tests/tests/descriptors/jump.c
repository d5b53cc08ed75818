// Signal handlers jump out of calls that are being served. Afterwards each socket has the options that the program set, and
// every port can be had. Arguments: how many jumps, and how many ports there are to connect from.
#include "descriptors.h"

static sigjmp_buf before;
static volatile sig_atomic_t armed;

static void jump(int signal) {
    (void)signal;
    if (armed) {
        armed = 0;
        siglongjmp(before, 1);
    }
}

static int option(int fd, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    demand(getsockopt(fd, level, name, &value, &size) == 0, "getsockopt");
    return value;
}

// A peer, in a process of its own, that takes every connection and ends with its parent.
static void serve(int port) {
    int server = listener(port);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) close(accept(server, NULL, NULL));
    }
    close(server);
}

int main(int count, char **argument) {
    (void)count;
    static int jumps, ports, on = 1;
    static unsigned random = 7;
    jumps = atoi(argument[1]);
    ports = atoi(argument[2]);
    for (int port = 7101; port <= 7103; port++) serve(port);
    struct sigaction action = {.sa_handler = jump, .sa_flags = SA_NODEFER};
    sigaction(SIGALRM, &action, NULL);
    struct linger reset = {1, 0};
    while (jumps > 0) {
        random = random * 1103515245 + 12345;
        static int call, reuse, blocks, fd;
        call = (random >> 16) % 6;
        reuse = (random >> 20) % 2;
        blocks = (random >> 22) % 2;
        struct sockaddr_in any = loopback(0), peer = loopback(7101 + (random >> 24) % 3);
        fd = socket(AF_INET, call == 2 || call >= 4 ? SOCK_DGRAM : SOCK_STREAM, 0);
        if (reuse) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (!blocks) fcntl(fd, F_SETFL, O_NONBLOCK);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
        for (int n = 0; call == 5 && n < 2; n++) sendto(fd, "x", 1, 0, (void *)&peer, sizeof peer);
        struct itimerval soon = {.it_value.tv_usec = 1 + (random >> 18) % (call == 5 ? 4 : 60)};
        if (sigsetjmp(before, 1) == 0) {
            armed = 1;
            setitimer(ITIMER_REAL, &soon, NULL);
            for (int n = 0; n < 3; n++) {
                switch (call) {
                case 0: bind(fd, (void *)&any, sizeof any); break;
                case 1: connect(fd, (void *)&peer, sizeof peer); break;
                case 2: sendto(fd, "x", 1, 0, (void *)&peer, sizeof peer); break;
                case 3: listen(fd, 3); break;
                case 4: connect(fd, (void *)&peer, sizeof peer); break;
                default: connect(fd, &nowhere, sizeof nowhere);
                }
            }
            armed = 0;
        } else {
            jumps--;
        }
        if (call == 5 && sendto(fd, "x", 1, 0, (void *)&peer, sizeof peer) == 1) printf("after %d\n", port_of(fd));
        // What keeps a connection's port to be shared stays set on it (docs/fidelity.md, pinned-shows-reuseaddr).
        int reuses = option(fd, SOL_SOCKET, SO_REUSEADDR);
        demand(reuses == reuse || (call == 1 && reuses), "SO_REUSEADDR");
        demand(option(fd, SOL_IP, 51) == 0, "IP_LOCAL_PORT_RANGE");
        demand(option(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT) == 0, "IP_BIND_ADDRESS_NO_PORT");
        demand(((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0) == blocks, "O_NONBLOCK");
        close(fd);
    }
    struct itimerval never = {0};
    setitimer(ITIMER_REAL, &never, NULL);
    // Every port is still to be had, towards each peer.
    for (int n = 0; n < 3 * ports; n++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in peer = loopback(7101 + n / ports);
        demand(connect(fd, (void *)&peer, sizeof peer) == 0, "a connection afterwards");
        printf("port %d\n", port_of(fd));
    }
}
