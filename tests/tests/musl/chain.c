/* Asks for a port, and starts what its arguments name, by the way that the first of them names, with an empty environment:
 * WAY PROGRAM [WAY PROGRAM]. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A list has the program, or a way and one more. */
#define LISTED(how, ...) \
	(words[1] ? how(words[0], words[0], words[1], words[2], __VA_ARGS__) : how(words[0], words[0], __VA_ARGS__))

static char *none[1];
static int start(const char *way, char **words) {
	pid_t child = 0;
	char command[1000] = "";
	for (char **word = words; *word; word++) strcat(strcat(command, *word), " ");
	if (!strcmp(way, "system")) return clearenv(), system(command);
	if (!strcmp(way, "popen")) {
		clearenv();
		FILE *pipe = popen(command, "r");
		for (int c; pipe && (c = getc(pipe)) != EOF;) putchar(c);
		return pipe ? pclose(pipe) : 1;
	}
	if (!strcmp(way, "posix_spawn")) {
		if (posix_spawn(&child, words[0], 0, 0, words, none)) return 1;
	} else if (!strcmp(way, "posix_spawnp")) {
		if (posix_spawnp(&child, words[0], 0, 0, words, none)) return 1;
	} else if (!strcmp(way, "vfork")) {
		if (!(child = vfork())) execve(words[0], words, none), _exit(9);
	} else if (!(child = fork())) {
		if (!strcmp(way, "execve")) execve(words[0], words, none);
		if (!strcmp(way, "execvpe")) execvpe(words[0], words, none);
		if (!strcmp(way, "execle")) LISTED(execle, (char *)0, none);
		if (!strcmp(way, "syscall")) syscall(SYS_execve, words[0], words, none);
		clearenv();
		if (!strcmp(way, "execv")) execv(words[0], words);
		if (!strcmp(way, "execvp")) execvp(words[0], words);
		if (!strcmp(way, "execl")) LISTED(execl, (char *)0);
		if (!strcmp(way, "execlp")) LISTED(execlp, (char *)0);
		_exit(9);
	}
	int status = -1;
	waitpid(child, &status, 0);
	return status;
}

int main(int count, char **words) {
	struct sockaddr_in any = {.sin_family = AF_INET};
	socklen_t len = sizeof any;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (void *)&any, len) || getsockname(fd, (void *)&any, &len)) return perror("bind"), 1;
	printf("port %d\n", ntohs(any.sin_port));
	fflush(stdout);
	int status = count > 2 ? start(words[1], words + 2) : 0;
	return fflush(stdout) || status;
}
