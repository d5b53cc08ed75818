// Threads and children that make sockets at once, while signals arrive. Arguments: the first and the
// last port. A child has a third one.
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static int first, last, strays;

static void handle(int signal)
{
    (void)signal;
}

static void one(int number)
{
    int family = number % 3 ? AF_INET : AF_INET6;
    int fd = socket(family, number % 2 ? SOCK_STREAM : SOCK_DGRAM, 0);
    struct sockaddr_in6 address = {.sin6_family = family};
    socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof address;
    int bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0;
    len = sizeof address;
    if (!bound || getsockname(fd, (struct sockaddr *)&address, &len) != 0 || ntohs(address.sin6_port) < first ||
        ntohs(address.sin6_port) > last)
        __atomic_fetch_add(&strays, 1, __ATOMIC_RELAXED);
    close(fd);
}

static void *many(void *at)
{
    for (int number = 0; number < 300; number++)
        one((int)(long)at + number);
    return NULL;
}

static int child(char **words)
{
    pid_t child;
    char *again[] = {words[0], words[1], words[2], "child", NULL};
    return posix_spawn(&child, "/proc/self/exe", NULL, NULL, again, environ) ? -1 : child;
}

int main(int count, char **words)
{
    first = atoi(words[1]);
    last = atoi(words[2]);
    one(count);
    if (count > 3)
        return strays;
    // What a handler without SA_RESTART interrupts before anybody has taken it up, fails with EINTR.
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &often, NULL);
    pthread_t threads[64];
    for (long at = 0; at < 64; at++)
        pthread_create(&threads[at], NULL, many, (void *)at);
    for (int number = 0; number < 60; number++) {
        pid_t process = number % 2 ? child(words) : fork();
        if (process == 0) {
            strays = 0;
            one(number);
            _exit(strays);
        }
        int status;
        if (process < 0 || waitpid(process, &status, 0) != process || status != 0)
            __atomic_fetch_add(&strays, 1, __ATOMIC_RELAXED);
    }
    for (int at = 0; at < 64; at++)
        pthread_join(threads[at], NULL);
    printf("%d strays\n", strays);
    return 0;
}
