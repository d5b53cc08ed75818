// A 32-bit program without a C library. It tells of the ports that it gets by socketcall(2), whose
// arguments stand in memory, and by the calls that came later.
struct address {
    unsigned short family;
    unsigned char port[2];
    unsigned host;
    char zero[8];
};

enum { WRITE = 4, EXIT = 1, SOCKETCALL = 102, BIND = 361, SENDMSG = 370 };
enum { SOCKET = 1, BEHIND_BIND = 2, GETSOCKNAME = 6, SENDTO = 11 };

static struct address address;
static unsigned length = sizeof address;
static long arguments[6];
static char data[] = "x";
static struct { void *at; unsigned len; } vector = {data, 1};
static struct {
    void *name;
    unsigned length;
    void *vectors;
    unsigned count;
    void *control;
    unsigned control_length;
    int flags;
} message = {&address, sizeof address, &vector, 1, 0, 0, 0};

static long call(long number, long a, long b, long c)
{
    long answer;
    __asm__ volatile("int $0x80" : "=a"(answer) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return answer;
}

static void say(const char *what, unsigned number)
{
    char line[32], digits[12];
    int at = 0, count = 0;
    while (*what)
        line[at++] = *what++;
    do
        digits[count++] = '0' + number % 10;
    while (number /= 10);
    while (count)
        line[at++] = digits[--count];
    line[at++] = '\n';
    call(WRITE, 1, (long)line, at);
}

static int open_socket(int type)
{
    arguments[0] = 2;
    arguments[1] = type;
    arguments[2] = 0;
    return call(SOCKETCALL, SOCKET, (long)arguments, 0);
}

// The loopback address, with a port or without one.
static void set_address(int port)
{
    address.family = 2;
    address.port[0] = 0;
    address.port[1] = port;
    address.host = 0x0100007f;
}

static void tell(int fd, long answer)
{
    if (answer < 0)
        say("error ", -answer);
    length = sizeof address;
    arguments[0] = fd;
    arguments[1] = (long)&address;
    arguments[2] = (long)&length;
    call(SOCKETCALL, GETSOCKNAME, (long)arguments, 0);
    say("port ", address.port[0] * 256 + address.port[1]);
}

void _start(void)
{
    int fd = open_socket(1);
    set_address(0);
    arguments[0] = fd;
    arguments[1] = (long)&address;
    arguments[2] = sizeof address;
    tell(fd, call(SOCKETCALL, BEHIND_BIND, (long)arguments, 0));
    fd = open_socket(2);
    set_address(0);
    tell(fd, call(BIND, fd, (long)&address, sizeof address));
    fd = open_socket(2);
    set_address(9);
    arguments[0] = fd;
    arguments[1] = (long)data;
    arguments[2] = 1;
    arguments[3] = 0;
    arguments[4] = (long)&address;
    arguments[5] = sizeof address;
    tell(fd, call(SOCKETCALL, SENDTO, (long)arguments, 0));
    fd = open_socket(2);
    set_address(9);
    tell(fd, call(SENDMSG, fd, (long)&message, 0));
    call(EXIT, 0, 0, 0);
}
