// Two threads with tables of descriptors of their own: a number is a file in one and a socket in the other.
// Arguments: a file to write to, and how the tables come to be two.
#include "descriptors.h"
#include <limits.h>

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2
#endif

static const char *path, *way;
static pthread_barrier_t turn;
static long written;

static long part(void) {
    if (strcmp(way, "unshare") == 0)
        return unshare(CLONE_FILES);
    if (strcmp(way, "unshare by number") == 0)
        return syscall(SYS_unshare, CLONE_FILES);
    if (strcmp(way, "close_range") == 0)
        return close_range(1000, UINT_MAX, CLOSE_RANGE_UNSHARE);
    return syscall(SYS_close_range, 1000, UINT_MAX, CLOSE_RANGE_UNSHARE);
}

static void *files(void *unused) {
    demand(part() == 0, way);
    for (int n = 0; n < 200; n++) {
        pthread_barrier_wait(&turn);
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        pthread_barrier_wait(&turn);
        // Every other time at once, and else just before the socket is written to.
        demand(write(fd, "a line\n", 7) == 7, "write to a file");
        written += 7;
        if (n % 4 > 1)
            pthread_barrier_wait(&turn);
        pthread_barrier_wait(&turn);
        close(fd);
    }
    return unused;
}

int main(int count, char **argument) {
    (void)count;
    path = argument[1], way = argument[2];
    pthread_t thread;
    pthread_barrier_init(&turn, NULL, 2);
    pthread_create(&thread, NULL, files, NULL);
    struct sockaddr_in peer = loopback(7001);
    for (int n = 0; n < 200; n++) {
        pthread_barrier_wait(&turn);
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        pthread_barrier_wait(&turn);
        if (n % 4 > 1)
            pthread_barrier_wait(&turn);
        if (n % 2) {
            demand(write(fd, "x", 1) == -1 && errno == EDESTADDRREQ, "write to a socket");
        } else {
            demand(sendto(fd, "x", 1, 0, (void *)&peer, sizeof peer) == 1, "sendto");
        }
        pthread_barrier_wait(&turn);
        printf("port %d\n", port_of(fd));
        close(fd);
    }
    pthread_join(thread, NULL);
    printf("written %ld\n", written);
}
