package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// haproxyConfig is HAProxy as it comes, in front of one server, with a persistence cookie of the same name as ours. Server
// connections end with their client's, so that it shows when everything has been said.
const haproxyConfig = `
global
	maxconn 100
defaults
	mode http
	http-reuse never
	timeout connect 2s
	timeout client 2s
	timeout server 2s
	timeout http-request 2s
frontend corpus
	bind 127.0.0.1:%d
	default_backend sample
backend sample
	cookie %s insert indirect
	server only %s cookie only
`

// TestHAProxyJudgesTheCorpusAlike puts the corpus through HAProxy and through us, with a server behind each that reads
// requests by net/http and answers what the case says. Where we let a message pass that HAProxy refuses, or pass on another
// meaning than it does, the case must give the reason for it; and a reason must be needed. That we refuse what it passes is
// what the corpus is for, and needs none.
func TestHAProxyJudgesTheCorpusAlike(t *testing.T) {
	binary, err := exec.LookPath("haproxy")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("haproxy is missing, so nothing is compared with it: apt-get install haproxy")
		}
		t.Skip("NOT RUN: haproxy is missing, so nothing was compared with it: apt-get install haproxy")
	}
	behindHAProxy, behindUs := newReader(t), newReader(t)
	address := startHAProxy(t, binary, behindHAProxy.address())
	b, _ := newStrictBed(t, engine{}, options{HeadTimeout: 2 * time.Second, IdleTimeout: 2}, behindUs.address())
	stricter := 0
	for _, test := range corpus(t) {
		t.Run(test.name, func(t *testing.T) {
			var theirs, ours outcome
			var difference string
			// HAProxy may pass on the rest of a case only after it has ended, and on a busy machine the server takes it for the
			// next one's: what differs by that does not differ again.
			for range 3 {
				theirs = behindHAProxy.play(t, address, &test)
				ours = behindUs.play(t, b.address, &test)
				difference = compare(ours, theirs)
				if (difference == "") == (test.haproxy == "") {
					break
				}
			}
			switch {
			case ours.garbled != "":
				t.Errorf("net/http can't read what we sent to the server: %s", ours.garbled)
			case ours.refused && !theirs.refused:
				stricter++
				if test.haproxy != "" {
					t.Errorf("HAProxy passes what we refuse; no reason is needed, but one is given: %s", test.haproxy)
				}
			case difference != "" && test.haproxy == "":
				t.Errorf("HAProxy differs, and the case does not say why we are right (%s):\n%s", test.rule, difference)
			case difference == "" && test.haproxy != "":
				t.Errorf("HAProxy does not differ; the case says it does: %s", test.haproxy)
			}
		})
	}
	t.Logf("of %d cases we refuse %d that HAProxy passes", len(corpus(t)), stricter)
}

func startHAProxy(t *testing.T, binary, server string) (address string) {
	t.Helper()
	port := freePort(t)
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, fmt.Appendf(nil, haproxyConfig, port, lbapi.CookieName(serviceID), server), 0o600); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	command := exec.CommandContext(context.Background(), binary, "-db", "-f", file) // ended below, after its clients
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended
		_ = command.Wait()         // says that it was killed
		if t.Failed() {
			t.Logf("HAProxy said:\n%s", &output)
		}
	})
	address = fmt.Sprintf("127.0.0.1:%d", port)
	eventually(t, "HAProxy listens", func() bool {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		return connection.Close() == nil
	})
	return address
}

// outcome is what a case came to.
type outcome struct {
	// refused says that a message was answered by the proxy itself with an error, or not at all.
	refused  bool
	requests []request // as the server read them
	garbled  string    // why it could not read the last
	statuses []string
	bodies   []string // of responses that the server gave
}

// request is what a request means, without what a proxy may put in or take out.
type request struct {
	Method, Target, Host, Body string
	Header                     http.Header
	Trailer                    http.Header
	Broken                     bool // its body ended before its end
}

// compare tells how two outcomes differ in meaning, "" where they don't.
func compare(ours, theirs outcome) string {
	if ours.refused && theirs.refused {
		return "" // how it is said, and after how much of it, is a matter of taste
	}
	type meaning struct {
		Refused          bool
		Garbled          string
		Requests         []request
		Statuses, Bodies []string
	}
	return cmp.Diff(meaning{theirs.refused, theirs.garbled, theirs.requests, theirs.statuses, theirs.bodies},
		meaning{ours.refused, ours.garbled, ours.requests, ours.statuses, ours.bodies})
}

// reader is a server that reads requests by net/http and answers as the case that is played says.
type reader struct {
	listener    net.Listener
	connections sync.WaitGroup

	mu       sync.Mutex
	busy     int // under mu, as all that follows; requests under way
	answers  []step
	requests []request
	garbled  string
}

func newReader(t *testing.T) *reader {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{listener: listener}
	r.connections.Go(func() {
		for {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			r.connections.Go(func() { r.serve(accepted) })
		}
	})
	t.Cleanup(func() { listener.Close(); r.connections.Wait() })
	return r
}

func (r *reader) address() string { return r.listener.Addr().String() }

// play has a client say what a case says, and returns what came of it.
func (r *reader) play(t *testing.T, address string, test *corpusCase) outcome {
	t.Helper()
	r.mu.Lock()
	r.answers, r.requests, r.garbled = slices.Clone(test.steps), nil, ""
	r.mu.Unlock()
	// HAProxy answers what was pipelined before a half-close at times, and at times not: that is not what is compared.
	heard := converse(t, address, test, len(test.statuses))
	eventually(t, "the end of the requests", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.busy == 0
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	got := outcome{requests: r.requests, garbled: r.garbled, statuses: heard.statuses, bodies: heard.bodies}
	got.refused = len(heard.statuses) == 0
	for _, status := range heard.statuses {
		got.refused = got.refused || strings.HasSuffix(status, "!") || status >= "400" && !test.says(status)
	}
	return got
}

// says reports whether the server of the case answers with a status.
func (c *corpusCase) says(status string) bool {
	return slices.ContainsFunc(c.steps, func(s step) bool { return bytes.Contains(s.says, []byte("HTTP/1.1 "+status)) })
}

func (r *reader) serve(connection net.Conn) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience)) // fails on a closed connection only
	input := bufio.NewReader(connection)
	for {
		if _, err := input.Peek(1); err != nil {
			return
		}
		if !r.readOne(connection, input) {
			return
		}
	}
}

// readOne reads one request and answers it.
func (r *reader) readOne(connection net.Conn, input *bufio.Reader) (goOn bool) {
	r.mu.Lock()
	r.busy++
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.busy--
		r.mu.Unlock()
	}()
	parsed, err := http.ReadRequest(input)
	if err != nil {
		r.mu.Lock()
		r.garbled = err.Error()
		r.mu.Unlock()
		return false
	}
	if r.answer(connection, parsed) {
		return true
	}
	r.mu.Lock()
	behind := slices.Clone(r.answers)
	r.mu.Unlock()
	if parsed.Header.Get("Upgrade") != "" && len(behind) > 0 { // a tunnel from here on
		_, _ = io.CopyN(io.Discard, input, int64(len(behind[0].sees))) // a failure shows as a fault of the case
		_, _ = connection.Write(behind[0].says)                        // as above
	}
	return false
}

// answer notes a request and says what the case has for it.
func (r *reader) answer(connection net.Conn, parsed *http.Request) (goOn bool) {
	r.mu.Lock()
	current := step{}
	if len(r.answers) > 0 {
		current, r.answers = r.answers[0], r.answers[1:]
	}
	r.mu.Unlock()
	interim := bytes.HasPrefix(current.says, []byte("HTTP/1.1 100 ")) && bytes.Count(current.says, []byte("HTTP/1.1")) == 1
	if interim {
		_, _ = connection.Write(current.says) // a failure shows at the next read
		r.mu.Lock()
		current, r.answers = r.answers[0], r.answers[1:]
		r.mu.Unlock()
	}
	if current.says == nil {
		current.says = []byte(defaultAnswer)
	}
	early := len(r.answers) > 0 && r.answers[0].partial
	if early {
		_, _ = connection.Write(current.says) // as above
	}
	body, err := io.ReadAll(parsed.Body)
	if early {
		body, err = nil, nil // how much of the rest was on its way is chance
	}
	r.mu.Lock()
	r.requests = append(r.requests, meaningOf(parsed, body, err))
	r.mu.Unlock()
	if !early {
		_, _ = connection.Write(current.says) // as above
	}
	tunnel := bytes.HasPrefix(current.says, []byte("HTTP/1.1 101 "))
	return err == nil && !current.closes && !early && !tunnel
}

func meaningOf(parsed *http.Request, body []byte, err error) request {
	header := parsed.Header.Clone()
	for _, hop := range []string{"Connection", "Keep-Alive", "Content-Length", "Te", "X-Forwarded-For", "Upgrade", "Expect"} {
		header.Del(hop)
	}
	for name := range header {
		if strings.HasPrefix(strings.ReplaceAll(name, "_", "-"), "X-Forwarded-") {
			delete(header, name)
		}
	}
	trailer := parsed.Trailer
	if len(trailer) == 0 {
		trailer = nil
	}
	return request{
		Method: parsed.Method, Target: parsed.RequestURI, Host: parsed.Host, Body: string(body),
		Header: header, Trailer: trailer, Broken: err != nil,
	}
}
