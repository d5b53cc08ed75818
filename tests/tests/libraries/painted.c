/* How deep into a painted stack each call reaches: `NAME BYTES` for each, the deepest of several turns. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK = 256 << 10, PAINT = 0xa5, TURNS = 8 };
static char *stack, **environment[3];
static struct sockaddr_in servers[2], any = {.sin_family = AF_INET};
static int kept[512], held, fd;
static void *libc;
static int (*reserve)(int, int, int), (*unreserve)(int, int, int), (*block)(int, int, int), (*unblock)(int, int);
static int (*exhaust)(int, int, int), (*only)(unsigned *, size_t, int, int), (*give_back)(int);

static void nothing(int turn) { (void)turn; }
static void do_socket(int turn) { (void)turn, kept[held++] = socket(AF_INET, SOCK_DGRAM, 0); }
static void do_bind(int turn) { (void)turn, bind(fd, (void *)&any, sizeof any); }
static void do_listen(int turn) { (void)turn, listen(fd, 1); }
static void do_connect(int turn) { connect(fd, (void *)&servers[turn / (TURNS / 2)], sizeof any); }
static void do_send(int turn) { (void)turn, send(fd, "x", 1, 0); }
static void do_sendto(int turn) { (void)turn, sendto(fd, "x", 1, 0, (void *)&servers[0], sizeof any); }
static void do_fastopen(int turn) { (void)turn, sendto(fd, "x", 1, MSG_FASTOPEN, (void *)&servers[0], sizeof any); }
static void do_write(int turn) { (void)turn, (void)!write(fd, "x", 1); }
static struct iovec vector = {"x", 1};
static struct mmsghdr message = {.msg_hdr = {.msg_name = &servers[0], .msg_namelen = sizeof any, .msg_iov = &vector, .msg_iovlen = 1}};
static void do_writev(int turn) { (void)turn, (void)!writev(fd, &vector, 1); }
static void do_sendmsg(int turn) { (void)turn, sendmsg(fd, &message.msg_hdr, 0); }
static void do_sendmmsg(int turn) { (void)turn, sendmmsg(fd, &message, 1, 0); }
static void by_bind(int turn) { (void)turn, syscall(SYS_bind, fd, &any, sizeof any); }
static void by_connect(int turn) { (void)turn, syscall(SYS_connect, fd, &servers[0], sizeof any); }
static void by_sendmsg(int turn) { (void)turn, syscall(SYS_sendmsg, fd, &message.msg_hdr, 0); }
#ifdef __GLIBC__
int rresvport(int *), bindresvport(int, struct sockaddr_in *);
static int from = 1023;
static void do_rresvport(int turn) { (void)turn, kept[held++] = rresvport(&from); }
static void do_bindresvport(int turn) { (void)turn, bindresvport(fd, 0); }
#endif
static char *program[] = {"/nowhere", 0};
static void do_execve(int turn) { execve(program[0], program, environment[turn % 3]); }
static void do_execvpe(int turn) { execvpe(program[0], program, environment[turn % 3]); }
static void do_execl(int turn) { (void)turn, execl(program[0], program[0], (char *)0); }
static void do_execveat(int turn) { syscall(SYS_execveat, -100, program[0], program, environment[turn % 3], 0); }
static void do_spawn(int turn) {
	char *words[] = {"/bin/true", 0};
	pid_t child;
	if (!posix_spawn(&child, words[0], 0, 0, words, environment[turn % 3])) waitpid(child, 0, 0);
}
static void do_system(int turn) { (void)turn, (void)!system("true"); }
static void do_popen(int turn) { (void)turn, pclose(popen("true", "r")); }
static void do_close(int turn) { (void)turn, close(fd), fd = -1; }
static void do_dup(int turn) { (void)turn, kept[held++] = dup(fd); }
static void do_close_range(int turn) { (void)turn, syscall(SYS_close_range, fd, fd, 0), fd = -1; }
static void do_dlsym(int turn) { (void)turn, dlsym(libc, "bind"); }
static void do_reserve(int turn) { if (reserve) reserve(20000 + turn, 20000 + turn, 15), unreserve(20000 + turn, 20000 + turn, 15); }
static void do_block(int turn) { if (block) block(20000 + turn, 20000 + turn, 15), unblock(20000 + turn, 15); }

static void do_exhaust(int turn) { if (exhaust) give_back(exhaust(15, turn, turn % 2)); }
static void do_only(int turn) { if (only) give_back(only((unsigned[]){20000, 20001 + turn}, 1, 15, turn % 2)); }

static const struct { const char *name; void (*call)(int); int kind; } CALLS[] = {
	{"nothing", nothing, 0}, {"socket", do_socket, 0}, {"bind", do_bind, SOCK_STREAM}, {"bind_udp", do_bind, SOCK_DGRAM},
	{"listen", do_listen, SOCK_STREAM}, {"connect", do_connect, SOCK_STREAM}, {"connect_udp", do_connect, SOCK_DGRAM},
	{"send", do_send, SOCK_DGRAM}, {"sendto", do_sendto, SOCK_DGRAM}, {"fastopen", do_fastopen, SOCK_STREAM},
	{"write", do_write, SOCK_DGRAM}, {"writev", do_writev, SOCK_DGRAM}, {"sendmsg", do_sendmsg, SOCK_DGRAM},
	{"sendmmsg", do_sendmmsg, SOCK_DGRAM}, {"syscall_bind", by_bind, SOCK_STREAM}, {"syscall_connect", by_connect, SOCK_STREAM},
	{"syscall_sendmsg", by_sendmsg, SOCK_DGRAM},
#ifdef __GLIBC__
	{"rresvport", do_rresvport, 0}, {"bindresvport", do_bindresvport, SOCK_STREAM},
#endif
	{"execve", do_execve, 0}, {"execvpe", do_execvpe, 0}, {"execl", do_execl, 0}, {"syscall_execveat", do_execveat, 0},
	{"posix_spawn", do_spawn, 0}, {"system", do_system, 0}, {"popen", do_popen, 0}, {"close", do_close, SOCK_STREAM},
	{"dup", do_dup, SOCK_STREAM}, {"syscall_close_range", do_close_range, SOCK_STREAM}, {"dlsym", do_dlsym, 0},
	{"reserve", do_reserve, 0}, {"block", do_block, 0}, {"exhaust", do_exhaust, 0}, {"only", do_only, 0},
};

struct turn { void (*call)(int); int number; };
static void *run(void *turn) {
	((struct turn *)turn)->call(((struct turn *)turn)->number);
	return 0;
}
static int depth(void (*call)(int), int number) {
	pthread_attr_t attributes;
	pthread_t thread;
	struct turn turn = {call, number};
	int untouched = 0;
	memset(stack, PAINT, STACK);
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, STACK);
	if (pthread_create(&thread, &attributes, run, &turn)) abort();
	pthread_join(thread, 0);
	while (untouched < STACK && (unsigned char)stack[untouched] == PAINT) untouched++;
	return STACK - untouched;
}

int main(void) {
	const int sizes[] = {20, 200, 2000};
	for (int n = 0; n < 3; n++) {
		environment[n] = calloc(sizes[n] + 1, sizeof(char *));
		for (int v = 0; v < sizes[n]; v++) asprintf(&environment[n][v], "V%d=1", v);
	}
	stack = mmap(0, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	libc = dlopen("libc.so.6", RTLD_LAZY);
	*(void **)&reserve = dlsym(RTLD_DEFAULT, "portshim_reserve"), *(void **)&unreserve = dlsym(RTLD_DEFAULT, "portshim_unreserve");
	*(void **)&block = dlsym(RTLD_DEFAULT, "portshim_block"), *(void **)&unblock = dlsym(RTLD_DEFAULT, "portshim_unblock");
	*(void **)&exhaust = dlsym(RTLD_DEFAULT, "portshim_exhaust"), *(void **)&only = dlsym(RTLD_DEFAULT, "portshim_only");
	*(void **)&give_back = dlsym(RTLD_DEFAULT, "portshim_release");
	for (int n = 0; n < 2; n++) {
		int server = socket(AF_INET, SOCK_STREAM, 0);
		servers[n] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(700 + n), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		if (bind(server, (void *)&servers[n], sizeof any) || listen(server, 64)) return perror("a server"), 1;
	}
	for (unsigned n = 0; n < sizeof CALLS / sizeof *CALLS; n++) {
		int deepest = 0;
		held = 0;
		for (int turn = 0; turn < TURNS; turn++) {
			fd = CALLS[n].kind ? socket(AF_INET, CALLS[n].kind, 0) : -1;
			int deep = depth(CALLS[n].call, turn);
			if (deep > deepest) deepest = deep;
			if (fd >= 0) kept[held++] = fd;
		}
		while (held) close(kept[--held]);
		printf("%s %d\n", CALLS[n].name, deepest);
	}
	return fflush(stdout);
}
