/* Many processes and threads at once, and many calls. Arguments: the part, how many, the port of a
   peer, and how often. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int good, const char *what)
{
	if (good)
		return;
	printf("%s: %d\n", what, errno);
	fflush(stdout);
	_exit(1);
}

static struct sockaddr_in loopback(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static int port_of(int fd)
{
	struct sockaddr_in address = {0};
	socklen_t length = sizeof address;

	check(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
	return ntohs(address.sin_port);
}

/* A socket that has a port by bind(2). */
static int bound(int type)
{
	struct sockaddr_in any = loopback(0);
	int fd = socket(AF_INET, type, 0);

	check(fd >= 0, "socket");
	check(bind(fd, &any, sizeof any) == 0, "bind");
	return fd;
}

static int connected(int peer)
{
	struct sockaddr_in to = loopback(peer);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	check(fd >= 0, "socket");
	check(connect(fd, &to, sizeof to) == 0, "connect");
	return fd;
}

static void tell(int port)
{
	char line[32];
	int length = snprintf(line, sizeof line, "port %d\n", port);

	/* So short a line is written at once. */
	check(write(STDOUT_FILENO, line, length) == length, "write");
}

/* Each asks for a port at the same moment, and keeps it until all have one. */
static void children(int count)
{
	int begin[2], done[2], end[2];
	char byte;

	check(pipe(begin) == 0 && pipe(done) == 0 && pipe(end) == 0, "pipe");
	for (int i = 0; i < count; i++) {
		pid_t child = fork();

		check(child >= 0, "fork");
		if (child > 0)
			continue;
		close(begin[1]);
		close(end[1]);
		read(begin[0], &byte, 1);
		tell(port_of(bound(SOCK_STREAM)));
		check(write(done[1], "", 1) == 1, "write");
		read(end[0], &byte, 1);
		_exit(0);
	}
	close(begin[1]);
	close(done[1]);
	for (int i = 0; i < count && read(done[0], &byte, 1) == 1; i++)
		;
	close(end[1]);
	for (int status; wait(&status) > 0;)
		check(status == 0, "a child");
}

static int peer_port, times;

static void *asks(void *unused)
{
	for (int i = 0; i < times; i++) {
		int sockets[] = {bound(SOCK_STREAM), bound(SOCK_DGRAM), connected(peer_port)};

		for (int at = 0; at < 3; at++) {
			tell(port_of(sockets[at]));
			close(sockets[at]);
		}
	}
	return unused;
}

static void threads(int count)
{
	pthread_t all[64];

	check(count <= 64, "threads");
	for (int i = 0; i < count; i++)
		check(pthread_create(&all[i], NULL, asks, NULL) == 0, "pthread_create");
	for (int i = 0; i < count; i++)
		pthread_join(all[i], NULL);
}

static void *asks_once(void *unused)
{
	close(bound(SOCK_DGRAM));
	return unused;
}

/* So many calls of all kinds, by processes and threads that come and go. Waits for a word after
   each third of them. */
static void calls(int count)
{
	struct sockaddr_in to = loopback(peer_port);

	for (int third = 1; third <= 3; third++) {
		for (int made = 0; made < count / 3; made += 6) {
			int server = bound(SOCK_STREAM), datagrams = socket(AF_INET, SOCK_DGRAM, 0), client;
			pthread_t thread;

			check(listen(server, 1) == 0, "listen");
			client = connected(port_of(server));
			close(client);
			close(server);
			sendto(datagrams, "", 0, 0, (struct sockaddr *)&to, sizeof to);
			/* It has a port by now. */
			sendto(datagrams, "", 0, 0, (struct sockaddr *)&to, sizeof to);
			close(datagrams);
			if (made % 48 == 0) {
				check(pthread_create(&thread, NULL, asks_once, NULL) == 0, "pthread_create");
				pthread_join(thread, NULL);
			} else if (made % 48 == 24) {
				int status = 1;

				if (fork() == 0) {
					asks_once(NULL);
					_exit(0);
				}
				check(wait(&status) > 0 && status == 0, "a child");
			} else {
				close(bound(SOCK_DGRAM));
			}
		}
		printf("third %d\n", third);
		fflush(stdout);
		check(getchar() == '\n', "getchar");
	}
}

/* Forked processes that serve one socket, and clients that find out whom they have reached. */
static void server(int count)
{
	int listening = bound(SOCK_STREAM), port = port_of(listening), reached = 0;
	pid_t workers[64];

	check(count <= 64, "workers");
	check(listen(listening, 128) == 0, "listen");
	tell(port);
	for (int i = 0; i < count; i++) {
		workers[i] = fork();
		check(workers[i] >= 0, "fork");
		if (workers[i] > 0)
			continue;
		for (;;) {
			int client = accept(listening, NULL, NULL), own = connected(peer_port);
			pid_t me = getpid();

			check(client >= 0, "accept");
			tell(port_of(own));
			check(write(client, &me, sizeof me) == sizeof me, "write");
			close(own);
			close(client);
		}
	}
	for (int i = 0; i < 20 * count; i++) {
		int client = connected(port);
		pid_t who;

		tell(port_of(client));
		check(read(client, &who, sizeof who) == sizeof who, "read");
		for (int at = 0; at < count; at++)
			reached += workers[at] == who;
		close(client);
	}
	check(reached == 20 * count, "nobody's workers");
	for (int i = 0; i < count; i++) {
		kill(workers[i], SIGKILL);
		waitpid(workers[i], NULL, 0);
	}
}

static void *asks_for_ever(void *unused)
{
	for (;;) {
		close(bound(SOCK_STREAM));
		close(bound(SOCK_DGRAM));
	}
	return unused;
}

/* Becomes itself again and again, by a thread while others are in the midst of calls. */
static char **again;

static void *becomes(void *unused)
{
	execv("/proc/self/exe", again);
	check(0, "execv");
	return unused;
}

static void execs(char **arguments)
{
	int left = atoi(arguments[2]);
	char next[16];
	pthread_t thread;

	/* What comes first in a new program. */
	tell(port_of(bound(SOCK_STREAM)));
	if (left == 0)
		return;
	snprintf(next, sizeof next, "%d", left - 1);
	arguments[2] = next;
	again = arguments;
	for (int i = 0; i < 4; i++)
		check(pthread_create(&thread, NULL, asks_for_ever, NULL) == 0, "pthread_create");
	usleep(left % 7 * 500);
	if (left % 2)
		becomes(NULL);
	check(pthread_create(&thread, NULL, becomes, NULL) == 0, "pthread_create");
	asks_for_ever(NULL);
}

/* Becomes another program, while its other threads are in the midst of calls. */
static void another(char *path)
{
	char *arguments[] = {path, "bind", NULL};
	pthread_t thread;

	for (int i = 0; i < 4; i++)
		check(pthread_create(&thread, NULL, asks_for_ever, NULL) == 0, "pthread_create");
	usleep(2000);
	again = arguments;
	execv(path, again);
	check(0, "execv");
}

/* Has had ports until a line comes, and then one more. */
static void steady(void)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	printf("process %d\n", getpid());
	fflush(stdout);
	while (poll(&input, 1, 1) == 0)
		close(bound(SOCK_STREAM));
	tell(port_of(bound(SOCK_STREAM)));
}

/* So many processes, none of which ends before a call fails. */
static void storm(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t child = fork();

		check(child >= 0, "fork");
		if (child == 0)
			asks_for_ever(NULL);
	}
	puts("ready");
	fflush(stdout);
	asks_for_ever(NULL);
}

int main(int argc, char **argv)
{
	const char *part = argv[1];
	int count = argc > 2 ? atoi(argv[2]) : 0;

	/* Who hangs, ends; those that wait for it notice. */
	alarm(3600);
	peer_port = argc > 3 ? atoi(argv[3]) : 0;
	times = argc > 4 ? atoi(argv[4]) : 1;
	if (strcmp(part, "children") == 0)
		children(count);
	else if (strcmp(part, "threads") == 0)
		threads(count);
	else if (strcmp(part, "calls") == 0)
		calls(count);
	else if (strcmp(part, "server") == 0)
		server(count);
	else if (strcmp(part, "execs") == 0)
		execs(argv);
	else if (strcmp(part, "bind") == 0)
		tell(port_of(bound(SOCK_STREAM)));
	else if (strcmp(part, "another") == 0)
		another(argv[2]);
	else if (strcmp(part, "steady") == 0)
		steady();
	else if (strcmp(part, "storm") == 0)
		storm(count);
	else
		return 2;
	return 0;
}
