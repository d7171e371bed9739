package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// upload is how much a client sends that is answered early: more than the buffers in between hold.
const upload = 20 << 20

// sendAll sends an upload from its first byte to its last, and reads the answer only then, as many clients do.
func (c *client) sendAll(size int64) (*http.Response, string) {
	c.t.Helper()
	c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size))
	if n, err := io.CopyN(c, zeros{}, size); err != nil {
		c.t.Fatalf("sent %d of %d bytes: %v", n, size, err)
	}
	return c.receive(http.MethodPost)
}

func TestAnEarlyAnswerDoesNotEndAnUpload(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		for name, answer := range map[string]string{
			"of a length":        "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok",
			"of chunks":          "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
			"and a last request": "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
		} {
			t.Run(name, func(t *testing.T) {
				got := make(chan int64, 1)
				b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
					readHead(reader)
					io.WriteString(connection, answer)
					n, _ := io.CopyN(io.Discard, reader, upload)
					got <- n
				}))
				c := b.dial()
				// Clients such as curl stop sending if they are told of the close.
				told := strings.Contains(answer, "close")
				if response, body := c.sendAll(upload); response.StatusCode != 202 || body != "ok" || response.Close != told {
					t.Errorf("got %s, %q, close %t", response.Status, body, response.Close)
				}
				c.expectClosed()
				if n := <-got; n != upload {
					t.Errorf("the server got %d of %d bytes", n, upload)
				}
				eventually(t, "the request in the log", func() bool { return len(b.log.all()) == 1 })
				if entry := b.log.all()[0]; entry.Status != 202 || entry.Failure != "" || entry.BytesReceived < upload {
					t.Errorf("logged %d, %q, %d bytes", entry.Status, entry.Failure, entry.BytesReceived)
				}
			})
		}
	})
}

// An answer whose end is the end of the connection must not wait for the upload.
func TestAnEarlyAnswerIsDeliveredBeforeTheUploadEnds(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
			readHead(reader)
			io.WriteString(connection, "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
			body := make([]byte, 4)
			io.ReadFull(reader, body)
		}))
		c := b.dial()
		c.send("POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 4\r\n\r\nha")
		if answer := c.rest(); !strings.HasSuffix(answer, "\r\n\r\nok") {
			t.Errorf("got %q", answer)
		}
		c.send("lf")
	})
}

// endings are how a server ends that answers an upload without reading it.
func endings() map[string]func(connection *net.TCPConn, reader *bufio.Reader) {
	return map[string]func(*net.TCPConn, *bufio.Reader){
		"closes": func(*net.TCPConn, *bufio.Reader) {},
		"resets": func(connection *net.TCPConn, _ *bufio.Reader) {
			time.Sleep(short) // or the answer is lost on the way, too
			_ = connection.SetLinger(0)
		},
		"lingers": func(connection *net.TCPConn, reader *bufio.Reader) { // as nginx
			_ = connection.CloseWrite()
			_, _ = io.Copy(io.Discard, reader)
		},
		"ends its side and stays": func(connection *net.TCPConn, _ *bufio.Reader) {
			_ = connection.CloseWrite()
			time.Sleep(soon)
		},
	}
}

func TestAClientThatSendsAllOfItsBodyFirstGetsTheEarlyAnswer(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		for name, end := range endings() {
			t.Run("of a server that "+name, func(t *testing.T) {
				t.Parallel()
				b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
					readHead(reader)
					io.WriteString(connection, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
					end(connection, reader)
				}))
				c := b.dial()
				if response, body := c.sendAll(upload); response.StatusCode != 413 || body != "big" || !response.Close {
					t.Errorf("got %s, %q, close %t", response.Status, body, response.Close)
				}
				c.expectClosed()
			})
		}
		for name, test := range map[string]struct {
			status int
			server func(t *testing.T) string
		}{
			"503 without a server":             {503, nil},
			"502 for a refused connection":     {502, refusing},
			"502 for a server that breaks off": {502, func(t *testing.T) string { t.Helper(); return breakingOff(t) }},
		} {
			t.Run("of our own: "+name, func(t *testing.T) {
				t.Parallel()
				var servers []string
				if test.server != nil {
					servers = append(servers, test.server(t))
				}
				c := e.newBed(t, servers...).dial()
				response, body := c.sendAll(upload)
				expectOwn(t, response, body, test.status)
				c.expectClosed()
			})
		}
	})
}

// breakingOff is the address of a server that resets each connection once it has a request's head.
func breakingOff(t *testing.T) string {
	t.Helper()
	return rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
		readHead(reader)
		_ = connection.SetLinger(0)
	})
}

// A client that stops sending when it has its answer may end its side, and read the answer to its end (RFC 9112, 9.5).
func TestAClientMayGiveUpAnUploadThatWasAnswered(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		begun, ended := make(chan struct{}), make(chan struct{})
		b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
			readHead(reader)
			io.WriteString(connection, "HTTP/1.1 413 Too Large\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf ")
			<-begun
			_, _ = io.Copy(io.Discard, reader) // up to the end of the client's side
			io.WriteString(connection, "whole")
			close(ended)
		}))
		c := b.dial()
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome")
		response, err := http.ReadResponse(c.reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		close(begun)
		<-ended
		if body, err := io.ReadAll(response.Body); err != nil || string(body) != "half whole" {
			t.Errorf("got %q, %v", body, err)
		}
	})
}

// A client that has sent everything may end its side at once: what is on the way to a slow server still gets there.
func TestAnAnsweredUploadOutlivesTheClientsSide(t *testing.T) {
	const size = 8 << 20 // more than the server's side holds, so that a part waits on the client's
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		got := make(chan int64)
		b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
			readHead(reader)
			io.WriteString(connection, defaultAnswer)
			time.Sleep(time.Second) // longer than a goroutine takes to look at its client
			n, _ := io.Copy(io.Discard, reader)
			got <- n
		}))
		c := b.dial()
		c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size))
		if _, err := io.CopyN(c, zeros{}, size); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.receive(http.MethodPost)
		if n := <-got; n != size {
			t.Errorf("the server got %d of %d bytes", n, size)
		}
	})
}

// A client whose upload was answered, and that neither sends nor closes, is let go after the idle timeout.
func TestAnAnsweredUploadThatStopsEndsAfterTheIdleTimeout(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		ended := make(chan struct{})
		b := e.newBedWith(t, options{DrainTimeout: patience, IdleTimeout: 1}, rawServer(t,
			func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
				readHead(reader)
				io.WriteString(connection, defaultAnswer)
				_, _ = io.Copy(io.Discard, reader)
				close(ended)
			}))
		c := b.dial()
		begun := time.Now()
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome")
		c.receive(http.MethodPost)
		<-ended
		expectAround(t, begun, time.Second)
	})
}

// Lingering ends a second after a stop, whatever the drain timeout.
func TestAStopEndsLingeringSoon(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		b, end := newStrictBed(t, e, options{})
		b.changeListener(func(l *lbapi.Listener) { l.IdleTimeout = 60 })
		c := b.dial()
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
		c.receive(http.MethodPost)
		sending := make(chan struct{})
		go func() {
			defer close(sending)
			_, _ = io.CopyN(c, zeros{}, 1_000_000_000) // up to the end of the connection
			for err := error(nil); err == nil; time.Sleep(short / 10) {
				_, err = io.WriteString(c, "x")
			}
		}()
		begun := time.Now()
		if err := end(); err != nil {
			t.Error(err)
		}
		expectAround(t, begun, time.Second)
		<-sending
	})
}

// What connections that linger bring is work like any other: they share a loop's turns with all others.
func TestConnectionsThatLingerHoldUpNobody(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		b := e.newBed(t)
		var flooding sync.WaitGroup
		for range 6 {
			c := b.dial()
			c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000000\r\n\r\n")
			flooding.Go(func() { _, _ = io.Copy(c, zeros{}) }) // up to the end of the connection
			c.receive(http.MethodPost)
		}
		for range 6 {
			begun := time.Now()
			if response, _ := b.dial().get("/"); response.StatusCode != 503 {
				t.Errorf("got %s", response.Status)
			}
			if took := time.Since(begun); took > soon {
				t.Errorf("a request took %s", took)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := b.proxy.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		flooding.Wait()
	})
}
