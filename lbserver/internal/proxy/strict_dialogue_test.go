package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// script is a server that expects exact bytes and says what it was told to. It keeps to its steps over all of its
// connections, and notes where what it saw departs from them.
type script struct {
	listener    net.Listener
	connections sync.WaitGroup

	mu       sync.Mutex
	steps    []step // under mu; those to come
	consumed int    // under mu; bytes of the first of them that were seen
	faults   []string
	latest   string // under mu; the other end of the connection that was accepted last
}

func newScript(t *testing.T, steps []step) *script {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{listener: listener, steps: slices.Clone(steps)}
	s.connections.Go(s.accept)
	t.Cleanup(func() { s.end() })
	return s
}

func (s *script) accept() {
	for {
		accepted, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.latest = accepted.RemoteAddr().String()
		s.mu.Unlock()
		s.connections.Go(func() { s.serve(accepted) })
	}
}

func (s *script) serve(connection net.Conn) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience)) // fails on a closed connection only
	buf := make([]byte, 64<<10)
	for kept := false; ; kept = true {
		n, err := connection.Read(buf)
		answer, goOn := s.take(buf[:n], kept)
		if _, err := connection.Write(answer); err != nil {
			return
		}
		if err != nil || !goOn {
			return
		}
	}
}

// take judges bytes that came, on a connection that others have come on or on a new one, and tells what to say to them.
func (s *script) take(got []byte, kept bool) (answer []byte, goOn bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(got) > 0 {
		if len(s.steps) == 0 {
			s.faults = append(s.faults, fmt.Sprintf("the server saw %.300q, which it must not", got))
			return answer, false
		}
		current := s.steps[0]
		if s.consumed == 0 && (current.connection == "new" && kept || current.connection == "kept" && !kept) {
			s.faults = append(s.faults, fmt.Sprintf("the server saw %.60q on a connection that is not %s", got, current.connection))
		}
		rest := current.sees[s.consumed:]
		n := min(len(rest), len(got))
		if !bytes.Equal(rest[:n], got[:n]) || n == 0 {
			s.faults = append(s.faults, fmt.Sprintf("the server saw %.600q, want %.600q", got, rest))
			return answer, false
		}
		got = got[n:]
		if s.consumed += n; s.consumed < len(current.sees) || current.partial {
			continue
		}
		s.steps, s.consumed = s.steps[1:], 0
		if current.says == nil {
			answer = append(answer, defaultAnswer...)
		}
		answer = append(answer, current.says...)
		if current.closes {
			return answer, len(got) > 0
		}
	}
	return answer, true
}

// acceptAll returns when all connections that were opened before have been accepted: closing the listener would reset them.
func (s *script) acceptAll() {
	own, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		return // it is closed
	}
	defer own.Close()
	for accepted := false; !accepted; time.Sleep(100 * time.Microsecond) {
		s.mu.Lock()
		accepted = s.latest == own.LocalAddr().String()
		s.mu.Unlock()
	}
}

// end waits until all connections have ended, and tells what went wrong.
func (s *script) end() []string {
	s.acceptAll()
	_ = s.listener.Close() // a second call finds it closed
	s.connections.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.steps) > 0 && !s.steps[0].partial {
		return append(s.faults, fmt.Sprintf("the server did not see %.300q", s.steps[0].sees[s.consumed:]))
	}
	return s.faults
}

// TestCorpus puts each case through a proxy of its own, over real sockets.
func TestCorpus(t *testing.T) { onEachEngine(t, testCorpus) }

func testCorpus(t *testing.T, e engine) {
	for _, test := range corpus(t) {
		t.Run(test.name, func(t *testing.T) {
			server := newScript(t, test.steps)
			b, end := newStrictBed(t, e, options{}, server.listener.Addr().String())
			heard := converse(t, b.address, &test, 0)
			if err := end(); err != nil {
				t.Errorf("the request is still in flight: %v", err)
			}
			for _, fault := range server.end() {
				t.Error(fault)
			}
			if !slices.Equal(heard.statuses, test.statuses) {
				t.Errorf("the client got %v, want %v (%s); in full %.600q", heard.statuses, test.statuses, test.rule, heard.raw)
			}
			if test.clientSees != nil && !bytes.Equal(heard.raw, test.clientSees) {
				t.Errorf("the client got %.600q, want %.600q (%s)", heard.raw, test.clientSees, test.rule)
			}
		})
	}
}

// heard is what a client got.
type heard struct {
	statuses []string // a "!" behind the last where it breaks off
	bodies   []string
	raw      []byte
}

// converse plays the client of a case. It says that nothing more will come once it has read as many responses as open.
func converse(t *testing.T, address string, test *corpusCase, open int) heard {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	var got heard
	reader := bufio.NewReader(io.TeeReader(connection, &raw))
	for i, block := range test.client {
		if i > 0 {
			got.read(reader, test.methods)
		}
		_, _ = connection.Write(block) // the other side may have closed: what it said counts
	}
	for more := true; more && len(got.statuses) < open; {
		more = got.read(reader, test.methods)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // as above
	}
	for more := true; more; {
		more = got.read(reader, test.methods)
	}
	_, _ = io.Copy(io.Discard, reader) // what follows a change of protocol, or nothing
	got.raw = raw.Bytes()
	return got
}

// read reads one response and reports whether there was one that another can follow.
func (h *heard) read(reader *bufio.Reader, methods []string) bool {
	method := http.MethodGet
	if answered := len(h.statuses) - h.interim(); answered < len(methods) {
		method = methods[answered]
	}
	response, err := http.ReadResponse(reader, &http.Request{Method: method})
	if err != nil {
		return false
	}
	status := strconv.Itoa(response.StatusCode)
	body, err := io.ReadAll(response.Body)
	if err != nil {
		status += "!"
	}
	h.statuses = append(h.statuses, status)
	h.bodies = append(h.bodies, string(body))
	return err == nil && response.StatusCode != http.StatusSwitchingProtocols
}

func (h *heard) interim() int {
	count := 0
	for _, status := range h.statuses {
		if status[0] == '1' && status != "101" {
			count++
		}
	}
	return count
}
