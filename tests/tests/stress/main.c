/* Everything that programs do with sockets, at random and all at once, and a check of every port, every errno and
 * every option. Arguments: for how many seconds, a seed, who keeps the ports (`kernel` or `portshim`), the first
 * and the last port of the policy's range and of the hole in it, and `blocks` where BLOCKED is blocked. */
#include "stress.h"
#include <stdarg.h>
#include <sys/resource.h>

struct shared *all;
const char *self;
__thread struct me me;
const char *const call_names[CALLS] = { "nothing", "bind", "connect", "listen", "sendto", "sendmsg", "sendmmsg", "send",
    "write", "writev", "TCP Fast Open", "bind by number", "an option", "disconnect", "files", "a network", "a process",
    "passing", "a cancelled thread", "toggling", "close", "a table of its own", "a jump" };

static pid_t workers[WORKERS], server;

void attach(void)
{
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED, SHARED, 0);
    CHECK(all != MAP_FAILED);
}

/* What is known of a socket, in words. */
static int described(char *text, size_t room, const struct sock *sock)
{
    int len = snprintf(text, room, " [%s%s%s%s%s%s%s%s%s, number %d;",
        sock->family == AF_INET ? "IPv4" : sock->only6 ? "IPv6 only" : "IPv6", sock->family != sock->lane ? " mapped" : "",
        sock->type == SOCK_STREAM ? " stream" : " datagram", sock->protocol ? " of the rarer kind" : "",
        sock->reuse ? ", SO_REUSEADDR" : "", sock->reuseport ? ", SO_REUSEPORT" : "",
        sock->nonblock ? ", O_NONBLOCK" : "", sock->late ? ", NO_PORT" : "",
        sock->abroad ? ", abroad" : sock->stray ? ", unseen" : "", sock->fd);
    for (unsigned step = 0; step < sock->steps && len < (int)room; step++)
        len += snprintf(text + len, room - len, "%s %s", step ? "," : "", call_names[sock->trail[step]]);
    return len;
}

void broken(int line, int code, const char *format, ...)
{
    va_list arguments;
    me.armed = 0;
    const struct sock *sock = me.sock;
    bool disturbed = sock && sock->disturbed;
    for (unsigned n = 0; n < KINDS; n++) {
        struct kind *kind = &all->kinds[n];
        int none = 0;
        if (atomic_compare_exchange_strong(&kind->line, &none, line)) {
            kind->code = code;
            kind->call = me.call;
            kind->disturbed = disturbed;
            va_start(arguments, format);
            int len = vsnprintf(kind->text, sizeof kind->text, format, arguments);
            va_end(arguments);
            if (sock)
                len += described(kind->text + len, sizeof kind->text - len - 1, sock);
            if (sock && len < (int)sizeof kind->text - 2)
                strcpy(kind->text + len, "]");
        } else if (none != line || kind->code != code || kind->call != (int)me.call || kind->disturbed != disturbed) {
            continue;
        }
        kind->times++;
        return;
    }
}

static void spawn(int index)
{
    for (int n = 0; n < THREADS; n++)
        all->seats[index * THREADS + n].since = 0;
    uint64_t seed = mix(&me.random);
    workers[index] = fork();
    CHECK(workers[index] >= 0);
    if (workers[index] == 0) {
        arm_handlers();
        work(index, seed);
    }
}

/* Waits for whoever has ended. */
static void bury(bool again)
{
    int status;
    for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
        CHECK(ended != server);
        for (int index = 0; index < WORKERS; index++) {
            if (workers[index] != ended)
                continue;
            if (status && status != SIGKILL)
                BROKEN(status, "a worker ended with wait status %#x", (unsigned)status);
            workers[index] = 0;
            if (again)
                spawn(index);
        }
    }
}

/* Nobody may be in one call for as long as this. */
static void watch(void)
{
    for (int seat = 0; seat < SEATS; seat++) {
        uint64_t since = all->seats[seat].since, time = now();
        if (since && time > since && time - since > 10000000000 && since == all->seats[seat].since) {
            me.call = all->seats[seat].what;
            BROKEN(0, "hangs in %s", call_names[me.call]);
            all->seats[seat].since = time;
            if (workers[seat / THREADS])
                kill(workers[seat / THREADS], SIGKILL);
        }
    }
}

/* How many of the policy's ports some socket has still, by the kernel's own list. */
unsigned still_in_use(const char *protocol)
{
    uint8_t used[65536] = { 0 };
    unsigned many = 0;
    for (int six = 0; six < 2; six++) {
        char path[64], line[512];
        unsigned port;
        snprintf(path, sizeof path, "/proc/self/net/%s%s", protocol, six ? "6" : "");
        FILE *list = fopen(path, "r");
        CHECK(list);
        while (fgets(line, sizeof line, list)) {
            if (sscanf(line, " %*d: %*[0-9A-F]:%x", &port) == 1 && all->allowed[port] && !used[port])
                used[port] = 1, many++;
        }
        CHECK(fclose(list) == 0);
    }
    return many;
}

static void take_every_port(int type, int peer)
{
    static int fds[65536];
    struct linger none = { 1, 0 };
    unsigned got = 0, used = still_in_use(type == SOCK_STREAM ? "tcp" : "udp");
    for (;; got++) {
        struct sockaddr_in at = loopback(peer);
        CHECK((fds[got] = socket(AF_INET, type, 0)) >= 0);
        if (type == SOCK_STREAM)
            CHECK(setsockopt(fds[got], SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0);
        if ((peer ? connect : bind)(fds[got], (struct sockaddr *)&at, sizeof at) != 0)
            break;
    }
    int expected = !peer ? EADDRINUSE : type == SOCK_STREAM ? EADDRNOTAVAIL : EAGAIN;
    if (errno != expected)
        BROKEN(errno, "with everything taken, it says: %s", strerror(errno));
    if (got > all->ports || got + used < all->ports)
        BROKEN(type, "with everybody gone, %u of %u ports are to be had by %s, and %u were in use", got, all->ports,
            peer ? "connect" : "bind", used);
    for (unsigned n = 0; n <= got; n++)
        close(fds[n]);
}

/* Every port must still be to be had, soon. */
static void at_the_end(void)
{
    static const struct {
        int type, peer;
    } ways[] = { { SOCK_DGRAM, 0 }, { SOCK_STREAM, 0 }, { SOCK_DGRAM, STRICT }, { SOCK_STREAM, STRICT },
        { SOCK_STREAM, STRICT + 1 }, { SOCK_STREAM, 0 } };
    for (unsigned n = 0; n < sizeof ways / sizeof *ways; n++) {
        me.call = ways[n].peer ? CONNECT : BIND;
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            take_every_port(ways[n].type, ways[n].peer);
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        if (status)
            BROKEN(status, "at the end, taking every port ended with wait status %#x", (unsigned)status);
    }
}

static void set_out(int argc, char **argv)
{
    CHECK(argc >= 8);
    int file = memfd_create("stress", 0);
    CHECK(file >= 0 && ftruncate(file, sizeof *all) == 0 && dup2(file, SHARED) == SHARED && close(file) == 0);
    attach();
    all->seed = me.random = strtoull(argv[2], NULL, 10);
    me.seat = SEATS;
    all->keeper = strcmp(argv[3], "portshim") == 0 ? PORTSHIM : KERNEL;
    int first = atoi(argv[4]), last = atoi(argv[5]), hole[2] = { atoi(argv[6]), atoi(argv[7]) };
    all->blocks = argc > 8;
    snprintf(all->range, sizeof all->range, "%d %d", first, last);
    snprintf(all->hole, sizeof all->hole, "%d-%d", hole[0], hole[1]);
    int host[2];
    FILE *range = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
    CHECK(range && fscanf(range, "%d %d", &host[0], &host[1]) == 2 && fclose(range) == 0);
    for (int port = first; port <= last; port++) {
        all->allowed[port] = port < hole[0] || port > hole[1];
        all->ports += all->allowed[port];
        all->pinned[port] = port < host[0] || port > host[1];
    }
    struct rlimit none = { 0, 0 }, many;
    CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
    CHECK(getrlimit(RLIMIT_NOFILE, &many) == 0);
    many.rlim_cur = many.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &many) == 0);
    all->numbers = many.rlim_cur > HIGH_BAND + SEATS * BAND_WIDTH ? 2 * BAND_WIDTH : BAND_WIDTH;
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    for (int n = 0; n < WORKERS; n++) {
        int ends[2];
        CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
        for (int end = 0; end < 2; end++)
            CHECK(dup2(ends[end], MAIL + 2 * n + end) == MAIL + 2 * n + end && close(ends[end]) == 0);
    }
}

/* Starts the peers, and waits until they are there. */
static void open_doors(void)
{
    int ends[2];
    char ready[8];
    CHECK(pipe(ends) == 0);
    server = fork();
    CHECK(server >= 0);
    if (server == 0) {
        CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && dup2(ends[1], 1) == 1);
        serve();
    }
    CHECK(read(ends[0], ready, sizeof ready) == 6 && close(ends[0]) == 0 && close(ends[1]) == 0);
}

static int summed_up(double seconds)
{
    if (all->joined > all->handed_out / 50000 + 2)
        BROKEN(0, "%llu times, listen found another socket on a port that was handed out",
            (unsigned long long)all->joined);
    unsigned kinds = 0;
    for (; kinds < KINDS && all->kinds[kinds].line; kinds++) {
        struct kind *kind = &all->kinds[kinds];
        printf("STRESS_SEED=%llu: %u times, in %s (line %d): %s\n", (unsigned long long)all->seed, kind->times,
            call_names[kind->call], kind->line, kind->text);
    }
    unsigned long long calls = 0;
    for (int call = 1; call < CALLS; call++)
        calls += all->counts[call];
    printf("%.0f s, %.0f steps/s, %u kinds of faults; %llu looks at a port handed out, %llu visitors; %llu jumps, "
           "%llu cancelled, %llu killed",
        seconds, calls / seconds, kinds, (unsigned long long)all->handed_out, (unsigned long long)all->visitors,
        (unsigned long long)all->jumps, (unsigned long long)all->cancelled, (unsigned long long)all->killed);
    for (int call = 1; call < CALLS; call++)
        printf("%s %s %llu (%.2f s)", call == 1 ? ";" : ",", call_names[call], (unsigned long long)all->counts[call],
            all->slowest[call] / 1e9);
    printf("\n");
    return kinds != 0;
}

int main(int argc, char **argv)
{
    self = "/proc/self/exe";
    if (argc > 2 && strcmp(argv[1], "executed") == 0)
        executed(argv);
    set_out(argc, argv);
    open_doors();
    for (int index = 0; index < WORKERS; index++)
        spawn(index);
    uint64_t begun = now(), until = begun + strtoull(argv[1], NULL, 10) * 1000000000;
    while (now() < until) {
        usleep(draw(100000));
        bury(true);
        watch();
        pid_t whom = workers[draw(WORKERS)];
        if (one_in(4) && whom) {
            kill(whom, SIGKILL);
            all->killed++;
        }
    }
    all->over = true;
    for (int left = 1; left > 0;) {
        usleep(1000);
        bury(false);
        watch();
        left = 0;
        for (int index = 0; index < WORKERS; index++)
            left += workers[index] != 0;
    }
    /* The children of those that were killed come to an end, too. */
    for (;;) {
        pid_t ended = waitpid(-1, NULL, WNOHANG);
        CHECK(ended >= 0 && ended != server);
        char path[64];
        snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
        FILE *children = fopen(path, "r");
        int who, many = 0;
        CHECK(children);
        while (fscanf(children, "%d", &who) == 1)
            many++;
        CHECK(fclose(children) == 0);
        if (many == 1)
            break;
        if (ended == 0)
            usleep(1000);
    }
    for (int n = 0; n < 2 * WORKERS; n++)
        CHECK(close(MAIL + n) == 0);
    double seconds = (now() - begun) / 1e9;
    at_the_end();
    int faults = summed_up(seconds);
    CHECK(fflush(stdout) == 0);
    CHECK(kill(server, SIGKILL) == 0 && waitpid(server, NULL, 0) == server);
    return faults;
}
