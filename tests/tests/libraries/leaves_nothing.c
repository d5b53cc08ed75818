/* How many mappings are left of many children of vfork that became other programs. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char **environment;
static int mappings(void) {
	int lines = 0, c;
	FILE *maps = fopen("/proc/self/maps", "r");
	while ((c = getc(maps)) != EOF) lines += c == '\n';
	fclose(maps);
	return lines;
}
static void *start(void *nothing) {
	char *program[] = {"/bin/true", 0};
	pid_t child = vfork();
	if (!child) execve(program[0], program, environment), _exit(9);
	waitpid(child, 0, 0);
	return nothing;
}
int main(void) {
	environment = calloc(5001, sizeof *environment);
	for (int n = 0; n < 5000; n++) asprintf(&environment[n], "V%d=1", n);
	pthread_t threads[8];
	int before = 0;
	for (int round = 0; round < 40; round++) {
		for (int n = 0; n < 8; n++) pthread_create(&threads[n], 0, start, 0);
		for (int n = 0; n < 8; n++) pthread_join(threads[n], 0);
		if (round == 3) before = mappings();
	}
	printf("%d\n", mappings() - before);
	return fflush(stdout);
}
