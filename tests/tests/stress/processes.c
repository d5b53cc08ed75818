/* Children of every kind, which use a socket that they inherit. */
#include "stress.h"
#include <spawn.h>

extern char **environ;

/* What a child does with what it has inherited. */
static void use(struct sock *sock)
{
    me.interrupted = false;
    trace(sock, PROCESS);
    for (int n = draw(3); n >= 0; n--)
        get_a_port(sock);
    for (int n = draw(2); n >= 0; n--) {
        struct sock own = fresh();
        get_a_port(&own);
        one_call(&own);
        forget(&own);
    }
}

enum { WORDS = 12 };

/* The words that tell an executed child of its socket. */
static void describe(const struct sock *sock, char text[WORDS][24], char *argv[WORDS + 1])
{
    const long fields[] = { me.seat, (long)mix(&me.random), sock->fd, sock->family, sock->lane, sock->type,
        sock->only6 | sock->reuse << 1 | sock->reuseport << 2 | sock->nonblock << 3 | sock->late << 4 };
    unsigned word = 0;
    argv[word++] = (char *)self;
    argv[word++] = "executed";
    for (unsigned n = 0; n < sizeof fields / sizeof *fields; n++, word++) {
        snprintf(text[word], sizeof text[word], "%ld", fields[n]);
        argv[word] = text[word];
    }
    argv[word] = NULL;
}

/* What an executed child does. */
_Noreturn void executed(char **argv)
{
    attach();
    arm_handlers();
    long field[7];
    for (int n = 0; n < 7; n++)
        field[n] = strtol(argv[2 + n], NULL, 10);
    me.seat = field[0], me.random = field[1];
    struct sock sock = { .fd = field[2], .family = field[3], .lane = field[4], .type = field[5] };
    sock.only6 = field[6] & 1, sock.reuse = field[6] & 2, sock.reuseport = field[6] & 4;
    sock.nonblock = field[6] & 8, sock.late = field[6] & 16;
    use(&sock);
    forget(&sock);
    exit(0);
}

void child_process(void)
{
    char text[WORDS][24];
    char *argv[WORDS + 1];
    struct sock sock = fresh();
    CHECK(fcntl(sock.fd, F_SETFD, 0) == 0);
    describe(&sock, text, argv);
    pid_t child = -1;
    me.sock = &sock;
    begin(PROCESS);
    unsigned how = draw(8);
    if (how < 4) {
        child = fork();
        if (child == 0) {
            use(&sock);
            forget(&sock);
            _exit(0);
        }
    } else if (how == 4) {
        child = fork();
        if (child == 0) {
            execv(self, argv);
            _exit(127);
        }
    } else if (how < 7) {
        child = vfork();
        if (child == 0) {
            execv(self, argv);
            _exit(127);
        }
    } else {
        int error = posix_spawn(&child, self, NULL, NULL, argv, environ);
        if (error)
            BROKEN(error, "posix_spawn: %s", strerror(error));
    }
    CHECK(child > 0);
    int status;
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    begin(PROCESS);
    if (status)
        BROKEN(status, "a child ended with wait status %#x, having been made in way %u", (unsigned)status, how);
    sock.used = sock.asked = true;
    settle(&sock);
    one_call(&sock);
    forget(&sock);
}
