// Confines itself, and then asks for ports, step by step, as its arguments say. It does so in a child that shares its
// descriptors, so that it can tell afterwards what each step came to, and which ports the child's sockets have.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS = 64, MEMORY = 900 };

struct result {
    int done, error, touched;
};
struct shared {
    struct result results[STEPS];
    int traps;
};
static struct shared *shared;
static int sock, family, unix_pair[2], is_strict, peer;
static const char *way = "seccomp";
static socklen_t size;

#define NAMES                                                                                                      \
    X(accept4) X(bind) X(brk) X(capget) X(chroot) X(clock_gettime) X(clone) X(clone3) X(close) X(connect) X(execve) X(exit)    \
    X(exit_group) X(fcntl) X(fstat) X(futex) X(getegid) X(geteuid) X(getpeername) X(getpid) X(getsockname)          \
    X(getsockopt) X(gettid) X(kill) X(listen) X(madvise) X(mmap) X(munmap) X(nanosleep) X(newfstatat) X(openat)     \
    X(poll) X(prctl) X(prlimit64) X(read) X(readlinkat) X(recvfrom) X(rt_sigprocmask) X(rt_sigreturn) X(sched_yield)           \
    X(seccomp) X(sendmsg) X(sendto) X(setsockopt) X(socket) X(wait4) X(write) X(writev)
static const struct {
    const char *name;
    int number;
} names[] = {
#define X(name) {#name, SYS_##name},
    NAMES
#undef X
};

static int number_of(const char *name) {
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        if (!strcmp(names[n].name, name)) return names[n].number;
    fprintf(stderr, "%s is no call that this program knows\n", name);
    exit(2);
}

static void on_trap(int signal) {
    (void)signal;
    shared->traps++;
}

static unsigned action_of(const char *name) {
    if (!strcmp(name, "errno")) return SECCOMP_RET_ERRNO | EPERM;
    if (!strcmp(name, "nosys")) return SECCOMP_RET_ERRNO | ENOSYS;
    if (!strcmp(name, "trap")) return SECCOMP_RET_TRAP;
    if (!strcmp(name, "trace")) return SECCOMP_RET_TRACE;
    if (!strcmp(name, "notify")) return SECCOMP_RET_USER_NOTIF;
    if (!strcmp(name, "thread")) return SECCOMP_RET_KILL_THREAD;
    return SECCOMP_RET_KILL_PROCESS;
}

static int install(struct sock_fprog *program) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
    if (!strcmp(way, "prctl")) return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program);
    if (!strcmp(way, "number")) return syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0);
    unsigned flags = !strcmp(way, "tsync") ? SECCOMP_FILTER_FLAG_TSYNC : 0;
    if (!strcmp(way, "listener")) flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program) < 0 ? -1 : 0;
}

// "ACTION:NAME,NAME": the action for all calls but these, or for these.
static int filter(char *text, int listed_are_allowed) {
    static struct sock_filter code[200];
    int len = 0;
    char *list = strchr(text, ':');
    *list++ = 0;
    unsigned action = action_of(text), listed = listed_are_allowed ? SECCOMP_RET_ALLOW : action;
    code[len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    code[len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
        code[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number_of(name), 0, 1);
        code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, listed);
    }
    code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, listed_are_allowed ? action : SECCOMP_RET_ALLOW);
    struct sock_fprog program = {len, code};
    return install(&program);
}

// Allows options of SOL_SOCKET alone: what a call is allowed depends on its arguments.
static int level(char *text) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOL_SOCKET, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, action_of(text)),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return install(&program);
}

static void *in_a_thread(void *text) {
    return (void *)(intptr_t)filter(text, 0);
}

static int landlock(const char *text) {
    struct {
        uint64_t files, net;
    } handled = {0, 3};
    struct __attribute__((packed)) {
        uint64_t allowed, port;
    } rule = {2, peer}, bind_rule = {1, strtoul(text, NULL, 10)};
    int rules = syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (rules < 0 || syscall(SYS_landlock_add_rule, rules, 2, &rule, 0)) return -1;
    if (*text && syscall(SYS_landlock_add_rule, rules, 2, &bind_rule, 0)) return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_landlock_restrict_self, rules, 0)) return -1;
    return close(rules);
}

static struct sockaddr_storage address(int port) {
    struct sockaddr_storage storage = {0};
    if (family == AF_INET6) {
        struct sockaddr_in6 *to = (void *)&storage;
        to->sin6_family = family, to->sin6_port = htons(port);
        inet_pton(AF_INET6, port ? "::ffff:127.0.0.1" : "::", &to->sin6_addr);
        size = sizeof *to;
    } else {
        struct sockaddr_in *to = (void *)&storage;
        to->sin_family = family, to->sin_port = htons(port);
        to->sin_addr.s_addr = htonl(port ? INADDR_LOOPBACK : INADDR_ANY);
        size = sizeof *to;
    }
    return storage;
}

static int open_socket(int of, int kind) {
    family = of;
    return sock = socket(of, kind, 0);
}

static int on_the_heap(int port, int (*call)(int, const struct sockaddr *, socklen_t)) {
    static void *kept;
    if (!kept) kept = malloc(128 << 10);
    struct sockaddr_storage to = address(port);
    memcpy(kept, &to, sizeof to);
    return call(sock, kept, size);
}

static int unix_message(void) {
    char byte = 'x';
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return sendmsg(unix_pair[0], &message, 0);
}

static int step(char *text) {
    char *value = strchr(text, '=');
    if (value) *value++ = 0;
    struct sockaddr_storage to = address(peer), any = address(0);
    if (!strcmp(text, "way")) return way = value, 0;
    if (!strcmp(text, "only")) return filter(value, 1);
    if (!strcmp(text, "deny")) return filter(value, 0);
    if (!strcmp(text, "level")) return level(value);
    if (!strcmp(text, "landlock")) return landlock(value);
    if (!strcmp(text, "strict")) {
        is_strict = 1;
        return strcmp(way, "prctl") ? syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL)
                                    : prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    }
    if (!strcmp(text, "no-filter")) return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL);
    if (!strcmp(text, "no-code")) return install(&(struct sock_fprog){3, (void *)16});
    if (!strcmp(text, "no-length")) return install(&(struct sock_fprog){0, NULL});
    if (!strcmp(text, "is-there-an-action"))
        return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &(unsigned){SECCOMP_RET_ERRNO});
    if (!strcmp(text, "thread")) {
        pthread_t thread;
        void *answer;
        if ((errno = pthread_create(&thread, NULL, in_a_thread, value))) return -1;
        pthread_join(thread, &answer);
        return (intptr_t)answer;
    }
    if (!strcmp(text, "fork")) {
        pid_t child = fork();
        if (child > 0) {
            int status = 0;
            waitpid(child, &status, 0);
            if (WIFSIGNALED(status)) raise(WTERMSIG(status));
            _exit(WEXITSTATUS(status));
        }
        return child;
    }
    if (!strcmp(text, "nofile")) return setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, 0});
    if (!strcmp(text, "chroot")) return chroot(value) ? -1 : chdir("/");
    if (!strcmp(text, "tcp4")) return open_socket(AF_INET, SOCK_STREAM);
    if (!strcmp(text, "tcp6")) return open_socket(AF_INET6, SOCK_STREAM);
    if (!strcmp(text, "udp4")) return open_socket(AF_INET, SOCK_DGRAM);
    if (!strcmp(text, "udp6")) return open_socket(AF_INET6, SOCK_DGRAM);
    if (!strcmp(text, "reuse")) return setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (!strcmp(text, "bind")) return bind(sock, (void *)&any, size);
    if (!strcmp(text, "heap-bind")) return on_the_heap(0, bind);
    if (!strcmp(text, "named")) return to = address(atoi(value)), bind(sock, (void *)&to, size);
    if (!strcmp(text, "connect")) return connect(sock, (void *)&to, size);
    if (!strcmp(text, "heap-connect")) return on_the_heap(peer, connect);
    if (!strcmp(text, "listen")) return listen(sock, 3);
    if (!strcmp(text, "sendto")) return sendto(sock, "x", 1, 0, (void *)&to, size);
    if (!strcmp(text, "send")) return send(sock, "x", 1, 0);
    if (!strcmp(text, "by-number")) return syscall(SYS_connect, sock, &to, size);
    if (!strcmp(text, "write")) return write(unix_pair[0], "x", 1);
    if (!strcmp(text, "unix-send")) return send(unix_pair[0], "x", 1, 0);
    if (!strcmp(text, "unix-sendmsg")) return unix_message();
    if (!strcmp(text, "unix-close")) return close(unix_pair[0]);
    fprintf(stderr, "%s is no step\n", text);
    exit(2);
}

static void go_on(char *self, char **at, int n) {
    char *arguments[STEPS + 4] = {self, "--from"}, from[8];
    sprintf(from, "%d", n);
    arguments[2] = from;
    memcpy(arguments + 3, at, sizeof *at * (STEPS - n));
    execv("/proc/self/exe", arguments);
}

static void steps(char *self, char **at, int n) {
    for (; *at; at++, n++) {
        int answer = 0;
        errno = 0;
        if (strcmp(*at, "exec"))
            answer = step(*at);
        else
            shared->results[n].done = 1, go_on(self, at + 1, n + 1), answer = -1;
        shared->results[n] = (struct result){1, answer < 0 ? errno : 0, answer >= 0 && errno != 0};
    }
    syscall(is_strict ? SYS_exit : SYS_exit_group, 0);
}

static void tell_port(int fd) {
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    if (getsockname(fd, (void *)&at, &len)) return;
    int port = at.ss_family == AF_INET    ? ntohs(((struct sockaddr_in *)&at)->sin_port)
               : at.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&at)->sin6_port)
                                          : 0;
    if (port) printf("port %d\n", port);
}

int main(int count, char **arguments) {
    char *names_of_steps[STEPS + 1] = {0};
    if (count > STEPS || !getenv("PEER")) return 2;
    peer = atoi(getenv("PEER"));
    if (count > 2 && !strcmp(arguments[1], "--from")) {
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, MEMORY, 0);
        steps(arguments[0], arguments + 3, atoi(arguments[2]));
    }
    for (int n = 1; n < count; n++) names_of_steps[n - 1] = strdup(arguments[n]);
    // Descriptors 3 and 4: inherited by what follows.
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, unix_pair)) return perror("socketpair"), 2;
    int memory = memfd_create("results", 0);
    if (ftruncate(memory, sizeof *shared) || dup2(memory, MEMORY) != MEMORY) return perror("memory"), 2;
    close(memory);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, MEMORY, 0);
    signal(SIGSYS, on_trap);
    fflush(stdout);
    pid_t child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (child < 0) return perror("clone"), 2;
    if (child == 0) steps(arguments[0], arguments + 1, 0);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    for (int n = 0; names_of_steps[n]; n++) {
        struct result *result = &shared->results[n];
        const char *what = !result->done ? "not reached" : result->error ? strerrorname_np(result->error) : "ok";
        printf("%s: %s%s\n", names_of_steps[n], what, result->touched ? ", and errno is another" : "");
    }
    if (shared->traps) printf("%d calls trapped\n", shared->traps);
    if (WIFSIGNALED(status)) printf("ended by SIG%s\n", sigabbrev_np(WTERMSIG(status)));
    if (WIFEXITED(status) && WEXITSTATUS(status)) printf("ended with %d\n", WEXITSTATUS(status));
    for (int fd = 3; fd < MEMORY; fd++) tell_port(fd);
    return 0;
}
