// How deep into a painted stack each call reaches: `NAME BYTES` for each, the deepest of several
// turns. There are no threads: where glibc has any, it makes some of these calls elsewhere.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { STACK = 256 << 10, PAINT = 0xa5, TURNS = 8 };
static unsigned char *stack;
static ucontext_t back, there;
static struct sockaddr_in servers[2], any = {.sin_family = AF_INET};
static struct sockaddr_in6 any6 = {.sin6_family = AF_INET6};
static struct iovec vector = {"x", 1};
static struct mmsghdr message = {
    .msg_hdr = {.msg_name = &servers[0], .msg_namelen = sizeof any, .msg_iov = &vector, .msg_iovlen = 1}};
static int kept[64], held, fd, turn;

static void nothing(void) {}
static void do_socket(void) { kept[held++] = socket(AF_INET, SOCK_DGRAM, 0); }
static void do_bind(void) { bind(fd, (void *)&any, sizeof any); }
static void do_bind6(void)
{
    int wide = socket(AF_INET6, turn % 2 ? SOCK_STREAM : SOCK_DGRAM, 0);
    bind(wide, (void *)&any6, sizeof any6);
    kept[held++] = wide;
}
static void do_listen(void) { listen(fd, 1); }
static void do_connect(void) { connect(fd, (void *)&servers[turn / (TURNS / 2)], sizeof any); }
static void do_sendto(void) { sendto(fd, "x", 1, 0, (void *)&servers[0], sizeof any); }
static void do_fastopen(void) { sendto(fd, "x", 1, MSG_FASTOPEN, (void *)&servers[0], sizeof any); }
static void do_sendmsg(void) { sendmsg(fd, &message.msg_hdr, 0); }
static void do_sendmmsg(void) { sendmmsg(fd, &message, 1, 0); }
static void by_bind(void) { syscall(SYS_bind, fd, &any, sizeof any); }
static void by_connect(void) { syscall(SYS_connect, fd, &servers[0], sizeof any); }
static void do_close(void) { close(fd), fd = -1; }
static void do_dup(void) { kept[held++] = dup(fd); }
static void do_dup2(void) { dup2(fd, kept[0]); }
static void do_fcntl(void) { kept[held++] = fcntl(fd, F_DUPFD_CLOEXEC, 0); }
static void do_close_range(void) { syscall(SYS_close_range, fd, fd, 0), fd = -1; }
static void do_setsockopt(void) { setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)); }
static void do_specific(void)
{
    struct sockaddr_in named = any;
    named.sin_port = htons(800);
    bind(fd, (void *)&named, sizeof named);
}
static void do_disconnect(void)
{
    struct sockaddr_in nowhere = {.sin_family = AF_UNSPEC};
    sendto(fd, "x", 1, 0, (void *)&servers[0], sizeof any);
    connect(fd, (void *)&nowhere, sizeof nowhere);
}
static void do_fork(void)
{
    pid_t child = vfork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
}
// The last: nothing is relied on after it.
static void do_mmap(void) { mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

static const struct {
    const char *name;
    void (*call)(void);
    int kind;
} CALLS[] = {
    {"nothing", nothing, 0},
    {"socket", do_socket, 0},
    {"bind", do_bind, SOCK_STREAM},
    {"bind_udp", do_bind, SOCK_DGRAM},
    {"bind_6", do_bind6, 0},
    {"bind_to_a_port", do_specific, SOCK_STREAM},
    {"listen", do_listen, SOCK_STREAM},
    {"connect", do_connect, SOCK_STREAM},
    {"connect_udp", do_connect, SOCK_DGRAM},
    {"disconnect", do_disconnect, SOCK_DGRAM},
    {"sendto", do_sendto, SOCK_DGRAM},
    {"fastopen", do_fastopen, SOCK_STREAM},
    {"sendmsg", do_sendmsg, SOCK_DGRAM},
    {"sendmmsg", do_sendmmsg, SOCK_DGRAM},
    {"bind_by_number", by_bind, SOCK_STREAM},
    {"connect_by_number", by_connect, SOCK_STREAM},
    {"close", do_close, SOCK_STREAM},
    {"dup", do_dup, SOCK_STREAM},
    {"dup2", do_dup2, SOCK_STREAM},
    {"fcntl", do_fcntl, SOCK_STREAM},
    {"close_range", do_close_range, SOCK_STREAM},
    {"setsockopt", do_setsockopt, SOCK_STREAM},
    {"vfork", do_fork, 0},
    {"mmap", do_mmap, 0},
    {"bind_unsure", do_bind, SOCK_STREAM},
    {"connect_unsure", do_connect, SOCK_STREAM},
    {"sendto_unsure", do_sendto, SOCK_DGRAM},
    {"close_unsure", do_close, SOCK_STREAM},
};

static int depth(void (*call)(void))
{
    int untouched = 0;
    memset(stack, PAINT, STACK);
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = STACK;
    there.uc_link = &back;
    makecontext(&there, call, 0);
    swapcontext(&back, &there);
    while (untouched < STACK && stack[untouched] == PAINT)
        untouched++;
    return STACK - untouched;
}

int main(void)
{
    stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int at = 0; at < 2; at++) {
        int server = socket(AF_INET, SOCK_STREAM, 0);
        servers[at] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(700 + at)};
        servers[at].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (bind(server, (void *)&servers[at], sizeof any) != 0 || listen(server, 64) != 0)
            return perror("a server"), 1;
    }
    for (unsigned at = 0; at < sizeof CALLS / sizeof *CALLS; at++) {
        int deepest = 0;
        for (turn = 0; turn < TURNS; turn++) {
            if (held == 0)
                kept[held++] = dup(1);
            fd = CALLS[at].kind ? socket(AF_INET, CALLS[at].kind, 0) : -1;
            int deep = depth(CALLS[at].call);
            if (deep > deepest)
                deepest = deep;
            if (fd >= 0)
                kept[held++] = fd;
        }
        while (held)
            close(kept[--held]);
        printf("%s %d\n", CALLS[at].name, deepest);
    }
    return fflush(stdout);
}
