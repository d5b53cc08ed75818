/* Jumps out of connects that share their ports, from a signal handler, wherever it comes: then the socket is as blocking as
   before, no descriptor is left open, no signal is kept, and every port is still to be had. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static sigjmp_buf out;
static volatile sig_atomic_t armed;

static void handler(int signal) {
    (void)signal;
    if (armed)
        siglongjmp(out, 1);
}

static int connected(int fd, int peer) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7001 + peer), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct linger reset = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    return connect(fd, (void *)&to, sizeof to) == 0;
}

static int lowest(void) {
    int fd = dup(0);
    close(fd);
    return fd;
}

int main(void) {
    int servers[3];
    for (int n = 0; n < 3; n++) {
        struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(7001 + n), .sin_addr = {htonl(INADDR_LOOPBACK)}};
        int fd = servers[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (bind(fd, (void *)&here, sizeof here) || listen(fd, 4096))
            return perror("a server"), 1;
        if (n == 0)
            for (int port = 0; port < 10; port++)
                if (!connected(socket(AF_INET, SOCK_STREAM, 0), 0))
                    return perror("the first peer"), 1;
    }
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_NODEFER};
    sigaction(SIGALRM, &action, NULL);
    long jumps = 0, nonblocking = 0, kept = 0;
    int first = lowest();
    for (int turn = 0; turn < 200000 && jumps < 3000; turn++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (sigsetjmp(out, 1) == 0) {
            armed = 1;
            setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 1 + turn % 70}}, NULL);
            connected(fd, 1 + turn % 2);
        } else {
            jumps++;
        }
        armed = 0;
        setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
        sigset_t set;
        sigprocmask(SIG_BLOCK, NULL, &set);
        kept += sigismember(&set, SIGTERM);
        nonblocking += (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
        close(fd);
        for (int n = 1; n < 3; n++)
            for (int end; (end = accept(servers[n], NULL, NULL)) >= 0; close(end))
                ;
    }
    int leaked = lowest() - first, made = 0;
    for (int n = 0; n < 20; n++)
        made += connected(socket(AF_INET, SOCK_STREAM, 0), 1 + n % 2);
    printf("%s, %ld non-blocking, %ld with signals kept, %d descriptors, %d of 20 connections\n",
           jumps > 0 ? "jumped" : "never jumped", nonblocking, kept, leaked, made);
}
