package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// reset ends the client's connection by a reset.
func (c *client) reset() {
	c.t.Helper()
	if err := c.SetLinger(0); err != nil {
		c.t.Fatal(err)
	}
	_ = c.Close()
}

// The wait for a server, wherever it is, ends with the client that waits.
func TestAResetOfTheClientEndsItsRequestAtTheServer(t *testing.T) {
	const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n"
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		for name, test := range map[string]struct {
			request string
			answer  string
			sends   int64 // how much the client sends of the body, as far as it is taken within a while
			reads   bool  // the server reads the body
			half    bool  // the client has ended its side before
			status  int
		}{
			"while the server thinks":                {request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", reads: true, status: 499},
			"that has ended its side":                {request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", reads: true, half: true, status: 499},
			"within an upload":                       {request: post + "\r\n", sends: 1000, reads: true, status: 499},
			"within an upload that nobody reads":     {request: post + "\r\n", sends: 100_000_000, status: 499},
			"that waits for 100":                     {request: post + "Expect: 100-continue\r\n\r\n", reads: true, status: 499},
			"within a response":                      {request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", reads: true, status: 200},
			"within both bodies":                     {request: post + "\r\n", sends: 1000, answer: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", reads: true, status: 200},
			"within both bodies, with an unread one": {request: post + "\r\n", sends: 100_000_000, answer: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", status: 200},
			"within a tunnel": {
				request: "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
				answer:  "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", reads: true, status: 101,
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ended := make(chan struct{})
				b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
					readHead(reader)
					io.WriteString(connection, test.answer)
					if test.reads {
						_, _ = io.Copy(io.Discard, reader)
					} else {
						awaitEnd(connection)
					}
					close(ended)
				}))
				c := b.dial()
				c.send(test.request)
				eventually(t, "the request at the server", func() bool { return b.counters().InFlight.Load() == 1 })
				if test.answer != "" {
					_, _ = c.reader.ReadString('\n') // the status line
				}
				_ = c.SetWriteDeadline(time.Now().Add(short)) // what is not taken by then stays with the client
				_, _ = io.CopyN(c, zeros{}, test.sends)
				if test.half {
					_ = c.CloseWrite()
					time.Sleep(short)
				}
				begun := time.Now()
				c.reset()
				b.expectGone(test.status)
				<-ended
				if took := time.Since(begun); took > soon {
					t.Errorf("the server had the request for %s more", took)
				}
			})
		}
	})
}

// awaitEnd returns when the other side has closed or reset a connection, which may have something to read.
func awaitEnd(connection *net.TCPConn) {
	raw, err := connection.SyscallConn()
	if err != nil {
		return
	}
	for gone := false; !gone && err == nil; time.Sleep(time.Millisecond) {
		err = raw.Control(func(descriptor uintptr) {
			poll := [...]unix.PollFd{{Fd: int32(descriptor), Events: unix.POLLRDHUP}}
			n, _ := unix.Poll(poll[:], 0)
			gone = n > 0
		})
	}
}

// expectGone fails unless the only request ends as one whose client is gone: nothing in flight, no fault of the server.
func (b *bed) expectGone(status int) {
	b.t.Helper()
	eventually(b.t, "the request in the log", func() bool { return len(b.log.all()) == 1 })
	if entry := b.log.all()[0]; entry.Status != status || !strings.Contains(entry.Failure, "client") {
		b.t.Errorf("logged %d, %q; want %d and what the client did", entry.Status, entry.Failure, status)
	}
	eventually(b.t, "no request in flight", func() bool { return b.counters().InFlight.Load() == 0 })
	if n := b.counters().Aborted.Load(); n != 1 {
		b.t.Errorf("%d requests are aborted, want 1", n)
	}
	for _, each := range b.service().Eligible().Endpoints {
		if n, m := each.Counters.ResponseErrors.Load(), each.Counters.ConnectErrors.Load(); n+m != 0 {
			b.t.Errorf("%d and %d faults are the server's, want none", n, m)
		}
		if n := each.InFlight.Load(); n != 0 {
			b.t.Errorf("%d requests are in flight at the server", n)
		}
	}
}

// fullServer is the address of a server to which no connection comes about: the queue of its port is full.
func fullServer(t *testing.T) string {
	t.Helper()
	descriptor, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(descriptor) })
	if err := unix.Bind(descriptor, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(descriptor, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := unix.Getsockname(descriptor)
	if err != nil {
		t.Fatal(err)
	}
	address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(bound.(*unix.SockaddrInet4).Port)).String()
	for {
		connection, err := net.DialTimeout("tcp", address, short)
		if err != nil {
			return address
		}
		t.Cleanup(func() { connection.Close() })
	}
}

func TestAResetOfTheClientEndsTheAttemptToConnect(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		b := e.newBed(t, fullServer(t), fullServer(t))
		c := b.dial()
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		eventually(t, "the request", func() bool { return b.counters().InFlight.Load() == 1 })
		time.Sleep(short)
		begun := time.Now()
		c.reset()
		b.expectGone(499)
		if took := time.Since(begun); took > 3*time.Second { // an attempt takes 5 s
			t.Errorf("the request was in flight for %s more", took)
		}
	})
}

// An upload that was answered early is whole for the client, but not for its server.
func TestAResetOfTheClientEndsAnAnsweredUpload(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		ended := make(chan struct{})
		b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
			readHead(reader)
			io.WriteString(connection, defaultAnswer)
			_, _ = io.Copy(io.Discard, reader)
			close(ended)
		}))
		c := b.dial()
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
		c.receive(http.MethodPost)
		c.reset()
		select {
		case <-ended:
		case <-time.After(soon):
			t.Error("the server waits for a client that is gone")
		}
	})
}

func TestAClientThatEndsItsSideGetsItsAnswer(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		b := e.newBed(t, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			time.Sleep(time.Second) // longer than a goroutine takes to look at its client
			fmt.Fprint(w, n)
		}))
		for _, request := range []string{
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000),
		} {
			c := b.dial()
			c.send(request)
			if err := c.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if response, _ := c.receive(http.MethodGet); response.StatusCode != 200 {
				t.Errorf("got %s", response.Status)
			}
		}
	})
}
