/* What the processes of a stress tell each other: who holds which ports, from when to when. It lies in
 * memory that all of them share, outside portshim's, and survives whoever wrote it. */
#include "../coexistence/coexistence.h"
#include <fcntl.h>
#include <portshim.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

enum { WORKERS = 24, RECORDS = 48, ENTRIES = 8, SOCKETS = 8 };
/* Where every process of the stress, exec'd ones too, has the shared memory's descriptor. */
enum { SHARED = 100 };
enum { RESERVED = PORTSHIM_RESERVE, BLOCKED = PORTSHIM_BLOCK, BOUND };

typedef uint64_t instant;

/* An entry of the ledger, or a socket. A moment that has not come is 0. */
struct record {
    _Atomic instant asked; /* 0: no record */
    _Atomic instant held;
    _Atomic instant left; /* its end is asked for */
    _Atomic instant gone; /* and granted */
    _Atomic uint16_t first, last;
    _Atomic uint8_t scopes, kind;
    _Atomic int fd;
};

struct worker {
    _Atomic pid_t process;
    /* The earliest moment at which it may have died; 0 while nobody is after it. */
    _Atomic instant doomed;
    /* Records of what was gone at this moment may be missing. */
    _Atomic instant forgotten;
    /* The call that it is in; 0 for none. */
    _Atomic instant calling;
    /* How it is about to end: a wait status, or -1. */
    _Atomic int farewell;
    struct record records[RECORDS];
};

struct shared {
    uint64_t seed;
    unsigned first, last; /* the ports that are fought over */
    bool apart; /* the model keeps reservations apart */
    _Atomic bool over;
    _Atomic int stopped; /* how many are stopped now */
    _Atomic instant resumed; /* when the last one went on */
    _Atomic uint64_t entered, lifted, in_use, busy, handed_out, exhausted, denied, numbered;
    struct worker workers[WORKERS];
};

extern struct shared *all;

static inline instant now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (instant)time.tv_sec * 1000000000 + time.tv_nsec;
}

static inline void attach(void)
{
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED, SHARED, 0);
    CHECK(all != MAP_FAILED);
}

/* splitmix64, for choices that a seed repeats as far as the scheduler does. */
static inline uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

#define BROKEN(...) \
    do { \
        dprintf(2, "seed %llu: process %d: ", (unsigned long long)all->seed, getpid()); \
        dprintf(2, __VA_ARGS__); \
        dprintf(2, "\n"); \
        _exit(3); \
    } while (0)

/* What a process did between two moments, and to which ports. */
struct deed {
    instant from, to;
    unsigned first, last, scopes;
};

static inline bool meets(const struct record *record, int kind, const struct deed *deed)
{
    return record->kind == kind && record->first <= deed->last && deed->first <= record->last
        && (record->scopes & deed->scopes);
}

/* Whether this was held from before the deed began until after it had ended. */
static inline bool held_throughout(const struct worker *who, const struct record *record, int kind,
    const struct deed *deed)
{
    instant asked = record->asked, held = record->held, left = record->left;
    bool is = asked && held && held < deed->from && (!left || left > deed->to) && meets(record, kind, deed);
    instant doomed = who->doomed;
    /* Wiped before its owner is pardoned: what is still the same record is still this owner's. */
    return is && (!doomed || doomed > deed->to) && record->asked == asked;
}

/* Whether this may have been in the way at some moment of the deed. */
static inline bool held_at_times(const struct record *record, int kind, const struct deed *deed)
{
    instant asked = record->asked, gone = record->gone;
    return asked && asked <= deed->to && (!gone || gone >= deed->from) && meets(record, kind, deed);
}

/* Fails where somebody, `but` excepted, held what rules the deed out. */
static inline const struct record *ruled_out(int kind, const struct deed *deed, const struct worker *but)
{
    for (int w = 0; w < WORKERS; w++)
        for (int r = 0; r < RECORDS && &all->workers[w] != but; r++)
            if (held_throughout(&all->workers[w], &all->workers[w].records[r], kind, deed))
                return &all->workers[w].records[r];
    return NULL;
}

/* Whether somebody, `but` excepted, may have held something in the deed's way. */
static inline bool excused(int kind, const struct deed *deed, const struct worker *but)
{
    for (int w = 0; w < WORKERS; w++) {
        const struct worker *who = &all->workers[w];
        if (who == but)
            continue;
        for (int r = 0; r < RECORDS; r++)
            if (held_at_times(&who->records[r], kind, deed))
                return true;
        if (who->forgotten >= deed->from)
            return true;
    }
    return false;
}

static inline struct deed begin(struct worker *me, unsigned first, unsigned last, unsigned scopes)
{
    struct deed deed = { now(), 0, first, last, scopes };
    if (me)
        me->calling = deed.from;
    return deed;
}

static inline void end(struct worker *me, struct deed *deed)
{
    deed->to = now();
    if (me)
        me->calling = 0;
}

void work(int index, uint64_t seed, bool goes_on);
