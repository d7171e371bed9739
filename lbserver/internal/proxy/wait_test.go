package proxy_test

import (
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// restarting is a server that refuses connections while it is down.
type restarting struct {
	down  atomic.Bool
	dials atomic.Int32 // to any server
}

// newRestartingBed is a bed whose one server, "a", is down. It keeps no connection, so each request must connect.
func (e engine) newRestartingBed(t *testing.T, mostWaiting int) (*bed, *restarting) {
	t.Helper()
	r := &restarting{}
	r.down.Store(true)
	address := serverOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		io.WriteString(w, "a")
	})
	b := e.newBedWith(t, options{
		DrainTimeout: patience,
		MaxWaiting:   mostWaiting,
		DialOverride: func(to netip.AddrPort) (netip.AddrPort, error) {
			r.dials.Add(1)
			if to.String() == address && r.down.Load() {
				return netip.AddrPort{}, os.NewSyscallError("connect", syscall.ECONNREFUSED)
			}
			return to, nil
		},
	}, address)
	return b, r
}

// wait sends a request that waits for the server.
func (b *bed) wait(requests int) []*client {
	b.t.Helper()
	var all []*client
	for range requests {
		c := b.dial()
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		all = append(all, c)
	}
	eventually(b.t, "the requests wait", func() bool { return b.service().Waiting.Count() == int64(requests) })
	return all
}

func TestRequestsWaitForTheOnlyServerToRestart(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		const requests = 50
		b, server := e.newRestartingBed(t, requests)
		all := b.wait(requests)
		tried := server.dials.Load()
		server.down.Store(false)
		for _, c := range all {
			if response, body := c.receive(http.MethodGet); response.StatusCode != 200 || body != "a" {
				t.Errorf("got %s, %q", response.Status, body)
			}
		}
		// Each has tried once before it waits, and one probes: on a slow machine more than once.
		if tried >= 2*requests {
			t.Errorf("%d attempts while %d requests waited, want one each and those of one prober", tried, requests)
		}
		eventually(t, "nobody waits", func() bool { return b.service().Waiting.Count() == 0 })
	})
}

func TestARequestThatConnectsEndsTheWaitOfOthers(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		b, server := e.newRestartingBed(t, 10)
		all := b.wait(5)
		server.down.Store(false)
		if _, body := b.dial().get("/"); body != "a" {
			t.Errorf("the request that came afterwards got %q", body)
		}
		for _, c := range all {
			if response, _ := c.receive(http.MethodGet); response.StatusCode != 200 {
				t.Errorf("got %s", response.Status)
			}
		}
	})
}

func TestAnUploadWaitsUnread(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		b, server := e.newRestartingBed(t, 10)
		c := b.dial()
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
		eventually(t, "the request waits", func() bool { return b.service().Waiting.Count() == 1 })
		c.send("world")
		server.down.Store(false)
		if response, body := c.receive(http.MethodPost); response.StatusCode != 200 || body != "a" {
			t.Errorf("got %s, %q", response.Status, body)
		}
	})
}

func TestBeyondTheLimitARequestFailsAtOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		b, server := e.newRestartingBed(t, 2)
		all := b.wait(2)
		response, body := b.dial().get("/")
		expectOwn(t, response, body, 502)
		if !strings.Contains(body, "2 requests wait") {
			t.Errorf("the answer does not say why: %q", body)
		}
		server.down.Store(false)
		for _, c := range all {
			c.receive(http.MethodGet)
		}
	})
}

func TestTheWaitEndsWhenTheServerIsUnhealthy(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		b, _ := e.newRestartingBed(t, 10)
		all := b.wait(2)
		b.service().Eligible().Servers[0].SetVerdict(service.Verdict{Status: lbapi.Unhealthy})
		for _, c := range all {
			response, body := c.receive(http.MethodGet)
			expectOwn(t, response, body, 503)
		}
	})
}

func TestAnotherServerThatComesEndsTheWait(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		b, _ := e.newRestartingBed(t, 10)
		all := b.wait(2)
		b.changeServers(groupOf(t, named(t, "b")))
		for _, c := range all {
			if response, body := c.receive(http.MethodGet); response.StatusCode != 200 || body != "b" {
				t.Errorf("got %s, %q; want the answer of the server that came", response.Status, body)
			}
		}
	})
}

func TestTheCookieIsMovedWithTheServers(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		for name, persistent := range map[string]bool{"persistence stays on": true, "persistence is turned off": false} {
			t.Run(name, func(t *testing.T) {
				b, server := e.newRestartingBed(t, 10)
				b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence = true })
				server.down.Store(false)
				c := b.dial()
				response, _ := c.get("/")
				cookie, _, _ := strings.Cut(response.Header.Get("Set-Cookie"), ";")
				server.down.Store(true)
				c = b.dial()
				c.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: " + cookie + "\r\n\r\n")
				eventually(t, "the request waits", func() bool { return b.service().Waiting.Count() == 1 })
				b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence = persistent })
				group := groupOf(t, named(t, "b"))
				group.Servers[0].ID = "target-another000"
				b.changeServers(group)
				response, body := c.receive(http.MethodGet)
				if response.StatusCode != 200 || body != "b" {
					t.Fatalf("got %s, %q", response.Status, body)
				}
				if moved := response.Header.Get("Set-Cookie"); (moved != "") != persistent {
					t.Errorf("with session persistence %t the answer sets the cookie %q", persistent, moved)
				}
			})
		}
	})
}

func TestAClientThatResetsWaitsNoLonger(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		b, _ := e.newRestartingBed(t, 10)
		all := b.wait(2)
		for left, c := range all {
			c.SetLinger(0)
			c.Close()
			eventually(t, "the request has ended", func() bool { return b.service().Waiting.Count() == int64(1-left) })
		}
		eventually(t, "no request in flight", func() bool { return b.counters().InFlight.Load() == 0 })
		for _, entry := range b.log.all() {
			if entry.Status != 499 || !strings.Contains(entry.Failure, "client reset") {
				t.Errorf("logged %d, %q", entry.Status, entry.Failure)
			}
		}
	})
}

func TestAHalfClosedClientStillWaits(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		b, server := e.newRestartingBed(t, 10)
		c := b.wait(1)[0]
		c.CloseWrite()
		server.down.Store(false)
		if response, body := c.receive(http.MethodGet); response.StatusCode != 200 || body != "a" {
			t.Errorf("got %s, %q", response.Status, body)
		}
	})
}

func TestTheEndOfTheDrainEndsTheWait(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		b, _ := e.newRestartingBed(t, 10)
		all := b.wait(3)
		var ends sync.WaitGroup
		ends.Go(b.proxy.Close)
		for _, c := range all {
			c.expectClosed()
		}
		ends.Wait()
		if waiting := b.service().Waiting.Count(); waiting != 0 {
			t.Errorf("%d requests wait after the end", waiting)
		}
	})
}
