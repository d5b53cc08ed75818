/* What the calls that need a port cost: nanoseconds for each, the least of several rounds, for a program
 * that may run bare or under a policy. Prints one line for each kind of call. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 9 };

static struct sockaddr_in at;
static int peer, listener;

static int opened(int type)
{
    int fd = socket(AF_INET, type, 0);
    if (fd < 0)
        abort();
    return fd;
}

static void need(int holds, const char *what)
{
    if (!holds) {
        perror(what);
        exit(1);
    }
}

static void open_and_close(void)
{
    close(opened(SOCK_DGRAM));
}

static void bound(int type)
{
    struct sockaddr_in any = { .sin_family = AF_INET };
    int fd = opened(type);
    need(bind(fd, (struct sockaddr *)&any, sizeof any) == 0, "bind");
    close(fd);
}

static void udp_bind(void)
{
    bound(SOCK_DGRAM);
}

static void tcp_bind(void)
{
    bound(SOCK_STREAM);
}

static void udp_first_send(void)
{
    int fd = opened(SOCK_DGRAM);
    need(sendto(fd, "x", 1, 0, (struct sockaddr *)&at, sizeof at) == 1, "sendto");
    close(fd);
}

static int settled;

static void udp_further_send(void)
{
    need(sendto(settled, "x", 1, 0, (struct sockaddr *)&at, sizeof at) == 1, "sendto");
}

static void tcp_connect(void)
{
    int fd = opened(SOCK_STREAM);
    need(connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "connect");
    int accepted = accept(listener, NULL, NULL);
    /* Without TIME_WAIT: rounds must not use up each other's ports. */
    struct linger reset = { 1, 0 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    close(accepted);
}

static void measure(const char *what, void (*call)(void), int times)
{
    double least = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        for (int i = 0; i < times; i++)
            call();
        clock_gettime(CLOCK_MONOTONIC, &to);
        double each = ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / times;
        if (round == 0 || each < least)
            least = each;
    }
    printf("%s\t%.0f\n", what, least);
}

int main(void)
{
    socklen_t len = sizeof at;
    at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(7001) };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer = opened(SOCK_DGRAM);
    need(bind(peer, (struct sockaddr *)&at, len) == 0, "bind the peer");
    listener = opened(SOCK_STREAM);
    need(bind(listener, (struct sockaddr *)&at, len) == 0, "bind the listener");
    need(listen(listener, 128) == 0, "listen");
    settled = opened(SOCK_DGRAM);
    udp_further_send();

    measure("socket, close", open_and_close, 3000);
    measure("socket, udp bind(0), close", udp_bind, 3000);
    measure("socket, tcp bind(0), close", tcp_bind, 3000);
    measure("socket, first sendto, close", udp_first_send, 3000);
    measure("a further sendto", udp_further_send, 3000);
    measure("socket, connect, accept, close", tcp_connect, 1000);
}
