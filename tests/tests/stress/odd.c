/* What makes a descriptor another thing than it was: files that get a socket's number unseen, networks, sockets
 * that are passed on, and tables of descriptors of one thread's own. */
#include "stress.h"
#include <linux/io_uring.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* Closes a descriptor by io_uring; false where there is none. */
static bool closed_by_ring(int fd)
{
    struct io_uring_params about = { 0 };
    long ring = unseen(SYS_io_uring_setup, 1, (long)&about, 0, 0, 0);
    if (ring < 0)
        return false;
    size_t size = about.sq_off.array + about.sq_entries * sizeof(unsigned);
    size_t entries = about.sq_entries * sizeof(struct io_uring_sqe);
    char *indices = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entry = mmap(NULL, entries, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
    CHECK(indices != MAP_FAILED && (void *)entry != MAP_FAILED);
    *entry = (struct io_uring_sqe) { .opcode = IORING_OP_CLOSE, .fd = fd };
    *(unsigned *)(indices + about.sq_off.array) = 0;
    atomic_store((_Atomic unsigned *)(indices + about.sq_off.tail), 1);
    long done = unseen(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0);
    CHECK(munmap(indices, size) == 0 && munmap(entry, entries) == 0);
    unseen(SYS_close, ring, 0, 0, 0, 0);
    return done == 1 && fcntl(fd, F_GETFD) < 0;
}

/* Gives a socket's number to a file, without a library that could see it. */
static void replace(int number, int file)
{
    switch (draw(4)) {
    case 0:
        CHECK(unseen(SYS_close, number, 0, 0, 0, 0) == 0);
        break;
    case 1:
        CHECK(unseen(SYS_close_range, number, number, 0, 0, 0) == 0);
        break;
    case 2:
        (void)closed_by_ring(number);
        break;
    default:;
    }
    CHECK(unseen(SYS_dup3, file, number, 0, 0, 0) == number);
    CHECK(unseen(SYS_close, file, 0, 0, 0, 0) == 0);
}

/* A number that was a socket's is another thing now: what is written to it arrives. */
void files(void)
{
    me.sock = NULL;
    struct sock sock = fresh();
    int number = number_of_ones_own(), ends[2] = { -1, -1 }, other = -1;
    begin(FILES);
    CHECK(dup2(sock.fd, number) == number);
    if (sock.fd != number)
        CHECK(close(sock.fd) == 0);
    sock.fd = number;
    if (one_in(3))
        get_a_port(&sock);
    me.sock = NULL;
    begin(FILES);
    unsigned kind = draw(3);
    if (kind == 0) {
        CHECK((ends[0] = memfd_create("file", 0)) >= 0);
        CHECK((other = dup(ends[0])) >= 0);
    } else if (kind == 1) {
        CHECK(pipe(ends) == 0);
        other = ends[0], ends[0] = ends[1];
    } else {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        other = ends[1];
    }
    replace(number, ends[0]);

    char sent[80], back[80];
    size_t have = 0;
    for (int n = 1 + draw(4); n > 0; n--) {
        size_t size = 1 + draw(16);
        for (size_t at = 0; at < size; at++)
            sent[have + at] = (char)draw(256);
        struct iovec data[2] = { { sent + have, 1 }, { sent + have + 1, size - 1 } };
        long result = one_in(2) ? write(number, sent + have, size) : writev(number, data, 2);
        if (result != (long)size) {
            BROKEN(kind, "%zu bytes written to a %s: %ld (%s)", size, kind ? kind == 1 ? "pipe" : "Unix socket" : "file",
                result, result < 0 ? strerror(errno) : "");
            break;
        }
        have += size;
    }
    struct sockaddr_storage at;
    socklen_t len = peer_of(&sock, FREE, &at);
    if (kind < 2) {
        if (connect(number, (struct sockaddr *)&at, len) == 0 || errno != ENOTSOCK)
            BROKEN(errno, "connect on a file: %s", strerror(errno));
        if (sendto(number, "x", 1, 0, (struct sockaddr *)&at, len) >= 0 || errno != ENOTSOCK)
            BROKEN(errno, "sendto on a file: %s", strerror(errno));
        if (bind(number, (struct sockaddr *)&at, len) == 0 || errno != ENOTSOCK)
            BROKEN(errno, "bind on a file: %s", strerror(errno));
    }
    long got = 0;
    if (have)
        got = kind ? unseen(SYS_read, other, (long)back, sizeof back, 0, 0) : unseen(SYS_pread64, other, (long)back, sizeof back, 0, 0);
    if (got != (long)have || memcmp(sent, back, have) != 0)
        BROKEN(kind, "%zu bytes were written and %ld are there, or others", have, got);
    CHECK(close(number) == 0);
    CHECK(close(other) == 0);
}

/* A socket that nobody saw being made, under a number that was a file's or another socket's. */
static void unseen_socket(void)
{
    struct sock sock = fresh();
    int number = number_of_ones_own();
    if (one_in(2)) {
        CHECK(dup2(1, number) == number);
    } else {
        struct sock old = fresh();
        CHECK(dup2(old.fd, number) == number);
        if (old.fd != number)
            forget(&old);
    }
    if (number != sock.fd) {
        CHECK(unseen(SYS_dup3, sock.fd, number, 0, 0, 0) == number);
        CHECK(unseen(SYS_close, sock.fd, 0, 0, 0, 0) == 0);
        sock.fd = number;
    }
    sock.stray = true;
    for (int n = draw(3); n >= 0; n--)
        get_a_port(&sock);
    forget(&sock);
}

static void text_to(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (long)strlen(text) && close(fd) == 0);
}

static void furnish(void)
{
    struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    /* Unseen, so that nobody looks at the network's range before it is set. */
    int fd = (int)unseen(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0);
    CHECK(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &loopback) == 0 && unseen(SYS_close, fd, 0, 0, 0, 0) == 0);
    if (all->keeper == KERNEL) {
        text_to("/proc/sys/net/ipv4/ip_local_port_range", all->range);
        text_to("/proc/sys/net/ipv4/ip_local_reserved_ports", all->hole);
    } else {
        static const char *const ranges[] = { "32768 60999", "50000 51000", "20000 20499", "1024 65535" };
        text_to("/proc/sys/net/ipv4/ip_local_port_range", ranges[draw(4)]);
    }
}

static int door(int type)
{
    struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(NAMED + me.seat) };
    int fd = socket(AF_INET6, type, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    CHECK(type == SOCK_DGRAM || listen(fd, 100) == 0);
    return fd;
}

/* A thread moves to a network of its own and back: each socket stays in the network that it was made in. */
void network(void)
{
    struct sock sock[6];
    me.sock = NULL;
    int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    CHECK(home >= 0);
    for (int n = 0; n < 2; n++)
        sock[n] = fresh();
    begin(NETWORK);
    CHECK(unshare(CLONE_NEWNET) == 0);
    furnish();
    int doors[2] = { door(SOCK_STREAM), door(SOCK_DGRAM) };
    for (int n = 2; n < 6; n++) {
        sock[n] = fresh();
        trace(&sock[n], NETWORK);
        sock[n].abroad = true, sock[n].door = NAMED + me.seat;
    }
    for (int n = 0; n < 4; n++)
        get_a_port(&sock[n]);
    me.sock = NULL;
    begin(NETWORK);
    CHECK(setns(home, CLONE_NEWNET) == 0);
    for (int n = 0; n < 6; n++) {
        trace(&sock[n], NETWORK);
        get_a_port(&sock[n]);
        forget(&sock[n]);
    }
    CHECK(close(home) == 0 && close(doors[0]) == 0 && close(doors[1]) == 0);
}

/* Passes a socket on to another worker. */
void passing(void)
{
    char room[CMSG_SPACE(sizeof(int))] = { 0 };
    struct sock sock = fresh();
    struct iovec data = { &sock, sizeof sock };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &sock.fd, sizeof(int));
    if (one_in(4))
        get_a_port(&sock);
    me.sock = &sock;
    begin(PASS);
    me.sock = NULL;
    if (sendmsg(MAIL + 2 * (int)draw(WORKERS), &message, MSG_DONTWAIT) < 0 && errno != EAGAIN)
        BROKEN(errno, "a socket cannot be passed on: %s", strerror(errno));
    forget(&sock);
}

/* Takes sockets that others have passed on. */
void collect(void)
{
    for (int n = 0; n < 4; n++) {
        char room[CMSG_SPACE(sizeof(int))];
        struct sock sock;
        struct iovec data = { &sock, sizeof sock };
        struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
        begin(PASS);
        long got = recvmsg(MAIL + 2 * (me.seat / THREADS) + 1, &message, MSG_DONTWAIT | (one_in(2) ? MSG_CMSG_CLOEXEC : 0));
        if (got != sizeof sock)
            return;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        CHECK(header && header->cmsg_type == SCM_RIGHTS);
        memcpy(&sock.fd, CMSG_DATA(header), sizeof(int));
        me.sock = &sock;
        settle(&sock);
        get_a_port(&sock);
        one_call(&sock);
        forget(&sock);
    }
}

static void *alone(void *argument)
{
    me = *(struct me *)argument;
    me.interrupted = false;
    /* The others' sockets go on in this table until the thread ends, or not. */
    CHECK(one_in(2) ? unshare(CLONE_FILES) == 0 : close_range(BAND, UINT_MAX, CLOSE_RANGE_UNSHARE) == 0);
    for (int n = draw(8); n >= 0; n--) {
        if (one_in(4)) {
            files();
            continue;
        }
        struct sock sock = fresh();
        get_a_port(&sock);
        one_call(&sock);
        forget(&sock);
    }
    *(struct me *)argument = me;
    return NULL;
}

/* A thread with a table of descriptors of its own, in which the numbers mean other things. */
void own_table(void)
{
    pthread_t thread;
    if (one_in(2))
        return unseen_socket();
    struct me its = me;
    CHECK(pthread_create(&thread, NULL, alone, &its) == 0);
    begin(TABLE);
    CHECK(pthread_join(thread, NULL) == 0);
    me.random = its.random, me.next_number = its.next_number;
}
