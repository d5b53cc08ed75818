// Makes its calls where a guest must not be noticed: with every register in use, at the end of a
// stack, from signal handlers, from many threads, in forked children.
#define _GNU_SOURCE
#include <alloca.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static int first, last;

static void fail(const char *what, long value)
{
    printf("%s: %ld, errno %d\n", what, value, errno);
    fflush(stdout);
    _exit(1);
}

static struct sockaddr_in local(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int port_of(const char *what, int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        fail(what, -1);
    return ntohs(address.sin_port);
}

static void check(const char *what, int fd)
{
    int port = port_of(what, fd);
    if (port < first || port > last)
        fail(what, port);
    close(fd);
}

static void bind_any(const char *what, int kind)
{
    struct sockaddr_in address = local(0);
    int fd = socket(AF_INET, kind, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail(what, -1);
    check(what, fd);
}

// What all registers have before and after a call, and the 128 bytes below the stack pointer.
struct state {
    unsigned long general[12];
    unsigned char wide[16][16];
    unsigned long below[16];
};

// bind(2), with the registers and the red zone as in `before`, and as they are after.
// Of the general ones: rbx, rbp, rdi, rsi, rdx, r8, r9, r10, r12, r13, r14, r15.
long called(int fd, void *address, long len, struct state *before, struct state *after);
__asm__("called:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "push %r8\n" // after
        "mov %rsp, kept(%rip)\n"
        "mov %rcx, %rax\n"
        "mov %rdi, 16(%rax); mov %rsi, 24(%rax); mov %rdx, 32(%rax)\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "movups 96+16*\\n(%rax), %xmm\\n\n"
        "mov 352+8*\\n(%rax), %rcx; mov %rcx, -8*\\n-8(%rsp)\n"
        ".endr\n"
        "mov (%rax), %rbx; mov 8(%rax), %rbp; mov 16(%rax), %rdi; mov 24(%rax), %rsi; mov 32(%rax), %rdx\n"
        "mov 40(%rax), %r8; mov 48(%rax), %r9; mov 56(%rax), %r10; mov 64(%rax), %r12; mov 72(%rax), %r13\n"
        "mov 80(%rax), %r14; mov 88(%rax), %r15\n"
        "mov $49, %eax\n"
        "syscall\n"
        "mov %rax, answer(%rip)\n"
        "cmp %rsp, kept(%rip)\n"
        "je 1f\n"
        "ud2\n"
        "1: mov (%rsp), %rax\n"
        "mov %rbx, (%rax); mov %rbp, 8(%rax); mov %rdi, 16(%rax); mov %rsi, 24(%rax); mov %rdx, 32(%rax)\n"
        "mov %r8, 40(%rax); mov %r9, 48(%rax); mov %r10, 56(%rax); mov %r12, 64(%rax); mov %r13, 72(%rax)\n"
        "mov %r14, 80(%rax); mov %r15, 88(%rax)\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "movups %xmm\\n, 96+16*\\n(%rax)\n"
        "mov -8*\\n-8(%rsp), %rcx; mov %rcx, 352+8*\\n(%rax)\n"
        ".endr\n"
        "mov answer(%rip), %rax\n"
        "pop %r8; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n"
        ".local kept; .comm kept,8; .local answer; .comm answer,8\n");

static void keep_registers(void)
{
    for (int round = 0; round < 3; round++) {
        struct state before, after;
        for (size_t at = 0; at < sizeof before; at++)
            ((unsigned char *)&before)[at] = (unsigned char)(at * 7 + round);
        struct sockaddr_in address = local(0);
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        long answer = called(fd, &address, sizeof address, &before, &after);
        if (answer != 0)
            fail("bind by hand", answer);
        if (memcmp(&before, &after, sizeof before) != 0)
            fail("registers", memcmp(before.general, after.general, sizeof before.general));
        check("bind by hand", fd);
    }
}

// Leaves no more of a stack than what a guest takes at once, and the call itself.
static void *at_the_end(void *lowest)
{
    enum { LEFT = 2048 };
    volatile char here;
    volatile char *used = alloca(&here - (char *)lowest - LEFT);
    used[0] = 1;
    for (int round = 0; round < 3; round++)
        bind_any("a full stack", round % 2 ? SOCK_STREAM : SOCK_DGRAM);
    return NULL;
}

// A thread whose stack ends where nothing is mapped.
static void on_a_full_stack(void)
{
    enum { STACK = 64 << 10, PAGE = 4096 };
    pthread_t thread;
    pthread_attr_t attributes;
    char *room = mmap(NULL, STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(room + PAGE, STACK - PAGE, PROT_READ | PROT_WRITE);
    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, room + PAGE, STACK - PAGE) != 0 ||
        pthread_create(&thread, &attributes, at_the_end, room + PAGE) != 0)
        fail("a full stack", errno);
    pthread_join(thread, NULL);
}

static volatile sig_atomic_t rang;

static void ring(int signal)
{
    // Much of a stack, which is the program's: there is room.
    volatile char room[200 << 10];
    for (size_t at = 0; at < sizeof room; at += 1024)
        room[at] = signal;
    rang++;
    bind_any("in a handler", SOCK_DGRAM);
}

static void under_signals(void)
{
    struct sigaction action = {.sa_handler = ring, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    for (int turn = 0; rang < 300; turn++)
        bind_any("under signals", turn % 2 ? SOCK_DGRAM : SOCK_STREAM);
    setitimer(ITIMER_REAL, &never, NULL);
}

static sigjmp_buf out;

static void jump(int signal)
{
    (void)signal;
    siglongjmp(out, 1);
}

// More often than there are stacks.
static void jump_out(void)
{
    struct sockaddr_in address = local(0);
    int full = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof address;
    bind(full, (struct sockaddr *)&address, len);
    listen(full, 0);
    getsockname(full, (struct sockaddr *)&address, &len);
    int held[4];
    for (int at = 0; at < 4; at++) {
        held[at] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(held[at], (struct sockaddr *)&address, len);
    }
    struct sigaction action = {.sa_handler = jump};
    sigaction(SIGALRM, &action, NULL);
    for (volatile int turn = 0; turn < 80; turn++) {
        volatile int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (sigsetjmp(out, 1) == 0) {
            struct itimerval soon = {{0, 0}, {0, 1500}};
            setitimer(ITIMER_REAL, &soon, NULL);
            connect(fd, (struct sockaddr *)&address, len); // nobody accepts
            fail("connect came back", errno);
        }
        // Where the machine is busy, the signal may come before the port does.
        if (port_of("after a jump", fd) == 0)
            close(fd);
        else
            check("after a jump", fd);
    }
    for (int at = 0; at < 4; at++)
        close(held[at]);
    close(full);
}

static void *often(void *unused)
{
    for (int turn = 0; turn < 200; turn++)
        bind_any("in a thread", turn % 2 ? SOCK_DGRAM : SOCK_STREAM);
    return unused;
}

static void fork_from(const char *what)
{
    pid_t child = fork();
    if (child == 0) {
        bind_any(what, SOCK_DGRAM);
        _exit(0);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        fail(what, status);
}

static void *forking(void *unused)
{
    for (int turn = 0; turn < 20; turn++)
        fork_from("in a child");
    return unused;
}

static void is_inside(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        if (strncmp(line, "7e9a00000000-", 13) == 0) {
            fclose(maps);
            return;
        }
    fail("there is no guest", 0);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    first = atoi(argv[1]);
    last = atoi(argv[2]);
    is_inside();
    keep_registers();

    on_a_full_stack();
    under_signals();
    pthread_t threads[8];
    for (int at = 0; at < 8; at++)
        pthread_create(&threads[at], NULL, at % 4 ? often : forking, NULL);
    for (int at = 0; at < 8; at++)
        pthread_join(threads[at], NULL);
    jump_out();
    keep_registers();
    fork_from("in a child at last");
    puts("unnoticed");
    return 0;
}
