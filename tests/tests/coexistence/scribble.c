/* One process of a session writes random bytes over what the session shares, in memory and in its
 * file, while the others go on making calls, which must come to an end one way or another.
 * Argument: a program to exec meanwhile. */
#include "coexistence.h"
#include <fcntl.h>

static void scribble(const char *session)
{
    char line[4096];
    unsigned char *begin = NULL, *end = NULL;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps);
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (strstr(line, session) && sscanf(line, "%lx-%lx rw", &from, &to) == 2) {
            begin = (unsigned char *)from;
            end = (unsigned char *)to;
        }
    }
    fclose(maps);
    int file = open(session, O_RDWR);
    CHECK(begin && file >= 0);
    unsigned seed = 1;
    for (;;) {
        unsigned char noise[64];
        for (unsigned i = 0; i < sizeof noise; i++)
            noise[i] = rand_r(&seed) >> 7;
        unsigned long at = rand_r(&seed) % (end - begin - sizeof noise);
        memcpy(begin + at, noise, sizeof noise);
        at = rand_r(&seed) % (end - begin - sizeof noise);
        /* The header is hit as often as all the rest. */
        CHECK(pwrite(file, noise, sizeof noise, rand_r(&seed) % 2 ? at : at % 64) == sizeof noise);
    }
}

static void use(void)
{
    for (int i = 0; i < 2000; i++) {
        struct sockaddr_in peer = loopback(PEER);
        for (int type = 0; type < 2; type++) {
            int fd = any_port(type ? SOCK_DGRAM : SOCK_STREAM);
            if (fd >= 0)
                close(fd);
            fd = socket(AF_INET, type ? SOCK_DGRAM : SOCK_STREAM, 0);
            CHECK(fd >= 0);
            connect(fd, (struct sockaddr *)&peer, sizeof peer);
            send(fd, "x", 1, MSG_NOSIGNAL);
            /* Without TIME_WAIT, so that other sessions find ports as well. */
            struct linger reset = { 1, 0 };
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            close(fd);
        }
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        sendto(fd, "x", 1, 0, (struct sockaddr *)&peer, sizeof peer);
        close(fd);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        listen(fd, 1);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    char *session = getenv("PORTSHIM_SESSION");
    CHECK(session);
    pid_t scribbler = fork();
    if (scribbler == 0)
        scribble(session);
    pid_t users[3];
    for (int i = 0; i < 3; i++)
        if ((users[i] = fork()) == 0) {
            use();
            _exit(0);
        }
    for (int i = 0; i < 100; i++) {
        pid_t child = fork();
        if (child == 0) {
            execl(argv[1], argv[1], (char *)NULL);
            _exit(1);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status));
    }
    for (int i = 0; i < 3; i++)
        reap(users[i]);
    CHECK(waitpid(scribbler, NULL, WNOHANG) == 0);
    dprintf(1, "scribbled\n");
    /* The session stays up, scribbled over, until the test has had a look at it. */
    char byte;
    CHECK(read(0, &byte, 1) == 0);
    kill(scribbler, SIGKILL);
}
