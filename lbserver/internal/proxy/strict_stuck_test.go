package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestAnAnsweredClientIsNotHeldUpByItsServer has a server answer and read nothing for a while. All of a body that is just so long
// has been read from the client then, and its last piece finds no room towards the server. The client has its answer, and the
// end of its connection, at once. The server gets all of the body even so.
func TestAnAnsweredClientIsNotHeldUpByItsServer(t *testing.T) {
	const most = 64 << 20
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		s := stuckServer{read: make(chan struct{}), got: make(chan int64)}
		b := e.newBedWith(t, options{DrainTimeout: patience}, rawServer(t,
			func(_ int, connection *net.TCPConn, reader *bufio.Reader) { s.serve(t, connection, reader) }))
		room := s.post(b, most, false)
		if room == most {
			t.Fatalf("the server's connection took %d bytes that nobody read", room)
		}
		for size := room - 64<<10; size < room+256<<10; size += 16 << 10 {
			if got := s.post(b, size, true); got != size {
				t.Errorf("the server got %d of %d bytes", got, size)
			}
		}
	})
}

// stuckServer answers a POST without a look at its body, which it reads when it is asked to.
type stuckServer struct {
	read chan struct{}
	got  chan int64
}

func (s stuckServer) serve(t *testing.T, connection *net.TCPConn, reader *bufio.Reader) {
	head := readHead(reader)
	time.Sleep(short / 10) // the body comes meanwhile, as far as there is room
	io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	select {
	case <-s.read:
		_, length, _ := strings.Cut(head, "Content-Length: ")
		length, _, _ = strings.Cut(length, "\r\n")
		size, _ := strconv.ParseInt(length, 10, 64)
		n, _ := io.CopyN(io.Discard, reader, size)
		s.got <- n
	case <-t.Context().Done():
	}
}

// post sends a POST, and returns how much of the body came to the server. A client that is patient stays until it did.
func (s stuckServer) post(b *bed, size int64, patient bool) (got int64) {
	c := b.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + strconv.FormatInt(size, 10) + "\r\n\r\n")
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.CopyN(c, zeros{}, size) // may be cut off
	}()
	begun := time.Now()
	if response, body := c.receive(http.MethodPost); body != "ok" {
		b.t.Errorf("got %s, %q", response.Status, body)
	} else if response.Close {
		c.expectClosed()
	}
	if took := time.Since(begun); took > soon {
		b.t.Errorf("the answer took %s", took)
	}
	if !patient {
		_ = c.Close()
		<-sent
	}
	s.read <- struct{}{}
	got = <-s.got
	_ = c.Close()
	<-sent
	return got
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
