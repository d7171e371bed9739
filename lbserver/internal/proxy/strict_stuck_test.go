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

// TestAnAnsweredClientIsNotHeldUpByItsServer has a server answer and read nothing. All of a body that is just so long has been
// read from the client then, and its last piece finds no room towards the server. The client has its answer, on a connection
// that is kept, and its next request must not wait for that server.
func TestAnAnsweredClientIsNotHeldUpByItsServer(t *testing.T) {
	const step, most = 8 << 10, 64 << 20
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		s := stuckServer{read: make(chan struct{}), got: make(chan int64)}
		b := e.newBedWith(t, options{DrainTimeout: patience}, rawServer(t,
			func(_ int, connection *net.TCPConn, reader *bufio.Reader) { s.serve(t, connection, reader) }))
		for range 10 {
			room, kept := s.post(b, most)
			if kept {
				t.Fatalf("the server's connection took %d bytes that nobody read", room)
			}
			for size := max(room-64<<10, step); size < room+256<<10; size += step {
				if got, kept := s.post(b, size); kept && got < size {
					return
				}
			}
		}
		t.Error("no body got stuck with its last piece: this test shows nothing")
	})
}

// stuckServer answers a POST without a look at its body, which it reads when it is asked to.
type stuckServer struct {
	read chan struct{}
	got  chan int64
}

func (s stuckServer) serve(t *testing.T, connection *net.TCPConn, reader *bufio.Reader) {
	upload := strings.HasPrefix(readHead(reader), "POST")
	if upload {
		time.Sleep(short / 10) // the body comes meanwhile, as far as there is room
	}
	io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	if !upload {
		return
	}
	select {
	case <-s.read:
		n, _ := io.Copy(io.Discard, reader)
		s.got <- n
	case <-t.Context().Done():
	}
}

// post sends a POST, and a GET behind it where the connection is kept. It returns how much of the body came to the server.
func (s stuckServer) post(b *bed, size int64) (got int64, kept bool) {
	c := b.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + strconv.FormatInt(size, 10) + "\r\n\r\n")
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.CopyN(c, zeros{}, size) // may be cut off
	}()
	if response, _ := c.receive(http.MethodPost); !response.Close {
		kept = true
		<-sent
		begun := time.Now()
		if response, body := c.get("/"); body != "ok" {
			b.t.Errorf("the next request got %s, %q", response.Status, body)
		}
		if took := time.Since(begun); took > soon {
			b.t.Errorf("the next request took %s", took)
		}
	}
	_ = c.Close()
	<-sent
	s.read <- struct{}{}
	return <-s.got, kept
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
