// Limits its own memory to eight megabytes, and takes five.
#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

int main(void)
{
    struct rlimit few = {8 << 20, 8 << 20};
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (setrlimit(RLIMIT_DATA, &few) != 0)
        return 1;
    void *memory = mmap(0, 5 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int bound = bind(fd, (struct sockaddr *)&address, sizeof address);
    puts(memory != MAP_FAILED && bound == 0 ? "enough" : "not enough");
    return 0;
}
