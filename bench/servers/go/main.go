// sockjs-go v3, controlled by lines on stdin like the other servers.
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/igm/sockjs-go/v3/sockjs"
)

var (
	mutex    sync.Mutex
	sessions = map[sockjs.Session]struct{}{}
)

func echo(session sockjs.Session) {
	mutex.Lock()
	sessions[session] = struct{}{}
	mutex.Unlock()
	for {
		message, err := session.Recv()
		if err != nil {
			break
		}
		if session.Send(message) != nil {
			break
		}
	}
	mutex.Lock()
	delete(sessions, session)
	mutex.Unlock()
}

func broadcast(message string) {
	mutex.Lock()
	defer mutex.Unlock()
	for session := range sessions {
		_ = session.Send(message)
	}
}

// The µs of CPU that the operating system has counted for this process.
func cpu() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
}

func main() {
	options := sockjs.DefaultOptions
	options.SockJSURL = "/sockjs.min.js"
	options.HeartbeatDelay = time.Hour
	options.ResponseLimit = 1<<32 - 1
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		log.Fatal(http.Serve(listener, sockjs.NewHandler("/echo", options, echo)))
	}()
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "broadcast "):
			broadcast(line[len("broadcast "):])
		case line == "cpu":
			fmt.Println(cpu())
		case line == "release":
			runtime.GC()
			debug.FreeOSMemory()
			fmt.Println("released")
		default:
			log.Fatalf("no such command: %s", line)
		}
	}
}
