/* A worker: a process of several threads, each of which does one thing after the other at random, and is
 * disturbed by signals all the time. */
#include "stress.h"

static pid_t members[THREADS];

/* Something at random, to its end. */
void scenario(void)
{
    unsigned lot = draw(1000);
    if (lot < 5)
        return network();
    if (lot < 20)
        return child_process();
    if (lot < 50)
        return cancelled();
    if (lot < 70)
        return toggled();
    if (lot < 90)
        return own_table();
    if (lot < 190)
        return files();
    if (lot < 290)
        return passing();
    if (lot < 390)
        return collect();
    struct sock sock = fresh();
    for (int n = draw(5); n >= 0; n--) {
        me.sock = &sock;
        if (one_in(3))
            get_a_port(&sock);
        else
            one_call(&sock);
    }
    forget(&sock);
}

static void *member(void *argument)
{
    me = *(struct me *)argument;
    free(argument);
    members[me.seat % THREADS] = (pid_t)unseen(SYS_gettid, 0, 0, 0, 0, 0);
    while (!all->over)
        scenario();
    members[me.seat % THREADS] = 0;
    all->seats[me.seat].since = 0;
    return NULL;
}

void work(int index, uint64_t seed)
{
    pthread_t threads[THREADS];
    me.random = seed, me.seat = SEATS + index;
    for (int n = 0; n < THREADS; n++) {
        struct me *its = calloc(1, sizeof *its);
        CHECK(its != NULL);
        its->random = mix(&me.random), its->seat = index * THREADS + n, its->interrupted = true;
        CHECK(pthread_create(&threads[n], NULL, member, its) == 0);
    }
    while (!all->over) {
        usleep(draw(400));
        pid_t member = members[draw(THREADS)];
        if (member)
            (void)unseen(SYS_tgkill, getpid(), member, one_in(2) ? SIGUSR1 : SIGUSR2, 0, 0);
    }
    for (int n = 0; n < THREADS; n++)
        CHECK(pthread_join(threads[n], NULL) == 0);
    exit(0);
}
