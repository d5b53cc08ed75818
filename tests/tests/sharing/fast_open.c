/* A TCP Fast Open send that shares the policy's one port, and gets no answer: meanwhile, and after its thread was cancelled,
   connections to other peers are made from that port. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sockaddr_in at(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static int try_connect(int port) {
    struct sockaddr_in peer = at(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0), failed = connect(fd, (void *)&peer, sizeof peer);
    struct linger reset = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    int error = failed ? errno : 0;
    if (port != 7001)
        close(fd);
    return error;
}

static void *send_and_wait(void *fd) {
    struct sockaddr_in peer = at(7003);
    sendto(*(int *)fd, "x", 1, MSG_FASTOPEN, (void *)&peer, sizeof peer);
    return NULL;
}

int main(void) {
    int one = 1;
    for (int n = 0; n < 3; n++) {
        struct sockaddr_in here = at(7001 + n);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(fd, (void *)&here, sizeof here) || listen(fd, n == 2 ? 0 : 9))
            return perror("a server"), 1;
    }
    /* Fills the last one's backlog, so that it drops what comes then. */
    for (int n = 0; n < 3; n++) {
        struct sockaddr_in here = at(9100 + n), peer = at(7003);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (bind(fd, (void *)&here, sizeof here))
            return perror("bind"), 1;
        connect(fd, (void *)&peer, sizeof peer);
    }
    int errors = try_connect(7001) != 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, send_and_wait, &fd);
    /* Until it has its port, and waits. */
    struct sockaddr_in here = {0};
    for (socklen_t len = sizeof here; here.sin_port == 0; len = sizeof here, usleep(1000))
        getsockname(fd, (void *)&here, &len);
    usleep(50000);
    printf("%d ", errors);
    printf("while it waits: %s, ", strerror(try_connect(7002)));
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    printf("after it was cancelled: %s\n", strerror(try_connect(7002)));
}
