package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
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
	b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence, s.PersistenceTimeout = true, 3600 })
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
	if cookie.MaxAge != 3600 || response.Header.Get("Cache-Control") != "private" {
		t.Errorf("cookie %v with Cache-Control %q", cookie, response.Header.Get("Cache-Control"))
	}
	if !strings.HasSuffix(first, " own=1") {
		t.Errorf("the server got the cookies %q", first)
	}
	for range 20 {
		response, body := b.dial().get("/", "Cookie: own=1; "+cookie.Name+"="+cookie.Value)
		if body != first || len(response.Cookies()) > 0 {
			t.Fatalf("got %q and the cookies %v; first %q", body, response.Cookies(), first)
		}
	}
	counters := &b.service().Persistence
	if counters.New.Load() != 1 || counters.Hits.Load() != 20 {
		t.Errorf("%d new, %d hits; want 1 and 20", counters.New.Load(), counters.Hits.Load())
	}
}

func TestAnswerIsPrivateOnlyWithACookieThatIsDue(t *testing.T) {
	onEachEngine(t, testAnswerIsPrivateOnlyWithACookieThatIsDue)
}

func testAnswerIsPrivateOnlyWithACookieThatIsDue(t *testing.T, e engine) {
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	b := e.newBedWith(t, options{DrainTimeout: patience, Now: now}, serverOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.Header().Set("CDN-Cache-Control", "max-age=600")
		io.WriteString(w, "ok")
	}))
	b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence = true })
	pair := ""
	visit := func(when string, due bool) {
		t.Helper()
		response, _ := b.dial().get("/", "Cookie: a=b; "+pair)
		want := []string{"public, max-age=60", "max-age=600"}
		if due {
			want = []string{"max-age=60, private", "no-store"}
			pair, _, _ = strings.Cut(response.Header.Get("Set-Cookie"), ";")
		}
		got := []string{strings.Join(response.Header.Values("Cache-Control"), ", "), response.Header.Get("CDN-Cache-Control")}
		if len(response.Cookies()) > 0 != due || !slices.Equal(got, want) {
			t.Errorf("%s: set %v, for caches %q; want the latter %q", when, response.Cookies(), got, want)
		}
	}
	visit("without a cookie", true)
	visit("with one", false)
	ahead.Add(int64(48 * time.Hour))
	visit("two days later", false)

	keys, err := persistence.ParseKeys(b.state.PersistenceKeys)
	if err != nil {
		t.Fatal(err)
	}
	if b.state.PersistenceKeys, err = keys.Rotate().Encode(); err != nil {
		t.Fatal(err)
	}
	b.apply()
	visit("with the previous key", true)
	visit("with the new key", false)

	b.changeService(func(s *lbapi.BackendService) { s.PersistenceTimeout = 3600 })
	visit("with a cookie that has no timeout", true)
	ahead.Add(int64(5 * time.Minute))
	visit("after less than a tenth of the timeout", false)
	ahead.Add(int64(time.Minute))
	visit("after a tenth of the timeout", true)
	visit("with that cookie", false)
}

func TestCookieIsSecureWhereATrustedProxySaysHTTPS(t *testing.T) {
	onEachEngine(t, testCookieIsSecureWhereATrustedProxySaysHTTPS)
}

func testCookieIsSecureWhereATrustedProxySaysHTTPS(t *testing.T, e engine) {
	b := e.newBedWith(t, trusting(), named(t, "a"), named(t, "b"))
	for _, test := range []struct {
		sameSite lbapi.SameSite
		from     string
		proto    string
		want     string // the end of the field
	}{
		{lbapi.SameSiteLax, trustedProxy, "http", "HttpOnly; SameSite=Lax"},
		{lbapi.SameSiteLax, trustedProxy, "https", "HttpOnly; SameSite=Lax; Secure"},
		{lbapi.SameSiteLax, trustedProxy, "https, http", "HttpOnly; SameSite=Lax"},
		{lbapi.SameSiteLax, stranger, "https", "HttpOnly; SameSite=Lax"},
		{lbapi.SameSiteStrict, trustedProxy, "https", "HttpOnly; SameSite=Strict; Secure"},
		{lbapi.SameSiteStrict, trustedProxy, "http", "HttpOnly; SameSite=Strict"},
		{lbapi.SameSiteNone, trustedProxy, "https", "HttpOnly; SameSite=None; Secure"},
		{lbapi.SameSiteNone, trustedProxy, "http", "HttpOnly; SameSite=Lax"},
		{lbapi.SameSiteNone, stranger, "https", "HttpOnly; SameSite=Lax"},
	} {
		b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence, s.CookieSameSite = true, test.sameSite })
		response, _ := b.dialFrom(test.from).get("/", "X-Forwarded-Proto: "+test.proto)
		if set := response.Header.Get("Set-Cookie"); !strings.HasSuffix(set, "; "+test.want) {
			t.Errorf("%s from %s, SameSite %s: got %q, want %q", test.proto, test.from, test.sameSite, set, test.want)
		}
	}
}

func TestCookieOfHTTPIsSetAgainOnHTTPS(t *testing.T) {
	onEachEngine(t, testCookieOfHTTPIsSetAgainOnHTTPS)
}

func testCookieOfHTTPIsSetAgainOnHTTPS(t *testing.T, e engine) {
	b := e.newBedWith(t, trusting(), named(t, "a"), named(t, "b"))
	b.changeService(func(s *lbapi.BackendService) { s.SessionPersistence, s.CookieSameSite = true, lbapi.SameSiteNone })
	response, first := b.dial().get("/")
	pair, _, _ := strings.Cut(response.Header.Get("Set-Cookie"), ";")
	for i, want := range []string{"; SameSite=None; Secure", "", ""} {
		response, body := b.dial().get("/", "X-Forwarded-Proto: https", "Cookie: "+pair)
		set := response.Header.Get("Set-Cookie")
		if body != first || (set == "") != (want == "") || !strings.HasSuffix(set, want) {
			t.Errorf("request %d over HTTPS: got %q with %q, want %q with %q", i, body, set, first, want)
		}
		if set != "" {
			pair, _, _ = strings.Cut(set, ";")
		}
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
