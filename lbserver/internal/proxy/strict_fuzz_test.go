package proxy_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
)

// fuzzPatience is for what should take milliseconds. Go ends a fuzz worker after 10 s at one input, and then nobody learns why.
const fuzzPatience = 5 * time.Second

// fuzzDial connects from one of all of loopback's addresses: what each input leaves behind holds a port for a minute, and one
// address has 28,000 of them.
func fuzzDial(t *testing.T, address string) net.Conn {
	t.Helper()
	var dialer net.Dialer
	if runtime.GOOS == "linux" { // elsewhere loopback is one address
		number := rand.Uint32()
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, byte(1+number%200), byte(number>>8), byte(1+number>>16%200))}
	}
	connection, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return connection
}

// FuzzProxy sends any bytes to a listener, in two pieces, and holds what comes of it to what net/http reads from the same
// bytes: the server gets exactly the first requests of those, in meaning, or no byte; what net/http does not read is
// refused; and the client gets an answer to each, then at most one refusal.
func FuzzProxy(f *testing.F) {
	for i, test := range corpus(f) {
		f.Add(bytes.Join(test.client, nil), uint16(i))
	}
	tracks := []*track{newTrack(f, engine{}), newTrack(f, engine{goroutines: true})}
	f.Fuzz(func(t *testing.T, raw []byte, cut uint16) {
		if len(raw) > 200<<10 {
			return // nothing new beyond the limit of a head
		}
		tracks[cut%2].try(t, raw, int(cut/2)%(len(raw)+1))
	})
}

// track is a proxy with a server behind it that reads by net/http.
type track struct {
	address string // of the listener

	mu       sync.Mutex
	assigned int       // under mu, as all that follows; requests that the proxy gave to the server
	received int64     // bytes that the server got
	requests []request // that the server read, and answered
	garbled  []error   // why it could not read others
	last     []byte    // the input before, to be named where something comes of it too late
}

func newTrack(f *testing.F, e engine) *track {
	f.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	k := &track{}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { k.serve(accepted) })
		}
	})
	f.Cleanup(func() { listener.Close(); connections.Wait() })
	b, _ := newStrictBed(f, e, options{AccessLog: k}, listener.Addr().String())
	k.address = b.address
	return k
}

// Log implements proxy.AccessLog.
func (k *track) Log(entry *proxy.Entry) {
	if entry.ServerID == "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.assigned++
}

// counted counts what is read.
type counted struct {
	net.Conn
	k *track
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.k.mu.Lock()
	defer c.k.mu.Unlock()
	c.k.received += int64(n)
	return n, err
}

func (k *track) serve(connection net.Conn) {
	defer connection.Close()
	input := bufio.NewReader(counted{connection, k})
	for {
		if _, err := input.Peek(1); err != nil {
			if tcp, ok := connection.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // frees the proxy's port, which would be held for a minute
			}
			return
		}
		parsed, err := http.ReadRequest(input)
		if err != nil {
			k.mu.Lock()
			k.garbled = append(k.garbled, err)
			k.mu.Unlock()
			// Not just closed: on a kept connection that would be a stale one, and the request come a second time.
			_, _ = io.WriteString(connection, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			return
		}
		body, err := io.ReadAll(parsed.Body)
		k.mu.Lock()
		k.requests = append(k.requests, meaningOf(parsed, body, err))
		k.mu.Unlock()
		answer := defaultAnswer
		if err != nil { // else the proxy keeps the connection, and the next request on it is lost where it may not be sent again
			answer = strings.Replace(answer, "\r\n", "\r\nConnection: close\r\n", 1)
		}
		if parsed.Method == http.MethodHead {
			answer = strings.TrimSuffix(answer, "ok")
		}
		if _, writeErr := io.WriteString(connection, answer); err != nil || writeErr != nil {
			return
		}
	}
}

// settle waits until the server has read what it was given, and returns that.
func (k *track) settle(t *testing.T, raw []byte) (requests []request, garbled []error) {
	t.Helper()
	for deadline := time.Now().Add(fuzzPatience); ; time.Sleep(20 * time.Microsecond) {
		k.mu.Lock()
		if k.assigned == len(k.requests)+len(k.garbled) {
			requests, garbled = k.requests, k.garbled
			k.assigned, k.requests, k.garbled, k.last = 0, nil, nil, raw
			k.mu.Unlock()
			return requests, garbled
		}
		k.mu.Unlock()
		if time.Now().After(deadline) {
			k.mu.Lock()
			assigned, read, garbled := k.assigned, len(k.requests), k.garbled
			k.mu.Unlock()
			t.Fatalf("%q: the server was given %d requests and read %d (%v)", raw, assigned, read, garbled)
		}
	}
}

func (k *track) try(t *testing.T, raw []byte, cut int) {
	k.mu.Lock()
	if len(k.requests)+len(k.garbled) > 0 {
		t.Errorf("after %q, or before %q, the server read more than it was given: %v, %v", k.last, raw, k.requests, k.garbled)
	}
	before := k.received
	k.mu.Unlock()
	answered := k.send(t, raw, cut)
	requests, garbled := k.settle(t, raw)
	k.mu.Lock()
	after := k.received
	k.mu.Unlock()
	if len(requests)+len(garbled) == 0 && after != before {
		t.Errorf("%q: the server got %d bytes of no request", raw, after-before)
	}
	for _, err := range garbled {
		if !beyondNetHTTP(err) {
			t.Errorf("%q: net/http can't read what the server got: %v", raw, err)
		}
	}
	methods := make([]string, len(requests))
	for i := range requests {
		methods[i] = requests[i].Method
	}
	if len(garbled) == 0 {
		compareWithRaw(t, raw, requests)
		judgeAnswers(t, raw, answered, methods)
	}
}

// send says raw to the proxy and returns all that comes back.
func (k *track) send(t *testing.T, raw []byte, cut int) []byte {
	t.Helper()
	connection := fuzzDial(t, k.address)
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(fuzzPatience)) // fails on a closed connection only
	_, _ = connection.Write(raw[:cut])                       // the proxy may have closed, here and below
	if cut > 0 && cut < len(raw) {
		time.Sleep(50 * time.Microsecond) // two reads, most times: what is judged must not depend on it
	}
	_, _ = connection.Write(raw[cut:])
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	all, err := io.ReadAll(connection)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		t.Fatalf("%q: the proxy neither answers nor closes; so far %q", raw, all)
	}
	return all
}

// beyondNetHTTP tells errors of net/http about what HTTP allows: it decodes targets, and knows two minor versions.
func beyondNetHTTP(err error) bool {
	text := err.Error()
	return strings.Contains(text, "parse \"") || strings.Contains(text, "invalid URI") || strings.Contains(text, "malformed HTTP version")
}

// compareWithRaw wants requests to be the first of those that net/http reads from raw itself.
func compareWithRaw(t *testing.T, raw []byte, requests []request) {
	t.Helper()
	// One empty line in front of a request is passed over by us, as RFC 9112, 2.2 asks for, and not by http.ReadRequest.
	input := bufio.NewReader(bytes.NewReader(raw))
	for i, got := range requests {
		if line, _ := input.Peek(2); string(line) == "\r\n" {
			_, _ = input.Discard(2) // they are there
		}
		parsed, err := http.ReadRequest(input)
		if err != nil {
			if !beyondNetHTTP(err) {
				t.Errorf("%q: the server got request %d, %+v, where net/http reads: %v", raw, i+1, got, err)
			}
			return
		}
		body, err := io.ReadAll(parsed.Body)
		want := meaningOf(parsed, body, err)
		if got.Broken {
			if i != len(requests)-1 || !strings.HasPrefix(want.Body, got.Body) && err == nil {
				t.Errorf("%q: request %d broke off at the server: %+v, want %+v", raw, i+1, got, want)
			}
			return
		}
		normalize(parsed, &want)
		if decoded, err := url.PathUnescape(got.Host); err == nil && parsed.URL.IsAbs() {
			got.Host = decoded // as net/url does in an authority, and not in Host
		}
		want.Host, got.Host = strings.ToLower(want.Host), strings.ToLower(got.Host) // Host and target may differ in case
		want.Host, got.Host = withoutUsualPort(parsed, want.Host), withoutUsualPort(parsed, got.Host)
		// FuzzRequest and the corpus know which fields may pass.
		want.Header, got.Header, want.Trailer, got.Trailer = nil, nil, nil, nil
		if parsed.ProtoMinor == 0 && want.Host == "" {
			want.Host = got.Host // ours, by RFC 9112, 3.3
		}
		if difference := cmp.Diff(want, got); difference != "" {
			t.Errorf("%q: request %d is another one at the server:\n%s", raw, i+1, difference)
		}
		if err != nil {
			return
		}
	}
}

// withoutUsualPort takes the port off a host that means the same as none, which may be in one of target and Host only.
func withoutUsualPort(parsed *http.Request, host string) string {
	switch parsed.URL.Scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	default:
		return host
	}
	return strings.TrimSuffix(host, ":")
}

// normalize gives a request the origin form that a server gets (RFC 9112, 3.2.1).
func normalize(parsed *http.Request, r *request) {
	if !parsed.URL.IsAbs() {
		return
	}
	_, behind, _ := strings.Cut(r.Target, "://")
	path := ""
	if start := strings.IndexAny(behind, "/?"); start >= 0 {
		path = behind[start:]
	}
	switch {
	case path == "" && r.Method == http.MethodOptions:
		path = "*"
	case path == "" || path[0] == '?':
		path = "/" + path
	}
	r.Target = path
}

// judgeAnswers wants an answer of the server's for each request that it read, then at most one refusal, then nothing.
func judgeAnswers(t *testing.T, raw, answered []byte, methods []string) {
	t.Helper()
	input := bufio.NewReader(bytes.NewReader(answered))
	var statuses []int
	for {
		if _, err := input.Peek(1); err != nil {
			break
		}
		method := http.MethodGet
		if len(statuses) < len(methods) {
			method = methods[len(statuses)]
		}
		response, err := http.ReadResponse(input, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%q: the client got %q, of which a response is unreadable: %v", raw, answered, err)
		}
		body, err := io.ReadAll(response.Body)
		// The method of a request that was refused is not known here; a HEAD gets the length of a body without the body.
		refusedHead := len(statuses) >= len(methods) && len(body) == 0 && bytes.Contains(raw, []byte("HEAD "))
		if err != nil && !refusedHead {
			t.Fatalf("%q: the client got %q, of which a body is cut short: %v", raw, answered, err)
		}
		status := response.StatusCode
		if bytes.Contains(body, []byte("this is the load balancer")) {
			status = 0 // to an OPTIONS that may go no further: as final as a refusal
		}
		statuses = append(statuses, status)
	}
	if refusal := slices.IndexFunc(statuses, func(s int) bool { return s != http.StatusOK }); refusal >= 0 && refusal != len(statuses)-1 {
		t.Errorf("%q: the client got something behind a refusal: %v", raw, statuses)
	}
	if oks := len(slices.DeleteFunc(slices.Clone(statuses), func(s int) bool { return s != http.StatusOK })); oks > len(methods) {
		t.Errorf("%q: %s for %d requests", raw, fmt.Sprint(statuses), len(methods))
	}
}
