/* Starts a program in each way from a thread with the smallest stack, with an environment of so many variables and an
 * LD_PRELOAD of so many bytes. */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LEAST = 16384 };
static char **environment, *program[3];
static int status = -1;
static void *start(void *how) {
	pid_t child = -1;
	char *path = program[0];
	if (!strcmp(how, "posix_spawn")) {
		if (posix_spawn(&child, path, 0, 0, program, environment)) return 0;
	} else if (!strcmp(how, "posix_spawnp")) {
		if (posix_spawnp(&child, path, 0, 0, program, environment)) return 0;
	} else if (!strcmp(how, "vfork")) {
		if (!(child = vfork())) execve("/nowhere", program, environment), execve(path, program, environment), _exit(9);
	} else if (!(child = fork())) {
		if (!strcmp(how, "execve")) execve(path, program, environment);
		if (!strcmp(how, "execvpe")) execvpe(path, program, environment);
		if (!strcmp(how, "syscall")) syscall(SYS_execve, path, program, environment);
		if (!strcmp(how, "syscall_at")) syscall(SYS_execveat, -100, path, program, environment, 0);
		_exit(9);
	}
	waitpid(child, &status, 0);
	return 0;
}
static void *command(void *how) {
	FILE *pipe = 0;
	char line[64];
	if (!strcmp(how, "system")) status = system(program[0]);
	else if ((pipe = popen(program[0], "r"))) {
		while (fgets(line, sizeof line, pipe)) fputs(line, stdout);
		status = pclose(pipe);
	}
	return 0;
}
int main(int count, char **words) {
	if (count < 5) return 2;
	int variables = atoi(words[3]), length = atoi(words[4]), n = 0;
	program[0] = words[1];
	environment = calloc(variables + 2, sizeof *environment);
	for (; n < variables; n++) asprintf(&environment[n], "V%d=1", n);
	if (length) {
		char *list = calloc(1, length + 64);
		strcpy(list, "LD_PRELOAD=");
		while (strlen(list) < (size_t)length) strcat(list, list[11] ? ":libm.so.6" : "libm.so.6");
		environment[n] = list;
	}
	int is_command = !strcmp(words[2], "system") || !strcmp(words[2], "popen");
	if (is_command) environ = environment;
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	/* musl's own spawn does not fit into the least that it allows. */
	if (pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN < LEAST ? LEAST : PTHREAD_STACK_MIN)) return 3;
	pthread_create(&thread, &attributes, is_command ? command : start, words[2]);
	pthread_join(thread, 0);
	return fflush(stdout) || status;
}
