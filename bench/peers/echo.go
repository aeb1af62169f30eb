// Go's echo server: a goroutine for each connection. The net package sets TCP_NODELAY by itself.
package main

import (
	"fmt"
	"net"
	"os"
)

func serve(peer net.Conn) {
	defer peer.Close()
	buffer := make([]byte, 1024)
	for {
		got, err := peer.Read(buffer)
		if err != nil {
			return
		}
		if _, err := peer.Write(buffer[:got]); err != nil {
			return
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		peer, err := listener.Accept()
		if err != nil {
			os.Exit(1)
		}
		go serve(peer)
	}
}
