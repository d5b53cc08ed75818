/*
 * Keeps ports for a server, and works the same without portshim, where nothing keeps others off them:
 * reserves those that its workers are going to bind, blocks those around its own listener, and says why
 * where it cannot. Then it runs what its arguments name, as a worker. portshim.h comes with portshim.
 *
 *     cc -o server -I shim examples/api.c
 *     portshim run --range 20000-20005 -- ./server python3 examples/drain.py
 */
#include <arpa/inet.h>
#include <errno.h>
#include <portshim.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_WORKER = 20000, LAST_WORKER = 20003, LISTENER = 8440, LAST_OURS = 8443 };

/* Tells what became of a request for ports. */
static void tell(int answer, int act, unsigned first, unsigned last)
{
    const char *reason = answer < 0 ? strerror(errno) : "done";
    char rule[256];
    if (answer < 0 && errno == ERANGE && portshim_rule(act, rule, sizeof rule) > 0)
        reason = rule;
    printf("%s %u-%u: %s\n", act == PORTSHIM_RESERVE ? "reserve" : "block", first, last, reason);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), status = 0;
    pid_t worker;

    if (portshim_loaded()) {
        tell(portshim_reserve(FIRST_WORKER, LAST_WORKER, PORTSHIM_ALL), PORTSHIM_RESERVE, FIRST_WORKER, LAST_WORKER);
        tell(portshim_block(LISTENER, LAST_OURS, PORTSHIM_TCP), PORTSHIM_BLOCK, LISTENER, LAST_OURS);
    } else {
        printf("without portshim: nothing keeps others off our ports\n");
    }

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(LISTENER);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 5) < 0) {
        perror("the listener");
        return 1;
    }
    printf("listening on %d\n", LISTENER);
    fflush(stdout);

    if (argc > 1) {
        worker = fork();
        if (worker == 0) {
            execvp(argv[1], argv + 1);
            perror(argv[1]);
            _exit(127);
        }
        waitpid(worker, &status, 0);
    }
    return status != 0; /* what it reserved and blocked goes with it */
}
