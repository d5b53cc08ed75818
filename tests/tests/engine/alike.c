// Data that look like a system call, among code and beside it: they must stay what they are. Prints
// its own memory's map first.
#include <stdio.h>
#include <string.h>
#ifdef LOCKS
#include <sys/mman.h>
#endif
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

// mov $49, %eax; syscall; ret
static const unsigned char call[] = {0xb8, 0x31, 0, 0, 0, 0x0f, 0x05, 0xc3};
extern const unsigned char among[], beside[];
__asm__(".pushsection .text; among: .byte 0xb8, 0x31, 0, 0, 0, 0x0f, 0x05, 0xc3; .popsection\n"
        ".pushsection .rodata; beside: .byte 0xb8, 0x31, 0, 0, 0, 0x0f, 0x05, 0xc3; .popsection\n");

int main(void)
{
    char line[4096];
    size_t len;
    FILE *maps = fopen("/proc/self/maps", "r");
    while ((len = fread(line, 1, sizeof line, maps)) > 0)
        fwrite(line, 1, len, stdout);
#ifdef LOCKS
    if (mlockall(MCL_CURRENT) != 0)
        perror("mlockall");
#endif
    struct sockaddr_in address = {.sin_family = AF_INET};
    bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
    puts(memcmp(among, call, 8) == 0 && memcmp(beside, call, 8) == 0 ? "as it was" : "changed");
    return 0;
}
