// Sockets of Go's own that are closed at once, in many threads, so that numbers of descriptors mean
// this and that in quick turns. Arguments: the first port and the last.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
)

func must(what string, err error) {
	if err != nil {
		fmt.Println(what, err)
		os.Exit(1)
	}
}

// Ends the program if a port is none of these.
func check(what string, address net.Addr, first, last int) {
	_, text, err := net.SplitHostPort(address.String())
	must("address", err)
	port, err := strconv.Atoi(text)
	must("port", err)
	if port < first || port > last {
		fmt.Println(what, port)
		os.Exit(1)
	}
}

func main() {
	first, err := strconv.Atoi(os.Args[1])
	must("first", err)
	last, err := strconv.Atoi(os.Args[2])
	must("last", err)
	sink, err := net.ListenPacket("udp4", "127.0.0.1:0")
	must("sink", err)
	go func() {
		for {
			_, from, err := sink.ReadFrom(make([]byte, 1))
			must("read", err)
			check("sent from", from, first, last)
		}
	}()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	must("listen", err)
	go func() {
		for {
			connection, err := listener.Accept()
			must("accept", err)
			connection.Close()
		}
	}()
	var turns sync.WaitGroup
	for i := 0; i < 8; i++ {
		turns.Add(1)
		go func() {
			defer turns.Done()
			for turn := 0; turn < 200; turn++ {
				socket, err := net.ListenUDP("udp4", nil)
				must("udp", err)
				check("bound", socket.LocalAddr(), first, last)
				_, err = socket.WriteTo([]byte("x"), sink.LocalAddr())
				must("send", err)
				socket.Close()
				connected, err := net.Dial("udp4", sink.LocalAddr().String())
				must("dial", err)
				check("connected", connected.LocalAddr(), first, last)
				connected.Close()
				if turn%5 == 0 {
					connection, err := net.Dial("tcp4", listener.Addr().String())
					must("connect", err)
					check("connection", connection.LocalAddr(), first, last)
					connection.Close()
				}
				file, err := os.Open("/dev/null")
				must("open", err)
				file.Close()
			}
		}()
	}
	turns.Wait()
	fmt.Println("known")
}
