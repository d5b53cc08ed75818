// A server and clients of Go's own, which makes its system calls itself. Arguments: our servers of
// HTTP and of UDP; or `then` and a command; or none.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

func must(what string, err error) {
	if err != nil {
		fmt.Println(what, err)
		os.Exit(1)
	}
}

func port(address net.Addr) {
	_, port, err := net.SplitHostPort(address.String())
	must("address", err)
	fmt.Println("port", port)
}

// A page, by a connection of its own.
func get(url string) string {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	response, err := client.Get(url)
	must("get", err)
	body, err := io.ReadAll(response.Body)
	must("body", err)
	return string(body)
}

func all(server string, udp string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must("listen", err)
	port(listener.Addr())
	shows := func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RemoteAddr) }
	go http.Serve(listener, http.HandlerFunc(shows))
	var clients sync.WaitGroup
	for i := 0; i < 20; i++ {
		clients.Add(1)
		go func() {
			defer clients.Done()
			address, err := net.ResolveTCPAddr("tcp", get("http://"+listener.Addr().String()))
			must("resolve", err)
			port(address)
			get("http://" + server)
		}()
	}
	clients.Wait()
	socket, err := net.ListenUDP("udp", nil)
	must("udp", err)
	port(socket.LocalAddr())
	peer, err := net.ResolveUDPAddr("udp", udp)
	must("resolve", err)
	_, err = socket.WriteTo([]byte("hello"), peer)
	must("send", err)
	connected, err := net.Dial("udp", udp)
	must("dial", err)
	port(connected.LocalAddr())
	_, err = connected.Write([]byte("hello"))
	must("write", err)
}

// As often as there is a port.
func drain() {
	for count := 0; ; count++ {
		_, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			inner := err.(*net.OpError).Err.(*os.SyscallError).Err.(syscall.Errno)
			fmt.Println(count, int(inner))
			return
		}
	}
}

// Has a port of its own, and starts another program.
func then(command []string) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	must("listen", err)
	port(listener.Addr())
	next := exec.Command(command[0], command[1:]...)
	next.Stdout, next.Stderr = os.Stdout, os.Stderr
	must("run", next.Run())
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == "then" {
		then(os.Args[2:])
	} else if len(os.Args) == 3 {
		all(os.Args[1], os.Args[2])
	} else {
		drain()
	}
}
