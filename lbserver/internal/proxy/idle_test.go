package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Between the head of a response and its end it is the silence of both sides that counts. Each test has one side send for three
// times the idle timeout, while the other has something left to send and says nothing.
func TestAStreamStaysUpAsLongAsOneSideSends(t *testing.T) {
	const pieces = 10 // each after short, which is less than a third of the idle timeout
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		t.Run("the server", func(t *testing.T) {
			t.Parallel()
			b := e.newBedWith(t, options{DrainTimeout: patience, IdleTimeout: 1}, rawServer(t,
				func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
					readHead(reader)
					io.WriteString(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
					for range pieces {
						time.Sleep(short)
						io.WriteString(connection, "1\r\nx\r\n")
					}
					io.WriteString(connection, "0\r\n\r\n")
				}))
			c := b.dial()
			c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
			if _, body := c.receive(http.MethodPost); body != strings.Repeat("x", pieces) {
				t.Errorf("got %q", body)
			}
		})
		t.Run("the client", func(t *testing.T) {
			t.Parallel()
			b := e.newBedWith(t, options{DrainTimeout: patience, IdleTimeout: 1}, rawServer(t,
				func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
					readHead(reader)
					io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
					body := make([]byte, pieces)
					n, _ := io.ReadFull(reader, body)
					connection.Write(body[:n])
				}))
			c := b.dial()
			c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
			for range pieces {
				time.Sleep(short)
				c.send("x")
			}
			if _, body := c.receive(http.MethodPost); body != strings.Repeat("x", pieces) {
				t.Errorf("got %q", body)
			}
		})
		t.Run("neither", func(t *testing.T) {
			t.Parallel()
			ended := make(chan struct{})
			b := e.newBedWith(t, options{DrainTimeout: patience, IdleTimeout: 1}, rawServer(t,
				func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
					readHead(reader)
					io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
					_, _ = io.Copy(io.Discard, reader)
					close(ended)
				}))
			c := b.dial()
			begun := time.Now()
			c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
			<-ended
			expectAround(t, begun, time.Second)
			if all, err := io.ReadAll(c.reader); err == nil && strings.HasSuffix(string(all), "half") {
				eventually(t, "a failure in the log", func() bool { return len(b.log.all()) == 1 && b.log.all()[0].Failure != "" })
			}
		})
	})
}

// A server that takes nothing of a body is as silent as one that does not answer.
func TestAServerThatTakesNothingOfABodyIs504(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		done := make(chan struct{})
		b := e.newBedWith(t, options{DrainTimeout: patience, IdleTimeout: 1}, rawServer(t,
			func(_ int, _ *net.TCPConn, reader *bufio.Reader) {
				readHead(reader)
				<-done
			}))
		defer close(done)
		c := b.dial()
		begun := time.Now()
		response, body := c.sendAll(upload)
		expectOwn(t, response, body, 504)
		expectAround(t, begun, time.Second)
		if n := b.service().Eligible().Endpoints[0].Counters.ResponseErrors.Load(); n != 1 {
			t.Errorf("%d faults are the server's, want 1", n)
		}
	})
}

// The new idle timeout of a listener holds for the next request of an open connection.
func TestAServerHasAsLongAsTheListenersIdleTimeoutSays(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		b := e.newBedWith(t, options{DrainTimeout: patience, IdleTimeout: 1}, serverOf(t,
			func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(2 * time.Second)
				io.WriteString(w, "late")
			}))
		c := b.dial()
		if response, _ := c.get("/"); response.StatusCode != 504 {
			t.Errorf("got %s", response.Status)
		}
		b.changeListener(func(l *lbapi.Listener) { l.IdleTimeout = 60 })
		if response, body := c.get("/"); body != "late" {
			t.Errorf("got %s, %q", response.Status, body)
		}
	})
}
