package lbserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/sampleserver"
)

func TestRequestsAreSharedExactlyByWeight(t *testing.T) {
	t.Parallel()
	servers := webServers(t, 3)
	s := start(t, testConfig(t)).site([]lbapi.RegisterServer{
		spec(t, servers[0], 5), spec(t, servers[1], 3), spec(t, servers[2], 2),
	}, sticky(0))
	s.waitForHealth(lbapi.Healthy, 3)

	counts := map[string]int{}
	anonymous := newVisitor(t, false)
	for range 100 {
		counts[anonymous.get(s.url).server]++
	}
	if diff := cmp.Diff(map[string]int{"a": 50, "b": 30, "c": 20}, counts); diff != "" {
		t.Errorf("100 requests at weights 5:3:2 (-want +got):\n%s", diff)
	}
}

func TestAClientStaysOnItsServerByTheCookieOfItsFirstVisit(t *testing.T) {
	t.Parallel()
	for _, timeout := range []int{0, 3600} {
		t.Run(fmt.Sprintf("timeout %d", timeout), func(t *testing.T) {
			t.Parallel()
			servers := webServers(t, 3)
			s := start(t, testConfig(t)).site([]lbapi.RegisterServer{
				spec(t, servers[0], 5), spec(t, servers[1], 3), spec(t, servers[2], 2),
			}, sticky(timeout))
			browser := newVisitor(t, true)
			first := browser.get(s.url)
			wantCookie(t, first.Response, timeout)
			for range 20 {
				next := browser.get(s.url + "/echo")
				if next.server != first.server {
					t.Fatalf("the client moved from %s to %s", first.server, next.server)
				}
				if set := next.Header["Set-Cookie"]; set != nil || next.Header.Get("Cache-Control") != "" {
					t.Errorf("the cookie is not due, and yet %q was set, with Cache-Control %q", set, next.Header.Get("Cache-Control"))
				}
				wantNoCookieAtServer(t, next.body)
			}
		})
	}
}

func wantCookie(t *testing.T, response *http.Response, timeout int) {
	t.Helper()
	cookies := response.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("want one cookie, got %v", response.Header["Set-Cookie"])
	}
	cookie := cookies[0]
	if !strings.HasPrefix(cookie.Name, "ALB_") || len(cookie.Name) != len("ALB_")+8 || !cookie.HttpOnly ||
		cookie.Path != "/" || cookie.SameSite != http.SameSiteLaxMode || cookie.Secure {
		t.Errorf("cookie %q", cookie.Raw)
	}
	if timeout == 0 && (strings.Contains(cookie.Raw, "Max-Age") || strings.Contains(cookie.Raw, "Expires")) {
		t.Errorf("a cookie that lives as long as the browser says %q", cookie.Raw)
	}
	if timeout > 0 && (cookie.MaxAge != timeout || time.Until(cookie.Expires) > time.Duration(timeout)*time.Second) {
		t.Errorf("want %d seconds, got %q", timeout, cookie.Raw)
	}
	if control := response.Header.Get("Cache-Control"); !strings.Contains(control, "private") {
		t.Errorf("a response with our cookie may be cached for all: Cache-Control %q", control)
	}
}

func wantNoCookieAtServer(t *testing.T, body []byte) {
	t.Helper()
	var echo sampleserver.Echo
	if err := json.Unmarshal(body, &echo); err != nil {
		t.Fatal(err)
	}
	for name := range echo.Headers {
		if strings.EqualFold(name, "Cookie") {
			t.Errorf("the server saw %s", echo.Headers[name])
		}
	}
}

func TestCookiesThatAreNotOursAreScheduledAnew(t *testing.T) {
	t.Parallel()
	servers := webServers(t, 2)
	b := start(t, testConfig(t))
	specs := []lbapi.RegisterServer{spec(t, servers[0], 1), spec(t, servers[1], 1)}
	s, other := b.site(specs, sticky(2)), b.site(specs, sticky(2))
	anonymous := newVisitor(t, false)
	ours := anonymous.get(s.url).Cookies()[0]
	foreign := anonymous.get(other.url).Cookies()[0]
	if ours.Name == foreign.Name {
		t.Error("two backend services share a cookie name")
	}
	flip := "A"
	if strings.HasSuffix(ours.Value, flip) {
		flip = "B"
	}
	values := map[string]string{
		"forged":  ours.Value[:len(ours.Value)-1] + flip,
		"foreign": foreign.Value,
		"empty":   "",
		"long":    strings.Repeat("A", 3000),
		"expired": ours.Value,
	}
	time.Sleep(3100 * time.Millisecond) // the cookie's own 2 s of wall clock, and the second in which it was made
	for name, value := range values {
		seen := map[string]bool{}
		for range 2 {
			request := must(http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, http.NoBody))(t)
			request.Header.Set("Cookie", ours.Name+"="+value)
			response := must(anonymous.http.Do(request))(t)
			_ = response.Body.Close()
			seen[response.Header.Get(sampleserver.NameHeader)] = true
			wantCookie(t, response, 2)
		}
		if len(seen) != 2 {
			t.Errorf("a %s cookie kept its sender on %v", name, seen)
		}
	}
}

// A browser keeps its cookie when persistence is turned off; the servers have no business with it.
func TestTheServersDoNotSeeACookieThatIsLeftOver(t *testing.T) {
	t.Parallel()
	s := start(t, testConfig(t)).site([]lbapi.RegisterServer{spec(t, webServers(t, 1)[0], 1)}, sticky(0))
	browser := newVisitor(t, true)
	if got := browser.get(s.url); len(got.Cookies()) != 1 {
		t.Fatalf("want a cookie, got %v", got.Cookies())
	}
	off := lbapi.PatchBackendService{SessionPersistence: new(false)}
	if err := s.PatchBackendService(t.Context(), s.backendServiceID, off); err != nil {
		t.Fatal(err)
	}
	got := browser.get(s.url + "/echo")
	wantNoCookieAtServer(t, got.body)
	if len(got.Cookies()) != 0 {
		t.Errorf("persistence is off, and yet %v came", got.Cookies())
	}
}

func TestServerKilledUnderLoad(t *testing.T) {
	t.Parallel()
	servers := webServers(t, 3)
	s := start(t, testConfig(t)).site([]lbapi.RegisterServer{
		spec(t, servers[0], 1), spec(t, servers[1], 1), spec(t, servers[2], 1),
	}, sticky(0))
	s.waitForHealth(lbapi.Healthy, 3)
	browser := newVisitor(t, true)
	victim := browser.get(s.url).server

	load := startLoad(t, s.url, 4)
	load.waitForRequests(200)
	index := int(victim[0] - 'a')
	address := servers[index].Address()
	if err := servers[index].Close(); err != nil {
		t.Fatal(err)
	}
	s.waitForHealth(lbapi.Unhealthy, 1)
	moved := browser.get(s.url)
	if moved.server == victim || len(moved.Cookies()) != 1 {
		t.Errorf("the client of the dead server got %s with %v", moved.server, moved.Cookies())
	}
	load.waitForRequests(200)
	webServer(t, victim, address)
	s.waitForHealth(lbapi.Healthy, 3)
	waitFor(t, "the server to get traffic again", func() bool { return load.seen(victim) })
	// A GET that had been read by the server when it died may be repeated only if its connection was a reused one and no
	// byte of the response had come; each of the four clients can have had at most one such request.
	if failed := load.stop(); failed > 4 {
		t.Errorf("%d requests failed, but at most 4 were in flight on the server that died", failed)
	}
}

// load is a number of clients that send GETs without a pause.
type load struct {
	t        *testing.T
	requests atomic.Int64
	failed   atomic.Int64
	cancel   context.CancelFunc
	group    sync.WaitGroup

	mu     sync.Mutex
	recent map[string]bool // servers seen since the last question
}

func startLoad(t *testing.T, url string, clients int) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{t: t, cancel: cancel, recent: map[string]bool{}}
	for range clients {
		client := newVisitor(t, false)
		l.group.Go(func() {
			for ctx.Err() == nil {
				got, err := client.try(ctx, url)
				if ctx.Err() != nil {
					return
				}
				l.requests.Add(1)
				if err != nil || got.StatusCode != http.StatusOK {
					l.failed.Add(1)
					t.Logf("failed: %v %d %s", err, got.StatusCode, got.body)
					continue
				}
				l.mu.Lock()
				l.recent[got.server] = true
				l.mu.Unlock()
			}
		})
	}
	t.Cleanup(func() { l.stop() })
	return l
}

func (l *load) waitForRequests(more int64) {
	l.t.Helper()
	goal := l.requests.Load() + more
	waitFor(l.t, "traffic", func() bool { return l.requests.Load() >= goal })
}

func (l *load) seen(server string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.recent[server]
	clear(l.recent)
	return found
}

func (l *load) stop() (failed int64) {
	l.cancel()
	l.group.Wait()
	return l.failed.Load()
}

func TestChangesUnderLoadFailNoRequest(t *testing.T) {
	t.Parallel()
	servers := webServers(t, 4)
	s := start(t, testConfig(t)).site([]lbapi.RegisterServer{spec(t, servers[0], 5), spec(t, servers[1], 3)}, nil)
	s.waitForHealth(lbapi.Healthy, 2)
	load := startLoad(t, s.url, 4)
	ctx := t.Context()
	for change := range 200 {
		group := must(s.ServerGroup(ctx, s.serverGroupID))(t)
		var err error
		switch change % 5 {
		case 0:
			err = s.RegisterServers(ctx, s.serverGroupID, []lbapi.RegisterServer{spec(t, servers[2], 1+change%9)})
		case 1:
			err = s.UpdateServers(ctx, s.serverGroupID, []lbapi.UpdateServer{{ID: &group.Servers[0].ID, Weight: new(change % 7)}})
		case 2:
			err = s.PatchBackendService(ctx, s.backendServiceID, lbapi.PatchBackendService{
				Scheduler: new(lbapi.WeightedRoundRobin), SessionPersistence: new(true), PersistenceTimeout: new(change),
			})
		case 3:
			schedulers := []lbapi.Scheduler{lbapi.SourceIP, lbapi.WeightedLeastConnections}
			err = s.PatchBackendService(ctx, s.backendServiceID, lbapi.PatchBackendService{
				Scheduler: &schedulers[change%2], SessionPersistence: new(false),
			})
		case 4:
			err = s.DeregisterServers(ctx, s.serverGroupID, []string{group.Servers[len(group.Servers)-1].ID})
		}
		if err != nil {
			t.Fatalf("change %d: %v", change, err)
		}
		load.waitForRequests(3)
	}
	if failed := load.stop(); failed > 0 {
		t.Errorf("%d of %d requests failed", failed, load.requests.Load())
	}
}
