/* One process of the stress: reserves, blocks, binds, and goes in one of many ways. After each call it
 * looks whether what it was told can be true, by what the others say that they hold. */
#include "record.h"

struct shared *all;
static struct worker *me;
static uint64_t random_state;

static unsigned below(unsigned most)
{
    return draw(&random_state) % most;
}

/* Some ports of those that are fought over. */
static void some(unsigned *first, unsigned *last)
{
    unsigned lengths[] = { 1, 1, 1, 2, 3, 8, 40 };
    unsigned count = all->last - all->first + 1, length = lengths[below(7)];
    *first = all->first + below(count);
    *last = *first + length - 1 < all->last ? *first + length - 1 : all->last;
}

static struct record *record(int kind, unsigned first, unsigned last, unsigned scopes, int fd)
{
    struct record *oldest = NULL;
    for (int r = 0; r < RECORDS; r++) {
        struct record *record = &me->records[r];
        if (!record->asked) {
            oldest = record;
            break;
        }
        if (record->gone && (!oldest || record->gone < oldest->gone))
            oldest = record;
    }
    if (oldest->asked) {
        me->forgotten = oldest->gone;
        oldest->asked = 0;
    }
    oldest->held = oldest->left = oldest->gone = 0;
    oldest->first = first;
    oldest->last = last;
    oldest->scopes = scopes;
    oldest->kind = kind;
    oldest->fd = fd;
    oldest->asked = now();
    return oldest;
}

static int count(bool of_sockets)
{
    int count = 0;
    for (int r = 0; r < RECORDS; r++)
        count += me->records[r].asked && !me->records[r].gone && (me->records[r].kind == BOUND) == of_sockets;
    return count;
}

/* The error that a call of portshim's ended with; 0 for none. */
static int error_of(int answer, const struct deed *deed)
{
    int error = answer < 0 ? errno : 0;
    if (error != EBUSY)
        return error;
    all->busy++;
    if (!all->stopped && all->resumed < deed->from)
        BROKEN("busy while nobody was stopped, after %llu ms", (unsigned long long)(deed->to - deed->from) / 1000000);
    return error;
}

static void enter(int kind)
{
    unsigned first, last, scopes = below(3) ? 1u << below(4) : 1 + below(15);
    some(&first, &last);
    struct record *entry = record(kind, first, last, scopes, -1);
    struct deed deed = begin(me, first, last, scopes);
    errno = 0;
    int answer = (kind == BLOCKED ? portshim_block : portshim_reserve)(first, last, scopes);
    int error = error_of(answer, &deed);
    end(me, &deed);
    if (error) {
        entry->gone = deed.to;
        bool may_meet = all->apart || (kind == BLOCKED && error == EADDRINUSE);
        if (error != EBUSY && !(may_meet && (error == EADDRINUSE || error == EEXIST)))
            BROKEN("%u-%u (%u), kind %d: %s", first, last, scopes, kind, strerror(error));
        all->in_use += error == EADDRINUSE;
        return;
    }
    entry->held = deed.to;
    all->entered++;
    if (answer != (kind == BLOCKED ? (int)last : 0))
        BROKEN("%u-%u, kind %d: handle %d", first, last, kind, answer);
    const struct record *other = kind == BLOCKED || all->apart ? ruled_out(BOUND, &deed, NULL) : NULL;
    if (other)
        BROKEN("%u-%u (%u) granted, kind %d, over the bound port %u (%u)", first, last, scopes, kind, other->first,
            other->scopes);
    for (int held = RESERVED; all->apart && held <= BLOCKED; held++)
        if ((other = ruled_out(held, &deed, NULL)))
            BROKEN("%u-%u (%u) granted, kind %d, over %u-%u (%u)", first, last, scopes, kind, other->first,
                other->last, other->scopes);
}

/* Whether `entry`, of two that a request for `scopes` fits, is the one that is lifted: what was entered for
 * just these scopes goes first, then the oldest. */
static bool goes_before(const struct record *entry, const struct record *other, unsigned scopes)
{
    bool exact = entry->scopes == scopes, other_exact = other->scopes == scopes;
    return exact != other_exact ? exact : entry->held < other->held;
}

/* Lifts one of our entries, by a part of it, or perhaps none. */
static void lift(void)
{
    struct record *some_entry = &me->records[below(RECORDS)], *expected = NULL;
    for (int n = 0; n < RECORDS && (some_entry->kind == BOUND || (below(8) && some_entry->gone)); n++)
        some_entry = &me->records[below(RECORDS)];
    if (!some_entry->asked || some_entry->kind == BOUND)
        return;
    int kind = some_entry->kind;
    unsigned first = some_entry->first, last = some_entry->last;
    unsigned scopes = below(3) ? some_entry->scopes : below(2) ? PORTSHIM_ALL : 1 + below(15);
    if (below(2) && kind == RESERVED) {
        first += below(last - first + 1);
        last -= below(last - first + 1);
    }
    for (int r = 0; r < RECORDS; r++) {
        struct record *entry = &me->records[r];
        bool fits = entry->asked && entry->held && !entry->gone && entry->kind == kind
            && (scopes == PORTSHIM_ALL || (entry->scopes & scopes) == scopes)
            && (kind == BLOCKED ? entry->first == first : entry->first <= first && last <= entry->last);
        if (fits && (!expected || goes_before(entry, expected, scopes)))
            expected = entry;
    }
    if (expected)
        expected->left = now();
    struct deed deed = begin(me, first, last, scopes);
    errno = 0;
    int answer = kind == BLOCKED ? portshim_unblock(first, scopes) : portshim_unreserve(first, last, scopes);
    int error = error_of(answer, &deed);
    end(me, &deed);
    if (error == EBUSY) {
        if (expected)
            expected->left = 0;
        return;
    }
    if (error != (expected ? 0 : ENOENT))
        BROKEN("lifting %u-%u (%u), kind %d, %sours: %s", first, last, scopes, kind, expected ? "" : "not ",
            strerror(error));
    if (expected)
        expected->gone = deed.to;
    all->lifted += expected != NULL;
}

struct target {
    int type;
    bool v6, v6_only, loopback;
    unsigned scopes;
};

static struct target target(uint64_t *state)
{
    struct target target = { draw(state) % 2 ? SOCK_STREAM : SOCK_DGRAM, draw(state) % 2, draw(state) % 2,
        draw(state) % 2, 0 };
    unsigned v4 = target.type == SOCK_STREAM ? PORTSHIM_TCP4 : PORTSHIM_UDP4;
    bool dual = target.v6 && !target.v6_only && !target.loopback;
    target.scopes = target.v6 ? v4 << 1 | (dual ? v4 : 0) : v4;
    return target;
}

/* A socket after a bind to `port`, -1 and errno where it failed; a port of 0 is told in `port`. */
static int bound(const struct target *target, unsigned *port)
{
    int fd = socket(target->v6 ? AF_INET6 : AF_INET, target->type | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(*port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(*port) };
    v4.sin_addr.s_addr = htonl(target->loopback ? INADDR_LOOPBACK : INADDR_ANY);
    v6.sin6_addr = target->loopback ? in6addr_loopback : in6addr_any;
    int only = target->v6_only;
    if (target->v6)
        CHECK(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) == 0);
    int answer = target->v6 ? bind(fd, (struct sockaddr *)&v6, sizeof v6) : bind(fd, (struct sockaddr *)&v4, sizeof v4);
    if (answer != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    struct sockaddr_in6 at;
    socklen_t len = sizeof at;
    CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    *port = ntohs(at.sin6_port);
    return fd;
}

/* Takes any port, for `who` or, where it is null, for a thread or child that tells nobody. */
static int any(struct worker *who, const struct target *target, unsigned *port)
{
    *port = 0;
    struct deed deed = begin(who, 0, 0, target->scopes);
    int fd = bound(target, port), error = errno;
    end(who, &deed);
    if (fd < 0) {
        if (error != EADDRINUSE)
            BROKEN("bind to any port: %s", strerror(error));
        all->exhausted++;
        return -1;
    }
    all->handed_out++;
    if (*port < all->first || *port > all->last)
        BROKEN("port %u was handed out, outside the policy's", *port);
    deed.first = deed.last = *port;
    for (int kind = RESERVED; kind <= BLOCKED; kind++) {
        const struct record *other = ruled_out(kind, &deed, NULL);
        if (other)
            BROKEN("port %u was handed out in %u in %.3f ms, although %u-%u (%u) was held, kind %d, since %.3f ms before",
                *port, target->scopes, (deed.to - deed.from) / 1e6, other->first, other->last, other->scopes, kind,
                (deed.from - other->held) / 1e6);
    }
    return fd;
}

static void keep(int fd, unsigned port, unsigned scopes, instant since)
{
    struct record *socket = record(BOUND, port, port, scopes, fd);
    socket->held = since;
}

static void wildcard(void)
{
    struct target to = target(&random_state);
    unsigned port;
    int fd = any(me, &to, &port);
    if (fd >= 0 && count(true) < SOCKETS)
        keep(fd, port, to.scopes, now());
    else if (fd >= 0)
        close(fd);
}

/* A bind by number, often to where somebody may have said something. `own` is whose blocks do not count. */
static void specific(const struct worker *own)
{
    const struct record *near = &all->workers[below(WORKERS)].records[below(RECORDS)];
    unsigned port = below(3) && near->asked ? near->first : all->first + below(all->last - all->first + 1);
    struct target to = target(&random_state);
    struct deed deed = begin(own == me ? me : NULL, port, port, to.scopes);
    int fd = bound(&to, &port), error = errno;
    end(own == me ? me : NULL, &deed);
    all->numbered++;
    const struct record *block = ruled_out(BLOCKED, &deed, own);
    if (block && (fd >= 0 || error != EACCES))
        BROKEN("bind to %u in %u: %s, although %u-%u (%u) was blocked", port, to.scopes,
            fd >= 0 ? "bound" : strerror(error), block->first, block->last, block->scopes);
    if (fd < 0 && error == EACCES) {
        all->denied++;
        if (!excused(BLOCKED, &deed, own))
            BROKEN("bind to %u in %u: %s, although nobody blocked it", port, to.scopes, strerror(error));
    } else if (fd < 0 && error != EADDRINUSE) {
        BROKEN("bind to %u in %u: %s", port, to.scopes, strerror(error));
    }
    if (fd >= 0 && own == me && count(true) < SOCKETS)
        keep(fd, port, to.scopes, now());
    else if (fd >= 0)
        close(fd);
}

static void drop(void)
{
    struct record *socket = &me->records[below(RECORDS)];
    if (socket->asked && socket->kind == BOUND && !socket->gone) {
        socket->left = now();
        CHECK(close(socket->fd) == 0);
        socket->gone = now();
    }
}

/* A child owns nothing of ours: it lifts none of it, and our blocks are shut to it. */
static void child(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        random_state ^= getpid();
        for (int r = 0; r < RECORDS; r++) {
            const struct record *entry = &me->records[r];
            if (!entry->asked || !entry->held || entry->kind == BOUND)
                continue;
            struct deed deed = begin(NULL, 0, 0, 0);
            int answer = entry->kind == BLOCKED ? portshim_unblock(entry->first, PORTSHIM_ALL)
                                                : portshim_unreserve(entry->first, entry->last, PORTSHIM_ALL);
            int error = error_of(answer, &deed);
            if (error != ENOENT && error != EBUSY)
                BROKEN("a child lifts %u-%u of its parent: %s", entry->first, entry->last, strerror(error));
        }
        for (int n = 0; n < 4; n++) {
            specific(NULL);
            struct target to = target(&random_state);
            unsigned port;
            any(NULL, &to, &port);
        }
        unsigned first, last;
        some(&first, &last);
        portshim_reserve(first, last, PORTSHIM_ALL);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    if (status != 0)
        BROKEN("a child ended with status %d", status);
}

static void *beside(void *unused)
{
    (void)unused;
    uint64_t state = all->seed ^ getpid();
    while (!all->over) {
        struct target to = target(&state);
        unsigned port;
        int fd = any(NULL, &to, &port);
        if (fd >= 0)
            close(fd);
        usleep(draw(&state) % 20000);
    }
    return NULL;
}

static void leave(int status)
{
    me->farewell = status;
    me->doomed = now();
}

void work(int index, uint64_t seed, bool goes_on)
{
    me = &all->workers[index];
    random_state = seed;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* A socket does not live on in the next program; an entry does. */
    for (int r = 0; goes_on && r < RECORDS; r++)
        if (me->records[r].asked && me->records[r].kind == BOUND && !me->records[r].gone)
            me->records[r].left = me->records[r].gone = now();
    pthread_t thread;
    if (index % 4 == 0)
        CHECK(pthread_create(&thread, NULL, beside, NULL) == 0);
    while (!all->over) {
        unsigned lot = below(1000);
        if (lot < 350)
            count(false) < ENTRIES ? enter(lot % 2 ? RESERVED : BLOCKED) : lift();
        else if (lot < 520)
            lift();
        else if (lot < 700)
            wildcard();
        else if (lot < 850)
            specific(me);
        else if (lot < 980)
            drop();
        else if (lot < 990)
            child();
        else if (lot == 990) {
            for (int r = 0; r < RECORDS; r++)
                if (me->records[r].asked && me->records[r].kind == BOUND && !me->records[r].left)
                    me->records[r].left = now();
            char number[32], next[32];
            sprintf(number, "%d", index);
            sprintf(next, "%llu", (unsigned long long)draw(&random_state));
            execl("/proc/self/exe", "stress", "worker", number, next, (char *)NULL);
            CHECK(!"exec");
        } else if (lot == 991) {
            leave(0);
            exit(0);
        } else if (lot == 992) {
            leave(SIGABRT);
            abort();
        }
    }
    leave(0);
    _exit(0);
}
