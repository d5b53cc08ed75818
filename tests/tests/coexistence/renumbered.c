/* Gives one descriptor's number to another socket in every way there is, and options to a socket past the call
 * that sets them: each time any port is asked for, of a socket of another kind than the number had before. */
#include "coexistence.h"
#include <sys/syscall.h>

static void bind_any(int fd, int family)
{
    struct sockaddr_in four = loopback(0);
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    if (family == AF_INET)
        CHECK(bind(fd, (struct sockaddr *)&four, sizeof four) == 0);
    else
        CHECK(bind(fd, (struct sockaddr *)&six, sizeof six) == 0);
    int kept = dup(fd);
    tell(fd);
    CHECK(close(kept) == 0);
}

static int one(int family, int type)
{
    int fd = socket(family, type, 0);
    CHECK(fd >= 0);
    return fd;
}

/* Sends a descriptor through a pair of sockets, and closes it. */
static void post(int pair, int fd)
{
    char byte = 0, room[CMSG_SPACE(sizeof fd)];
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
    struct cmsghdr *control = CMSG_FIRSTHDR(&message);
    *control = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(control), &fd, sizeof fd);
    CHECK(sendmsg(pair, &message, 0) == 1);
    CHECK(close(fd) == 0);
}

static int delivered(int pair)
{
    int fd;
    char byte, room[CMSG_SPACE(sizeof fd)];
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
    CHECK(recvmsg(pair, &message, 0) == 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

int main(void)
{
    int on = 1, pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);

    int fd = one(AF_INET, SOCK_STREAM);
    CHECK(syscall(SYS_close, fd) == 0);
    CHECK(syscall(SYS_socket, AF_INET6, SOCK_DGRAM, 0) == fd);
    bind_any(fd, AF_INET6);

    fd = one(AF_INET, SOCK_DGRAM);
    int other = one(AF_INET6, SOCK_STREAM);
    CHECK(dup2(other, fd) == fd);
    CHECK(close(other) == 0);
    bind_any(fd, AF_INET6);

    fd = one(AF_INET6, SOCK_DGRAM);
    CHECK(fclose(fdopen(fd, "r")) == 0);
    CHECK(one(AF_INET, SOCK_STREAM) == fd);
    bind_any(fd, AF_INET);

    fd = one(AF_INET6, SOCK_STREAM);
    post(pair[0], one(AF_INET, SOCK_DGRAM));
    CHECK(syscall(SYS_close_range, fd, fd, 0) == 0);
    CHECK(delivered(pair[1]) == fd);
    bind_any(fd, AF_INET);

    fd = one(AF_INET, SOCK_STREAM);
    CHECK(close_range(fd, fd, 0) == 0);
    CHECK(open("/dev/null", 0) == fd);
    CHECK(dup2(pair[0], fd) == fd && close(fd) == 0);
    CHECK(one(AF_INET6, SOCK_STREAM) == fd);
    bind_any(fd, AF_INET6);

    /* A port that a listener has, asked for by its number: with SO_REUSEADDR set, it is not free either. */
    int listener = any_port(SOCK_STREAM);
    CHECK(listen(listener, 1) == 0);
    struct sockaddr_in taken = loopback(port_of(listener));
    fd = one(AF_INET, SOCK_STREAM);
    CHECK(syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
    CHECK(bind(fd, (struct sockaddr *)&taken, sizeof taken) == -1 && errno == EADDRINUSE);
    bind_any(fd, AF_INET);
    tell(listener);

    /* In a child of vfork, which has the memory of its parent and numbers of its own. */
    fd = one(AF_INET, SOCK_DGRAM);
    other = one(AF_INET6, SOCK_STREAM);
    pid_t child = vfork();
    if (child == 0) {
        dup2(other, fd);
        _exit(0);
    }
    reap(child);
    CHECK(close(other) == 0);
    struct sockaddr_in sink = loopback(PEER);
    CHECK(sendto(fd, "x", 1, 0, (struct sockaddr *)&sink, sizeof sink) == 1);
    tell(fd);

    /* Only the address is bound, and the port comes with the connection: set through a copy of the descriptor. */
    fd = one(AF_INET, SOCK_STREAM);
    int copy = dup(fd);
    CHECK(setsockopt(copy, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0);
    struct sockaddr_in any = loopback(0), peer = loopback(PEER);
    CHECK(bind(fd, (struct sockaddr *)&any, sizeof any) == 0);
    CHECK(port_of(fd) == 0);
    CHECK(connect(copy, (struct sockaddr *)&peer, sizeof peer) == 0);
    tell(fd);
}
