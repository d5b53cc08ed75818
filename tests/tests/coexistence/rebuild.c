/* Starts a program in each way there is, with an environment that knows nothing of whoever started us.
 * Arguments: the way, the program. */
#include "coexistence.h"
#include <fcntl.h>
#include <spawn.h>

extern char **environ;

static void start(const char *way, char *program)
{
    char *args[] = { program, NULL }, *own[] = { "OWN=1", NULL }, *none[] = { NULL };
    char command[4096];
    snprintf(command, sizeof command, "exec '%s'", program);

    if (strcmp(way, "execve") == 0)
        execve(program, args, own);
    else if (strcmp(way, "execve-empty") == 0)
        execve(program, args, none);
    else if (strcmp(way, "execve-null") == 0)
        execve(program, args, NULL);
    else if (strcmp(way, "execle") == 0)
        execle(program, program, (char *)NULL, own);
    else if (strcmp(way, "execvpe") == 0)
        execvpe(program, args, own);
    else if (strcmp(way, "fexecve") == 0)
        fexecve(open(program, O_RDONLY), args, own);
    else if (strcmp(way, "execveat") == 0)
        execveat(AT_FDCWD, program, args, own, 0);
    else if (strcmp(way, "env") == 0)
        execl("/usr/bin/env", "env", "-i", program, (char *)NULL);

    /* From here on it is our own environment that is emptied. */
    if (strcmp(way, "environ-null") == 0)
        environ = NULL;
    else
        CHECK(clearenv() == 0);

    if (strcmp(way, "execv") == 0 || strcmp(way, "environ-null") == 0)
        execv(program, args);
    else if (strcmp(way, "execl") == 0)
        execl(program, program, (char *)NULL);
    else if (strcmp(way, "execlp") == 0)
        execlp(program, program, (char *)NULL);
    else if (strcmp(way, "execvp") == 0)
        execvp(program, args);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    char *way = argv[1], *program = argv[2];
    char *args[] = { program, NULL }, *own[] = { "OWN=1", NULL };
    pid_t child;

    if (strcmp(way, "posix_spawn") == 0 || strcmp(way, "posix_spawnp") == 0) {
        int (*spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                     char *const[], char *const[]) = strcmp(way, "posix_spawn") == 0 ? posix_spawn : posix_spawnp;
        CHECK(spawn(&child, program, NULL, NULL, args, own) == 0);
        reap(child);
    } else if (strcmp(way, "system") == 0) {
        char command[4096];
        snprintf(command, sizeof command, "'%s'", program);
        CHECK(clearenv() == 0);
        CHECK(system(command) == 0);
    } else if (strcmp(way, "popen") == 0) {
        char command[4096], line[100];
        snprintf(command, sizeof command, "'%s'", program);
        CHECK(clearenv() == 0);
        FILE *output = popen(command, "r");
        CHECK(output);
        while (fgets(line, sizeof line, output))
            CHECK(dprintf(1, "%s", line) > 0);
        CHECK(pclose(output) == 0);
    } else {
        child = fork();
        if (child == 0) {
            start(way, program);
            CHECK(!"it was started");
        }
        reap(child);
    }
    /* What was done for the child must not show here. */
    tell(any_port(SOCK_STREAM));
}
