package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

func TestARequestBeginsWithItsWholeHead(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		b := e.newBed(t, named(t, "a"))
		c := b.dial()
		c.send("GET / HTTP/1.1\r\n")
		time.Sleep(short)
		whole := time.Now()
		c.send("Host: a\r\n\r\n")
		c.receive(http.MethodGet)
		eventually(t, "the request in the log", func() bool { return len(b.log.all()) == 1 })
		// The clock of a loop stands at the beginning of its turn, which may have waited for what was sent.
		if entry := b.log.all()[0]; entry.Time.Before(whole.Add(-short/2)) || entry.Duration > time.Since(whole)+short/2 {
			t.Errorf("logged from %s on for %s; its head was whole at %s", entry.Time, entry.Duration, whole)
		}
	})
}

func TestAClientThatSendsNoHeadMakesNoRequest(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		b := e.newBed(t, named(t, "a"))
		c := b.dial()
		c.send("G")
		_ = c.Close()
		b.dial().send("NONSENSE\r\n\r\n")
		eventually(t, "both in the log", func() bool { return len(b.log.all()) == 2 })
		if n, aborted := b.counters().Requests.Load(), b.counters().Aborted.Load(); n != 1 || aborted != 0 {
			t.Errorf("counted %d requests, %d of them aborted; want the one that was refused", n, aborted)
		}
	})
}

func TestAFaultIsCountedOnWhoHasIt(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		for name, test := range map[string]struct {
			request, response string // the client sends the one, and the server the other, and closes
			status            int
			servers           uint64
		}{
			"a client's chunk":   {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", "", 400, 0},
			"a server's silence": {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", 502, 1},
			"a server's head":    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/2.2 200 OK\r\n\r\n", 502, 1},
		} {
			t.Run(name, func(t *testing.T) {
				broken := make(chan struct{})
				b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
					readHead(reader)
					close(broken)
					if test.servers == 0 {
						_, _ = io.Copy(io.Discard, reader)
					}
					io.WriteString(connection, test.response)
				}))
				c := b.dial()
				c.send(test.request)
				<-broken
				if test.servers == 0 {
					c.send("nonsense\r\n")
				}
				if response, _ := c.receive(http.MethodPost); response.StatusCode != test.status {
					t.Errorf("got %s", response.Status)
				}
				if n := b.service().Eligible().Endpoints[0].Counters.ResponseErrors.Load(); n != test.servers {
					t.Errorf("%d faults are the server's, want %d", n, test.servers)
				}
			})
		}
	})
}

func TestAServerMayNotDripItsHead(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		b := e.newBedWith(t, options{DrainTimeout: patience, IdleTimeout: 1}, rawServer(t,
			func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
				readHead(reader)
				_, err := io.WriteString(connection, "HTTP/1.1 200 OK\r\nA: ")
				for err == nil {
					time.Sleep(short / 10)
					_, err = io.WriteString(connection, "a")
				}
			}))
		c := b.dial()
		begun := time.Now()
		if response, _ := c.get("/"); response.StatusCode != 504 {
			t.Errorf("got %s", response.Status)
		}
		expectAround(t, begun, time.Second)
	})
}
