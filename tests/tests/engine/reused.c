// Gives a descriptor from which a send could bind nothing another meaning, in every way that there
// is, and sends again: a socket that has no port gets one, and that comes from the policy.
// Arguments: the first port and the last, and "remembers" where the kernel is not to be asked what a
// socket is.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NUMBER = 50, SPARE = 51 };

static int first, last;
static struct sockaddr_in peer;

static void fail(const char *what, long value)
{
    printf("%s: %ld, errno %d\n", what, value, errno);
    fflush(stdout);
    _exit(1);
}

static void must(const char *what, long answer)
{
    if (answer < 0)
        fail(what, answer);
}

static int send_on(int fd)
{
    return sendto(fd, "x", 1, 0, (struct sockaddr *)&peer, sizeof peer);
}

static int port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    memset(&address, 0, sizeof address);
    getsockname(fd, (struct sockaddr *)&address, &len);
    return ntohs(address.sin_port);
}

// NUMBER is a socket from which no send binds anything.
static void settle(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd != NUMBER) {
        must("dup2", dup2(fd, NUMBER));
        close(fd);
    }
    for (int turn = 0; turn < 3; turn++)
        must("sendto", send_on(NUMBER));
}

// NUMBER has become a socket without a port.
static void check(const char *what)
{
    if (port_of(NUMBER) != 0)
        fail(what, port_of(NUMBER));
    must(what, send_on(NUMBER));
    int port = port_of(NUMBER);
    if (port < first || port > last)
        fail(what, port);
    close(NUMBER);
}

static int fresh(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    must("socket", fd);
    return fd;
}

// As many descriptors as stand before NUMBER, so that it is the next.
static void fill(void)
{
    int fd;
    do
        must("open", fd = open("/dev/null", O_RDONLY));
    while (fd < NUMBER - 1);
    if (fd >= NUMBER)
        fail("fill", fd);
}

static void clear(void)
{
    for (int fd = 3; fd < SPARE + 4; fd++)
        close(fd);
}

static void by_socket(void)
{
    fresh();
}

static void by_dup(void)
{
    dup(SPARE);
}

static void by_fcntl(void)
{
    fcntl(SPARE, F_DUPFD_CLOEXEC, NUMBER);
}

static void by_message(void)
{
    int pair[2];
    must("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    // The first of them is NUMBER, and makes way for what comes.
    must("dup2", dup2(pair[0], SPARE + 2));
    char byte = 0, room[CMSG_SPACE(sizeof(int))];
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *control = CMSG_FIRSTHDR(&message);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof(int));
    int spare = SPARE;
    memcpy(CMSG_DATA(control), &spare, sizeof spare);
    must("sendmsg", sendmsg(pair[1], &message, 0));
    close(NUMBER);
    must("recvmsg", recvmsg(SPARE + 2, &message, 0));
}

static void by_pidfd(void)
{
    int process = syscall(SYS_pidfd_open, getpid(), 0); // NUMBER
    must("pidfd_open", process);
    must("dup2", dup2(process, SPARE + 2));
    close(NUMBER);
    must("pidfd_getfd", syscall(SYS_pidfd_getfd, SPARE + 2, SPARE, 0));
}

static void closed(void)
{
    close(NUMBER);
}

static void closed_by_number(void)
{
    syscall(SYS_close, NUMBER);
}

static void closed_in_a_range(void)
{
    must("close_range", syscall(SYS_close_range, NUMBER, NUMBER, 0));
}

// Each way to be rid of what NUMBER was, and each to get another there.
static void close_and_open(void)
{
    void (*ways_out[])(void) = {closed, closed_by_number, closed_in_a_range};
    void (*ways_in[])(void) = {by_socket, by_dup, by_fcntl, by_message, by_pidfd};
    for (int out = 0; out < 3; out++)
        for (int in = 0; in < 5; in++) {
            char what[64];
            snprintf(what, sizeof what, "closed by way %d, opened by way %d", out, in);
            fill();
            settle();
            if (fresh() != SPARE)
                fail("no spare", 0);
            ways_out[out]();
            ways_in[in]();
            if (fcntl(NUMBER, F_GETFD) < 0)
                fail(what, NUMBER);
            check(what);
            clear();
        }
}

static void written_over(void)
{
    settle();
    dup2(fresh(), NUMBER);
    check("dup2");
    clear();
    settle();
    dup3(fresh(), NUMBER, O_CLOEXEC);
    check("dup3");
    clear();
    // It was no socket.
    dup2(0, NUMBER);
    send_on(NUMBER);
    send_on(NUMBER);
    dup2(fresh(), NUMBER);
    check("a file");
    clear();
}

static void wait_for(const char *what, pid_t child)
{
    int status;
    if (waitpid(child, &status, __WALL) != child || status != 0)
        fail(what, status);
}

static void in_children(void)
{
    settle();
    pid_t child = fork();
    if (child == 0) {
        dup2(fresh(), NUMBER);
        check("in a child");
        settle();
        _exit(0);
    }
    wait_for("fork", child);
    must("after a fork", send_on(NUMBER));
    child = vfork();
    if (child == 0) {
        close(NUMBER);
        _exit(0);
    }
    wait_for("vfork", child);
    must("after a vfork", send_on(NUMBER));
    dup2(fresh(), NUMBER);
    check("after a child of vfork");
    clear();
}

static char stack[65536] __attribute__((aligned(16)));

static int replaces(void *unused)
{
    (void)unused;
    return dup2(fresh(), NUMBER) != NUMBER;
}

static int sends(void *unused)
{
    (void)unused;
    dup2(fresh(), NUMBER);
    check("with descriptors of its own");
    return 0;
}

static void *unshares(void *unused)
{
    must("unshare", unshare(CLONE_FILES));
    dup2(fresh(), NUMBER);
    check("a thread with descriptors of its own");
    return unused;
}

// A program in whose memory others have other descriptors, or others' memory its own: each is told
// of by a call. That cannot be undone, so each is tried in a child.
static void with_others(void)
{
    settle();
    pid_t child = fork();
    if (child == 0) {
        wait_for("clone", clone(replaces, stack + sizeof stack, CLONE_FILES | SIGCHLD, NULL));
        check("replaced by another process");
        _exit(0);
    }
    wait_for("descriptors alone", child);
    child = fork();
    if (child == 0) {
        wait_for("clone", clone(sends, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL));
        must("memory alone", send_on(NUMBER));
        dup2(fresh(), NUMBER);
        check("after another with the same memory");
        _exit(0);
    }
    wait_for("memory alone", child);
    child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, unshares, NULL);
        pthread_join(thread, NULL);
        must("after a thread that parted", send_on(NUMBER));
        dup2(fresh(), NUMBER);
        check("after a thread that parted");
        _exit(0);
    }
    wait_for("unshare", child);
    clear();
}

// mov eax, edx; syscall; ret: a call by any number, from where no file has code.
static const unsigned char CODE[] = {0x89, 0xd0, 0x0f, 0x05, 0xc3};

static void with_code_of(void *code)
{
    long (*call)(long, long, long) = (long (*)(long, long, long))code;
    settle();
    int fd = fresh();
    if (call(fd, NUMBER, SYS_dup2) != NUMBER)
        fail("dup2 by code made at run time", 0);
    check("written over by code made at run time");
    settle();
    call(NUMBER, 0, SYS_close);
    call(fresh(), NUMBER, SYS_dup2);
    check("closed by code made at run time");
    clear();
}

static void with_code_made_at_run_time(void)
{
    pid_t child = fork();
    if (child == 0) {
        void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memcpy(at, CODE, sizeof CODE);
        with_code_of(at);
        _exit(0);
    }
    wait_for("mmap", child);
    child = fork();
    if (child == 0) {
        void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memcpy(at, CODE, sizeof CODE);
        must("mprotect", mprotect(at, 4096, PROT_READ | PROT_EXEC));
        with_code_of(at);
        _exit(0);
    }
    wait_for("mprotect", child);
}

static pthread_barrier_t begun, ended;

static void *sends_in_turns(void *unused)
{
    for (int turn = 0; turn < 300; turn++) {
        pthread_barrier_wait(&begun);
        for (int again = 0; again < 3; again++)
            send_on(NUMBER);
        pthread_barrier_wait(&ended);
    }
    return unused;
}

// Threads send at once on a number that has got another meaning.
static void with_threads(void)
{
    pthread_t threads[4];
    pthread_barrier_init(&begun, NULL, 5);
    pthread_barrier_init(&ended, NULL, 5);
    for (int at = 0; at < 4; at++)
        pthread_create(&threads[at], NULL, sends_in_turns, NULL);
    for (int turn = 0; turn < 300; turn++) {
        int fd = fresh();
        if (turn % 2) {
            must("dup2", dup2(fd, NUMBER));
        } else {
            close(NUMBER);
            must("fcntl", fcntl(fd, F_DUPFD, NUMBER));
        }
        pthread_barrier_wait(&begun);
        pthread_barrier_wait(&ended);
        int port = port_of(fd);
        if (port < first || port > last)
            fail("with threads", port);
        close(fd);
    }
    for (int at = 0; at < 4; at++)
        pthread_join(threads[at], NULL);
    clear();
}

// Number of questions that are asked about sockets while another process makes `work` be done.
static void cycles(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    for (int turn = 0; turn < 20; turn++) {
        address.sin_port = 0;
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        must("bind", bind(fd, (struct sockaddr *)&address, sizeof address));
        for (int again = 0; again < 5; again++)
            send_on(fd);
        close(fd);
    }
}

static int questions(void)
{
    int ready[2], result[2];
    must("pipe", pipe(ready) | pipe(result));
    pid_t parent = getpid(), tracer = fork();
    if (tracer == 0) {
        int status, count = 0;
        char byte;
        must("read", read(ready[0], &byte, 1));
        must("ptrace", ptrace(PTRACE_SEIZE, parent, NULL, (void *)PTRACE_O_TRACESYSGOOD));
        must("ptrace", ptrace(PTRACE_INTERRUPT, parent, NULL, NULL));
        while (waitpid(parent, &status, __WALL) == parent && WIFSTOPPED(status)) {
            struct __ptrace_syscall_info info;
            if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
                ptrace(PTRACE_GET_SYSCALL_INFO, parent, sizeof info, &info);
                if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                    if (info.entry.nr == SYS_getppid)
                        break;
                    count += info.entry.nr == SYS_getsockopt || info.entry.nr == SYS_getsockname;
                }
            }
            ptrace(PTRACE_SYSCALL, parent, NULL, NULL);
        }
        ptrace(PTRACE_DETACH, parent, NULL, NULL);
        must("write", write(result[1], &count, sizeof count));
        _exit(0);
    }
    prctl(PR_SET_PTRACER, tracer);
    must("write", write(ready[1], "x", 1));
    sleep(1);
    cycles();
    getppid();
    int count;
    must("read", read(result[0], &count, sizeof count));
    waitpid(tracer, NULL, 0);
    clear();
    return count;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    first = atoi(argv[1]);
    last = atoi(argv[2]);
    peer.sin_family = AF_INET;
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int sink = socket(AF_INET, SOCK_DGRAM, 0);
    peer.sin_port = htons(last + 1);
    bind(sink, (struct sockaddr *)&peer, sizeof peer);
    dup2(sink, 100);
    close(sink);

    // glibc makes its calls at other places once there has been a thread.
    for (int round = 0; round < 2; round++) {
        int asked = questions();
        // What a new socket is, need not be asked: it is seen to be made.
        if (strcmp(argv[3], "remembers") == 0 && asked > 60)
            fail("the kernel was asked", asked);
        close_and_open();
        written_over();
        in_children();
        with_threads();
    }
    with_others();
    with_code_made_at_run_time();
    puts("known");
    return 0;
}
