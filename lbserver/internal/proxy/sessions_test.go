package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/sessions"
)

// sessionBed is a bed with session persistence whose clock can be put forward.
func (e engine) sessionBed(t *testing.T) (b *bed, forward func(time.Duration), now func() time.Time) {
	t.Helper()
	var ahead atomic.Int64
	now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	b = e.newBedWith(t, options{DrainTimeout: patience, Now: now}, named(t, "a"), named(t, "b"), named(t, "c"))
	b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence = true })
	return b, func(d time.Duration) { ahead.Add(int64(d)) }, now
}

// browser keeps the cookie that it was last given.
type browser struct {
	b      *bed
	cookie string
}

// visit makes a request on a connection of its own and returns the name of the server.
func (v *browser) visit(t *testing.T) string {
	t.Helper()
	var fields []string
	if v.cookie != "" {
		fields = append(fields, "Cookie: "+v.cookie)
	}
	c := v.b.dial()
	defer c.Close()
	response, body := c.get("/", fields...)
	if set := response.Header.Get("Set-Cookie"); set != "" {
		v.cookie, _, _ = strings.Cut(set, ";")
	}
	return body
}

// counted is the number of sessions by the name of the server.
func (b *bed) counted(now time.Time) map[string]int {
	counts := map[string]int{}
	for _, endpoint := range b.service().Eligible().Endpoints {
		counts[endpoint.ID[len(endpoint.ID)-1:]] = endpoint.Sessions.Count(now)
	}
	return counts
}

// aboutSessions fails where counts of some dozens are off by more than chance explains.
func aboutSessions(t *testing.T, when string, got, want map[string]int) {
	t.Helper()
	for name := range want {
		if math.Abs(float64(got[name]-want[name])) > 5 {
			t.Errorf("%s: counted %v sessions, want about %v", when, got, want)
			return
		}
	}
}

func TestSessionsAreCountedByServer(t *testing.T) { onEachEngine(t, testSessionsAreCountedByServer) }

func testSessionsAreCountedByServer(t *testing.T, e engine) {
	b, forward, now := e.sessionBed(t)
	browsers := make([]*browser, 60)
	for i := range browsers {
		browsers[i] = &browser{b: b}
	}
	visit := func(who []*browser) map[string]int {
		by := map[string]int{}
		for _, each := range who {
			forward(time.Second) // cookies of one second are one session after some minutes
			by[each.visit(t)]++
		}
		for range 2 {
			for _, each := range who {
				each.visit(t)
			}
		}
		return by
	}
	aboutSessions(t, "before any visit", b.counted(now()), map[string]int{"a": 0, "b": 0, "c": 0})
	everybody := visit(browsers)
	aboutSessions(t, "60 browsers, three visits each", b.counted(now()), everybody)

	forward(sessions.Window / 2)
	stayed := visit(browsers[:30])
	aboutSessions(t, "half of them still there", b.counted(now()), everybody)

	forward(sessions.Window/2 + 2*time.Minute)
	aboutSessions(t, "when half of them have left", b.counted(now()), stayed)

	forward(sessions.Window)
	aboutSessions(t, "when all have left", b.counted(now()), map[string]int{"a": 0, "b": 0, "c": 0})
}

func TestSessionsOfARemovedServerAreCountedWhereTheyGo(t *testing.T) {
	onEachEngine(t, testSessionsOfARemovedServerAreCountedWhereTheyGo)
}

func testSessionsOfARemovedServerAreCountedWhereTheyGo(t *testing.T, e engine) {
	b, _, now := e.sessionBed(t)
	browsers := make([]*browser, 60)
	for i := range browsers {
		browsers[i] = &browser{b: b}
		browsers[i].visit(t)
	}
	group := *b.state.ServerGroups[groupID]
	group.Servers = group.Servers[1:] // a leaves
	b.changeServers(&group)
	by := map[string]int{}
	for _, each := range browsers {
		by[each.visit(t)]++
	}
	aboutSessions(t, "after a was removed", b.counted(now()), by)
	if counts := b.counted(now()); by["a"] > 0 || len(counts) != 2 {
		t.Errorf("visits by server %v, sessions by server %v; want none of a", by, counts)
	}
}

func TestNoSessionsAreCountedWithoutPersistence(t *testing.T) {
	onEachEngine(t, testNoSessionsAreCountedWithoutPersistence)
}

func testNoSessionsAreCountedWithoutPersistence(t *testing.T, e engine) {
	b, _, now := e.sessionBed(t)
	b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence = false })
	for range 10 {
		(&browser{b: b}).visit(t)
	}
	for name, count := range b.counted(now()) {
		if count != 0 {
			t.Errorf("%d sessions on %s", count, name)
		}
	}
}

func TestClientsOfAProxyInFrontAreToldApart(t *testing.T) {
	onEachEngine(t, testClientsOfAProxyInFrontAreToldApart)
}

func testClientsOfAProxyInFrontAreToldApart(t *testing.T, e engine) {
	b, _, now := e.sessionBed(t)
	shared, by := b.dial(), map[string]int{}
	for i := range 60 {
		// While the server answers, the rest of the body is still on its way through the memory that the head came in.
		body := strings.Repeat("x", 100_000)
		for range 2 {
			shared.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-For: 10.0.0.%d\r\nContent-Length: %d\r\n\r\n%s", i, len(body), body))
			_, name := shared.receive(http.MethodPost)
			by[name]++
		}
	}
	// None keeps the cookie, so the two visits of one go to two servers and count on each.
	aboutSessions(t, "60 clients on one connection, two visits each", b.counted(now()), by)
}

func TestAnAnswerThatIsNotPassedOnBeginsNoSession(t *testing.T) {
	onEachEngine(t, testAnAnswerThatIsNotPassedOnBeginsNoSession)
}

func testAnAnswerThatIsNotPassedOnBeginsNoSession(t *testing.T, e engine) {
	for name, answer := range map[string]string{
		"a bad head":       "HTTP/1.1 200 OK\r\nA B: c\r\n\r\n",
		"a bad body":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"another protocol": "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := e.newBed(t, rawServer(t, func(_ int, connection *net.TCPConn, reader *bufio.Reader) {
				readHead(reader)
				io.WriteString(connection, answer)
			}))
			b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence = true })
			response, body := b.dial().get("/")
			expectOwn(t, response, body, 502)
			for server, sessions := range b.counted(time.Now()) {
				if sessions != 0 {
					t.Errorf("%d sessions on %s", sessions, server)
				}
			}
			if begun := b.service().Persistence.New.Load(); begun != 0 {
				t.Errorf("%d clients counted that got a cookie", begun)
			}
		})
	}
}
