// Go's HTTP server: an answer, one after 10 ms, and a stream of events. http [PERIOD in ms]
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	period := 50
	if len(os.Args) > 1 {
		period, _ = strconv.Atoi(os.Args[1])
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	http.HandleFunc("/", func(response http.ResponseWriter, _ *http.Request) {
		response.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(response, "Hello world\n")
	})
	http.HandleFunc("/slow", func(response http.ResponseWriter, _ *http.Request) {
		time.Sleep(10 * time.Millisecond)
		response.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(response, "Hello world\n")
	})
	http.HandleFunc("/events", func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "text/event-stream")
		flusher := response.(http.Flusher)
		ticker := time.NewTicker(time.Duration(period) * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-request.Context().Done():
				return
			case <-ticker.C:
				io.WriteString(response, "data: a piece of text\n\n")
				flusher.Flush()
			}
		}
	})
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	http.Serve(listener, nil)
}
