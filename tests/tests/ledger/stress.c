/* Many processes of one session reserve, block, bind and die at random, and each looks whether what it is
 * told can be true. Arguments: for how many seconds, a seed, the first and the last port that the policy
 * hands out, and `apart` under a model that keeps reservations apart. */
#include "record.h"
#include <sys/resource.h>

static uint64_t random_state;
static uint64_t stops, spawned;
static instant resumes[WORKERS];

static void spawn(int index)
{
    struct worker *worker = &all->workers[index];
    uint64_t seed = draw(&random_state);
    worker->forgotten = now();
    for (int r = 0; r < RECORDS; r++)
        worker->records[r].asked = 0;
    worker->calling = 0;
    worker->farewell = -1;
    worker->doomed = 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        work(index, seed, false);
    worker->process = child;
    spawned++;
}

static void resume(int index)
{
    kill(all->workers[index].process, SIGCONT);
    resumes[index] = 0;
    all->resumed = now();
    all->stopped--;
}

static void stop(int index, instant for_how_long)
{
    all->stopped++;
    resumes[index] = now() + for_how_long;
    CHECK(kill(all->workers[index].process, SIGSTOP) == 0);
    stops++;
}

static void end_by_force(int index)
{
    struct worker *worker = &all->workers[index];
    if (!worker->doomed)
        worker->doomed = now();
    CHECK(kill(worker->process, SIGKILL) == 0);
    if (resumes[index])
        resume(index);
}

/* Waits for whoever has ended, and calls back those of the workers. */
static void bury(bool again)
{
    int status;
    for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
        for (int index = 0; index < WORKERS; index++) {
            struct worker *worker = &all->workers[index];
            if (worker->process != ended)
                continue;
            bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && worker->doomed;
            int end = WIFSIGNALED(status) ? WTERMSIG(status) : status;
            if (!killed && end != worker->farewell)
                BROKEN("worker %d ended with wait status %#x", index, status);
            worker->process = 0;
            if (resumes[index])
                resume(index);
            if (again)
                spawn(index);
        }
    }
}

/* Nobody may be in one call for as long as this, unless it is stopped. */
static void watch(void)
{
    instant latest = now() - 20000000000u;
    for (int index = 0; index < WORKERS; index++) {
        struct worker *worker = &all->workers[index];
        instant calling = worker->calling;
        if (calling && calling < latest && all->resumed < latest && !all->stopped && worker->calling == calling)
            BROKEN("worker %d hangs in one call", index);
    }
}

static int someone(void)
{
    /* Rather one that is in a call. */
    int index = draw(&random_state) % WORKERS;
    for (int n = 0; n < WORKERS && !all->workers[index].calling; n++)
        index = (index + 1) % WORKERS;
    return index;
}

/* Does something in a process of its own that must succeed. */
static void alone(void (*what)(void))
{
    pid_t child = fork();
    if (child == 0) {
        what();
        _exit(0);
    }
    reap(child);
}

static void block_everything(void)
{
    CHECK(portshim_block(all->first, all->last, PORTSHIM_ALL) == (int)all->last);
}

static void fill_the_ledger(void)
{
    unsigned ports = all->last - all->first + 1;
    CHECK(ports >= 1024);
    for (unsigned n = 0; n < 1024; n++)
        CHECK(portshim_reserve(all->first + n, all->first + n, PORTSHIM_ALL) == 0);
    CHECK(portshim_reserve(all->last, all->last, PORTSHIM_ALL) == -1 && errno == ENOSPC);
}

static void take_every_port(void)
{
    static int fds[65536];
    for (int type = 0; type < 2; type++) {
        unsigned got = 0;
        while ((fds[got] = any_port(type ? SOCK_STREAM : SOCK_DGRAM)) >= 0)
            got++;
        CHECK(errno == EADDRINUSE);
        if (got != all->last - all->first + 1)
            BROKEN("with everybody gone, %u ports are to be had of %u-%u", got, all->first, all->last);
        while (got-- > 0)
            close(fds[got]);
    }
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "worker") == 0) {
        attach();
        work(atoi(argv[2]), strtoull(argv[3], NULL, 10), true);
    }
    CHECK(argc >= 5 && portshim_loaded());
    int file = memfd_create("stress", 0);
    CHECK(file >= 0 && ftruncate(file, sizeof *all) == 0 && dup2(file, SHARED) == SHARED);
    attach();
    all->seed = random_state = strtoull(argv[2], NULL, 10);
    all->first = atoi(argv[3]), all->last = atoi(argv[4]), all->apart = argc > 5;
    struct rlimit none = { 0, 0 };
    CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
    struct rlimit many = { 4096, 4096 };
    CHECK(setrlimit(RLIMIT_NOFILE, &many) == 0);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    for (int index = 0; index < WORKERS; index++)
        spawn(index);

    instant begun = now(), until = begun + strtoull(argv[1], NULL, 10) * 1000000000;
    while (now() < until) {
        usleep(draw(&random_state) % 4000);
        bury(true);
        watch();
        for (int index = 0; index < WORKERS; index++)
            if (resumes[index] && resumes[index] < now())
                resume(index);
        unsigned lot = draw(&random_state) % 1000;
        int index = someone();
        if (lot < 150)
            end_by_force(index);
        else if (lot < 250 && !resumes[index])
            stop(index, draw(&random_state) % 20000000);
        else if (lot == 250 && !resumes[index])
            stop(index, 1500000000);
    }
    all->over = true;
    for (int index = 0; index < WORKERS; index++)
        if (resumes[index])
            resume(index);
    int left = 1;
    while (left > 0) {
        usleep(1000);
        bury(false);
        watch();
        left = 0;
        for (int index = 0; index < WORKERS; index++)
            left += all->workers[index].process != 0;
    }
    /* The children of those that were killed. */
    while (waitpid(-1, NULL, 0) > 0)
        continue;

    /* Whoever looks on from outside takes its own entries away now. */
    dprintf(1, "over\n");
    char byte;
    CHECK(read(0, &byte, 1) == 0);

    alone(block_everything);
    alone(fill_the_ledger);
    alone(take_every_port);
    double seconds = (now() - begun) / 1e9;
    uint64_t calls = all->entered + all->in_use + all->lifted + all->handed_out + all->exhausted + all->numbered;
    printf("%.0f s, %.0f calls/s; %llu processes, %llu stopped; %llu entries, %llu lifted, %llu refused, %llu busy; "
           "%llu ports handed out, %llu times none; %llu by number, %llu of them blocked\n",
        seconds, calls / seconds, (unsigned long long)spawned, (unsigned long long)stops,
        (unsigned long long)all->entered, (unsigned long long)all->lifted, (unsigned long long)all->in_use,
        (unsigned long long)all->busy, (unsigned long long)all->handed_out, (unsigned long long)all->exhausted,
        (unsigned long long)all->numbered, (unsigned long long)all->denied);
}
