// Looks a name up, and has a port. It is for cgo: GODEBUG says whose resolver is asked.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	_, err := net.LookupHost("no.example")
	fmt.Println(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
}
