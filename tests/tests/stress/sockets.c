/* Sockets of every kind, by every way to get one, and what must be true of each at any time. */
#include "stress.h"

enum { LOCAL_PORT_RANGE = 51, BIND_ADDRESS_NO_PORT = 24 };

/* A number of this thread's own that is free. */
int number_of_ones_own(void)
{
    for (int tries = 0; tries < all->numbers; tries++) {
        int index = me.next_number++ % all->numbers;
        int number = (index < BAND_WIDTH ? BAND : HIGH_BAND - BAND_WIDTH) + me.seat * BAND_WIDTH + index;
        if (unseen(SYS_fcntl, number, F_GETFD, 0, 0, 0) < 0)
            return number;
    }
    CHECK(!"a number is free");
    return -1;
}

/* Gives the same socket another number, in one of the ways there are. */
static void renumber(struct sock *sock)
{
    int old = sock->fd, new = number_of_ones_own();
    switch (draw(6)) {
    case 0:
        CHECK((sock->fd = dup(old)) >= 0);
        break;
    case 1:
        CHECK((sock->fd = dup2(old, new)) == new);
        break;
    case 2:
        CHECK((sock->fd = dup3(old, new, O_CLOEXEC)) == new);
        break;
    case 3:
        CHECK((sock->fd = fcntl(old, F_DUPFD, ANYWHERE)) >= ANYWHERE);
        break;
    case 4:
        CHECK((sock->fd = fcntl(old, F_DUPFD_CLOEXEC, 0)) >= 0);
        break;
    default:
        CHECK(unseen(SYS_dup3, old, new, 0, 0, 0) == new);
        sock->fd = new, sock->stray = true;
    }
    if (old != sock->fd)
        CHECK(close(old) == 0);
}

static void option(int fd, int level, int name, int value)
{
    CHECK(setsockopt(fd, level, name, &value, sizeof value) == 0);
}

struct sock fresh(void)
{
    static const int families[] = { AF_INET, AF_INET, AF_INET6 };
    static const int protocols[] = { 0, 0, 0, IPPROTO_MPTCP, 0, 0, 0, IPPROTO_UDPLITE };
    unsigned kind = draw(8);
    struct sock sock = { .family = families[draw(3)], .type = kind < 4 ? SOCK_STREAM : SOCK_DGRAM };
    sock.protocol = protocols[kind];
    sock.nonblock = one_in(4);
    int flags = sock.type | (sock.nonblock ? SOCK_NONBLOCK : 0) | (one_in(2) ? SOCK_CLOEXEC : 0);
    sock.fd = socket(sock.family, flags, sock.protocol);
    if (sock.fd < 0 && sock.protocol && errno == EPROTONOSUPPORT) {
        sock.protocol = 0;
        sock.fd = socket(sock.family, flags, 0);
    }
    CHECK(sock.fd >= 0);
    sock.lane = sock.family;
    if (sock.family == AF_INET6 && one_in(2)) {
        sock.only6 = true;
        option(sock.fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    } else if (sock.family == AF_INET6 && one_in(2)) {
        sock.lane = AF_INET;
    }
    if (one_in(3))
        renumber(&sock);
    if (one_in(3)) {
        sock.reuse = true;
        option(sock.fd, SOL_SOCKET, SO_REUSEADDR, 1);
    }
    if (one_in(6)) {
        sock.reuseport = true;
        option(sock.fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (one_in(8)) {
        sock.late = true;
        option(sock.fd, IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1);
    }
    if (sock.type == SOCK_STREAM && !one_in(8)) {
        /* Most leave nothing behind that holds their port. */
        struct linger none = { 1, 0 };
        CHECK(setsockopt(sock.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0);
    }
    if (one_in(3))
        renumber(&sock);
    return sock;
}

/* Closes a socket, by one of the ways there are. */
void forget(struct sock *sock)
{
    me.sock = NULL;
    begin(CLOSE);
    if (sock->fd < 0)
        return;
    switch (draw(5)) {
    case 0:
        CHECK(close_range(sock->fd, sock->fd, 0) == 0);
        break;
    case 1:
        CHECK(unseen(SYS_close, sock->fd, 0, 0, 0, 0) == 0);
        break;
    default:
        CHECK(close(sock->fd) == 0);
    }
    sock->fd = -1;
}

int local_port(const struct sock *sock)
{
    union {
        struct sockaddr_storage any;
        struct sockaddr_in in;
    } at;
    socklen_t len = sizeof at;
    long result = unseen(SYS_getsockname, sock->fd, (long)&at, (long)&len, 0, 0);
    if (result < 0) {
        BROKEN((int)-result, "getsockname of what should be a socket: %s", strerror((int)-result));
        return 0;
    }
    return ntohs(at.in.sin_port);
}

static int look(const struct sock *sock, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    if (getsockopt(sock->fd, level, name, &value, &len) != 0)
        BROKEN(errno, "getsockopt %d: %s", name, strerror(errno));
    return value;
}

/* Checks what is true of a socket whenever no call on it is under way: its port, and what a program can see
 * of its options. */
void settle(struct sock *sock)
{
    int port = local_port(sock);
    if (port && port == sock->named)
        sock->asked = false;
    else if (port && !all->allowed[port] && !sock->stray)
        BROKEN(sock->type, "port %d is not the policy's", port), sock->stray = true;
    else if (port && !sock->stray)
        atomic_fetch_add(&all->handed_out, 1);
    if (port && !sock->used)
        BROKEN(1, "port %d, and nothing has asked for one", port), sock->used = true;

    int reuse = look(sock, SOL_SOCKET, SO_REUSEADDR) > 0;
    /* docs/fidelity.md: pinned-shows-reuseaddr */
    bool may_show = all->keeper == PORTSHIM && sock->asked && sock->type == SOCK_STREAM && port &&
        (all->pinned[port] || sock->abroad);
    if (reuse != sock->reuse && !(reuse && may_show))
        BROKEN(reuse, "SO_REUSEADDR is %d, and the program set %d; port %d", reuse, sock->reuse, port), sock->reuse = reuse;
    int reuseport = look(sock, SOL_SOCKET, SO_REUSEPORT) > 0;
    if (reuseport != sock->reuseport)
        BROKEN(reuseport, "SO_REUSEPORT is %d, and the program set %d; port %d", reuseport, !reuseport, port), sock->reuseport = reuseport;
    int late = look(sock, IPPROTO_IP, BIND_ADDRESS_NO_PORT) > 0;
    if (late != sock->late)
        BROKEN(late, "IP_BIND_ADDRESS_NO_PORT is %d, and the program set %d; port %d", late, !late, port), sock->late = late;
    int range = 0;
    socklen_t len = sizeof range;
    if (getsockopt(sock->fd, IPPROTO_IP, LOCAL_PORT_RANGE, &range, &len) == 0 && range != sock->range)
        BROKEN(0, "IP_LOCAL_PORT_RANGE is %#x, and the program set none; port %d", (unsigned)range, port), sock->range = range;
    int flags = fcntl(sock->fd, F_GETFL);
    if (flags < 0 || !(flags & O_NONBLOCK) != !sock->nonblock)
        BROKEN(sock->nonblock, "the flags are %#x, and the program set O_NONBLOCK to %d", (unsigned)flags, sock->nonblock), sock->nonblock = !sock->nonblock;
}

static socklen_t address(const struct sock *sock, bool any, int last, int port, struct sockaddr_storage *at)
{
    memset(at, 0, sizeof *at);
    if (sock->family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)at;
        *in = loopback(port);
        in->sin_addr.s_addr = any ? 0 : htonl(0x7f000000 + last);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)at;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    if (!any && sock->lane == AF_INET6) {
        in6->sin6_addr = in6addr_loopback;
    } else if (!any) {
        uint32_t mapped[4] = { 0, 0, htonl(0xffff), htonl(0x7f000000 + last) };
        memcpy(&in6->sin6_addr, mapped, sizeof mapped);
    }
    return sizeof *in6;
}

/* An address of a peer. */
socklen_t peer_of(const struct sock *sock, int port, struct sockaddr_storage *at)
{
    return address(sock, false, 1 + draw(3), port, at);
}

/* An address of one's own. */
socklen_t here(const struct sock *sock, int port, struct sockaddr_storage *at)
{
    return address(sock, one_in(2), 1, port, at);
}
