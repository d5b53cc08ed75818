// Sockets that this process did not make, or made in a way that is hard to follow: every call gives them the policy's ports.
#include "descriptors.h"

enum { WRITE, WRITEV, SEND, SENDTO, SENDMSG, SENDMMSG, CONNECT, BIND, CALLS };

static void use(const char *how, int fd, int call) {
    struct sockaddr_in any = loopback(0), peer = loopback(7001);
    struct iovec part = {"x", 1};
    struct mmsghdr message = {.msg_hdr = {.msg_name = &peer, .msg_namelen = sizeof peer, .msg_iov = &part, .msg_iovlen = 1}};
    int done = 0;
    switch (call) {
    // These fail, for nothing says where to; the socket is bound all the same.
    case WRITE: done = write(fd, "x", 1) == -1; break;
    case WRITEV: done = writev(fd, &part, 1) == -1; break;
    case SEND: done = send(fd, "x", 1, 0) == -1; break;
    case SENDTO: done = sendto(fd, "x", 1, 0, (void *)&peer, sizeof peer) == 1; break;
    case SENDMSG: done = sendmsg(fd, &message.msg_hdr, 0) == 1; break;
    case SENDMMSG: done = sendmmsg(fd, &message, 1, 0) == 1; break;
    case CONNECT: done = connect(fd, (void *)&peer, sizeof peer) == 0; break;
    case BIND: done = bind(fd, (void *)&any, sizeof any) == 0; break;
    }
    demand(done, how);
    printf("port %d\n", port_of(fd));
    fflush(stdout);
    close(fd);
}

static int udp(void) { return socket(AF_INET, SOCK_DGRAM, 0); }

static int by_rights(void) {
    int pair[2], fd = udp(), received;
    char control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {"x", 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    *rights = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    demand(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    demand(sendmsg(pair[0], &message, 0) == 1, "sendmsg");
    close(fd);
    char byte;
    part.iov_base = &byte;
    demand(recvmsg(pair[1], &message, 0) == 1, "recvmsg");
    memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received);
    close(pair[0]);
    close(pair[1]);
    return received;
}

static void *set_options(void *unused) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    for (;;) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return unused;
}

int main(int count, char **argument) {
    if (count > 2) {
        use("inherited", atoi(argument[1]), atoi(argument[2]));
        return 0;
    }
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    // Where the user may not have more, the highest number that there is has to do.
    struct rlimit more = {80000, 80000};
    if (setrlimit(RLIMIT_NOFILE, &more) < 0) {
        more = (struct rlimit){limit.rlim_max, limit.rlim_max};
        demand(setrlimit(RLIMIT_NOFILE, &more) == 0, "setrlimit");
    }
    int highest = more.rlim_cur > 70000 ? 70000 : (int)more.rlim_cur - 1;
    for (int call = 0; call < CALLS; call++) {
        int fd = udp();
        char number[12], name[12];
        sprintf(number, "%d", fd);
        sprintf(name, "%d", call);
        pid_t child = fork();
        if (child == 0) {
            execl("/proc/self/exe", argument[0], number, name, NULL);
            _exit(127);
        }
        int status;
        demand(waitpid(child, &status, 0) == child && status == 0, "a child that inherits");
        close(fd);

        use("by SCM_RIGHTS", by_rights(), call);
        fd = udp();
        int high = fcntl(fd, F_DUPFD, highest);
        demand(high >= highest, "F_DUPFD");
        close(fd);
        use("of a high number", high, call);
        fd = udp();
        int copy = dup(fd);
        close(fd);
        use("a copy", copy, call);
        use("UDP-Lite", socket(AF_INET, SOCK_DGRAM, UDPLITE), call);
        fd = raw(SYS_socket, AF_INET, SOCK_DGRAM, 0);
        use("made by no library", fd, call);
    }
    pthread_t thread;
    pthread_create(&thread, NULL, set_options, NULL);
    for (int n = 0; n < 2000; n++) use("beside setsockopt", udp(), n % CALLS);
}
