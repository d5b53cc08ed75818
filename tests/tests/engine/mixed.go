// A Go program with C code, all of it static. Ports are got by goroutines, whose stacks are small,
// by C code that they call, and by a signal handler of C's, which runs on Go's signal stack while
// others come in between: what it has there must stay.
package main

/*
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t between, failed;

static int get_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    int got = bind(fd, (struct sockaddr *)&address, len) == 0;
    if (!got || getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        failed = 1;
    close(fd);
    return ntohs(address.sin_port);
}

static void second(int number)
{
    volatile unsigned char room[4096];
    for (size_t at = 0; at < sizeof room; at++)
        room[at] = 0xaa;
    (void)number;
    between++;
}

static void first(int number)
{
    volatile unsigned char room[4096];
    for (size_t at = 0; at < sizeof room; at++)
        room[at] = 0x55;
    (void)number;
    while (between < 300)
        get_port();
    for (size_t at = 0; at < sizeof room; at++)
        if (room[at] != 0x55)
            failed = 1;
}

static int is_written_over(void)
{
    struct sigaction action = {.sa_handler = first, .sa_flags = SA_ONSTACK | SA_RESTART};
    struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGUSR2, &action, NULL);
    action.sa_handler = second;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    raise(SIGUSR2);
    setitimer(ITIMER_REAL, &never, NULL);
    return failed;
}
*/
import "C"

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
)

// Signals of the process come to its first thread.
func init() { runtime.LockOSThread() }

func main() {
	maps, _ := os.ReadFile("/proc/self/maps")
	if !strings.Contains(string(maps), "7e9a00000000-") {
		panic("there is no guest")
	}
	var all sync.WaitGroup
	for range make([]int, 50) {
		all.Add(1)
		go func() {
			defer all.Done()
			for range make([]int, 20) {
				listener, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					panic(err)
				}
				fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
				fmt.Println("port", C.get_port())
				listener.Close()
			}
		}()
	}
	all.Wait()
	if C.is_written_over() != 0 {
		panic("written over")
	}
}
