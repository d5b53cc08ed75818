/* What a call costs, in microseconds: of many rounds the shortest, which others on the machine disturbed least. Sockets
 * are closed at once. With an argument, each call is made between marks instead, which a trace of Wine's server shows:
 * who counts the requests between them is disturbed by nobody. */
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 60, CALLS = 40 };

static struct sockaddr_in here, peer_tcp, peer_udp;

static SOCKET opened(int type)
{
    return WSASocketW(AF_INET, type, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
}

static int bind_any(SOCKET s)
{
    return bind(s, (struct sockaddr *)&here, sizeof here);
}

/* To one address. */
static int bind_one(SOCKET s)
{
    struct sockaddr_in loopback = here;
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind(s, (struct sockaddr *)&loopback, sizeof loopback);
}

static int bind_exclusively_at(SOCKET s, const struct sockaddr_in *at)
{
    int on = 1;
    setsockopt(s, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (char *)&on, sizeof on);
    return bind(s, (const struct sockaddr *)at, sizeof *at);
}

/* As servers of Java are bound. */
static int bind_exclusively(SOCKET s)
{
    return bind_exclusively_at(s, &here);
}

static int connect_tcp(SOCKET s)
{
    return connect(s, (struct sockaddr *)&peer_tcp, sizeof peer_tcp);
}

static int connect_udp(SOCKET s)
{
    return connect(s, (struct sockaddr *)&peer_udp, sizeof peer_udp);
}

/* What a policy's port takes, made by hand: no other socket may have it, and it has a number. */
static int connect_by_hand(SOCKET s)
{
    enum { FIRST = 20000, LAST = 29999 }; /* which no system hands out by itself */
    static unsigned short port = FIRST;
    struct sockaddr_in any = here;
    any.sin_port = htons(port);
    port = port == LAST ? FIRST : port + 1;
    return bind_exclusively_at(s, &any) ? -1 : connect_udp(s);
}

static int send_udp(SOCKET s)
{
    return sendto(s, "x", 1, 0, (struct sockaddr *)&peer_udp, sizeof peer_udp) == 1 ? 0 : -1;
}

static int send_again(SOCKET s)
{
    for (int i = 0; i < 9; i++)
        send_udp(s);
    return send_udp(s);
}

/* Asks for something that there is not. */
static void mark(const char *name)
{
    char text[64];
    snprintf(text, sizeof text, "bench %s", name);
    OpenEventA(SYNCHRONIZE, FALSE, text);
}

/* More than once: a first call may look things up. */
static void marked(const char *name, int type, int (*call)(SOCKET))
{
    for (int i = 0; i < 3; i++) {
        mark(name);
        SOCKET s = opened(type);
        call(s);
        closesocket(s);
        mark("end");
    }
}

static void measure(const char *name, int type, int (*call)(SOCKET))
{
    double least = 0;
    LARGE_INTEGER frequency, begin, end;
    /* No TIME_WAIT, which would take the ports away. */
    struct linger linger = {1, 0};
    QueryPerformanceFrequency(&frequency);
    for (int round = 0; round < ROUNDS; round++) {
        QueryPerformanceCounter(&begin);
        for (int i = 0; i < CALLS; i++) {
            SOCKET s = opened(type);
            if (call(s)) {
                printf("%s error %d\n", name, WSAGetLastError());
                exit(1);
            }
            if (type == SOCK_STREAM && call != bind_any && call != bind_exclusively)
                setsockopt(s, SOL_SOCKET, SO_LINGER, (char *)&linger, sizeof linger);
            closesocket(s);
        }
        QueryPerformanceCounter(&end);
        double took = (double)(end.QuadPart - begin.QuadPart) * 1e6 / (double)frequency.QuadPart / CALLS;
        if (!round || took < least)
            least = took;
    }
    printf("%s %.1f\n", name, least);
}

static DWORD WINAPI accepting(void *listener)
{
    for (;;) {
        SOCKET s = accept((SOCKET)listener, NULL, NULL);
        if (s == INVALID_SOCKET)
            return 0;
        closesocket(s);
    }
}

/* A socket of our own at a port of loopback. */
static SOCKET peer(int type, struct sockaddr_in *at)
{
    int length = sizeof *at;
    SOCKET s = opened(type);
    at->sin_family = AF_INET;
    at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(s, (struct sockaddr *)at, sizeof *at);
    getsockname(s, (struct sockaddr *)at, &length);
    return s;
}

int main(void)
{
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data);
    here.sin_family = AF_INET;
    SOCKET listener = peer(SOCK_STREAM, &peer_tcp);
    peer(SOCK_DGRAM, &peer_udp);
    listen(listener, SOMAXCONN);
    CreateThread(NULL, 0, accepting, (void *)listener, 0, NULL);
    void (*each)(const char *, int, int (*)(SOCKET)) = __argc > 1 ? marked : measure;
    each("tcp-bind", SOCK_STREAM, bind_any);
    each("tcp-bind-excl", SOCK_STREAM, bind_exclusively);
    each("udp-bind", SOCK_DGRAM, bind_any);
    each("udp-bind-one", SOCK_DGRAM, bind_one);
    each("tcp-connect", SOCK_STREAM, connect_tcp);
    each("udp-connect", SOCK_DGRAM, connect_udp);
    each("udp-by-hand", SOCK_DGRAM, connect_by_hand);
    each("udp-send", SOCK_DGRAM, send_udp);
    each("udp-send-10", SOCK_DGRAM, send_again);
    return 0;
}
