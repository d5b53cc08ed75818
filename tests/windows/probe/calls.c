/* The calls that the probe can be asked for, each as a program makes it. */
#include "probe.h"
#include <mswsock.h>

/* The address that a call is for, as calls take it. */
#define TO(a) (struct sockaddr *)&(a)->to, (a)->length

int number(const struct ask *a, int n)
{
    return n < a->count ? atoi(a->words[n]) : 0;
}

int port_of(SOCKET s)
{
    struct sockaddr_in6 own = {0}; /* a port is at the same place in both families */
    int length = sizeof own;
    return getsockname(s, (struct sockaddr *)&own, &length) ? 0 : ntohs(own.sin6_port);
}

/* A function that Winsock has only for those who ask for it. */
static void *extension(SOCKET s, GUID id)
{
    void *function = NULL;
    DWORD got;
    WSAIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &function, sizeof function, &got, NULL, NULL);
    return function;
}

/* Each of these does one call and returns 0, or -1 where the error is WSAGetLastError()'s. */

static int do_bind(struct ask *a)
{
    return bind(a->s, TO(a));
}

static int do_connect(struct ask *a)
{
    return connect(a->s, TO(a));
}

static int do_wsaconnect(struct ask *a)
{
    return WSAConnect(a->s, TO(a), NULL, NULL, NULL, NULL);
}

static int do_connectex(struct ask *a)
{
    LPFN_CONNECTEX connect_ex = (LPFN_CONNECTEX)extension(a->s, (GUID)WSAID_CONNECTEX);
    OVERLAPPED over = {.hEvent = WSACreateEvent()};
    DWORD sent = 0, flags;
    if (!connect_ex(a->s, TO(a), NULL, 0, &sent, &over)) {
        if (WSAGetLastError() != WSA_IO_PENDING || !WSAGetOverlappedResult(a->s, &over, &sent, TRUE, &flags))
            return -1;
    }
    return setsockopt(a->s, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0);
}

static int do_byname(struct ask *a)
{
    return WSAConnectByNameA(a->s, a->words[0], a->words[1], NULL, NULL, NULL, NULL, NULL, NULL) ? 0 : -1;
}

static int do_bynamew(struct ask *a)
{
    wchar_t host[512], service[512];
    swprintf(host, 512, L"%hs", a->words[0]);
    swprintf(service, 512, L"%hs", a->words[1]);
    return WSAConnectByNameW(a->s, host, service, NULL, NULL, NULL, NULL, NULL, NULL) ? 0 : -1;
}

static int do_bylist(struct ask *a)
{
    SOCKET_ADDRESS_LIST list = {.iAddressCount = 1};
    list.Address[0] = (SOCKET_ADDRESS){TO(a)};
    return WSAConnectByList(a->s, &list, NULL, NULL, NULL, NULL, NULL, NULL) ? 0 : -1;
}

static int do_sendto(struct ask *a)
{
    return sendto(a->s, "hello", 5, 0, TO(a)) == 5 ? 0 : -1;
}

static int do_wsasendto(struct ask *a)
{
    WSABUF text = {5, "hello"};
    DWORD sent;
    return WSASendTo(a->s, &text, 1, &sent, 0, TO(a), NULL, NULL);
}

static int send_message(struct ask *a, LPFN_WSASENDMSG send_msg)
{
    WSABUF text = {5, "hello"};
    WSAMSG message = {.name = (struct sockaddr *)&a->to, .namelen = a->length, .lpBuffers = &text, .dwBufferCount = 1};
    DWORD sent;
    return send_msg(a->s, &message, 0, &sent, NULL, NULL);
}

static int do_wsasendmsg(struct ask *a)
{
    return send_message(a, (LPFN_WSASENDMSG)extension(a->s, (GUID)WSAID_WSASENDMSG));
}

static int do_wsasendmsg_exported(struct ask *a)
{
    return send_message(a, WSASendMsg);
}

static int do_send(struct ask *a)
{
    return send(a->s, "hello", 5, 0) == 5 ? 0 : -1;
}

static int do_listen(struct ask *a)
{
    return listen(a->s, 16);
}

/* Waits for what comes, and sends it back: to one client, or to the one datagram's sender. */
static int do_echo(struct ask *a)
{
    char text[512];
    struct sockaddr_storage from;
    int length = sizeof from, got;
    if (a->type == SOCK_DGRAM) {
        got = recvfrom(a->s, text, sizeof text, 0, (struct sockaddr *)&from, &length);
        return got < 0 || sendto(a->s, text, got, 0, (struct sockaddr *)&from, length) != got ? -1 : 0;
    }
    SOCKET client = accept(a->s, NULL, NULL);
    got = client == INVALID_SOCKET ? -1 : recv(client, text, sizeof text, 0);
    return got < 0 || send(client, text, got, 0) != got ? -1 : closesocket(client);
}

static const struct { const char *name; int level, option; } options[] = {
    {"v6only", IPPROTO_IPV6, IPV6_V6ONLY},
    {"reuse", SOL_SOCKET, SO_REUSEADDR},
    {"exclusive", SOL_SOCKET, SO_EXCLUSIVEADDRUSE},
};

/* Tells the value of the option that is word 0. */
static int do_value(struct ask *a)
{
    int value = 0, length = sizeof value;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (!strcmp(options[i].name, a->words[0])) {
            int failed = getsockopt(a->s, options[i].level, options[i].option, (char *)&value, &length);
            printf("%s %d in %d\n", a->words[0], value, length);
            return failed;
        }
    }
    return -1;
}

/* Without an option that a program did not set itself: word 0 is the option, word 1 its value. */
static int do_option(struct ask *a)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        int value = number(a, 1);
        if (!strcmp(options[i].name, a->words[0]))
            return setsockopt(a->s, options[i].level, options[i].option, (char *)&value, sizeof value);
    }
    return -1;
}

static int do_nonblocking(struct ask *a)
{
    u_long on = 1;
    return ioctlsocket(a->s, FIONBIO, &on);
}

static int do_close(struct ask *a)
{
    return closesocket(a->s);
}

static int do_name(struct ask *a)
{
    (void)a;
    return 0;
}

/* Calls that are malformed: their error is the system's own. */
static int do_bad(struct ask *a)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    const char *what = a->words[0];
    if (!strcmp(what, "bind-null")) return bind(a->s, NULL, sizeof any);
    if (!strcmp(what, "bind-short")) return bind(a->s, (struct sockaddr *)&any, 4);
    if (!strcmp(what, "bind-no-socket")) return bind((SOCKET)0x7770, (struct sockaddr *)&any, sizeof any);
    if (!strcmp(what, "connect-null")) return connect(a->s, NULL, sizeof any);
    if (!strcmp(what, "connect-short")) return connect(a->s, (struct sockaddr *)&any, 4);
    if (!strcmp(what, "connect-no-socket")) return connect((SOCKET)0x7770, (struct sockaddr *)&any, sizeof any);
    if (!strcmp(what, "connect-any")) return connect(a->s, (struct sockaddr *)&any, sizeof any);
    if (!strcmp(what, "sendto-null")) return sendto(a->s, "x", 1, 0, NULL, 0) == 1 ? 0 : -1;
    if (!strcmp(what, "sendto-short")) return sendto(a->s, "x", 1, 0, (struct sockaddr *)&any, 4) == 1 ? 0 : -1;
    fprintf(stderr, "probe: no bad call `%s`\n", what);
    exit(99);
}

static const struct call calls[] = {
    {"bind", do_bind, TRUE},
    {"connect", do_connect, TRUE},
    {"wsaconnect", do_wsaconnect, TRUE},
    {"connectex", do_connectex, TRUE},
    {"byname", do_byname, FALSE},
    {"bynamew", do_bynamew, FALSE},
    {"bylist", do_bylist, TRUE},
    {"sendto", do_sendto, TRUE},
    {"wsasendto", do_wsasendto, TRUE},
    {"wsasendmsg", do_wsasendmsg, TRUE},
    {"wsasendmsg-exported", do_wsasendmsg_exported, TRUE},
    {"send", do_send, FALSE},
    {"listen", do_listen, FALSE},
    {"echo", do_echo, FALSE},
    {"option", do_option, FALSE},
    {"value", do_value, FALSE},
    {"nonblocking", do_nonblocking, FALSE},
    {"close", do_close, FALSE},
    {"name", do_name, FALSE},
    {"bad", do_bad, FALSE},
};

const struct call *call_named(const char *name)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (!strcmp(calls[i].name, name))
            return &calls[i];
    }
    return NULL;
}

void prepare(const struct call *call, struct ask *a)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *list;
    if (!call->addressed)
        return;
    if (getaddrinfo(a->words[0], a->words[1], &hints, &list)) {
        fprintf(stderr, "probe: `%s`,`%s` is no address\n", a->words[0], a->words[1]);
        exit(99);
    }
    memcpy(&a->to, list->ai_addr, list->ai_addrlen);
    a->length = (int)list->ai_addrlen;
    freeaddrinfo(list);
}
