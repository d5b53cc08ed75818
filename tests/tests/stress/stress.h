/* What the parts of the stress share: the memory that every process of it has, its sockets, and its checks. */
#include "../coexistence/coexistence.h"
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

enum { WORKERS = 6, THREADS = 4, SEATS = WORKERS * THREADS };
/* Where every process of the stress has the shared memory, and the ends of the mailboxes. */
enum { SHARED = 200, MAIL = 210 };
/* Each thread has numbers of its own, which no call of another thread's is ever given. */
enum { BAND = 1000, HIGH_BAND = 70000, BAND_WIDTH = 32, ANYWHERE = 3000 };
/* Peers that look at the port of everybody who comes, and one that does not: who chose a port visits that one.
 * A port at which nobody listens, and ports that the threads bind by number. */
enum { STRICT = 7001, STRICTS = 4, FREE = 7011, NOBODY = 7012, NAMED = 7100, BLOCKED = 6003 };

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2
/* musl has it by number alone. */
static inline int close_range(unsigned first, unsigned last, int flags) { return syscall(SYS_close_range, first, last, flags); }
#endif

/* How the program is held to its ports. */
enum keeper { KERNEL, PORTSHIM };

/* What a descriptor is, as far as its user knows. */
struct sock {
    int fd;
    int family, lane; /* the lane: AF_INET or AF_INET6, whose addresses it uses */
    int type, protocol;
    bool only6, reuse, reuseport, nonblock, late;
    bool used; /* a call that may have given it a port has been made */
    bool asked; /* and it may share that port with other connections */
    bool stray; /* made unseen, so that its port may be the kernel's own */
    bool abroad; /* of another network, where `door` is the only peer */
    int door;
    uint16_t named;
    int range; /* what IP_LOCAL_PORT_RANGE is known to be */
    bool disturbed; /* a call of it did not come back */
    bool toggled; /* another thread sets its SO_REUSEADDR all the time */
    uint8_t steps, trail[12]; /* what was done with it, an enum call each */
};

/* What one thread is about. */
struct seat {
    _Atomic uint64_t since; /* when it began with it; 0: there is nobody */
    _Atomic int what; /* an enum call */
    _Atomic pid_t process;
};

enum { KINDS = 256 };

/* One kind of thing that must not be. */
struct kind {
    _Atomic int line; /* 0: none */
    _Atomic int code, call;
    _Atomic bool disturbed;
    _Atomic unsigned times;
    char text[400];
};

enum call {
    NONE, BIND, CONNECT, LISTEN, SENDTO, SENDMSG, SENDMMSG, SEND, WRITE, WRITEV, FASTOPEN, NAMED_BIND, OPTION,
    DISCONNECT, FILES, NETWORK, PROCESS, PASS, CANCEL, TOGGLE, CLOSE, TABLE, JUMP, CALLS
};
extern const char *const call_names[CALLS];

struct shared {
    uint64_t seed;
    enum keeper keeper;
    bool blocks; /* BLOCKED is blocked */
    uint8_t allowed[65536]; /* the ports that may be handed out */
    unsigned ports;
    char range[16], hole[16]; /* as the kernel's settings say it */
    int numbers; /* how many numbers each thread has for itself */
    bool pinned[65536]; /* those that portshim has to bind by number */
    _Atomic bool over;
    _Atomic uint64_t counts[CALLS], slowest[CALLS], handed_out, jumps, visitors, killed, cancelled, joined;
    struct seat seats[SEATS + WORKERS];
    struct kind kinds[KINDS];
};

extern struct shared *all;
extern const char *self; /* this program */

/* Each thread's own. */
struct me {
    uint64_t random;
    int seat;
    int next_number;
    uint64_t since; /* the beginning of its call */
    struct sock *sock;
    volatile enum call call;
    bool interrupted; /* by signals whose handlers return, without SA_RESTART */
    volatile sig_atomic_t armed; /* a signal may jump */
};
extern __thread struct me me;

static inline uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* splitmix64, for choices that a seed repeats as far as the scheduler does. */
static inline uint64_t mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline unsigned draw(unsigned below)
{
    return mix(&me.random) % below;
}

static inline bool one_in(unsigned many)
{
    return draw(many) == 0;
}

/* A system call that no library sees. */
static inline long unseen(long number, long a, long b, long c, long d, long e)
{
    long result;
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = 0;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* Remembers a kind of fault: where it is judged, in which call, and a code that tells its kinds apart. */
void broken(int line, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define BROKEN(code, ...) broken(__LINE__, code, __VA_ARGS__)

/* Takes note of what is done with a socket. */
static inline void trace(struct sock *sock, enum call what)
{
    if (sock && sock->steps < sizeof sock->trail)
        sock->trail[sock->steps++] = what;
}

/* Takes note of what this thread begins with, so that whoever hangs can be named. */
static inline void begin(enum call what)
{
    uint64_t time = now(), took = me.since ? time - me.since : 0;
    if (took > all->slowest[me.call])
        all->slowest[me.call] = took;
    me.call = what;
    me.since = time;
    trace(me.sock, what);
    struct seat *seat = &all->seats[me.seat];
    atomic_store(&seat->what, what);
    atomic_store(&seat->since, time);
    atomic_fetch_add(&all->counts[what], 1);
}

unsigned still_in_use(const char *protocol);
void attach(void);

/* sockets.c */
int number_of_ones_own(void);
struct sock fresh(void);
void forget(struct sock *sock);
void settle(struct sock *sock);
socklen_t peer_of(const struct sock *sock, int port, struct sockaddr_storage *at);
socklen_t here(const struct sock *sock, int port, struct sockaddr_storage *at);
int local_port(const struct sock *sock);

/* calls.c */
void one_call(struct sock *sock);
void get_a_port(struct sock *sock);
void ask_for_a_port(struct sock *sock);

/* odd.c */
void files(void);
void network(void);
void passing(void);
void collect(void);
void own_table(void);

/* processes.c */
void child_process(void);
_Noreturn void executed(char **argv);

/* jumps.c */
void arm_handlers(void);
bool guarded(void (*call)(struct sock *), struct sock *sock);
void cancelled(void);
void toggled(void);

/* worker.c */
void work(int index, uint64_t seed);
void scenario(void);

/* servers.c */
void serve(void);
