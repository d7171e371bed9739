package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

func TestRequestsShareAConnectionOnBothSides(t *testing.T) {
	onEachEngine(t, testRequestsShareAConnectionOnBothSides)
}

func testRequestsShareAConnectionOnBothSides(t *testing.T, e engine) {
	remotes := make(chan string, 10)
	b := e.newBed(t, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		remotes <- r.RemoteAddr
		fmt.Fprintf(w, "%s %s", r.Method, r.URL)
	}))
	c := b.dial()
	for i := range 5 {
		response, body := c.get(fmt.Sprintf("/%d", i))
		if response.StatusCode != 200 || body != fmt.Sprintf("GET /%d", i) || response.Close {
			t.Fatalf("request %d: %s, %q, close %t", i, response.Status, body, response.Close)
		}
	}
	first := <-remotes
	for range 4 {
		if next := <-remotes; next != first {
			t.Errorf("a request came from %s, the first from %s", next, first)
		}
	}
}

func TestServersGetForwardedFieldsAndNoForgedOnes(t *testing.T) {
	onEachEngine(t, testServersGetForwardedFieldsAndNoForgedOnes)
}

func testServersGetForwardedFieldsAndNoForgedOnes(t *testing.T, e engine) {
	heads := make(chan http.Header, 2)
	hosts := make(chan string, 2)
	b := e.newBed(t, serverOf(t, func(_ http.ResponseWriter, r *http.Request) { heads <- r.Header; hosts <- r.Host }))
	forged := []string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https", "X-Forwarded-Client-Port: 1", "X-Forwarded-LBIP: 6.6.6.6"}
	c := b.dial()
	c.get("/", forged...)
	if head := <-heads; head.Get("X-Forwarded-For") != "1.1.1.1, 127.0.0.1" || head.Get("X-Forwarded-Proto") != "" ||
		head.Get("X-Forwarded-Client-Port") != "" || head.Get("X-Forwarded-LBIP") != "" || <-hosts != "example.com" {
		t.Errorf("with all options off the server got %v", head)
	}
	b.changeService(func(s *lbapi.BackendService) {
		s.ForwardedProto, s.ForwardedPort, s.ForwardedHost, s.ForwardedLBIP, s.ForwardedClientPort = true, true, true, true, true
	})
	c.get("/", forged...)
	head := <-heads
	_, port, _ := net.SplitHostPort(b.address)
	_, clientPort, _ := net.SplitHostPort(c.LocalAddr().String())
	for name, want := range map[string]string{
		"X-Forwarded-Proto": "http", "X-Forwarded-Port": port, "X-Forwarded-Host": "example.com",
		"X-Forwarded-Lbip": "127.0.0.1", "X-Forwarded-Client-Port": clientPort,
	} {
		if got := head.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q once", name, got, want)
		}
	}
}

// The load balancer's address is the one that the client connected to: on a wildcard address that differs from connection
// to connection, and an IPv4-mapped address is the IPv4 address that it stands for.
func TestServersGetTheAddressThatTheClientConnectedTo(t *testing.T) {
	onEachEngine(t, testServersGetTheAddressThatTheClientConnectedTo)
}

func testServersGetTheAddressThatTheClientConnectedTo(t *testing.T, e engine) {
	heads := make(chan http.Header, 1)
	b := e.newBed(t, serverOf(t, func(_ http.ResponseWriter, r *http.Request) { heads <- r.Header }))
	b.changeService(func(s *lbapi.BackendService) { s.ForwardedLBIP = true })
	for _, test := range []struct{ vip, connect, want string }{
		{"127.0.0.1", "127.0.0.1", "127.0.0.1"},
		{"::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1"},
		{"0.0.0.0", "127.0.0.1", "127.0.0.1"},
		{"::", "127.0.0.1", "127.0.0.1"},
		{"::", "::1", "::1"},
	} {
		b.changeVIP(test.vip)
		_, port, _ := net.SplitHostPort(b.address)
		b.address = net.JoinHostPort(test.connect, port)
		b.dial().get("/")
		head := <-heads
		if got := head.Values("X-Forwarded-LBIP"); len(got) != 1 || got[0] != test.want {
			t.Errorf("VIP %s, connected to %s: X-Forwarded-LBIP %q, want %q", test.vip, test.connect, got, test.want)
		}
		if got := head.Get("X-Forwarded-For"); got != test.connect {
			t.Errorf("VIP %s, connected from %s: X-Forwarded-For %q", test.vip, test.connect, got)
		}
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	onEachEngine(t, testPipelinedRequestsAreAnsweredInOrder)
}

func testPipelinedRequestsAreAnsweredInOrder(t *testing.T, e engine) {
	b := e.newBed(t, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.URL.Path, body)
	}))
	c := b.dial()
	c.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" +
		"POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\nA: b\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n")
	for _, want := range []string{"/1 ", "/2 abc", "/3 de", "/4 "} {
		if _, body := c.receive(http.MethodGet); body != want {
			t.Errorf("got %q, want %q", body, want)
		}
	}
}

func TestBodiesStreamBothWays(t *testing.T) { onEachEngine(t, testBodiesStreamBothWays) }

func testBodiesStreamBothWays(t *testing.T, e engine) {
	b := e.newBed(t, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Content-Type", "application/octet-stream")
		buf := make([]byte, 1000)
		for {
			n, err := r.Body.Read(buf)
			w.Write(buf[:n])
			http.NewResponseController(w).Flush()
			if err != nil {
				return
			}
		}
	}))
	c := b.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	var response *http.Response
	for i := range 50 {
		piece := strings.Repeat(string(rune('a'+i%26)), 997)
		c.send(fmt.Sprintf("%x;ext=1\r\n%s\r\n", len(piece), piece))
		if response == nil {
			var err error
			if response, err = http.ReadResponse(c.reader, nil); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]byte, len(piece))
		if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != piece {
			t.Fatalf("piece %d came back as %.20q, %v", i, got, err)
		}
	}
	c.send("0\r\n\r\n")
	if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
		t.Fatalf("after the end: %q, %v", rest, err)
	}
}

func TestLargeBodiesArriveWhole(t *testing.T) { onEachEngine(t, testLargeBodiesArriveWhole) }

func testLargeBodiesArriveWhole(t *testing.T, e engine) {
	const size = 5<<20 + 123
	b := e.newBed(t, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/length" {
			w.Header().Set("Content-Length", r.Header.Get("X-Length"))
		}
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	}))
	data := strings.Repeat("0123456789abcdef", size/16+1)[:size]
	for _, path := range []string{"/chunked", "/length"} {
		c := b.dial()
		go fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: a\r\nX-Length: %d\r\nContent-Length: %d\r\n\r\n%s", path, size, size, data)
		if response, body := c.receive(http.MethodPut); body != data {
			t.Errorf("%s: %s with %d bytes, want %d", path, response.Status, len(body), size)
		}
		if _, body := c.get("/after"); body != "" {
			t.Errorf("after %s: %q", path, body)
		}
	}
}

func TestResponsesWithoutABody(t *testing.T) { onEachEngine(t, testResponsesWithoutABody) }

func testResponsesWithoutABody(t *testing.T, e engine) {
	b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
		for {
			head := readHead(reader)
			switch {
			case head == "":
				return
			case strings.HasPrefix(head, "HEAD"):
				io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
			case strings.Contains(head, "/204"):
				io.WriteString(connection, "HTTP/1.1 204 No Content\r\n\r\n")
			case strings.Contains(head, "/304"):
				io.WriteString(connection, "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n")
			default:
				io.WriteString(connection, "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		}
	}))
	c := b.dial()
	c.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
	if response, _ := c.receive(http.MethodHead); response.ContentLength != 99 {
		t.Errorf("HEAD: length %d", response.ContentLength)
	}
	for _, status := range []int{204, 304} {
		if response, body := c.get(fmt.Sprintf("/%d", status)); response.StatusCode != status || body != "" {
			t.Errorf("%d: %s, %q", status, response.Status, body)
		}
	}
	if response, _ := c.get("/"); response.StatusCode != 103 || response.Header.Get("Link") != "a" {
		t.Errorf("want the 103 first, got %s", response.Status)
	}
	if response, body := c.receive(http.MethodGet); response.StatusCode != 200 || body != "ok" {
		t.Errorf("after the 103: %s, %q", response.Status, body)
	}
}

func TestExpectContinueIsAskedOfTheServer(t *testing.T) {
	onEachEngine(t, testExpectContinueIsAskedOfTheServer)
}

func testExpectContinueIsAskedOfTheServer(t *testing.T, e engine) {
	b := e.newBed(t, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	}))
	head := " HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
	c := b.dial()
	c.send("POST /yes" + head)
	if line, _ := c.reader.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q", line)
	}
	_, _ = c.reader.ReadString('\n')
	c.send("hello")
	if response, body := c.receive(http.MethodPost); body != "hello" || response.Close {
		t.Errorf("got %s, %q, close %t", response.Status, body, response.Close)
	}
	c.send("POST /no" + head)
	if response, _ := c.receive(http.MethodPost); response.StatusCode != 403 || !response.Close {
		t.Errorf("got %s, close %t; want 403 and a close, for the body was not read", response.Status, response.Close)
	}
	c.expectClosed()
}

func TestHTTP10Clients(t *testing.T) { onEachEngine(t, testHTTP10Clients) }

func testHTTP10Clients(t *testing.T, e engine) {
	b := e.newBed(t, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/length" {
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "hello")
			return
		}
		for range 3 {
			io.WriteString(w, r.Host)
			http.NewResponseController(w).Flush()
		}
	}))
	c := b.dial()
	c.send("GET /length HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	if response, body := c.receive(http.MethodGet); body != "hello" || response.Header.Get("Connection") != "keep-alive" {
		t.Errorf("%q with Connection: %q", body, response.Header.Get("Connection"))
	}
	c.send("GET /chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	raw := c.rest()
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	if body != strings.Repeat(b.address, 3) || strings.Contains(head, "Transfer-Encoding") || !strings.Contains(head, "Connection: close") {
		t.Errorf("got %q", raw)
	}
}

func TestBodiesUntilClose(t *testing.T) { onEachEngine(t, testBodiesUntilClose) }

func testBodiesUntilClose(t *testing.T, e engine) {
	b := e.newBed(t, rawServer(t, func(number int, connection *net.TCPConn, reader *bufio.Reader) {
		readHead(reader)
		io.WriteString(connection, "HTTP/1.1 200 OK\r\n\r\nuntil the end")
		if number == 2 {
			connection.SetLinger(0)
		}
	}))
	c := b.dial()
	if response, body := c.get("/"); body != "until the end" || !response.Close {
		t.Errorf("got %q, close %t", body, response.Close)
	}
	c = b.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if all, err := io.ReadAll(c.reader); err == nil && len(all) > 0 && strings.HasPrefix(string(all), "HTTP/1.1 200") {
		t.Errorf("a body whose server broke off looks whole: %q", all)
	}
}

func TestUpgradedConnectionsCarryBytesBothWaysAndHalfClose(t *testing.T) {
	onEachEngine(t, testUpgradedConnectionsCarryBytesBothWaysAndHalfClose)
}

func testUpgradedConnectionsCarryBytesBothWaysAndHalfClose(t *testing.T, e engine) {
	b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
		head := readHead(reader)
		if !strings.Contains(head, "Upgrade: echo\r\n") || !strings.Contains(head, "Connection: upgrade\r\n") {
			io.WriteString(connection, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")
			return
		}
		io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nwelcome ")
		all, _ := io.ReadAll(reader)
		fmt.Fprintf(connection, "got %s", all)
	}))
	c := b.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nearly ")
	if head := readHead(c.reader); !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(head, "Upgrade: echo\r\n") {
		t.Fatalf("got %q", head)
	}
	c.send("late")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := c.rest(); got != "welcome got early late" {
		t.Errorf("got %q", got)
	}
}

func TestClientThatGoesAwayTakesItsServerConnectionAlong(t *testing.T) {
	onEachEngine(t, testClientThatGoesAwayTakesItsServerConnectionAlong)
}

func testClientThatGoesAwayTakesItsServerConnectionAlong(t *testing.T, e engine) {
	ended := make(chan struct{})
	b := e.newBed(t, rawServer(t, func(_ int, _ *net.TCPConn, reader *bufio.Reader) {
		readHead(reader)
		_, _ = io.ReadAll(reader)
		close(ended)
	}))
	c := b.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome")
	_ = c.Close()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the server waits for a client that is gone")
	}
	eventually(t, "the request in the log", func() bool { return len(b.log.all()) == 1 })
	if entry := b.log.all()[0]; entry.Status != 499 || !strings.Contains(entry.Failure, "client went away") {
		t.Errorf("logged %d, %q", entry.Status, entry.Failure)
	}
}

func TestIdleConnectionHoldsOneSmallBufferAtMost(t *testing.T) {
	onEachEngine(t, testIdleConnectionHoldsOneSmallBufferAtMost)
}

func testIdleConnectionHoldsOneSmallBufferAtMost(t *testing.T, e engine) {
	big := strings.Repeat("x", 200<<10)
	b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
		for readHead(reader) != "" {
			_, _ = io.ReadFull(reader, make([]byte, len(big)))
			_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 204800\r\n\r\n"+big)
		}
	}))
	c := b.dial()
	c.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 204800\r\n\r\n" + big)
	if _, body := c.receive("PUT"); body != big {
		t.Fatalf("%d bytes came back", len(body))
	}
	limit := 0
	if e.goroutines || runtime.GOOS != "linux" {
		limit = 4 << 10
	}
	eventually(t, "an idle connection with a small buffer, or on a loop none", func() bool {
		held, idle := b.proxy.HeldByIdle()
		return idle == 1 && held <= limit
	})
}
