/* What the programs of this folder share. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(holds) \
    do { \
        if (!(holds)) { \
            dprintf(2, "%s:%d: %s: %s\n", __FILE__, __LINE__, #holds, strerror(errno)); \
            _exit(1); \
        } \
    } while (0)

/* The peer of every program: where the test listens. */
#define PEER 7001

static inline struct sockaddr_in loopback(int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

/* A socket of this type bound to any port, or -1. */
static inline int any_port(int type)
{
    struct sockaddr_in at = loopback(0);
    int fd = socket(AF_INET, type, 0);
    CHECK(fd >= 0);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* A TCP socket connected to the peer, or -1. */
static inline int connected(void)
{
    struct sockaddr_in peer = loopback(PEER);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    if (connect(fd, (struct sockaddr *)&peer, sizeof peer) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* A UDP socket that has sent to the peer without having been bound. */
static inline int sent(void)
{
    struct sockaddr_in peer = loopback(PEER);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(fd >= 0);
    CHECK(sendto(fd, "x", 1, 0, (struct sockaddr *)&peer, sizeof peer) == 1);
    return fd;
}

static inline int port_of(int fd)
{
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    return ntohs(at.sin_port);
}

/* Says which port a socket has, in one write, and closes it. */
static inline void tell(int fd)
{
    CHECK(fd >= 0);
    CHECK(dprintf(1, "port %d\n", port_of(fd)) > 0);
    CHECK(close(fd) == 0);
}

/* Waits for a child that must succeed. */
static inline void reap(pid_t child)
{
    int status;
    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
