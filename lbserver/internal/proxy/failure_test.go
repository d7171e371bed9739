package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// refusing is the address of a server that refuses connections.
func refusing(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", freePort(t))
}

// expectOwn checks an answer of the load balancer's own.
func expectOwn(t *testing.T, response *http.Response, body string, status int) {
	t.Helper()
	if response.StatusCode != status || !strings.HasPrefix(body, response.Status+": ") || !strings.Contains(body, "(request ") {
		t.Errorf("got %s, %q; want a %d that names the request", response.Status, body, status)
	}
	if len(response.Header.Values("Set-Cookie")) > 0 {
		t.Errorf("a %d of our own sets a cookie", status)
	}
	dates := response.Header.Values("Date")
	if date, err := http.ParseTime(strings.Join(dates, ",")); err != nil || time.Since(date).Abs() > patience {
		t.Errorf("a %d of our own has the dates %q", status, dates)
	}
}

func TestBadRequestsAreRefusedAndTheConnectionClosed(t *testing.T) {
	onEachEngine(t, testBadRequestsAreRefusedAndTheConnectionClosed)
}

func testBadRequestsAreRefusedAndTheConnectionClosed(t *testing.T, e engine) {
	b := e.newBed(t, named(t, "a"))
	for name, test := range map[string]struct {
		raw    string
		status int
	}{
		"two lengths":        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
		"smuggling":          {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		"bad chunk":          {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		"long target":        {"GET /" + strings.Repeat("a", 17<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
		"long head":          {"GET / HTTP/1.1\r\nHost: a\r\nA: " + strings.Repeat("a", 65<<10) + "\r\n\r\n", 431},
		"many fields":        {"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", 128) + "\r\n", 431},
		"connect":            {"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501},
		"another version":    {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
		"after a good start": {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			c := b.dial()
			c.t = t
			c.get("/")
			c.send(test.raw)
			response, body := c.receive(http.MethodGet)
			expectOwn(t, response, body, test.status)
			c.expectClosed()
		})
	}
}

func TestChunkThatBreaksInMidUploadIsRefused(t *testing.T) {
	onEachEngine(t, testChunkThatBreaksInMidUploadIsRefused)
}

func testChunkThatBreaksInMidUploadIsRefused(t *testing.T, e engine) {
	ended := make(chan struct{})
	b := e.newBed(t, rawServer(t, func(_ int, _ *net.TCPConn, reader *bufio.Reader) {
		io.Copy(io.Discard, reader)
		close(ended)
	}))
	c := b.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	eventually(t, "the request at the server", func() bool { return b.counters().InFlight.Load() == 1 })
	c.send("zz\r\n")
	response, body := c.receive(http.MethodPost)
	expectOwn(t, response, body, 400)
	c.expectClosed()
	<-ended
}

func TestConnectFailureIsRetriedOnAnotherServerForEveryMethod(t *testing.T) {
	onEachEngine(t, testConnectFailureIsRetriedOnAnotherServerForEveryMethod)
}

func testConnectFailureIsRetriedOnAnotherServerForEveryMethod(t *testing.T, e engine) {
	echo := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	b := e.newBed(t, refusing(t), echo, refusing(t))
	c := b.dial()
	for i := range 6 {
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
		if response, body := c.receive(http.MethodPost); response.StatusCode != 200 || body != "hello" {
			t.Fatalf("request %d: %s, %q", i, response.Status, body)
		}
	}
	if b.counters().Retries.Load() == 0 {
		t.Error("no retry was counted")
	}
}

func TestNoServerAnswers(t *testing.T) { onEachEngine(t, testNoServerAnswers) }

func testNoServerAnswers(t *testing.T, e engine) {
	b := e.newBed(t, refusing(t), refusing(t))
	c := b.dial()
	response, body := c.get("/")
	expectOwn(t, response, body, 502)
	b.changeServers(&lbapi.ServerGroup{ID: groupID})
	response, body = c.get("/")
	expectOwn(t, response, body, 503)
	if response.Header.Get("Retry-After") == "" || response.Close {
		t.Errorf("Retry-After %q, close %t", response.Header.Get("Retry-After"), response.Close)
	}
	b.state.BackendServices = map[string]*lbapi.BackendService{}
	b.apply()
	response, body = c.get("/")
	expectOwn(t, response, body, 503)
}

func TestConnectTimeoutIs504(t *testing.T) { onEachEngine(t, testConnectTimeoutIs504) }

func testConnectTimeoutIs504(t *testing.T, e engine) {
	b := e.newBedWith(t, options{DialOverride: func(netip.AddrPort) (netip.AddrPort, error) {
		return netip.AddrPort{}, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
	}}, refusing(t))
	response, body := b.dial().get("/")
	expectOwn(t, response, body, 504)
}

func TestResponsesThatBreakARuleAre502(t *testing.T) {
	onEachEngine(t, testResponsesThatBreakARuleAre502)
}

func testResponsesThatBreakARuleAre502(t *testing.T, e engine) {
	for name, raw := range map[string]string{
		"no http":             "hello\r\n\r\n",
		"two lengths":         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
		"a bad chunk size":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nzz\r\n",
		"a bad trailer":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA b: c\r\n\r\n",
		"length and coding":   "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
		"half a head":         "HTTP/1.1 200 OK\r\nContent-",
		"nothing":             "",
		"unasked upgrade":     "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
		"interim without end": strings.Repeat("HTTP/1.1 102 Wait\r\n\r\n", 40),
	} {
		t.Run(name, func(t *testing.T) {
			b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
				readHead(reader)
				io.WriteString(connection, raw)
			}))
			c := b.dial()
			response, body := c.get("/")
			for response.StatusCode == 102 {
				response, body = c.receive(http.MethodGet)
			}
			expectOwn(t, response, body, 502)
			if strings.Contains(body, "127.0.0.1") {
				t.Errorf("the answer tells a server's address: %q", body)
			}
			if response, _ = c.get("/"); response.StatusCode != 502 && response.StatusCode != 102 {
				t.Errorf("the next request on the connection: %s", response.Status)
			}
		})
	}
}

// closingServer answers the first request of each connection and closes it at the second, without an answer.
func closingServer(t *testing.T, requests *atomic.Int32) string {
	t.Helper()
	return rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
		for i := range 2 {
			head := readHead(reader)
			if head == "" || i == 1 {
				return
			}
			requests.Add(1)
			if strings.HasPrefix(head, "POST") {
				io.ReadFull(reader, make([]byte, 5))
			}
			io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
}

func TestStaleConnectionIsRetriedForIdempotentMethodsOnly(t *testing.T) {
	onEachEngine(t, testStaleConnectionIsRetriedForIdempotentMethodsOnly)
}

func testStaleConnectionIsRetriedForIdempotentMethodsOnly(t *testing.T, e engine) {
	var requests atomic.Int32
	b := e.newBed(t, closingServer(t, &requests))
	c := b.dial()
	for range 4 {
		if response, body := c.get("/"); response.StatusCode != 200 || body != "ok" {
			t.Fatalf("GET: %s, %q", response.Status, body)
		}
	}
	post := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
	c.send(post) // on the connection that the last GET left
	response, body := c.receive(http.MethodPost)
	expectOwn(t, response, body, 502)
	c.send(post)
	if response, _ := c.receive(http.MethodPost); response.StatusCode != 200 {
		t.Errorf("POST on a new connection: %s", response.Status)
	}
	if got := requests.Load(); got != 5 {
		t.Errorf("the server answered %d requests, want 5", got)
	}
}

func TestConnectionClosedWhileIdleIsNotedBeforeItIsUsed(t *testing.T) {
	onEachEngine(t, testConnectionClosedWhileIdleIsNotedBeforeItIsUsed)
}

func testConnectionClosedWhileIdleIsNotedBeforeItIsUsed(t *testing.T, e engine) {
	closed := make(chan struct{}, 1)
	b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
		readHead(reader)
		io.ReadFull(reader, make([]byte, 5))
		io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		connection.Close()
		closed <- struct{}{}
	}))
	c := b.dial()
	for range 5 {
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
		if response, body := c.receive(http.MethodPost); response.StatusCode != 200 {
			t.Fatalf("%s, %q", response.Status, body)
		}
		<-closed
	}
}

func TestBytesBehindAResponseReachNobody(t *testing.T) {
	onEachEngine(t, testBytesBehindAResponseReachNobody)
}

func testBytesBehindAResponseReachNobody(t *testing.T, e engine) {
	b := e.newBed(t, rawServer(t, func(number int, connection *net.TCPConn, reader *bufio.Reader) {
		for readHead(reader) != "" {
			fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%dHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", number)
		}
	}))
	c := b.dial()
	for i := 1; i <= 3; i++ {
		if _, body := c.get("/"); body != fmt.Sprint(i) {
			t.Errorf("request %d got %q; it must get a connection of its own", i, body)
		}
	}
}

func TestResponseThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	onEachEngine(t, testResponseThatBreaksOffIsNotTakenForWhole)
}

func testResponseThatBreaksOffIsNotTakenForWhole(t *testing.T, e engine) {
	for name, head := range map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome",
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
				readHead(reader)
				io.WriteString(connection, head)
			}))
			c := b.dial()
			c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			response, err := http.ReadResponse(c.reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(response.Body); err == nil {
				t.Errorf("the client read %q without an error", body)
			}
			eventually(t, "the failure in the log", func() bool {
				all := b.log.all()
				return len(all) == 1 && strings.Contains(all[0].Failure, "broke off")
			})
		})
	}
}

func TestServerKilledInMidLoadCostsNoGet(t *testing.T) {
	onEachEngine(t, testServerKilledInMidLoadCostsNoGet)
}

func testServerKilledInMidLoadCostsNoGet(t *testing.T, e engine) {
	var open sync.Map
	var down atomic.Bool
	// Only kept connections die: what a new one that breaks costs is not this test's.
	dying := rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
		for kept := false; readHead(reader) != "" && (!kept || !down.Load()); kept = true {
			io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			open.Store(connection, nil)
		}
	})
	refused := refusing(t)
	b := e.newBedWith(t, options{DialOverride: func(address netip.AddrPort) (netip.AddrPort, error) {
		if down.Load() && address.String() == dying {
			address = netip.MustParseAddrPort(refused)
		}
		return address, nil
	}}, dying, named(t, "ok"))
	var clients sync.WaitGroup
	for range 8 {
		c := b.dial()
		clients.Go(func() {
			for i := range 200 {
				if response, body := c.get("/"); response.StatusCode != 200 || body != "ok" {
					t.Errorf("%s, %q", response.Status, body)
					return
				}
				if i == 100 && down.CompareAndSwap(false, true) {
					open.Range(func(connection, _ any) bool {
						connection.(*net.TCPConn).CloseRead()
						return true
					})
				}
			}
		})
	}
	clients.Wait()
}

func TestPanicCostsOneConnectionAndNoCount(t *testing.T) {
	onEachEngine(t, testPanicCostsOneConnectionAndNoCount)
}

func testPanicCostsOneConnectionAndNoCount(t *testing.T, e engine) {
	var panics atomic.Bool
	panics.Store(true)
	b := e.newBedWith(t, options{DialOverride: func(address netip.AddrPort) (netip.AddrPort, error) {
		if panics.Load() {
			panic("a bug")
		}
		return address, nil
	}}, named(t, "a"))
	c := b.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	c.expectClosed()
	panics.Store(false)
	if _, body := b.dial().get("/"); body != "a" {
		t.Errorf("after a panic on another connection: %q", body)
	}
	eventually(t, "no request in flight", func() bool {
		return b.counters().InFlight.Load() == 0 && b.service().Eligible().Servers[0].InFlight.Load() == 0
	})
}

func TestA502SaysThatThereIsNoLocalPort(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		b := e.newBedWith(t, options{DialOverride: func(netip.AddrPort) (netip.AddrPort, error) {
			return netip.AddrPort{}, os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)
		}}, named(t, "a"))
		response, body := b.dial().get("/")
		expectOwn(t, response, body, 502)
		if !strings.Contains(body, "no free local port") {
			t.Errorf("the answer does not say why: %q", body)
		}
	})
}
