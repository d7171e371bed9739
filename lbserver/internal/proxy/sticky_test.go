package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// stickyBed has three servers that answer with their name and the Cookie fields that they got.
func (e engine) stickyBed(t *testing.T) *bed {
	t.Helper()
	var servers []string
	for _, name := range []string{"a", "b", "c"} {
		servers = append(servers, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %s", name, strings.Join(r.Header.Values("Cookie"), "|"))
		}))
	}
	b := e.newBed(t, servers...)
	b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence, s.PersistenceTimeout = true, 60 })
	return b
}

// cookieOf returns the one cookie that a response sets.
func cookieOf(t *testing.T, response *http.Response) *http.Cookie {
	t.Helper()
	cookies := response.Cookies()
	if len(cookies) != 1 || !strings.HasPrefix(cookies[0].Name, "ALB_") {
		t.Fatalf("the response sets %v, want our cookie", cookies)
	}
	return cookies[0]
}

func TestClientStaysOnItsServerByTheCookie(t *testing.T) {
	onEachEngine(t, testClientStaysOnItsServerByTheCookie)
}

func testClientStaysOnItsServerByTheCookie(t *testing.T, e engine) {
	b := e.stickyBed(t)
	c := b.dial()
	response, first := c.get("/", "Cookie: own=1")
	cookie := cookieOf(t, response)
	if cookie.MaxAge != 60 || response.Header.Get("Cache-Control") != "private" {
		t.Errorf("cookie %v with Cache-Control %q", cookie, response.Header.Get("Cache-Control"))
	}
	if !strings.HasSuffix(first, " own=1") {
		t.Errorf("the server got the cookies %q", first)
	}
	for range 20 {
		response, body := b.dial().get("/", "Cookie: own=1; "+cookie.Name+"="+cookie.Value)
		if body != first {
			t.Fatalf("got %q, first %q", body, first)
		}
		cookieOf(t, response)
	}
	counters := &b.service().Persistence
	if counters.New.Load() != 1 || counters.Hits.Load() != 20 {
		t.Errorf("%d new, %d hits; want 1 and 20", counters.New.Load(), counters.Hits.Load())
	}
}

func TestClientStaysOnItsServerByAnyOfItsCookies(t *testing.T) {
	onEachEngine(t, testClientStaysOnItsServerByAnyOfItsCookies)
}

func testClientStaysOnItsServerByAnyOfItsCookies(t *testing.T, e engine) {
	b := e.stickyBed(t)
	response, first := b.dial().get("/", "Cookie: own=1")
	cookie := cookieOf(t, response)
	genuine, forged := cookie.Name+"="+cookie.Value, cookie.Name+"=forged"
	for _, fields := range [][]string{
		{"Cookie: own=1; " + forged + "; " + genuine},
		{"Cookie: own=1; " + genuine + "; " + forged},
		{"Cookie: " + forged, "Cookie: own=1; " + genuine},
		{"Cookie: " + forged + ", own=1, " + genuine + ", " + forged},
	} {
		for range 3 { // the scheduler would choose another of the three servers each time
			if _, body := b.dial().get("/", fields...); body != first {
				t.Errorf("%q: got %q, want %q", fields, body, first)
			}
		}
	}
	if counters := &b.service().Persistence; counters.Hits.Load() != 12 || counters.Invalid.Load() != 0 {
		t.Errorf("%d hits, %d invalid; want 12 and none", counters.Hits.Load(), counters.Invalid.Load())
	}
}

func TestCookiesThatNameNoEligibleServerAreReplaced(t *testing.T) {
	onEachEngine(t, testCookiesThatNameNoEligibleServerAreReplaced)
}

func testCookiesThatNameNoEligibleServerAreReplaced(t *testing.T, e engine) {
	b := e.stickyBed(t)
	c := b.dial()
	counters := &b.service().Persistence
	response, first := c.get("/")
	cookie := cookieOf(t, response)
	response, _ = c.get("/", "Cookie: "+cookie.Name+"=forged")
	if fresh := cookieOf(t, response); fresh.Value == "forged" || counters.Invalid.Load() != 1 {
		t.Errorf("a forged cookie: %v, %d counted invalid", fresh, counters.Invalid.Load())
	}
	group := *b.state.ServerGroups[groupID]
	group.Servers = append([]lbapi.Server(nil), group.Servers...)
	group.Servers[strings.Index("abc", first[:1])].Weight = 0
	b.changeServers(&group)
	response, second := c.get("/", "Cookie: "+cookie.Name+"="+cookie.Value)
	if second[:1] == first[:1] || counters.Moved.Load() != 1 {
		t.Errorf("on %q after its weight became 0; %d counted moved", second, counters.Moved.Load())
	}
	moved := cookieOf(t, response)
	if _, third := c.get("/", "Cookie: "+moved.Name+"="+moved.Value); third != second {
		t.Errorf("the fresh cookie leads to %q, it was given by %q", third, second)
	}
}

func TestStickyClientMovesWhenItsServerRefusesConnections(t *testing.T) {
	onEachEngine(t, testStickyClientMovesWhenItsServerRefusesConnections)
}

func testStickyClientMovesWhenItsServerRefusesConnections(t *testing.T, e engine) {
	b := e.newBed(t, refusing(t), named(t, "b"))
	b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence = true })
	var dead *service.Endpoint
	for _, endpoint := range b.service().Eligible().Endpoints {
		if strings.HasSuffix(endpoint.ID, "a") {
			dead = endpoint
		}
	}
	line := string(dead.CookieLine.At(clock(), false))
	pair, _, _ := strings.Cut(strings.TrimPrefix(line, "Set-Cookie: "), ";")
	response, body := b.dial().get("/", "Cookie: "+pair)
	cookie := cookieOf(t, response)
	if body != "b" || strings.HasSuffix(pair, cookie.Value) || b.service().Persistence.Moved.Load() != 1 {
		t.Errorf("%q with cookie %v; %d counted moved", body, cookie, b.service().Persistence.Moved.Load())
	}
}

func TestServerMaySetNoCookieOfOurName(t *testing.T) {
	onEachEngine(t, testServerMaySetNoCookieOfOurName)
}

func testServerMaySetNoCookieOfOurName(t *testing.T, e engine) {
	name := make(chan string, 1)
	b := e.newBed(t, serverOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", <-name+"=evil")
		w.Header().Add("Set-Cookie", "own=1")
		w.Header().Set("Cache-Control", "public, max-age=60")
		io.WriteString(w, "ok")
	}))
	b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence = true })
	ours := b.service().Eligible().Cookie.Name()
	name <- ours
	response, _ := b.dial().get("/")
	set := response.Header.Values("Set-Cookie")
	if len(set) != 2 || set[0] != "own=1" || !strings.HasPrefix(set[1], ours+"=") || strings.Contains(set[1], "evil") {
		t.Errorf("the client got %q", set)
	}
	if control := response.Header.Values("Cache-Control"); strings.Join(control, ", ") != "max-age=60, private" {
		t.Errorf("Cache-Control is %q", control)
	}
}

func TestDistributionFollowsTheWeightsExactly(t *testing.T) {
	onEachEngine(t, testDistributionFollowsTheWeightsExactly)
}

func testDistributionFollowsTheWeightsExactly(t *testing.T, e engine) {
	b := e.newBed(t, named(t, "a"), named(t, "b"), named(t, "c"))
	group := groupOf(t)
	for i, weight := range []int{5, 3, 2} {
		server := b.state.ServerGroups[groupID].Servers[i]
		server.Weight = weight
		group.Servers = append(group.Servers, server)
	}
	b.changeServers(group)
	counts := map[string]int{}
	c := b.dial()
	for range 100 {
		_, body := c.get("/")
		counts[body]++
	}
	if counts["a"] != 50 || counts["b"] != 30 || counts["c"] != 20 {
		t.Errorf("got %v, want 50, 30, 20", counts)
	}
}
