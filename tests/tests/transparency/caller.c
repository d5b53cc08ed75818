/* Enters unusual states and becomes a program in them: `caller STATE… -- PROGRAM [ARG…]`. Leaves its process number in
   the file named by CALLER_FILE. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static void must(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "caller: %s: %s\n", what, strerror(errno));
        exit(99);
    }
}

static void limit(int which, rlim_t soft)
{
    struct rlimit both;
    must(getrlimit(which, &both) == 0, "getrlimit");
    both.rlim_cur = soft;
    must(setrlimit(which, &both) == 0, "setrlimit");
}

static void every_signal(void (*what)(int))
{
    for (int number = 1; number < NSIG; number++)
        signal(number, what); /* fails for two of them, and for those of libc's own */
}

static void block_and_raise(int number)
{
    sigset_t all;
    sigfillset(&all);
    must(sigprocmask(SIG_BLOCK, &all, NULL) == 0, "sigprocmask");
    must(raise(number) == 0, "raise");
}

static char *odd_environment[] = {
    "Z=1", "A=1", "A=2", "no equals sign", "=no name", "=", "", "BYTES=\xff\xfe\x80", "EMPTY=", "LINES=a\nb", "Z=3", NULL,
};

static void enter(const char *state)
{
    if (strcmp(state, "plain") == 0)
        return;
    if (strcmp(state, "no-input") == 0)
        close(0);
    else if (strcmp(state, "no-output") == 0)
        close(1);
    else if (strcmp(state, "no-errors") == 0)
        close(2);
    else if (strcmp(state, "no-descriptors") == 0)
        must(close_range(0, ~0U, 0) == 0, "close_range");
    else if (strcmp(state, "more-descriptors") == 0)
        must(dup2(1, 3) == 3 && dup2(2, 7) == 7 && dup3(1, 9, O_CLOEXEC) == 9 && dup2(2, 500) == 500, "dup2");
    else if (strcmp(state, "four-descriptors") == 0)
        limit(RLIMIT_NOFILE, 4);
    else if (strcmp(state, "no-file-size") == 0)
        limit(RLIMIT_FSIZE, 0);
    else if (strcmp(state, "little-memory") == 0)
        limit(RLIMIT_AS, 64 << 20);
    else if (strcmp(state, "little-stack") == 0)
        limit(RLIMIT_STACK, 256 << 10);
    else if (strcmp(state, "no-core") == 0)
        limit(RLIMIT_CORE, 0);
    else if (strcmp(state, "no-locked-memory") == 0)
        limit(RLIMIT_MEMLOCK, 0);
    else if (strcmp(state, "ignored-pipe") == 0)
        signal(SIGPIPE, SIG_IGN);
    else if (strcmp(state, "default-signals") == 0)
        every_signal(SIG_DFL);
    else if (strcmp(state, "ignored-signals") == 0)
        every_signal(SIG_IGN);
    else if (strcmp(state, "blocked-signals") == 0)
        block_and_raise(SIGUSR1);
    else if (strcmp(state, "alarm") == 0)
        alarm(1000);
    else if (strcmp(state, "session") == 0)
        must(setsid() != -1 || setpgid(0, 0) == 0, "setsid");
    else if (strcmp(state, "group") == 0)
        must(setpgid(0, 0) == 0, "setpgid");
    else if (strcmp(state, "umask-all") == 0)
        umask(0777);
    else if (strcmp(state, "umask-none") == 0)
        umask(0);
    else if (strcmp(state, "nice") == 0)
        must(nice(3) == 3, "nice");
    else if (strcmp(state, "one-processor") == 0) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(0, &one);
        must(sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
    } else if (strcmp(state, "no-new-privileges") == 0)
        must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "prctl");
    else if (strcmp(state, "dies-with-parent") == 0)
        must(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0, "prctl");
    else if (strcmp(state, "subreaper") == 0)
        must(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, "prctl");
    else if (strcmp(state, "no-environment") == 0)
        environ = odd_environment + sizeof odd_environment / sizeof *odd_environment - 1;
    else if (strcmp(state, "odd-environment") == 0)
        environ = odd_environment;
    else if (strcmp(state, "root-folder") == 0)
        must(chdir("/") == 0, "chdir");
    else if (strcmp(state, "lost-folder") == 0) {
        char lost[] = "lost-XXXXXX";
        must(mkdtemp(lost) && chdir(lost) == 0 && rmdir(realpath(".", NULL)) == 0, "rmdir");
    } else {
        errno = EINVAL;
        must(0, state);
    }
}

int main(int count, char **argv)
{
    char pid[32];
    snprintf(pid, sizeof pid, "%d", getpid());
    int at = 1;
    (void)count;
    FILE *file = fopen(getenv("CALLER_FILE"), "w");
    must(file != NULL && fputs(pid, file) >= 0 && fclose(file) == 0, "CALLER_FILE");
    for (; strcmp(argv[at], "--") != 0; at++)
        enter(argv[at]);
    execvp(argv[at + 1], argv + at + 1);
    _exit(98);
}
