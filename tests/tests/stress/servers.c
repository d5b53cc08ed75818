/* The peers: they look at the port of everybody who comes, and take what is sent until its end. */
#include "stress.h"
#include <netinet/tcp.h>
#include <sys/epoll.h>


enum { LISTENER = 1, DATAGRAMS = 2, CONNECTION = 3, CHOSEN = 4 };

static int queue;

static void watch(int fd, unsigned what)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = (uint64_t)what << 32 | (unsigned)fd };
    CHECK(epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void look_at(const struct sockaddr_in6 *who, const char *how)
{
    int port = ntohs(who->sin6_port);
    atomic_fetch_add(&all->visitors, 1);
    if (!all->allowed[port])
        BROKEN(how[0], "a peer saw somebody come from port %d by %s, which is not the policy's", port, how);
}

static void open_at(int port, int type, int protocol)
{
    struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    int fd = socket(AF_INET6, type | SOCK_NONBLOCK, protocol), one = 1, large = 1 << 22;
    if (fd < 0 && errno == EPROTONOSUPPORT)
        return;
    CHECK(fd >= 0);
    unsigned chosen = port == FREE ? CHOSEN : 0;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
    CHECK(bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    if (type == SOCK_STREAM) {
        /* MPTCP has it only where the kernel is new enough. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &large, sizeof large);
        CHECK(listen(fd, 4096) == 0);
        watch(fd, LISTENER | chosen);
    } else {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
        watch(fd, DATAGRAMS | chosen);
    }
}

static void accept_all(int fd, bool chosen)
{
    struct sockaddr_in6 who;
    socklen_t len = sizeof who;
    for (int came; (came = accept4(fd, (struct sockaddr *)&who, &len, SOCK_NONBLOCK)) >= 0; len = sizeof who) {
        if (!chosen)
            look_at(&who, "connection");
        watch(came, CONNECTION);
    }
}

static void receive_all(int fd, bool chosen)
{
    struct sockaddr_in6 who;
    socklen_t len = sizeof who;
    char data[64];
    while (recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&who, &len) >= 0) {
        if (!chosen)
            look_at(&who, "datagram");
        len = sizeof who;
    }
}

void serve(void)
{
    CHECK(close_range(MAIL, MAIL + 2 * WORKERS - 1, 0) == 0);
    CHECK((queue = epoll_create1(0)) >= 0);
    for (int n = 0; n <= STRICTS; n++) {
        int port = n == STRICTS ? FREE : STRICT + n;
        open_at(port, SOCK_STREAM, n % 2 ? IPPROTO_MPTCP : 0);
        open_at(port, SOCK_DGRAM, 0);
        open_at(port, SOCK_DGRAM, IPPROTO_UDPLITE);
    }
    CHECK(write(1, "ready\n", 6) == 6);
    for (;;) {
        struct epoll_event events[64];
        int many = epoll_wait(queue, events, 64, -1);
        for (int n = 0; n < many; n++) {
            int fd = (int)(events[n].data.u64 & UINT_MAX);
            unsigned what = events[n].data.u64 >> 32;
            char data[256];
            if ((what & 3) == LISTENER)
                accept_all(fd, what & CHOSEN);
            else if ((what & 3) == DATAGRAMS)
                receive_all(fd, what & CHOSEN);
            else if (read(fd, data, sizeof data) <= 0 && errno != EAGAIN)
                close(fd);
        }
    }
}
