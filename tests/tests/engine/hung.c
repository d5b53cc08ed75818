// Becomes another program, and is held up on the way: another thread of it has to end first, which
// somebody traces, and lets stand there. Tells its number, and who that is; a minute ends it.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <unistd.h>

static volatile pid_t other;

static void *wait_on(void *unused)
{
    other = gettid();
    for (;;)
        pause();
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    int ready[2];
    char byte = 0;
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    if (argc < 2 || pipe(ready) != 0 || pthread_create(&thread, NULL, wait_on, NULL) != 0)
        return 1;
    while (other == 0)
        usleep(1000);
    pid_t keeper = fork();
    if (keeper == 0) {
        alarm(60);
        if (ptrace(PTRACE_SEIZE, other, 0, PTRACE_O_TRACEEXIT) != 0)
            return 1;
        if (write(ready[1], &byte, 1) != 1)
            return 1;
        for (;;)
            pause();
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        return 1;
    printf("hung %d keeper %d\n", getpid(), keeper);
    fflush(stdout);
    execv(argv[1], argv + 1);
    return 1;
}
