/* One process of a session writes over what the session shares, where it counts most, while others of it go
 * on making every call, each of which must come to an end one way or another. Arguments: for how many seconds,
 * and a seed. */
#include "../coexistence/coexistence.h"
#include <portshim.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

enum { USERS = 6, HUNG = 20 };

/* What the processes tell each other, outside portshim's memory. */
static struct {
    _Atomic bool over;
    _Atomic uint64_t scribbles, calls, longest;
    _Atomic uint64_t since[USERS]; /* when the call under way began; 0 for none */
} *all;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Writes random and not so random values, mostly into words that hold something, or that lie before such. */
static void scribble(const char *session, uint64_t state)
{
    char line[4096];
    _Atomic uint64_t *words = NULL;
    uint64_t count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps);
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (strstr(line, session) && sscanf(line, "%lx-%lx rw", &from, &to) == 2) {
            words = (_Atomic uint64_t *)from;
            count = (to - from) / sizeof *words;
        }
    }
    fclose(maps);
    CHECK(words);
    uint64_t *used = malloc(count * sizeof *used), many = 0;
    CHECK(used);
    for (uint64_t n = 0;; n++) {
        if (n % 100000 == 0) {
            many = 0;
            for (uint64_t at = 0; at < count; at++)
                if (words[at])
                    used[many++] = at;
            CHECK(many > 0);
        }
        uint64_t at = draw(&state) % count, other = used[draw(&state) % many];
        switch (draw(&state) % 8) {
        case 0: break;
        case 1: at = draw(&state) % 16; break; /* the header */
        default: at = used[draw(&state) % many]; break;
        }
        if (draw(&state) % 4 == 0)
            at -= at > 4 ? draw(&state) % 4 : 0;
        uint64_t value = 0;
        switch (draw(&state) % 8) {
        case 0: break;
        case 1: value = UINT64_MAX; break;
        case 2: value = draw(&state) % 70000; break;
        case 3: value = words[at] ^ 1ull << draw(&state) % 64; break;
        case 4: value = words[other]; break;
        case 5: value = getpid(); break;
        case 6: value = (words[at] & 0xffffffff) | draw(&state) << 32; break;
        case 7: value = draw(&state); break;
        }
        words[at] = value;
        all->scribbles++;
        /* In bursts, so that what was written has its effect, too. */
        if (n % 64 == 0)
            usleep(draw(&state) % 3000);
    }
}

#define CALL(call) \
    do { \
        uint64_t begun = now(); \
        *since = begun; \
        (void)!(call); \
        uint64_t took = now() - begun; \
        *since = 0; \
        all->calls++; \
        if (took > all->longest) \
            all->longest = took; \
    } while (0)

/* Makes every call that asks for a port, and those of portshim.h. */
static void use(int index, uint64_t state)
{
    _Atomic uint64_t *since = &all->since[index];
    for (int n = 0; n < 200 && !all->over; n++) {
        int type = draw(&state) % 2 ? SOCK_STREAM : SOCK_DGRAM;
        unsigned first = 32000 + draw(&state) % 1500, last = first + draw(&state) % 20;
        unsigned scopes = 1 + draw(&state) % 15;
        struct sockaddr_in peer = loopback(PEER), any = loopback(0), one = loopback(first);
        int fds[4];
        for (int i = 0; i < 4; i++)
            CHECK((fds[i] = socket(AF_INET, i == 3 ? SOCK_DGRAM : type, 0)) >= 0);
        CALL(bind(fds[0], (struct sockaddr *)&any, sizeof any));
        CALL(bind(fds[1], (struct sockaddr *)&one, sizeof one));
        struct linger reset = { 1, 0 };
        setsockopt(fds[2], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        CALL(connect(fds[2], (struct sockaddr *)&peer, sizeof peer));
        CALL(send(fds[2], "x", 1, MSG_NOSIGNAL));
        CALL(sendto(fds[3], "x", 1, 0, (struct sockaddr *)&peer, sizeof peer));
        for (int i = 0; i < 4; i++)
            CALL(close(fds[i]));
        int server = socket(AF_INET, SOCK_STREAM, 0);
        CALL(listen(server, 1));
        CALL(close(server));
        char rule[256];
        switch (draw(&state) % 5) {
        case 0: CALL(portshim_reserve(first, last, scopes)); break;
        case 1: CALL(portshim_block(first, last, scopes)); break;
        case 2: CALL(portshim_unreserve(first, last, PORTSHIM_ALL)); break;
        case 3: CALL(portshim_unblock(first, PORTSHIM_ALL)); break;
        case 4: CALL(portshim_rule(draw(&state) % 2, rule, sizeof rule)); break;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "user") == 0) {
        all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED, 100, 0);
        CHECK(all != MAP_FAILED);
        use(atoi(argv[2]), strtoull(argv[3], NULL, 10));
        return 0;
    }
    CHECK(argc == 3);
    const char *session = getenv("PORTSHIM_SESSION");
    CHECK(session);
    int file = memfd_create("scribble", 0);
    CHECK(file >= 0 && ftruncate(file, sizeof *all) == 0 && dup2(file, 100) == 100);
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED, 100, 0);
    CHECK(all != MAP_FAILED);
    uint64_t seed = strtoull(argv[2], NULL, 10), state = seed;
    /* There is something of every kind to write over. */
    for (int n = 0; n < 8; n++)
        CHECK(portshim_reserve(32000 + 40 * n, 32020 + 40 * n, PORTSHIM_ALL) == 0
            && portshim_block(33000 + 40 * n, 33000 + 41 * n, PORTSHIM_ALL) > 0);
    tell(any_port(SOCK_DGRAM));
    pid_t users[USERS] = { 0 }, scribbler = fork();
    if (scribbler == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        scribble(session, seed);
    }
    uint64_t until = now() + strtoull(argv[1], NULL, 10) * 1000000000;
    for (bool left = true; left; usleep(1000)) {
        all->over = now() > until;
        left = false;
        for (int i = 0; i < USERS; i++) {
            int status;
            if (users[i] && waitpid(users[i], &status, WNOHANG) == users[i]) {
                if (status != 0) {
                    dprintf(2, "seed %llu: a process ended with wait status %#x\n", (unsigned long long)seed, status);
                    return 1;
                }
                users[i] = 0;
            }
            uint64_t since = all->since[i];
            if (since && since + HUNG * 1000000000ull < now() && all->since[i] == since) {
                dprintf(2, "seed %llu: process %d hangs in one call\n", (unsigned long long)seed, users[i]);
                return 1;
            }
            if (!users[i] && !all->over && (users[i] = fork()) == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                /* Half of them find the session in this state when they begin. */
                uint64_t next = draw(&state) ^ getpid();
                if (i % 2) {
                    char number[32], seed[32];
                    sprintf(number, "%d", i);
                    sprintf(seed, "%llu", (unsigned long long)next);
                    execl("/proc/self/exe", "scribble", "user", number, seed, (char *)NULL);
                    CHECK(!"exec");
                }
                use(i, next);
                _exit(0);
            }
            left |= users[i] != 0;
        }
    }
    CHECK(waitpid(scribbler, NULL, WNOHANG) == 0);
    CHECK(kill(scribbler, SIGKILL) == 0);
    printf("%llu words written over, %llu calls, the longest %.1f ms\n", (unsigned long long)all->scribbles,
        (unsigned long long)all->calls, all->longest / 1e6);
}
