// Gets ports in every way, and tells of them. Compiled statically, or with system calls of its own
// (-DRAW), it is out of a library's reach.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef RAW
static long raw(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long answer;
    __asm__ volatile("syscall"
                     : "=a"(answer)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    if (answer < 0) {
        errno = -answer;
        return -1;
    }
    return answer;
}
#define bind(fd, address, len) raw(SYS_bind, fd, (long)(address), len, 0, 0, 0)
#define connect(fd, address, len) raw(SYS_connect, fd, (long)(address), len, 0, 0, 0)
#define listen(fd, backlog) raw(SYS_listen, fd, backlog, 0, 0, 0, 0)
#define sendto(fd, data, size, flags, address, len) \
    raw(SYS_sendto, fd, (long)(data), size, flags, (long)(address), len)
#define sendmsg(fd, message, flags) raw(SYS_sendmsg, fd, (long)(message), flags, 0, 0, 0)
#define sendmmsg(fd, messages, count, flags) raw(SYS_sendmmsg, fd, (long)(messages), count, flags, 0, 0)
#endif

static struct sockaddr_in to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int port_of(int fd)
{
    struct sockaddr_in6 address;
    socklen_t len = sizeof address;
    return getsockname(fd, (struct sockaddr *)&address, &len) == 0 ? ntohs(address.sin6_port) : -1;
}

// What a call came to.
static void tell(const char *what, int fd, long answer)
{
    if (answer < 0)
        printf("%s: %d\n", what, errno);
    else
        printf("port %d\n", port_of(fd));
    fflush(stdout);
}

static void send_by(int way, int fd, const struct sockaddr_in *peer)
{
    struct iovec data = {"hello", 5};
    struct mmsghdr message = {.msg_hdr = {.msg_name = (void *)peer,
                                          .msg_namelen = sizeof *peer,
                                          .msg_iov = &data,
                                          .msg_iovlen = 1}};
    switch (way) {
    case 0:
        tell("sendto", fd, sendto(fd, "hello", 5, 0, (struct sockaddr *)peer, sizeof *peer));
        break;
    case 1:
        tell("sendmsg", fd, sendmsg(fd, &message.msg_hdr, 0));
        break;
    case 2:
        tell("sendmmsg", fd, sendmmsg(fd, &message, 1, 0));
        break;
    default:
        tell("connect", fd, connect(fd, (struct sockaddr *)peer, sizeof *peer));
    }
}

// Every way once: towards a server of TCP, and one of UDP.
static void all(int tcp, int udp)
{
    struct sockaddr_in any = {.sin_family = AF_INET}, peer = to(tcp);
    struct sockaddr_in6 any6 = {.sin6_family = AF_INET6};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    tell("bind", fd, bind(fd, (struct sockaddr *)&any, sizeof any));
    tell("listen", fd, listen(fd, 5));
    fd = socket(AF_INET6, SOCK_DGRAM, 0);
    tell("bind", fd, bind(fd, (struct sockaddr *)&any6, sizeof any6));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    tell("listen", fd, listen(fd, 5));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    tell("connect", fd, connect(fd, (struct sockaddr *)&peer, sizeof peer));
    if (write(fd, "GET / HTTP/1.0\r\n\r\n", 18) != 18 || read(fd, (char[99]){0}, 99) <= 0)
        printf("read: %d\n", errno);
    peer = to(udp);
    for (int way = 0; way < 4; way++)
        send_by(way, socket(AF_INET, SOCK_DGRAM, 0), &peer);
}

// As often as there is a port.
static void drain(const char *how, int peer_port)
{
    struct sockaddr_in any = {.sin_family = AF_INET}, peer = to(peer_port);
    long answer;
    int count = 0;
    do {
        int stream = strcmp(how, "send") != 0;
        int fd = socket(AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
        if (strcmp(how, "bind") == 0)
            answer = bind(fd, (struct sockaddr *)&any, sizeof any);
        else if (stream)
            answer = connect(fd, (struct sockaddr *)&peer, sizeof peer);
        else
            answer = sendto(fd, "x", 1, 0, (struct sockaddr *)&peer, sizeof peer);
        count += answer >= 0;
    } while (answer >= 0 && count < 2000);
    printf("%d %d\n", count, errno);
}

// A line that is read: a port to bind, or 0.
static void named(void)
{
    char line[16];
    while (fgets(line, sizeof line, stdin)) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(line))};
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        tell("bind", fd, bind(fd, (struct sockaddr *)&address, sizeof address));
        close(fd);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3)
        all(atoi(argv[1]), atoi(argv[2]));
    else if (argc == 4)
        drain(argv[2], atoi(argv[3]));
    else
        named();
    return 0;
}
