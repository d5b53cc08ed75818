/* Calls on sockets, and what each may come to in the state that the socket is in. */
#include "stress.h"
#include <netinet/tcp.h>
#include <sys/uio.h>

/* What every call that hands out a port may say, and none else: the ports are never so many in use that there
 * is none left. 0 is success. The first list is for a socket with which nothing has been done. */
static void judge(struct sock *sock, long result, int error, bool was_fresh, const int *clean, const int *used)
{
    me.armed = 0; /* the call is over */
    int code = result < 0 ? error : 0;
    for (const int *list = was_fresh ? clean : used; *list >= 0; list++)
        if (*list == code)
            return;
    if ((code == EADDRNOTAVAIL || code == EADDRINUSE) && sock->named)
        return; /* somebody has come from there before, or listens there */
    /* docs/fidelity.md, pinned-keeps-port: the port that it keeps may have a connection to this peer by now, or another
     * socket, that has lost its connection and kept its port. */
    if ((code == EADDRNOTAVAIL || (code == EADDRINUSE && me.call == LISTEN)) && all->keeper == PORTSHIM && !was_fresh && sock->type == SOCK_STREAM)
        return;
    /* docs/fidelity.md: SO_REUSEADDR is set, and portshim has not seen it, or has just lifted it. */
    if ((code == EADDRNOTAVAIL || code == EADDRINUSE) && all->keeper == PORTSHIM && (sock->toggled || sock->stray))
        return;
    /* docs/fidelity.md: a socket of the two kinds above has come to share this one's port. They are few. */
    if (code == EADDRINUSE && me.call == LISTEN && all->keeper == PORTSHIM && sock->reuse) {
        atomic_fetch_add(&all->joined, 1);
        return;
    }
    if (code == EINTR && me.interrupted && sock->type == SOCK_STREAM)
        return;
    if (code == EADDRINUSE || code == EADDRNOTAVAIL || (code == EAGAIN && sock->type == SOCK_DGRAM)) {
        const char *protocol = sock->type == SOCK_STREAM ? "tcp" : "udp";
        BROKEN(code, "%s says %s, with %u of %u %s ports in use, %s", call_names[me.call], strerror(code),
            still_in_use(protocol), all->ports, protocol, was_fresh ? "on a fresh socket" : "on a used socket");
        return;
    }
    BROKEN(code, "%s says %s (%d), %s", call_names[me.call], code ? strerror(code) : "nothing is wrong", code,
        was_fresh ? "on a fresh socket" : "on a used socket");
}
#define LIST(...) ((const int[]) { __VA_ARGS__, -1 })

/* Where it goes: a peer that looks who comes, if the port is handed out. */
static int goal(const struct sock *sock)
{
    if (sock->abroad)
        return sock->door;
    return sock->named || sock->stray ? FREE : STRICT + (int)draw(STRICTS);
}

static void do_bind(struct sock *sock)
{
    struct sockaddr_storage at;
    bool was_fresh = !sock->used;
    socklen_t len = here(sock, 0, &at);
    sock->used = true;
    begin(BIND);
    int result = bind(sock->fd, (struct sockaddr *)&at, len);
    judge(sock, result, errno, was_fresh, LIST(0), LIST(0, EINVAL));
    if (result == 0 && !local_port(sock) && !sock->late)
        BROKEN(0, "bind succeeded, and gave no port");
}

static void do_connect(struct sock *sock)
{
    struct sockaddr_storage at;
    bool was_fresh = !sock->used, nobody = !sock->abroad && one_in(10);
    socklen_t len = peer_of(sock, nobody ? NOBODY : goal(sock), &at);
    sock->used = sock->asked = true;
    begin(CONNECT);
    int result = connect(sock->fd, (struct sockaddr *)&at, len), error = errno;
    bool later = sock->nonblock && sock->type == SOCK_STREAM;
    if (was_fresh && nobody && sock->type == SOCK_STREAM)
        judge(sock, result, error, true, LIST(ECONNREFUSED, later ? EINPROGRESS : ECONNREFUSED), NULL);
    else
        judge(sock, result, error, was_fresh, LIST(0, later ? EINPROGRESS : 0),
            sock->type == SOCK_DGRAM ? LIST(0)
                                     : LIST(0, EISCONN, EALREADY, EINPROGRESS, ECONNREFUSED, ECONNABORTED, ECONNRESET));
    if (result == 0 && !local_port(sock))
        BROKEN(0, "connect succeeded, and gave no port");
}

static void do_disconnect(struct sock *sock)
{
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    begin(DISCONNECT);
    int result = connect(sock->fd, &none, sizeof none);
    judge(sock, result, errno, !sock->used, LIST(0), LIST(0, EINVAL, EOPNOTSUPP));
}

static void do_listen(struct sock *sock)
{
    bool was_fresh = !sock->used;
    if (sock->type == SOCK_STREAM)
        sock->used = true;
    begin(LISTEN);
    int result = listen(sock->fd, 1 + draw(8));
    if (sock->type == SOCK_DGRAM)
        judge(sock, result, errno, was_fresh, LIST(EOPNOTSUPP), LIST(EOPNOTSUPP));
    else
        judge(sock, result, errno, was_fresh, LIST(0), LIST(0, EINVAL));
    if (result == 0 && !local_port(sock))
        BROKEN(0, "listen succeeded, and gave no port");
}

/* What a send may say: `to` a peer, or to nobody in particular. */
static void sent_it(struct sock *sock, long result, int error, bool was_fresh, bool to)
{
    if (sock->type == SOCK_STREAM)
        judge(sock, result, error, was_fresh, LIST(EPIPE, ENOTCONN),
            LIST(0, EPIPE, ENOTCONN, ECONNRESET, EAGAIN, ECONNREFUSED, EISCONN, ECONNABORTED));
    else if (to)
        judge(sock, result, error, was_fresh, LIST(0), LIST(0, ECONNREFUSED));
    else
        judge(sock, result, error, was_fresh, LIST(EDESTADDRREQ), LIST(0, ECONNREFUSED, EDESTADDRREQ));
    if (result >= 0 && !local_port(sock) && sock->type == SOCK_DGRAM)
        BROKEN(0, "%s succeeded, and gave no port", call_names[me.call]);
}

static void do_sendto(struct sock *sock)
{
    struct sockaddr_storage at;
    bool was_fresh = !sock->used;
    socklen_t len = peer_of(sock, goal(sock), &at);
    sock->used = true;
    begin(SENDTO);
    long result = sendto(sock->fd, "sent", 4, MSG_NOSIGNAL, (struct sockaddr *)&at, len);
    sent_it(sock, result, errno, was_fresh, true);
}

static void do_sendmsg(struct sock *sock)
{
    struct sockaddr_storage at;
    bool was_fresh = !sock->used;
    struct iovec data = { "message", 7 };
    struct msghdr message = { .msg_name = &at, .msg_iov = &data, .msg_iovlen = 1 };
    message.msg_namelen = peer_of(sock, goal(sock), &at);
    sock->used = true;
    begin(SENDMSG);
    long result = sendmsg(sock->fd, &message, MSG_NOSIGNAL);
    sent_it(sock, result, errno, was_fresh, true);
}

static void do_sendmmsg(struct sock *sock)
{
    struct sockaddr_storage at;
    bool was_fresh = !sock->used;
    struct iovec data = { "messages", 8 };
    struct mmsghdr messages[3] = { { .msg_hdr = { .msg_name = &at, .msg_iov = &data, .msg_iovlen = 1 } } };
    messages[0].msg_hdr.msg_namelen = peer_of(sock, goal(sock), &at);
    messages[2] = messages[1] = messages[0];
    sock->used = true;
    begin(SENDMMSG);
    long result = sendmmsg(sock->fd, messages, 3, MSG_NOSIGNAL);
    sent_it(sock, result, errno, was_fresh, true);
}

static void do_send(struct sock *sock)
{
    bool was_fresh = !sock->used;
    sock->used = true;
    begin(SEND);
    long result = send(sock->fd, "hot", 3, MSG_NOSIGNAL);
    sent_it(sock, result, errno, was_fresh, false);
}

static void do_write(struct sock *sock)
{
    bool was_fresh = !sock->used;
    sock->used = true;
    begin(WRITE);
    long result = write(sock->fd, "bytes", 5);
    sent_it(sock, result, errno, was_fresh, false);
}

static void do_writev(struct sock *sock)
{
    bool was_fresh = !sock->used;
    struct iovec data[2] = { { "one", 3 }, { "two", 3 } };
    sock->used = true;
    begin(WRITEV);
    long result = writev(sock->fd, data, 2);
    sent_it(sock, result, errno, was_fresh, false);
}

static void do_fastopen(struct sock *sock)
{
    struct sockaddr_storage at;
    bool was_fresh = !sock->used;
    if (sock->type != SOCK_STREAM || sock->abroad)
        return do_sendto(sock);
    socklen_t len = peer_of(sock, goal(sock), &at);
    sock->used = sock->asked = true;
    begin(FASTOPEN);
    long result = sendto(sock->fd, "fast", 4, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&at, len);
    judge(sock, result, errno, was_fresh, LIST(0, sock->nonblock ? EINPROGRESS : 0),
        LIST(0, EISCONN, EALREADY, EINPROGRESS, ECONNREFUSED, ECONNABORTED, ECONNRESET, EPIPE, EAGAIN, ENOTCONN, EINVAL));
}

/* A port of the program's own choice, outside the policy: it gets that one. */
static void do_named(struct sock *sock)
{
    struct sockaddr_storage at;
    if (sock->used)
        return do_bind(sock);
    bool blocked = all->blocks && one_in(4);
    int port = blocked ? BLOCKED : NAMED + me.seat;
    socklen_t len = here(sock, port, &at);
    sock->used = true;
    sock->named = port;
    begin(NAMED_BIND);
    int result = bind(sock->fd, (struct sockaddr *)&at, len);
    /* Another process that this thread's socket was passed to may have it still. */
    judge(sock, result, errno, true, blocked ? LIST(EACCES) : LIST(0, EADDRINUSE), NULL);
    int got = local_port(sock);
    if (result == 0 && got != port)
        BROKEN(1, "port %d was named, and %d is bound", port, got);
    if (result < 0) {
        sock->named = 0;
        sock->used = got != 0;
    }
}

static void do_option(struct sock *sock)
{
    begin(OPTION);
    int value = one_in(2);
    if (one_in(2)) {
        if (sock->asked || (sock->used && sock->protocol == IPPROTO_MPTCP))
            return; /* portshim's own by now, where the port is pinned; MPTCP refuses it */
        if (setsockopt(sock->fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value) == 0)
            sock->reuse = value;
        else
            BROKEN(errno, "SO_REUSEADDR cannot be set: %s", strerror(errno));
    } else {
        int flags = fcntl(sock->fd, F_GETFL);
        if (fcntl(sock->fd, F_SETFL, value ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0)
            sock->nonblock = value;
        else
            BROKEN(errno, "O_NONBLOCK cannot be set: %s", strerror(errno));
    }
}

/* One call, which a signal may end by a jump. */
static void attempt(void (*call)(struct sock *), struct sock *sock)
{
    me.sock = sock;
    if (call == do_option || one_in(2))
        call(sock);
    else
        guarded(call, sock);
    settle(sock);
}

void one_call(struct sock *sock)
{
    static void (*const calls[])(struct sock *) = { do_bind, do_connect, do_listen, do_sendto, do_sendmsg, do_sendmmsg,
        do_send, do_write, do_writev, do_fastopen, do_named, do_option, do_disconnect };
    attempt(calls[draw(sizeof calls / sizeof *calls)], sock);
}

/* One call that gives a fresh socket a port, whatever its kind. */
void ask_for_a_port(struct sock *sock)
{
    static void (*const streams[])(struct sock *) = { do_bind, do_connect, do_listen, do_fastopen };
    static void (*const datagrams[])(struct sock *) = { do_bind, do_connect, do_sendto, do_sendmsg, do_sendmmsg, do_send,
        do_write, do_writev };
    if (sock->type == SOCK_STREAM)
        streams[draw(4)](sock);
    else
        datagrams[draw(8)](sock);
}

/* The same, checked. */
void get_a_port(struct sock *sock)
{
    attempt(ask_for_a_port, sock);
}
