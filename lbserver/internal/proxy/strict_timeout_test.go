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

// short stands for the product's timeouts in tests; soon is by when what it ends must have ended on a busy machine.
const (
	short = 300 * time.Millisecond
	soon  = 5 * time.Second
)

// expectAround fails unless something took at least a timeout, and not much longer.
func expectAround(t *testing.T, begun time.Time, timeout time.Duration) {
	t.Helper()
	if took := time.Since(begun); took < timeout-timeout/10 || took > timeout+soon {
		t.Errorf("it took %s, want about %s", took, timeout)
	}
}

func TestSlowHeadIs408(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		b := e.newBedWith(t, options{DrainTimeout: patience, HeadTimeout: short}, named(t, "a"))
		t.Run("that stops", func(t *testing.T) {
			c := b.dial()
			begun := time.Now()
			c.send("GET / HTTP/1.1\r\nHost: a\r\nA: b")
			if response, _ := c.receive(http.MethodGet); response.StatusCode != 408 || !response.Close {
				t.Errorf("got %s, close %t", response.Status, response.Close)
			}
			expectAround(t, begun, short)
			c.expectClosed()
		})
		t.Run("that drips", func(t *testing.T) {
			c := b.dial()
			begun := time.Now()
			stop := make(chan struct{})
			dripped := make(chan struct{})
			go func() {
				defer close(dripped)
				for {
					if _, err := io.WriteString(c, "G"); err != nil {
						return
					}
					select {
					case <-stop:
						return
					case <-time.After(short / 20):
					}
				}
			}()
			response, _ := c.receive(http.MethodGet)
			close(stop)
			<-dripped
			if response.StatusCode != 408 && response.StatusCode != 501 {
				t.Errorf("got %s", response.Status)
			}
			expectAround(t, begun, short)
		})
		t.Run("behind a good request", func(t *testing.T) {
			c := b.dial()
			c.get("/")
			begun := time.Now()
			c.send("GET")
			if response, _ := c.receive(http.MethodGet); response.StatusCode != 408 {
				t.Errorf("got %s", response.Status)
			}
			expectAround(t, begun, short)
		})
	})
}

func TestSilentServerIs504(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		for name, says := range map[string]string{"all along": "", "within its head": "HTTP/1.1 200 OK\r\nConte", "behind a 103": "HTTP/1.1 103 Wait\r\n\r\n"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := e.newBedWith(t, options{DrainTimeout: patience, IdleTimeout: 1}, rawServer(t,
					func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
						readHead(reader)
						io.WriteString(connection, says)
						_, _ = io.Copy(io.Discard, reader)
					}))
				c := b.dial()
				begun := time.Now()
				response, _ := c.get("/")
				if response.StatusCode == 103 {
					response, _ = c.receive(http.MethodGet)
				}
				if response.StatusCode != 504 || response.Header.Get("Set-Cookie") != "" {
					t.Errorf("got %s with %v", response.Status, response.Header)
				}
				expectAround(t, begun, time.Second)
			})
		}
	})
}

func TestServerThatStopsWithinItsBodyIsCutShort(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		b := e.newBedWith(t, options{DrainTimeout: patience, IdleTimeout: 1}, rawServer(t,
			func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
				readHead(reader)
				io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
				_, _ = io.Copy(io.Discard, reader)
			}))
		c := b.dial()
		begun := time.Now()
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		response, err := http.ReadResponse(c.reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(response.Body); err == nil || string(body) != "half" {
			t.Errorf("got %q, %v; want the half and an error", body, err)
		}
		expectAround(t, begun, time.Second)
	})
}

// The server's time is for the server: a client that takes longer for its upload is no reason for a 504.
func TestSlowUploadIsNotTheServersFault(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		b := e.newBedWith(t, options{DrainTimeout: patience, IdleTimeout: 1}, serverOf(t,
			func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				w.Write(body)
			}))
		c := b.dial()
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
		for range 10 {
			time.Sleep(short)
			c.send("x")
		}
		if response, body := c.receive(http.MethodPost); response.StatusCode != 200 || body != "xxxxxxxxxx" {
			t.Errorf("got %s, %q", response.Status, body)
		}
	})
}

func TestStalledBodyIs408(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		for name, request := range map[string]string{
			"of a length": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf",
			"of chunks":   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf",
			"of nothing":  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ended := make(chan struct{})
				b := e.newBed(t, rawServer(t, func(_ int, _ *net.TCPConn, reader *bufio.Reader) {
					_, _ = io.Copy(io.Discard, reader)
					close(ended)
				}))
				b.changeListener(func(l *lbapi.Listener) { l.IdleTimeout = 1 })
				c := b.dial()
				begun := time.Now()
				c.send(request)
				if response, _ := c.receive(http.MethodPost); response.StatusCode != 408 || !response.Close {
					t.Errorf("got %s, close %t", response.Status, response.Close)
				}
				expectAround(t, begun, time.Second)
				c.expectClosed()
				select {
				case <-ended:
				case <-time.After(patience):
					t.Error("the server waits for a body that does not come")
				}
			})
		}
	})
}

// A reader that stopped must not hold a server for ever.
func TestClientThatReadsNothingIsCutOff(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		ended := make(chan struct{})
		b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
			readHead(reader)
			io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
			piece := make([]byte, 64<<10)
			for {
				if _, err := connection.Write(piece); err != nil {
					close(ended)
					return
				}
			}
		}))
		b.changeListener(func(l *lbapi.Listener) { l.IdleTimeout = 1 })
		c := b.dial()
		begun := time.Now()
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("the server still writes for a client that reads nothing")
		}
		expectAround(t, begun, time.Second)
	})
}

func TestTunnelEndsAfterTheIdleTimeout(t *testing.T) {
	const upgrade = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		for name, test := range map[string]struct{ up, down int }{"silent": {0, 0}, "one way up": {20, 0}, "one way down": {0, 20}} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				received := make(chan int, 1)
				b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
					readHead(reader)
					io.WriteString(connection, "HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
					for range test.down {
						time.Sleep(time.Second / 10)
						io.WriteString(connection, ".")
					}
					all, _ := io.ReadAll(reader)
					received <- len(all)
				}))
				b.changeListener(func(l *lbapi.Listener) { l.IdleTimeout = 1 })
				c := b.dial()
				begun := time.Now()
				c.send(upgrade)
				if head := readHead(c.reader); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
					t.Fatalf("got %q", head)
				}
				for range test.up {
					time.Sleep(time.Second / 10)
					c.send(".")
				}
				all, _ := io.ReadAll(c.reader)
				if len(all) != test.down {
					t.Errorf("%d bytes came down, want %d", len(all), test.down)
				}
				if got := <-received; got != test.up {
					t.Errorf("%d bytes came up, want %d", got, test.up)
				}
				expectAround(t, begun, time.Second+time.Duration(test.up+test.down)*time.Second/10)
			})
		}
	})
}

// A client that waits for 100 is not slow, however long the server takes: its time begins when it is let send.
func TestWaitFor100IsTheServersTime(t *testing.T) {
	const request = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		t.Run("that answers late", func(t *testing.T) {
			t.Parallel()
			b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
				readHead(reader)
				time.Sleep(700 * time.Millisecond) // less than the timeout
				io.WriteString(connection, "HTTP/1.1 100 Continue\r\n\r\n")
				body := make([]byte, 5)
				io.ReadFull(reader, body)
				io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"+string(body))
			}))
			b.changeListener(func(l *lbapi.Listener) { l.IdleTimeout = 1 })
			c := b.dial()
			c.send(request)
			if response, _ := c.receive(http.MethodPost); response.StatusCode != 100 {
				t.Fatalf("got %s", response.Status)
			}
			time.Sleep(700 * time.Millisecond) // likewise, and past the one that began with the wait
			c.send("hello")
			if response, body := c.receive(http.MethodPost); response.StatusCode != 200 || body != "hello" {
				t.Errorf("got %s, %q", response.Status, body)
			}
		})
		t.Run("that never answers", func(t *testing.T) {
			t.Parallel()
			ended := make(chan struct{})
			b := e.newBedWith(t, options{DrainTimeout: patience, IdleTimeout: 1}, rawServer(t,
				func(_ int, _ *net.TCPConn, reader *bufio.Reader) {
					_, _ = io.Copy(io.Discard, reader)
					close(ended)
				}))
			c := b.dial()
			begun := time.Now()
			c.send(request)
			if response, _ := c.receive(http.MethodPost); response.StatusCode != 504 || !response.Close {
				t.Errorf("got %s, close %t", response.Status, response.Close)
			}
			expectAround(t, begun, time.Second)
			<-ended
		})
		b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
			readHead(reader)
			io.WriteString(connection, "HTTP/1.1 100 Continue\r\n\r\n")
			_, _ = io.Copy(io.Discard, reader)
		}))
		b.changeListener(func(l *lbapi.Listener) { l.IdleTimeout = 1 })
		for name, sent := range map[string]string{"but not when it has been let send": "", "nor when it sends all the same": "he"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := b.dial()
				begun := time.Now()
				c.send(request + sent)
				response, _ := c.receive(http.MethodPost)
				if response.StatusCode == 100 {
					response, _ = c.receive(http.MethodPost)
				}
				if response.StatusCode != 408 {
					t.Errorf("got %s", response.Status)
				}
				expectAround(t, begun, time.Second)
			})
		}
	})
}
