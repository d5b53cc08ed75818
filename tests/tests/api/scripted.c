/*
 * Does what its standard input says, a line at a time, and answers each line with one of its own: what the call
 * returned, or the name of its error. Reads no further than the line, so that whoever it forks or executes goes
 * on with the next.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <portshim.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int answer(int result)
{
    return result < 0 ? printf("%s\n", strerrorname_np(errno)) : printf("%d\n", result);
}

static unsigned scopes(const char *name)
{
    static const struct {
        const char *name;
        unsigned bits;
    } all[] = {
        { "tcp", PORTSHIM_TCP },   { "udp", PORTSHIM_UDP },   { "all", PORTSHIM_ALL },   { "tcp4", PORTSHIM_TCP4 },
        { "tcp6", PORTSHIM_TCP6 }, { "udp4", PORTSHIM_UDP4 }, { "udp6", PORTSHIM_UDP6 },
    };
    for (size_t n = 0; n < sizeof all / sizeof *all; n++)
        if (!strcmp(all[n].name, name))
            return all[n].bits;
    return (unsigned)strtoul(name, NULL, 0);
}

/* An address, and how long it is: of IPv6 where it has a colon in it. */
static socklen_t address(const char *ip, int port, struct sockaddr_storage *storage)
{
    struct sockaddr_in *v4 = (void *)storage;
    struct sockaddr_in6 *v6 = (void *)storage;
    memset(storage, 0, sizeof *storage);
    if (strchr(ip, ':')) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        inet_pton(AF_INET6, ip, &v6->sin6_addr);
        return sizeof *v6;
    }
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    inet_pton(AF_INET, ip, &v4->sin_addr);
    return sizeof *v4;
}

/* `bind KIND IP PORT [only]`: a socket that is kept, and what port it has. */
static void bind_one(const char *kind, const char *ip, int port, const char *option)
{
    struct sockaddr_storage storage;
    socklen_t len = address(ip, port, &storage);
    int type = strcmp(kind, "tcp") && strcmp(kind, "mptcp") ? SOCK_DGRAM : SOCK_STREAM;
    int protocol = !strcmp(kind, "udplite") ? 136 : !strcmp(kind, "mptcp") ? 262 : 0, only = !strcmp(option, "only");
    int fd = socket(storage.ss_family, type, protocol);
    if (storage.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    if (fd < 0 || bind(fd, (void *)&storage, len) < 0) {
        answer(-1);
        close(fd);
        return;
    }
    len = sizeof storage;
    getsockname(fd, (void *)&storage, &len);
    printf("%d %d\n", fd, ntohs(((struct sockaddr_in *)&storage)->sin_port));
}

/* Until there are no more: the ports that datagram sockets get. They are given back. */
static void drain(void)
{
    int sockets[4096], count = 0;
    for (; count < 4096; count++) {
        struct sockaddr_storage storage;
        socklen_t len = address("127.0.0.1", 0, &storage);
        sockets[count] = socket(AF_INET, SOCK_DGRAM, 0);
        if (bind(sockets[count], (void *)&storage, len) < 0)
            break;
        getsockname(sockets[count], (void *)&storage, &len);
        printf("%d ", ntohs(((struct sockaddr_in *)&storage)->sin_port));
    }
    const char *error = strerrorname_np(errno);
    for (int n = 0; n <= count && n < 4096; n++)
        close(sockets[n]);
    printf("%s\n", error);
}

/* Lets no netlink socket be had any more, as systemd's RestrictAddressFamilies= does. */
static int without_netlink(void)
{
    struct sock_filter filter[] = {
        { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
        { BPF_JMP | BPF_JEQ | BPF_K, 0, 3, SYS_socket },
        { BPF_LD | BPF_W | BPF_ABS, 0, 0, 16 },
        { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, AF_NETLINK },
        { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EAFNOSUPPORT },
        { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void *serve(void *);

static void obey(char *line)
{
    char verb[32] = "", a[64] = "", b[64] = "", c[64] = "", d[64] = "";
    struct sockaddr_storage storage;
    char text[512];
    sscanf(line, "%31s %63s %63s %63s %63s", verb, a, b, c, d);
    unsigned first = (unsigned)strtoul(a, NULL, 0), last = (unsigned)strtoul(b, NULL, 0);
    errno = 0;
    if (!strcmp(verb, "reserve"))
        answer(portshim_reserve(first, last, scopes(c)));
    else if (!strcmp(verb, "unreserve"))
        answer(portshim_unreserve(first, last, scopes(c)));
    else if (!strcmp(verb, "block"))
        answer(portshim_block(first, last, scopes(c)));
    else if (!strcmp(verb, "unblock"))
        answer(portshim_unblock(first, scopes(b)));
    else if (!strcmp(verb, "exhaust"))
        answer(portshim_exhaust(scopes(a), last, atoi(c)));
    else if (!strcmp(verb, "only")) {
        unsigned ranges[] = { first, last };
        answer(portshim_only(ranges, 1, scopes(c), atoi(d)));
    } else if (!strcmp(verb, "restrict")) /* for this process and its children */
        answer(portshim_restrict((int)first, last, (unsigned)atoi(c), scopes(d), PORTSHIM_PROCESS));
    else if (!strcmp(verb, "release"))
        answer(portshim_release((int)first));
    else if (!strcmp(verb, "version"))
        answer(portshim_version());
    else if (!strcmp(verb, "rule")) {
        memset(text, '~', sizeof text);
        int length = portshim_rule((int)first, last ? text : NULL, last);
        if (length < 0 || last == 0)
            answer(length);
        else
            printf("%d %s\n", length, text);
    } else if (!strcmp(verb, "bind"))
        bind_one(a, b, atoi(c), d);
    else if (!strcmp(verb, "listen"))
        answer(listen((int)first, 16));
    else if (!strcmp(verb, "connect"))
        answer(connect((int)first, (void *)&storage, address(b, atoi(c), &storage)));
    else if (!strcmp(verb, "accept"))
        answer(accept((int)first, NULL, NULL));
    else if (!strcmp(verb, "close"))
        answer(close((int)first));
    else if (!strcmp(verb, "drain"))
        drain();
    else if (!strcmp(verb, "descriptors") || !strcmp(verb, "descriptors-at-most")) {
        struct rlimit limit;
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = first;
        if (strcmp(verb, "descriptors"))
            limit.rlim_max = first;
        answer(setrlimit(RLIMIT_NOFILE, &limit));
    } else if (!strcmp(verb, "without-netlink"))
        answer(without_netlink());
    else if (!strcmp(verb, "chroot"))
        answer(chroot(a) < 0 ? -1 : chdir("/"));
    else if (!strcmp(verb, "fork")) {
        int child = fork(), status;
        if (child > 0)
            waitpid(child, &status, 0);
        answer(child > 0 ? 1 : 0); /* 0 in the child, 1 once the child has ended */
    } else if (!strcmp(verb, "exit")) {
        exit(0);
    } else if (!strcmp(verb, "unshare-processes")) {
        answer(unshare(CLONE_NEWPID));
    } else if (!strcmp(verb, "next-process")) {
        FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "w");
        answer(file && fprintf(file, "%u", first - 1) > 0 && fclose(file) == 0 ? 0 : -1);
    } else if (!strcmp(verb, "execute")) {
        puts("0");
        execl("/proc/self/exe", "scripted", NULL);
        answer(-1);
    } else if (!strcmp(verb, "leave-leader")) {
        pthread_t thread;
        puts("0");
        pthread_create(&thread, NULL, serve, NULL);
        pthread_exit(NULL);
    } else if (!strcmp(verb, "scramble")) {
        for (;;) { /* takes the turn as often as it can */
            portshim_block(first, last, PORTSHIM_ALL);
            portshim_unblock(first, PORTSHIM_ALL);
        }
    } else
        printf("unknown: %s\n", line);
}

static void *serve(void *nothing)
{
    char line[256];
    size_t len = 0;
    while (read(STDIN_FILENO, line + len, 1) == 1) {
        if (line[len] != '\n') {
            len += len < sizeof line - 1;
            continue;
        }
        line[len] = 0;
        len = 0;
        obey(line);
    }
    exit(0);
    return nothing;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    serve(NULL);
}
