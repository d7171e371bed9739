package health_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/health"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// speedup gives a check every 50 ms with a timeout of 1 s.
const speedup = 100

func httpCheck() lbapi.HealthCheck {
	check := lbapi.DefaultHealthCheck(lbapi.HTTP)
	check.Timeout = 30
	return check
}

// serve accepts connections on a free port and hands each to handle, until the test ends.
func serve(tb testing.TB, handle func(net.Conn)) netip.AddrPort {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			handle(connection)
			_ = connection.Close()
		}
	}()
	tb.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listenerAddress(listener)
}

func listenerAddress(listener net.Listener) netip.AddrPort {
	return netip.MustParseAddrPort(listener.Addr().String())
}

// readRequest reads to the end of the request's head.
func readRequest(connection net.Conn) string {
	reader := bufio.NewReader(connection)
	var head strings.Builder
	for {
		line, err := reader.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String()
		}
	}
}

// answering sends a fixed text after each request, then closes.
func answering(text string) func(net.Conn) {
	return func(connection net.Conn) {
		readRequest(connection)
		_, _ = connection.Write([]byte(text))
	}
}

// firstVerdict waits for the first verdict on a server.
func firstVerdict(t *testing.T, options health.Options, check lbapi.HealthCheck, server netip.AddrPort) service.Verdict {
	t.Helper()
	options.Speedup = speedup
	f := newFleet(t, options, check, server)
	defer f.checker.Close()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if verdict := f.verdict(0); verdict.Status != lbapi.HealthUnknown {
			return verdict
		}
	}
	t.Fatal("no verdict within 10 s")
	return service.Verdict{}
}

func TestHTTPVerdicts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handle func(net.Conn)
		want   lbapi.CheckFailure // "" = healthy
		detail string             // part of the detail
	}{
		"200":                    {answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "", ""},
		"302 of an old server":   {answering("HTTP/1.0 302 Found\r\n\r\n"), "", ""},
		"no reason":              {answering("HTTP/1.1 204\r\n\r\n"), "", ""},
		"interim responses":      {answering("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), "", ""},
		"the line alone":         {answering("HTTP/1.1 200 OK\r\n"), lbapi.ReceiveResponseFailed, "EOF"},
		"what the proxy refuses": {answering("HTTP/1.1 200 OK\r\ngarbage\r\n\r\n"), lbapi.ResponseFormatError, "colon"},
		"two framings":           {answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), lbapi.ResponseFormatError, "RFC 9112"},
		"a long head":            {answering("HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 50<<10) + "\r\n\r\n"), "", ""},
		"an endless answer": {
			func(c net.Conn) {
				answering("HTTP/1.1 200 OK\r\n\r\n")(c)
				_, _ = io.Copy(c, neverending{}) // until the check has had enough
			},
			"", "",
		},
		"503":                    {answering("HTTP/1.1 503 Service Unavailable\r\n\r\n"), lbapi.HTTPCodeMismatch, "status 503, expected 2xx, 3xx"},
		"404":                    {answering("HTTP/1.1 404 Not Found\r\n\r\n"), lbapi.HTTPCodeMismatch, "404"},
		"101":                    {answering("HTTP/1.1 101 Switching Protocols\r\n\r\n"), lbapi.HTTPCodeMismatch, "101"},
		"another protocol":       {answering("SSH-2.0-OpenSSH_9.2p1\r\n"), lbapi.ResponseFormatError, `"SSH-2.0-OpenSSH`},
		"bytes without a line":   {answering("\x15\x03\x01\x00\x02\x02\x46"), lbapi.ResponseFormatError, `"\x15\x03`},
		"HTTP/0.9":               {answering("<html>hello</html>"), lbapi.ResponseFormatError, "<html>"},
		"HTTP/2":                 {answering("HTTP/2 200\r\n\r\n"), lbapi.ResponseFormatError, "HTTP/2"},
		"bare line feed":         {answering("HTTP/1.1 200 OK\n\n"), "", ""},
		"four digits":            {answering("HTTP/1.1 2000 OK\r\n\r\n"), lbapi.ResponseFormatError, ""},
		"status 099":             {answering("HTTP/1.1 099 Low\r\n\r\n"), lbapi.ResponseFormatError, ""},
		"NUL in the reason":      {answering("HTTP/1.1 200 O\x00K\r\n\r\n"), lbapi.ResponseFormatError, ""},
		"endless line":           {answering("HTTP/1.1 200 " + strings.Repeat("a", 100_000)), lbapi.ResponseFormatError, ""},
		"endless interim fields": {answering("HTTP/1.1 100 \r\n" + strings.Repeat("A: b\r\n", 10_000)), lbapi.ResponseFormatError, "128 fields"},
		"endless interims":       {answering(strings.Repeat("HTTP/1.1 100 \r\n\r\n", 10_000)), lbapi.ResponseFormatError, "interim"},
		"closes at once":         {func(net.Conn) {}, lbapi.ConnectInterrupt, "closed"},
		"closes after the request": {
			func(c net.Conn) { readRequest(c) }, lbapi.ConnectInterrupt, "without a response",
		},
		"resets": {
			func(c net.Conn) {
				readRequest(c)
				if tcp, ok := c.(*net.TCPConn); ok {
					_ = tcp.SetLinger(0)
				}
			},
			lbapi.ConnectInterrupt, "closed",
		},
		"breaks off in the line":    {answering("HTTP/1.1 20"), lbapi.ReceiveResponseFailed, "EOF"},
		"breaks off in the interim": {answering("HTTP/1.1 100 \r\nA: "), lbapi.ReceiveResponseFailed, "EOF"},
		"is silent": {
			func(c net.Conn) { readRequest(c); readRequest(c) }, lbapi.ReceiveResponseTimeout, "within 1s",
		},
		"stalls in the head": {
			func(c net.Conn) { answering("HTTP/1.1 200 OK\r\nA: b\r\n")(c); readRequest(c) }, lbapi.ReceiveResponseTimeout, "within 1s",
		},
		"stalls in the line": {
			func(c net.Conn) { answering("HTTP/1.1 2")(c); readRequest(c) }, lbapi.ReceiveResponseTimeout, "within 1s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verdict := firstVerdict(t, health.Options{}, httpCheck(), serve(t, test.handle))
			if verdict.Reason.Reason != test.want || (verdict.Status == lbapi.Healthy) != (test.want == "") {
				t.Fatalf("%+v, want reason %q", verdict, test.want)
			}
			if !strings.Contains(verdict.Reason.Detail, test.detail) {
				t.Errorf("detail %q lacks %q", verdict.Reason.Detail, test.detail)
			}
		})
	}
}

func TestRequestIsWhatTheCheckAsksFor(t *testing.T) {
	for name, test := range map[string]struct {
		version lbapi.HTTPVersion
		domain  string
		path    string
		want    func(server string) string
	}{
		"1.0": {lbapi.HTTP10, "", "/", func(string) string { return "GET / HTTP/1.0\r\n" }},
		"1.0 with a domain": {lbapi.HTTP10, "example.com", "/up?deep=1", func(string) string {
			return "GET /up?deep=1 HTTP/1.0\r\nHost: example.com\r\n"
		}},
		"1.1": {lbapi.HTTP11, "", "/up", func(server string) string {
			return "GET /up HTTP/1.1\r\nHost: " + server + "\r\n"
		}},
		"1.1 with a domain": {lbapi.HTTP11, "example.com", "/", func(string) string {
			return "GET / HTTP/1.1\r\nHost: example.com\r\n"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			requests := make(chan string, 100)
			server := serve(t, func(connection net.Conn) {
				requests <- readRequest(connection)
				_, _ = connection.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
			})
			check := httpCheck()
			check.HTTPVersion, check.Domain, check.Path = test.version, test.domain, test.path
			if verdict := firstVerdict(t, health.Options{}, check, server); verdict.Status != lbapi.Healthy {
				t.Fatalf("%+v", verdict)
			}
			want := test.want(server.String()) +
				"User-Agent: lbserver-health-check\r\nAccept: */*\r\nConnection: close\r\n\r\n"
			if got := <-requests; got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestChecksPassOnARealServer(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/up" {
			http.NotFound(w, r)
		}
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // until Close
	}()
	defer func() {
		_ = server.Close()
		<-done
	}()
	for _, version := range []lbapi.HTTPVersion{lbapi.HTTP10, lbapi.HTTP11} {
		for path, want := range map[string]lbapi.CheckFailure{"/up": "", "/down": lbapi.HTTPCodeMismatch} {
			check := httpCheck()
			check.HTTPVersion, check.Path, check.Codes = version, path, []string{"200"}
			if verdict := firstVerdict(t, health.Options{}, check, listenerAddress(listener)); verdict.Reason.Reason != want {
				t.Errorf("%s %s: %+v", version, path, verdict)
			}
		}
	}
}

// The verdict does not wait for the end of the answer, which a server may owe.
func TestVerdictComesBeforeTheEndOfTheAnswer(t *testing.T) {
	done := make(chan struct{})
	server := serve(t, func(c net.Conn) { answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")(c); <-done })
	defer close(done)
	check := httpCheck()
	check.Timeout = 60
	f := newFleet(t, health.Options{}, check, server)
	f.checked(1)
	f.requireStatus(lbapi.Healthy, "before the end of the answer")
	f.checker.Close()
}

func TestCodesDecide(t *testing.T) {
	server := serve(t, answering("HTTP/1.1 404 Not Found\r\n\r\n"))
	for codes, want := range map[string]lbapi.HealthStatus{
		"404": lbapi.Healthy, "400-404": lbapi.Healthy, "4xx": lbapi.Healthy, "200,404": lbapi.Healthy,
		"403": lbapi.Unhealthy, "405-499": lbapi.Unhealthy, "2xx,3xx": lbapi.Unhealthy,
	} {
		check := httpCheck()
		check.Codes = strings.Split(codes, ",")
		if verdict := firstVerdict(t, health.Options{}, check, server); verdict.Status != want {
			t.Errorf("404 with %s: %+v, want %s", codes, verdict, want)
		}
	}
}

func TestRefusedConnection(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	for _, check := range []lbapi.HealthCheck{lbapi.DefaultHealthCheck(lbapi.TCP), httpCheck()} {
		verdict := firstVerdict(t, health.Options{}, check, listenerAddress(listener))
		if verdict.Reason.Reason != lbapi.ConnectFailed || !strings.HasSuffix(verdict.Reason.Detail, ": connection refused") {
			t.Errorf("%s: %+v", check.Protocol, verdict)
		}
	}
}

func TestTCPCheckPassesOnAnOpenPort(t *testing.T) {
	verdict := firstVerdict(t, health.Options{}, lbapi.DefaultHealthCheck(lbapi.TCP), serve(t, func(net.Conn) {}))
	if verdict.Status != lbapi.Healthy {
		t.Errorf("%+v", verdict)
	}
}

func TestFullBacklogTimesOutConnecting(t *testing.T) {
	_, server := listenWithFullBacklog(t)
	verdict := firstVerdict(t, health.Options{}, lbapi.DefaultHealthCheck(lbapi.TCP), server)
	if verdict.Reason.Reason != lbapi.ConnectTimeout || !strings.Contains(verdict.Reason.Detail, "within 1s") {
		t.Errorf("%+v", verdict)
	}
}

// listenWithFullBacklog returns a listener that accepts nothing and drops connection requests, since its backlog is full.
func listenWithFullBacklog(t *testing.T) (descriptor int, server netip.AddrPort) {
	t.Helper()
	descriptor, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(descriptor) })
	if err := errors.Join(
		syscall.Bind(descriptor, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(descriptor, 0),
	); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(descriptor)
	if err != nil {
		t.Fatal(err)
	}
	bound, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		t.Fatalf("socket name %#v", name)
	}
	server = netip.AddrPortFrom(netip.AddrFrom4(bound.Addr), uint16(bound.Port))
	dialer := net.Dialer{Timeout: 200 * time.Millisecond}
	for range 10 {
		connection, err := dialer.DialContext(t.Context(), "tcp", server.String())
		if err != nil {
			return descriptor, server
		}
		t.Cleanup(func() { _ = connection.Close() })
	}
	t.Fatal("the backlog is never full: this test shows nothing")
	return descriptor, server
}

// neverending gives bytes without end.
type neverending struct{}

func (neverending) Read(p []byte) (int, error) { return len(p), nil }

// stubborn is a connection on which every write fails.
type stubborn struct {
	net.Conn

	err error
}

func (s *stubborn) Write([]byte) (int, error) { return 0, s.err }

func TestRequestThatCannotBeSent(t *testing.T) {
	pipe := func() net.Conn {
		near, far := net.Pipe()
		t.Cleanup(func() { _ = far.Close() })
		return near
	}
	for name, test := range map[string]struct {
		dial health.DialFunc
		want lbapi.CheckFailure
	}{
		"nobody reads": {
			func(context.Context, string, string) (net.Conn, error) { return pipe(), nil },
			lbapi.RequestTimeout,
		},
		"the network broke": {
			func(context.Context, string, string) (net.Conn, error) {
				return &stubborn{pipe(), &net.OpError{Op: "write", Err: syscall.ENETDOWN}}, nil
			},
			lbapi.RequestFailed,
		},
		"the server has gone": {
			func(context.Context, string, string) (net.Conn, error) {
				return &stubborn{pipe(), &net.OpError{Op: "write", Err: syscall.EPIPE}}, nil
			},
			lbapi.ConnectInterrupt,
		},
		"reset while connecting": {
			func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: syscall.ECONNRESET}
			},
			lbapi.ConnectInterrupt,
		},
	} {
		t.Run(name, func(t *testing.T) {
			verdict := firstVerdict(t, health.Options{Dial: test.dial}, httpCheck(), address(0))
			if verdict.Reason.Reason != test.want {
				t.Errorf("%+v, want %s", verdict, test.want)
			}
		})
	}
}
