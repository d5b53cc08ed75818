/* Calls with addresses that cannot be read; the errno of each. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void tell(const char *what, long result) { printf("%s %ld %d\n", what, result, errno); }
int main(void) {
	char *nothing = mmap(0, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *bad[] = {nothing, (void *)8, nothing + 4096 - 8, (void *)-16};
	for (unsigned n = 0; n < sizeof bad / sizeof *bad; n++) {
		int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
		char *none[] = {"nowhere", 0};
		tell("bind", bind(tcp, bad[n], 16));
		tell("connect", connect(tcp, bad[n], 16));
		tell("connect", connect(udp, bad[n], 16));
		tell("sendto", sendto(udp, "x", 1, 0, bad[n], 16));
		tell("sendmsg", sendmsg(udp, bad[n], 0));
		tell("sendmmsg", sendmmsg(udp, bad[n], 1, 0));
		tell("writev", writev(udp, bad[n], 1));
		tell("execve", execve("/nowhere", none, bad[n]));
	}
	return fflush(stdout);
}
