/* Thirty-two threads bind to any port at the same moment, each its first, and hold what they got. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 32 };

static pthread_barrier_t all;

static void *take(void *nothing)
{
    struct sockaddr_in any;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    memset(&any, 0, sizeof any);
    any.sin_family = AF_INET;
    pthread_barrier_wait(&all);
    if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
        perror("bind");
    return nothing;
}

int main(void)
{
    pthread_t threads[THREADS];
    pthread_barrier_init(&all, NULL, THREADS);
    for (int n = 0; n < THREADS; n++)
        pthread_create(&threads[n], NULL, take, NULL);
    for (int n = 0; n < THREADS; n++)
        pthread_join(threads[n], NULL);
    puts("held");
    fflush(stdout);
    pause();
    return 0;
}
