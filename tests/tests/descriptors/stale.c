// A socket is closed where no library sees it, and its number is given to something else: calls on that do what they would
// do without a library, and ports are those of the socket that is there now. Arguments: a file to write to.
#include "descriptors.h"

static const char *path;
static long written;

static int udp(void) { return socket(AF_INET, SOCK_DGRAM, 0); }

static int close_raw(int fd) { return raw(SYS_close, fd, 0, 0) == 0; }
static int close_range_raw(int fd) { return raw(SYS_close_range, fd, fd, 0) == 0; }

// Each gives something that is no datagram socket the lowest free number.
static int a_file(void) { return open(path, O_WRONLY | O_CREAT | O_APPEND, 0600); }
static int a_pair(void) { int ends[2]; demand(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair"); return ends[0]; }
static int an_event(void) { return eventfd(0, 0); }

static void use(const char *what, int fd, int is_file) {
    char text[8] = "eight b\n";
    struct iovec parts[2] = {{text, 4}, {text + 4, 4}};
    demand(write(fd, text, 8) == 8, what);
    demand(writev(fd, parts, 2) == 8, what);
    demand(syscall(SYS_write, fd, text, 8L) == 8, what);
    written += is_file ? 24 : 0;
}

int main(int count, char **argument) {
    (void)count;
    path = argument[1];
    int (*closes[])(int) = {close_raw, close_range_raw};
    int (*makes[])(void) = {a_file, a_pair, an_event};
    for (int c = 0; c < 2; c++) {
        for (int m = 0; m < 3; m++) {
            int fd = udp();
            demand(closes[c](fd), "close");
            int other = makes[m]();
            demand(other == fd, "the number is given away again");
            if (m == 2) {
                uint64_t one = 1;
                demand(write(other, &one, 8) == 8, "an eventfd");
            } else {
                use("written", other, m == 0);
            }
            close(other);
        }
    }

    FILE *stream = fdopen(udp(), "w");
    stream = freopen(path, "a", stream);
    demand(stream != NULL, "freopen");
    use("freopen", fileno(stream), 1);
    fclose(stream);

    // A file is put in the socket's place.
    int fd = udp(), file = a_file();
    demand(raw(SYS_dup2, file, fd, 0) == fd, "dup2");
    use("dup2", fd, 1);
    close(fd);
    close(file);

    printf("written %ld\n", written);

    // TCP for UDP, and the other way round: neither the library nor the kernel was told by name.
    struct sockaddr_in any = loopback(0), peer = loopback(7001);
    for (int n = 0; n < 20; n++) {
        int was = n % 2 ? SOCK_STREAM : SOCK_DGRAM, is = n % 2 ? SOCK_DGRAM : SOCK_STREAM;
        const char *name = is == SOCK_DGRAM ? "udp" : "tcp";
        for (int call = 0; call < 4; call++) {
            int fd = socket(AF_INET, was, 0);
            demand(close_raw(fd), "close");
            demand(raw(SYS_socket, AF_INET, is, 0) == fd, "socket");
            int done = 0;
            switch (call) {
            case 0: done = bind(fd, (void *)&any, sizeof any) == 0; break;
            case 1: done = connect(fd, (void *)&peer, sizeof peer) == 0; break;
            case 2: done = is == SOCK_DGRAM ? sendto(fd, "x", 1, 0, (void *)&peer, sizeof peer) == 1 : listen(fd, 1) == 0; break;
            default: done = is == SOCK_DGRAM ? write(fd, "x", 1) == -1 && errno == EDESTADDRREQ : listen(fd, 1) == 0;
            }
            demand(done, "a call on another socket");
            printf("%s %d\n", name, port_of(fd));
            close(fd);
        }
    }
}
