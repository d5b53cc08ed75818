// A program that is served by a library in it and by a supervisor below: it gets ports by libc's
// functions, which the library sees, and by system calls of its own, which it does not.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static long raw(long number, long a, long b, long c)
{
    long answer;
#ifdef __x86_64__
    __asm__ volatile("syscall" : "=a"(answer) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
#else
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    answer = x0;
#endif
    if (answer < 0) {
        errno = -answer;
        return -1;
    }
    return answer;
}

static const struct sockaddr_in any = {.sin_family = AF_INET};
#define ANY (const struct sockaddr *)&any, sizeof any

static struct sockaddr_in to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    return getsockname(fd, (struct sockaddr *)&address, &len) == 0 ? ntohs(address.sin_port) : -1;
}

static void sound(const char *what, long answer)
{
    if (answer < 0) {
        printf("%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static int made(int kind)
{
    int fd = socket(AF_INET, kind, 0);
    sound("socket", fd);
    return fd;
}

static void tell(int fd)
{
    printf("port %d\n", port_of(fd));
}

// Number of times that the supervisor has gone to sleep again.
static long sleeps(void)
{
    char path[64], line[128];
    long count = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)getppid());
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "voluntary_ctxt_switches: %ld", &count);
    if (file)
        fclose(file);
    return count;
}

// Everything that the library serves: the supervisor hears nothing of it.
static void deaf(int tcp, int udp)
{
    struct sockaddr_in server = to(tcp), echo = to(udp);
    struct iovec data = {"hello", 5};
    struct mmsghdr message = {
        .msg_hdr = {.msg_name = &echo, .msg_namelen = sizeof echo, .msg_iov = &data, .msg_iovlen = 1}};
    int fds[8] = {made(SOCK_STREAM), made(SOCK_DGRAM), made(SOCK_STREAM), made(SOCK_STREAM),
                  made(SOCK_DGRAM),  made(SOCK_DGRAM), made(SOCK_DGRAM),  made(SOCK_DGRAM)};
    // The last call that it was told of is long over.
    usleep(50000);
    long before = sleeps();
    sound("bind", bind(fds[0], ANY));
    sound("bind", bind(fds[1], ANY));
    sound("listen", listen(fds[2], 1));
    sound("connect", connect(fds[3], (struct sockaddr *)&server, sizeof server));
    sound("connect", connect(fds[4], (struct sockaddr *)&echo, sizeof echo));
    for (int turn = 0; turn < 3; turn++) {
        sound("sendto", sendto(fds[5], "hello", 5, 0, (struct sockaddr *)&echo, sizeof echo));
        sound("sendmsg", sendmsg(fds[6], &message.msg_hdr, 0));
        sound("sendmmsg", sendmmsg(fds[7], &message, 1, 0));
    }
    sound("syscall", syscall(SYS_bind, made(SOCK_STREAM), ANY));
    usleep(50000);
    if (before < 0 || sleeps() != before)
        printf("the supervisor was told\n");
    for (int n = 0; n < 8; n++)
        tell(fds[n]);
}

// As many binds by libc as by itself.
static void count(int times)
{
    for (int n = 0; n < times; n++) {
        int seen = made(SOCK_DGRAM), unseen = made(SOCK_DGRAM);
        sound("bind", bind(seen, ANY));
        sound("raw bind", raw(SYS_bind, unseen, (long)&any, sizeof any));
        tell(seen);
        tell(unseen);
    }
    fflush(stdout);
    getchar();
}

// A bind by each of many children.
static void children(int times)
{
    for (int n = 0; n < times; n++) {
        if (fork() == 0) {
            int fd = made(SOCK_DGRAM);
            sound("bind", bind(fd, ANY));
            tell(fd);
            exit(0);
        }
        wait(NULL);
    }
}

// One socket by both ways.
static void mixed(int tcp, int udp, int closed)
{
    struct sockaddr_in server = to(tcp), echo = to(udp), nobody = to(closed);
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    int listens = made(SOCK_STREAM), sends = made(SOCK_DGRAM), connects = made(SOCK_STREAM);
    int before[3];
    sound("raw bind", raw(SYS_bind, listens, (long)&any, sizeof any));
    sound("raw bind", raw(SYS_bind, sends, (long)&any, sizeof any));
    sound("raw bind", raw(SYS_bind, connects, (long)&any, sizeof any));
    before[0] = port_of(listens), before[1] = port_of(sends), before[2] = port_of(connects);
    sound("listen", listen(listens, 1));
    sound("sendto", sendto(sends, "hello", 5, 0, (struct sockaddr *)&echo, sizeof echo));
    sound("connect", connect(connects, (struct sockaddr *)&server, sizeof server));
    if (before[0] != port_of(listens) || before[1] != port_of(sends) || before[2] != port_of(connects))
        printf("a port has changed\n");
    tell(listens), tell(sends), tell(connects);
    // It loses its port unseen, and gets another.
    int loses = made(SOCK_DGRAM), fails = made(SOCK_STREAM);
    sound("connect", connect(loses, (struct sockaddr *)&echo, sizeof echo));
    sound("send", send(loses, "hello", 5, 0));
    sound("raw connect", raw(SYS_connect, loses, (long)&nowhere, sizeof nowhere));
    sound("sendto", sendto(loses, "hello", 5, 0, (struct sockaddr *)&echo, sizeof echo));
    tell(loses);
    sound("bind", bind(fails, ANY));
    if (raw(SYS_connect, fails, (long)&nobody, sizeof nobody) == 0)
        printf("somebody is there\n");
    sound("connect", connect(fails, (struct sockaddr *)&server, sizeof server));
    tell(fails);
}

// It forbids itself all sockets whose number has more than 32 bits.
static void confined(int tcp)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bind, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {.len = sizeof rules / sizeof *rules, .filter = rules};
    struct sockaddr_in server = to(tcp);
    for (int turn = 0; turn < 2; turn++) {
        int binds = made(SOCK_DGRAM), connects = made(SOCK_STREAM);
        sound("bind", bind(binds, ANY));
        sound("connect", connect(connects, (struct sockaddr *)&server, sizeof server));
        tell(binds), tell(connects);
        sound("prctl", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        if (turn == 0)
            sound("prctl", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
    }
}

// Filters that do not look at descriptors change nothing, nor does asking whether there are any.
static void filtered(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_reboot, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof rules / sizeof *rules, .filter = rules};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == 0 || errno != EFAULT)
        printf("there are none\n");
    sound("prctl", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    sound("prctl", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static struct sockaddr_in full;
static int stream[2], datagrams, receives, listener;
static struct sockaddr_un receiver = {.sun_family = AF_UNIX, .sun_path = "\0portshim-both"};
static int cleaned;
static volatile sig_atomic_t signals;

// A listener that answers nobody any more.
static void fill(void)
{
    socklen_t len = sizeof full;
    listener = made(SOCK_STREAM);
    full = to(0);
    sound("bind", bind(listener, (struct sockaddr *)&full, sizeof full));
    sound("listen", listen(listener, 0));
    sound("getsockname", getsockname(listener, (struct sockaddr *)&full, &len));
    for (int n = 0; n < 2; n++) {
        int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(client, (struct sockaddr *)&full, sizeof full) != 0 && errno != EINPROGRESS)
            sound("connect", -1);
        usleep(20000);
    }
}

static long wait_in(int way)
{
    char bytes[1] = {0};
    struct iovec data = {bytes, 1};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &data, .msg_iovlen = 1}};
    switch (way) {
    case 0:
        return connect(made(SOCK_STREAM), (struct sockaddr *)&full, sizeof full);
    case 1:
        return sendmsg(stream[0], &message.msg_hdr, 0);
    case 2:
        return sendmmsg(stream[0], &message, 1, 0);
    default:
        return sendto(datagrams, bytes, 1, 0, (struct sockaddr *)&receiver, sizeof receiver);
    }
}

static void note(void *unused)
{
    (void)unused;
    cleaned++;
}

static void note_end(int *unused)
{
    (void)unused;
    cleaned++;
}

static void *waits(void *way)
{
    __attribute__((cleanup(note_end))) int scope = 0;
    (void)scope;
    pthread_cleanup_push(note, NULL);
    printf("came back with %ld, %d\n", wait_in((int)(long)way), errno);
    pthread_cleanup_pop(0);
    return NULL;
}

// It is cancelled before it gets to a call that need not wait.
static void *is_cancelled(void *pair)
{
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    pthread_cancel(pthread_self());
    pthread_setcancelstate(before, NULL);
    struct iovec data = {"hello", 5};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    sendmsg(((int *)pair)[0], &message, 0);
    printf("was not cancelled\n");
    return NULL;
}

static void join(const char *what, pthread_t thread)
{
    void *result;
    pthread_join(thread, &result);
    printf("%s: %s, %d\n", what, result == PTHREAD_CANCELED ? "cancelled" : "ended", cleaned);
    cleaned = 0;
}

static void catch(int number)
{
    (void)number;
    signals++;
}

// Makes room for a call that is to go on.
static void make_room(int number)
{
    char bytes[4096];
    catch(number);
    close(listener);
    while (recv(stream[1], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
    while (recv(receives, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
}

static void leave_no_room(void)
{
    char bytes[4096] = {0};
    while (send(stream[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
    while (sendto(datagrams, bytes, 1, MSG_DONTWAIT, (struct sockaddr *)&receiver, sizeof receiver) > 0)
        continue;
}

// Calls that wait: they are cancelled, and interrupted.
static void waiting(void)
{
    static const char *names[] = {"connect", "sendmsg", "sendmmsg", "sendto"};
    char bytes[8];
    int pair[2], type;
    pthread_t thread;
    alarm(60);
    fill();
    sound("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
    receives = socket(AF_UNIX, SOCK_DGRAM, 0);
    datagrams = socket(AF_UNIX, SOCK_DGRAM, 0);
    sound("bind", bind(receives, (struct sockaddr *)&receiver, sizeof receiver));
    leave_no_room();
    for (long way = 0; way < 4; way++) {
        pthread_create(&thread, NULL, waits, (void *)way);
        usleep(50000);
        pthread_cancel(thread);
        join(names[way], thread);
    }
    sound("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    pthread_create(&thread, NULL, is_cancelled, pair);
    join("pending", thread);
    printf("%zd bytes\n", recv(pair[1], bytes, sizeof bytes, MSG_DONTWAIT));
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
    printf("deferred: %d\n", type == PTHREAD_CANCEL_DEFERRED);
    // A signal ends a call, or lets it go on.
    for (int restarts = 0; restarts < 2; restarts++) {
        struct sigaction action = {.sa_handler = restarts ? make_room : catch, .sa_flags = restarts ? SA_RESTART : 0};
        struct itimerval soon = {.it_value = {.tv_usec = 50000}};
        sound("sigaction", sigaction(SIGALRM, &action, NULL));
        for (int way = 0; way < 4; way++) {
            leave_no_room();
            setitimer(ITIMER_REAL, &soon, NULL);
            long answer = wait_in(way);
            printf("%s: %ld, %d\n", names[way], answer, answer < 0 ? errno : 0);
        }
    }
    printf("%d signals\n", (int)signals);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int numbers[3] = {0};
    for (int n = 2; n < argc && n < 5; n++)
        numbers[n - 2] = atoi(argv[n]);
    if (strcmp(what, "deaf") == 0)
        deaf(numbers[0], numbers[1]);
    else if (strcmp(what, "filtered") == 0)
        filtered(), deaf(numbers[0], numbers[1]);
    else if (strcmp(what, "count") == 0)
        count(numbers[0]);
    else if (strcmp(what, "children") == 0)
        children(numbers[0]);
    else if (strcmp(what, "mixed") == 0)
        mixed(numbers[0], numbers[1], numbers[2]);
    else if (strcmp(what, "confined") == 0)
        confined(numbers[0]);
    else
        waiting();
    return 0;
}
