// A signal handler that runs on a stack of its own, and makes calls there, while others come in
// between. What it has on that stack must stay.
#define _GNU_SOURCE
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static unsigned char stack[1 << 16];
static volatile sig_atomic_t between, failed;

static void second(int number)
{
    volatile unsigned char room[8192];
    for (size_t at = 0; at < sizeof room; at++)
        room[at] = 0xaa;
    (void)number;
    between++;
}

static void first(int number)
{
    volatile unsigned char room[4096];
    (void)number;
    for (size_t at = 0; at < sizeof room; at++)
        room[at] = 0x55;
    while (between < 300) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
            failed = 1;
        close(fd);
    }
    for (size_t at = 0; at < sizeof room; at++)
        if (room[at] != 0x55)
            failed = 1;
}

int main(void)
{
    stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = first, .sa_flags = SA_ONSTACK | SA_RESTART};
    struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
#ifdef BY_NUMBER
    syscall(SYS_sigaltstack, &own, NULL);
#else
    sigaltstack(&own, NULL);
#endif
    sigaction(SIGUSR1, &action, NULL);
    action.sa_handler = second;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    raise(SIGUSR1);
    setitimer(ITIMER_REAL, &never, NULL);
    puts(failed ? "written over" : "kept");
    return failed;
}
