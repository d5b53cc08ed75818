/* Calls that do not come back: a signal's handler jumps out of them, or their thread is cancelled. */
#include "stress.h"
#include <setjmp.h>

static __thread sigjmp_buf place;

static void on_signal(int signal)
{
    (void)signal;
    if (me.armed) {
        me.armed = 0;
        siglongjmp(place, 1);
    }
}

void arm_handlers(void)
{
    struct sigaction restarts = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    struct sigaction interrupts = { .sa_handler = on_signal };
    struct sigaction ignored = { .sa_handler = SIG_IGN };
    CHECK(sigaction(SIGUSR1, &restarts, NULL) == 0);
    CHECK(sigaction(SIGUSR2, &interrupts, NULL) == 0);
    CHECK(sigaction(SIGPIPE, &ignored, NULL) == 0);
}

/* Makes a call that a handler may jump out of; false where one has. */
bool guarded(void (*call)(struct sock *), struct sock *sock)
{
    if (sigsetjmp(place, 1)) {
        atomic_fetch_add(&all->jumps, 1);
        sock->disturbed = true;
        trace(sock, JUMP);
        return false;
    }
    me.armed = 1;
    call(sock);
    me.armed = 0;
    return true;
}

struct victim {
    struct me its;
    struct sock sock;
    bool at_once;
    volatile bool under_way;
};

static void ended(void *argument)
{
    struct victim *victim = argument;
    /* One that has come to its end all the same is at this place, too. */
    victim->sock.disturbed = victim->under_way;
    if (victim->under_way)
        trace(&victim->sock, CANCEL);
    settle(&victim->sock);
    forget(&victim->sock);
    victim->its.random = me.random;
}

static void *victim(void *argument)
{
    struct victim *victim = argument;
    int old;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    me = victim->its;
    for (int n = 0; n < 20; n++) {
        victim->sock = fresh();
        me.sock = &victim->sock;
        pthread_cleanup_push(ended, victim);
        pthread_setcanceltype(victim->at_once ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED, &old);
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
        victim->under_way = true;
        ask_for_a_port(&victim->sock);
        victim->under_way = false;
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
        pthread_cleanup_pop(1);
    }
    return NULL;
}

/* A thread that is cancelled in the midst of a call. */
void cancelled(void)
{
    struct victim whom = { .its = me, .at_once = one_in(2) };
    pthread_t thread;
    void *end;
    whom.its.interrupted = false;
    CHECK(pthread_create(&thread, NULL, victim, &whom) == 0);
    usleep(draw(300));
    CHECK(pthread_cancel(thread) == 0);
    begin(CANCEL);
    CHECK(pthread_join(thread, &end) == 0);
    if (end == PTHREAD_CANCELED)
        atomic_fetch_add(&all->cancelled, 1);
    me.random = whom.its.random;
    me.next_number = whom.its.next_number;
}

struct toggling {
    int fd;
    _Atomic bool over;
};

static void *toggler(void *argument)
{
    struct toggling *toggling = argument;
    for (int value = 0; !toggling->over; value = !value)
        CHECK(setsockopt(toggling->fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value) == 0);
    return NULL;
}

/* A socket whose SO_REUSEADDR another thread sets and takes back all the time while it gets its port. */
void toggled(void)
{
    pthread_t thread;
    struct sock sock = fresh();
    if (sock.protocol == IPPROTO_MPTCP)
        return forget(&sock); /* which refuses the option once it has a port */
    struct toggling toggling = { .fd = sock.fd };
    CHECK(pthread_create(&thread, NULL, toggler, &toggling) == 0);
    me.sock = &sock;
    sock.toggled = true;
    trace(&sock, TOGGLE);
    for (int n = 0; n < 3; n++)
        ask_for_a_port(&sock);
    toggling.over = true;
    begin(TOGGLE);
    CHECK(pthread_join(thread, NULL) == 0);
    int value = sock.reuse;
    CHECK(setsockopt(sock.fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value) == 0);
    settle(&sock);
    forget(&sock);
}
