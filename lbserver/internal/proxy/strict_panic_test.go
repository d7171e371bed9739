package proxy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
)

// journal is a log of JSON lines that may be read while it is written.
type journal struct {
	mu    sync.Mutex
	lines bytes.Buffer // under mu
}

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.Write(p)
}

// all returns the entries so far.
func (j *journal) all(t *testing.T) (entries []map[string]any) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.lines.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry)
	}
	return entries
}

// What runs beside an exchange, and an exchange that something runs beside, may cost no more by a bug than their connection.
func TestPanicBesideAnExchangeCostsOneConnectionAndNoCount(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		const (
			upload  = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf"
			upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
		)
		for name, test := range map[string]struct {
			request, answer  string
			reading, writing bool
		}{
			"in an upload":              {request: upload, reading: true},
			"in an exchange's upload":   {request: upload, answer: defaultAnswer, writing: true},
			"in an answer to an upload": {request: upload, answer: defaultAnswer, reading: true, writing: true},
			"in a tunnel":               {request: upgrade, answer: "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", reading: true},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ended := make(chan struct{})
				server := rawServer(t, func(number int, connection *net.TCPConn, reader *bufio.Reader) {
					if readHead(reader); number > 1 {
						io.WriteString(connection, defaultAnswer)
						return
					}
					io.WriteString(connection, test.answer)
					_, _ = io.Copy(io.Discard, reader) // up to the end, however it comes
					close(ended)
				})
				log := &journal{}
				var broken atomic.Pointer[proxy.Proxy] // once
				b, _ := newStrictBed(t, e, options{
					Log: slog.New(slog.NewJSONHandler(log, nil)),
					DialOverride: func(address netip.AddrPort) (netip.AddrPort, error) {
						if p := broken.Swap(nil); p != nil {
							p.BreakConn(test.reading, test.writing)
						}
						return address, nil
					},
				}, server)
				broken.Store(b.proxy)
				c := b.dial()
				c.send(test.request)
				_, _ = io.Copy(io.Discard, c.reader) // an end or a reset
				select {
				case <-ended:
				case <-time.After(patience):
					t.Fatalf("the server still waits; the log has %v", log.all(t))
				}
				if _, body := b.dial().get("/"); body != "ok" {
					t.Errorf("after a panic on another connection: %q", body)
				}
				eventually(t, "no request in flight", func() bool {
					return b.counters().InFlight.Load() == 0 && b.service().Eligible().Servers[0].InFlight.Load() == 0
				})
				// The log is written by a goroutine of its own.
				eventually(t, "an entry in the log", func() bool { return len(log.all(t)) > 0 })
				entries := log.all(t)
				if len(entries) != 1 || entries[0]["request"] == "" || !strings.Contains(entries[0]["cause"].(string), "a bug in ") {
					t.Errorf("the log has %v; want one entry with the request's id and the cause", entries)
				}
			})
		}
	})
}
