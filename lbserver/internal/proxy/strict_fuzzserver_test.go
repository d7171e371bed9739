package proxy_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
)

// FuzzServer has a server say any bytes, in two pieces, to a request, and holds what the client gets to what net/http reads
// from the same bytes: that response, all of it or visibly cut short, or a 502 of our own. Whatever else the server said, the
// next request of the same client gets its own answer.
func FuzzServer(f *testing.F) {
	seeds := [][]byte{
		[]byte("HTTP/1.1 103 A\r\nB: c\r\n\r\nHTTP/1.0 200 OK\r\n\r\nto the end"),
		[]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\nevil"),
	}
	for _, test := range corpus(f) {
		for _, each := range test.steps {
			if each.says != nil {
				seeds = append(seeds, each.says)
			}
		}
	}
	for i, seed := range seeds {
		f.Add(seed, uint16(i), i%5 == 0)
	}
	stages := []*stage{newStage(f, engine{}), newStage(f, engine{goroutines: true})}
	f.Fuzz(func(t *testing.T, raw []byte, cut uint16, head bool) {
		if len(raw) > 200<<10 {
			return // nothing new beyond the limit of a head
		}
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		stages[cut%2].try(t, raw, int(cut/2)%(len(raw)+1), method)
	})
}

// stage is a proxy with a server behind it that says what it is given.
type stage struct {
	address string // of the listener

	mu     sync.Mutex
	pieces [2][]byte  // under mu; what the server says to a request for /
	saying int        // under mu; requests for / that it has read, and not said all to
	silent *sync.Cond // of mu; saying is 0
}

func newStage(f *testing.F, e engine) *stage {
	f.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	s := &stage{}
	s.silent = sync.NewCond(&s.mu)
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { s.serve(accepted) })
		}
	})
	f.Cleanup(func() { listener.Close(); connections.Wait() })
	b, _ := newStrictBed(f, e, options{}, listener.Addr().String())
	s.address = b.address
	return s
}

func (s *stage) serve(connection net.Conn) {
	defer connection.Close()
	for input := bufio.NewReader(connection); ; {
		head := readHead(input)
		if head == "" {
			return
		}
		if strings.Contains(head, " /next ") {
			_, _ = io.WriteString(connection, strings.Replace(defaultAnswer, "ok", "me", 1)) // a failure shows at the client
			continue
		}
		s.mu.Lock()
		pieces := s.pieces
		s.saying++
		s.mu.Unlock()
		_, _ = connection.Write(pieces[0]) // as above
		if len(pieces[0])*len(pieces[1]) > 0 {
			time.Sleep(50 * time.Microsecond) // two reads, most times: what is judged must not depend on it
		}
		_, _ = connection.Write(pieces[1]) // as above
		if tcp, ok := connection.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
		s.mu.Lock()
		s.saying--
		s.silent.Broadcast()
		s.mu.Unlock()
		_, _ = io.Copy(io.Discard, input) // up to the end, or the kernel resets what was said
		return
	}
}

func (s *stage) try(t *testing.T, raw []byte, cut int, method string) {
	s.mu.Lock()
	s.pieces = [2][]byte{raw[:cut], raw[cut:]}
	s.mu.Unlock()
	connection := fuzzDial(t, s.address)
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(fuzzPatience)) // fails on a closed connection only
	fmt.Fprintf(connection, "%s / HTTP/1.1\r\nHost: a\r\n\r\n", method)
	var heard bytes.Buffer
	input := bufio.NewReader(io.TeeReader(connection, &heard))
	response, body, err := readFinal(input, method)
	if broken := notPlain(heard.Bytes(), method); broken != "" {
		t.Errorf("%q: the client got %q, which only a forgiving one can read: %s", raw, heard.Bytes(), broken)
	}
	if response == nil {
		t.Fatalf("%q: the client got no response that can be read: %v", raw, err)
	}
	if err != nil || !bytes.Contains(body, []byte("(request ")) && response.StatusCode != http.StatusBadGateway {
		compareResponses(t, raw, method, response, body, err)
	}
	if err != nil || response.Close {
		if rest, _ := io.ReadAll(input); err == nil && len(rest) > 0 {
			t.Errorf("%q: behind its response the client got %q", raw, rest)
		}
		return
	}
	// What comes while the next request is under way is a response to it, whoever looks: the server has said all before that.
	s.mu.Lock()
	for s.saying > 0 {
		s.silent.Wait()
	}
	s.mu.Unlock()
	io.WriteString(connection, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n") // a failure shows in reading
	next, err := http.ReadResponse(input, nil)
	if err != nil {
		t.Fatalf("%q: the next request got no response: %v", raw, err)
	}
	if body, err := io.ReadAll(next.Body); err != nil || string(body) != "me" || next.StatusCode != http.StatusOK {
		t.Errorf("%q: the next request got %s, %q, %v", raw, next.Status, body, err)
	}
}

// readFinal reads a response and its body, and passes over interim ones. err is why the body is not whole, or, without a
// response, why there is none.
func readFinal(input *bufio.Reader, method string) (response *http.Response, body []byte, err error) {
	for {
		response, err = http.ReadResponse(input, &http.Request{Method: method})
		if err != nil {
			return nil, nil, err
		}
		if response.StatusCode >= 200 || response.StatusCode == http.StatusSwitchingProtocols {
			body, err = io.ReadAll(response.Body)
			return response, body, err
		}
	}
}

// compareResponses wants what the client got to be what net/http reads from raw itself, or the start of it.
func compareResponses(t *testing.T, raw []byte, method string, got *http.Response, body []byte, cutShort error) {
	t.Helper()
	want, wantBody, err := readFinal(bufio.NewReader(bytes.NewReader(raw)), method)
	if want == nil && forgivenHere(raw, err) {
		return
	}
	if want == nil {
		t.Errorf("%q: the client got %s where net/http reads: %v", raw, got.Status, err)
		return
	}
	if got.StatusCode != want.StatusCode {
		t.Errorf("%q: the client got %s where net/http reads %s", raw, got.Status, want.Status)
	}
	switch {
	case cutShort != nil && !bytes.HasPrefix(wantBody, body) && err == nil:
		t.Errorf("%q: the client got the start of a body, %q, where net/http reads %q", raw, body, wantBody)
	case cutShort == nil && err != nil && !tooMuchOverhead(err) && !forgivenHere(raw, err):
		t.Errorf("%q: the client got %q for a whole body where net/http reads: %v", raw, body, err)
	case cutShort == nil && err == nil && !bytes.Equal(body, wantBody):
		t.Errorf("%q: the client got %q where net/http reads %q", raw, body, wantBody)
	}
}

// forgivenHere tells errors of net/http about what we forgive a server and it does not: a Content-Length that is a list or
// said twice in two ways, a chunk size behind many zeros or before blanks and an extension, a trailer section whose lines end
// in a bare LF.
func forgivenHere(raw []byte, err error) bool {
	text := err.Error()
	switch {
	case strings.Contains(text, "bad Content-Length"):
		return strings.Contains(text, ",")
	case strings.Contains(text, "invalid byte in chunk length"):
		return bytes.Contains(raw, []byte(" ;")) || bytes.Contains(raw, []byte("\t;"))
	case strings.Contains(text, "suspiciously long trailer"):
		return bytes.Contains(raw, []byte("\n\n"))
	}
	return strings.Contains(text, "multiple Content-Length") || strings.Contains(text, "http chunk length too large")
}

// notPlain says what in the responses that a client got has another reading for a reader that forgives less, or other things:
// a line that does not end in CR LF, a folded one, two lengths, a padded chunk size. It returns "" for nothing.
func notPlain(heard []byte, method string) string {
	for {
		head, rest, whole := bytes.Cut(heard, []byte("\r\n\r\n"))
		lengths, chunked := 0, false
		for i, line := range bytes.Split(head, []byte("\r\n")) {
			name, value, _ := bytes.Cut(line, []byte(":"))
			switch {
			case bytes.ContainsAny(line, "\r\n"):
				return "a bare CR or LF"
			case i > 0 && (len(line) == 0 || line[0] == ' ' || line[0] == '\t'):
				return "a folded line"
			case strings.EqualFold(string(name), "Transfer-Encoding"):
				chunked = true
			case strings.EqualFold(string(name), "Content-Length"):
				if lengths++; lengths > 1 || bytes.ContainsFunc(bytes.TrimPrefix(value, []byte(" ")), func(r rune) bool { return r < '0' || r > '9' }) {
					return "a length that is not said once and plainly"
				}
			}
		}
		switch {
		case !whole || method == http.MethodHead && !bytes.HasPrefix(head, []byte("HTTP/1.1 1")):
			return ""
		case bytes.HasPrefix(head, []byte("HTTP/1.1 1")) && !bytes.HasPrefix(head, []byte("HTTP/1.1 101")):
			heard = rest
			continue
		case !chunked:
			return ""
		}
		var body http1.Chunked // which forgives nothing
		if _, _, err := body.Pass(bytes.Clone(rest)); err != nil {
			return err.Error()
		}
		return ""
	}
}

// tooMuchOverhead tells net/http's guard against chunks of next to nothing, which HTTP allows.
func tooMuchOverhead(err error) bool {
	return strings.Contains(err.Error(), "too much overhead") && !errors.Is(err, io.ErrUnexpectedEOF)
}
