/* Connects to a port on loopback by io_uring, and prints its own; or the error of io_uring_setup. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *mapped(int ring, size_t len, off_t at) {
    void *there = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, at);
    if (there == MAP_FAILED)
        exit(1);
    return there;
}

int main(int count, char **words) {
    struct io_uring_params params;
    memset(&params, 0, sizeof params);
    int ring = (int)syscall(SYS_io_uring_setup, 1, &params);
    if (ring < 0) {
        printf("no ring: %d\n", errno);
        return 0;
    }
    char *asked = mapped(ring, params.sq_off.array + params.sq_entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
    char *done = mapped(ring, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
    struct io_uring_sqe *entry = mapped(ring, params.sq_entries * sizeof *entry, IORING_OFF_SQES);

    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    peer.sin_port = htons((uint16_t)atoi(count > 1 ? words[1] : "0"));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(entry, 0, sizeof *entry);
    entry->opcode = IORING_OP_CONNECT;
    entry->fd = fd;
    entry->addr = (uintptr_t)&peer;
    entry->off = sizeof peer;
    *(uint32_t *)(asked + params.sq_off.array) = 0;
    __atomic_store_n((uint32_t *)(asked + params.sq_off.tail), 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
        return 2;
    struct io_uring_cqe *answer = (void *)(done + params.cq_off.cqes);
    if (answer->res != 0) {
        printf("connect: %d\n", -answer->res);
        return 3;
    }
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    getsockname(fd, (struct sockaddr *)&own, &len);
    printf("port %d\n", ntohs(own.sin_port));
    return 0;
}
