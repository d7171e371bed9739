package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
)

func clock() time.Time { return time.Now() }

// gate is a server whose responses wait until it is opened.
type gate struct {
	address string
	entered chan struct{}
	opened  chan struct{}
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{entered: make(chan struct{}, 100), opened: make(chan struct{})}
	g.address = serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		g.entered <- struct{}{}
		select {
		case <-g.opened:
		case <-r.Context().Done():
		}
		io.WriteString(w, "through")
	})
	return g
}

func TestPortInUseIsToldAndChangesNothing(t *testing.T) {
	onEachEngine(t, testPortInUseIsToldAndChangesNothing)
}

func testPortInUseIsToldAndChangesNothing(t *testing.T, e engine) {
	b := e.newBed(t, named(t, "a"))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	next := b.state
	other := *b.state.Listeners[listenerID]
	other.ID, other.Name, other.Port = "listener-bbbbbbbbbb", "second", taken.Addr().(*net.TCPAddr).Port
	next.Listeners = map[string]*lbapi.Listener{listenerID: b.state.Listeners[listenerID], other.ID: &other}
	change, failures, err := b.proxy.Prepare(t.Context(), &next, next.Since(b.applied))
	if err != nil {
		t.Fatal(err)
	}
	change.Abort()
	if len(failures) != 1 || !failures[0].InUse() || failures[0].ListenerID != other.ID || !strings.Contains(failures[0].Error(), `"second"`) {
		t.Errorf("failures %v; want one that names the listener and the port in use", failures)
	}
	if _, body := b.dial().get("/"); body != "a" {
		t.Errorf("the other listener answers %q", body)
	}
}

func TestUnchangedListenerKeepsItsConnections(t *testing.T) {
	onEachEngine(t, testUnchangedListenerKeepsItsConnections)
}

func testUnchangedListenerKeepsItsConnections(t *testing.T, e engine) {
	b := e.newBed(t, named(t, "a"))
	c := b.dial()
	c.get("/")
	b.changeListener(func(l *lbapi.Listener) { l.IdleTimeout, l.Description = 30, "changed" })
	b.changeService(func(s *lbapi.BackendService) { s.Scheduler = lbapi.WeightedLeastConnections })
	b.changeServers(groupOf(t, named(t, "b")))
	if _, body := c.get("/"); body != "b" {
		t.Errorf("got %q on the kept connection", body)
	}
}

func TestDisabledListenerClosesItsPortAndFinishesItsRequests(t *testing.T) {
	onEachEngine(t, testDisabledListenerClosesItsPortAndFinishesItsRequests)
}

func testDisabledListenerClosesItsPortAndFinishesItsRequests(t *testing.T, e engine) {
	g := newGate(t)
	b := e.newBed(t, g.address)
	idle, busy := b.dial(), b.dial()
	eventually(t, "both connections", func() bool { return b.counters().ActiveConnections.Load() == 2 })
	busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-g.entered
	b.changeListener(func(l *lbapi.Listener) { l.Status = lbapi.Off })
	idle.expectClosed()
	if connection, err := net.Dial("tcp", b.address); err == nil {
		connection.Close()
		t.Error("the port of a disabled listener is open")
	}
	if status := b.proxy.Listeners()[0]; status.Bound || status.Err != nil {
		t.Errorf("a disabled listener is shown as bound %t, %v", status.Bound, status.Err)
	}
	close(g.opened)
	if response, body := busy.receive(http.MethodGet); body != "through" || !response.Close {
		t.Errorf("%q, close %t; want the response and a close", body, response.Close)
	}
	busy.expectClosed()
	requests := b.counters().Requests.Load()
	b.changeListener(func(l *lbapi.Listener) { l.Status = lbapi.On })
	if _, body := b.dial().get("/"); body != "through" {
		t.Errorf("enabled again, it answers %q", body)
	}
	if got := b.counters().Requests.Load(); got != requests+1 {
		t.Errorf("%d requests counted, want %d", got, requests+1)
	}
}

func TestPortPassesFromOneListenerToAnother(t *testing.T) {
	onEachEngine(t, testPortPassesFromOneListenerToAnother)
}

func testPortPassesFromOneListenerToAnother(t *testing.T, e engine) {
	b := e.newBed(t, named(t, "a"))
	c := b.dial()
	c.get("/")
	next := *b.state.Listeners[listenerID]
	next.ID = "listener-bbbbbbbbbb"
	b.state.Listeners = map[string]*lbapi.Listener{next.ID: &next}
	b.apply()
	if _, body := b.dial().get("/"); body != "a" {
		t.Errorf("the new listener answers %q", body)
	}
	c.expectClosed()
}

func TestShutdownWaitsForRequestsAndClosesIdleConnections(t *testing.T) {
	onEachEngine(t, testShutdownWaitsForRequestsAndClosesIdleConnections)
}

func testShutdownWaitsForRequestsAndClosesIdleConnections(t *testing.T, e engine) {
	g := newGate(t)
	b := e.newBed(t, g.address)
	idle, busy := b.dial(), b.dial()
	busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-g.entered
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		done <- b.proxy.Shutdown(ctx)
	}()
	idle.expectClosed()
	close(g.opened)
	if response, body := busy.receive(http.MethodGet); body != "through" || !response.Close {
		t.Errorf("%q, close %t", body, response.Close)
	}
	busy.Close()
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if _, _, err := b.proxy.Prepare(t.Context(), &b.state, b.state.Since(b.applied)); err == nil {
		t.Error("a stopped proxy takes a change")
	}
}

func TestCloseEndsRequestsAtOnce(t *testing.T) { onEachEngine(t, testCloseEndsRequestsAtOnce) }

func testCloseEndsRequestsAtOnce(t *testing.T, e engine) {
	g := newGate(t)
	b := e.newBed(t, g.address)
	c := b.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-g.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.proxy.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown with requests left: %v", err)
	}
	if got, _ := io.ReadAll(c.reader); len(got) > 0 {
		t.Errorf("the client got %q", got)
	}
}

func TestRetiredListenerEndsWhatOutlastsItsDrainTimeout(t *testing.T) {
	onEachEngine(t, testRetiredListenerEndsWhatOutlastsItsDrainTimeout)
}

func testRetiredListenerEndsWhatOutlastsItsDrainTimeout(t *testing.T, e engine) {
	for _, timeout := range []time.Duration{50 * time.Millisecond, 0} {
		g := newGate(t)
		b := e.newBedWith(t, proxy.Config{DrainTimeout: timeout}, g.address)
		c := b.dial()
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		<-g.entered
		b.changeListener(func(l *lbapi.Listener) { l.Status = lbapi.Off })
		if got, err := io.ReadAll(c.reader); len(got) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the client got %q, %v", timeout, got, err)
		}
	}
}

func TestIdleConnectionsCloseAfterTheIdleTimeout(t *testing.T) {
	onEachEngine(t, testIdleConnectionsCloseAfterTheIdleTimeout)
}

func testIdleConnectionsCloseAfterTheIdleTimeout(t *testing.T, e engine) {
	b := e.newBed(t, named(t, "a"))
	b.changeListener(func(l *lbapi.Listener) { l.IdleTimeout = 1 })
	c := b.dial()
	c.get("/")
	begun := time.Now()
	c.expectClosed()
	if took := time.Since(begun); took < 900*time.Millisecond || took > 3*time.Second {
		t.Errorf("closed after %s, want about a second", took)
	}
}

func TestChangesUnderLoadFailNoRequest(t *testing.T) {
	onEachEngine(t, testChangesUnderLoadFailNoRequest)
}

func testChangesUnderLoadFailNoRequest(t *testing.T, e engine) {
	servers := []string{named(t, "ok"), named(t, "ok"), named(t, "ok"), named(t, "ok")}
	b := e.newBed(t, servers...)
	var stop atomic.Bool
	var clients sync.WaitGroup
	for i := range 6 {
		c := b.dial()
		clients.Go(func() {
			for !stop.Load() {
				method := []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"}[i%2]
				c.send(method)
				if response, body := c.receive(http.MethodGet); response.StatusCode != 200 || body != "ok" {
					t.Errorf("%s, %q", response.Status, body)
					return
				}
			}
		})
	}
	schedulers := []lbapi.Scheduler{lbapi.WeightedRoundRobin, lbapi.SourceIP, lbapi.WeightedLeastConnections}
	for i := range 200 {
		switch i % 4 {
		case 0:
			b.changeServers(groupOf(t, servers[i%3:]...))
		case 1:
			b.changeService(func(s *lbapi.BackendService) {
				s.SessionPersistence, s.Scheduler = i%8 == 1, lbapi.WeightedRoundRobin
			})
		case 2:
			b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence, s.Scheduler = false, schedulers[i%3] })
		default:
			b.changeListener(func(l *lbapi.Listener) { l.IdleTimeout = 30 + i; l.Description = fmt.Sprint(i) })
		}
	}
	stop.Store(true)
	clients.Wait()
	if aborted := b.counters().Aborted.Load(); aborted > 0 {
		t.Errorf("%d requests were aborted", aborted)
	}
}
