package forward_test

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// valueOf is the value of the cookie in a Set-Cookie line.
func valueOf(t *testing.T, b *bed, line []byte) []byte {
	t.Helper()
	prefix := "Set-Cookie: " + b.CookieName() + "="
	if len(line) < len(prefix) || string(line[:len(prefix)]) != prefix {
		t.Fatalf("the line is %q", line)
	}
	value := line[len(prefix):]
	return slices.Clone(value[:slices.Index(value, ';')])
}

// answered is what an attempt at a moment, with these cookies, gets from the server that it reaches.
func answered(t *testing.T, live *service.Service, now time.Time, cookies ...[]byte) (b *bed, line []byte, uncounted bool) {
	t.Helper()
	b = newBed(t, live)
	b.network.now = now
	var scratch persistence.Scratch
	for _, value := range cookies {
		if b.ReadCookie(&scratch, value, now) {
			break
		}
	}
	if err := b.Reach(); err != nil {
		t.Fatal(err)
	}
	line, uncounted = b.SetCookie(false), b.CountCookie()
	b.Drop()
	return b, line, uncounted
}

func TestCookieKeepsAClientOnItsServer(t *testing.T) {
	live := newService(t, 3, true)
	first, line, uncounted := answered(t, live, newBed(t, live).network.now)
	if !uncounted {
		t.Error("a session of a client without a cookie is not to be counted")
	}
	first.CountSession(netip.MustParseAddrPort("127.0.0.9:1234"), nil)
	home, cookie := first.Endpoint, valueOf(t, first, line)
	for range 5 {
		b, line, _ := answered(t, live, first.network.now, cookie)
		if b.Endpoint != home || line != nil {
			t.Fatalf("reached %v with %q; want the server of the cookie, and no new one", b.Endpoint, line)
		}
	}
	moved := newBed(t, live)
	moved.network.refuse[int(home.Address.Port())] = syscall.ECONNREFUSED
	if !moved.ReadCookie(new(persistence.Scratch), cookie, moved.network.now) {
		t.Fatal("the cookie is not valid")
	}
	if err := moved.Reach(); err != nil || moved.Endpoint == home {
		t.Fatalf("reached %v, %v; want another server", moved.Endpoint, err)
	}
	if line, uncounted := moved.SetCookie(false), moved.CountCookie(); !uncounted || len(line) == 0 {
		t.Errorf("%q on the other server, to be counted: %t", line, uncounted)
	}
	moved.Drop()
	if _, line, _ := answered(t, live, first.network.now, []byte("forged")); len(line) == 0 {
		t.Error("no cookie in place of a forged one")
	}
	got := [...]uint64{
		live.Persistence.New.Load(), live.Persistence.Hits.Load(), live.Persistence.Moved.Load(), live.Persistence.Invalid.Load(),
	}
	if got != [...]uint64{1, 5, 1, 1} {
		t.Errorf("new, hits, moved, invalid: %v", got)
	}
}

func TestCookieIsSetAgainByItsAge(t *testing.T) {
	for timeout, renewed := range map[int]map[time.Duration]bool{
		0:  {0: false, time.Second: false, 1000 * time.Hour: false},
		5:  {0: false, time.Second: true, 5 * time.Second: true},
		60: {0: false, 5 * time.Second: false, 6 * time.Second: true, time.Minute: true, -time.Minute: false},
	} {
		live := newServiceWith(t, 2, func(s *lbapi.BackendService) { s.SessionPersistence, s.PersistenceTimeout = true, timeout })
		now := time.Unix(1_790_000_000, 0)
		first, line, _ := answered(t, live, now)
		cookie := valueOf(t, first, line)
		for age, want := range renewed {
			b, line, _ := answered(t, live, now.Add(age), cookie)
			if b.Endpoint != first.Endpoint || (line != nil) != want {
				t.Errorf("timeout %d s, after %s: set again %t, want %t", timeout, age, line != nil, want)
			}
		}
	}
}

// The age counts when the answer comes: until then the client has not had the chance to be idle.
func TestCookieThatBecomesDueBeforeTheAnswerIsSetAgain(t *testing.T) {
	live := newServiceWith(t, 1, func(s *lbapi.BackendService) { s.SessionPersistence, s.PersistenceTimeout = true, 60 })
	first, line, _ := answered(t, live, time.Unix(1_790_000_000, 0))
	slow := newBed(t, live)
	slow.ReadCookie(new(persistence.Scratch), valueOf(t, first, line), first.network.now.Add(time.Second))
	if err := slow.Reach(); err != nil {
		t.Fatal(err)
	}
	slow.network.now = first.network.now.Add(50 * time.Second)
	if slow.SetCookie(false) == nil {
		t.Error("an answer after 50 of 60 seconds does not set the cookie again")
	}
	slow.Drop()
}

func TestSetCookieIsSecureForClientsOfHTTPS(t *testing.T) {
	live := newServiceWith(t, 3, func(s *lbapi.BackendService) {
		s.SessionPersistence, s.CookieSameSite = true, lbapi.SameSiteNone
	})
	var cookie []byte
	var home *service.Endpoint
	for i, step := range []struct {
		secure bool
		want   string // the end of the line
	}{
		{false, "; SameSite=Lax\r\n"},
		{false, ""},
		{true, "; SameSite=None; Secure\r\n"}, // a client that came by HTTP stays on its server
		{true, ""},
		{false, ""}, // no browser sends it
	} {
		b := newBed(t, live)
		if cookie != nil {
			b.ReadCookie(new(persistence.Scratch), cookie, b.network.now)
		}
		if err := b.Reach(); err != nil || home != nil && b.Endpoint != home {
			t.Fatalf("request %d reached %v, %v; want %v", i, b.Endpoint, err, home)
		}
		line := b.SetCookie(step.secure)
		if (line != nil) != (step.want != "") || !strings.HasSuffix(string(line), step.want) {
			t.Errorf("request %d, secure %t: %q, want %q", i, step.secure, line, step.want)
		}
		if line != nil {
			cookie = valueOf(t, b, line)
		}
		home = b.Endpoint
		b.Drop()
	}
}

func TestEveryCookieIsTriedUntilOneOpens(t *testing.T) {
	live := newServiceWith(t, 3, func(s *lbapi.BackendService) { s.SessionPersistence, s.PersistenceTimeout = true, 60 })
	now := time.Unix(1_790_000_000, 0)
	old, line, _ := answered(t, live, now.Add(-time.Hour))
	expired := valueOf(t, old, line)
	first, line, _ := answered(t, live, now)
	genuine := valueOf(t, first, line)
	forged := bytes.Clone(genuine)
	forged[20] ^= 1
	many := slices.Repeat([][]byte{forged}, 800)
	for range 3 {
		b, line, _ := answered(t, live, now, append(many, []byte(""), expired, genuine, forged)...)
		if b.Endpoint != first.Endpoint || line != nil {
			t.Errorf("reached %s with %q, want %s and no new cookie", b.Endpoint.ID, line, first.Endpoint.ID)
		}
	}
	answered(t, live, now, forged, expired, forged)
	answered(t, live, now, forged, []byte("x"))
	got := [...]uint64{
		live.Persistence.New.Load(), live.Persistence.Hits.Load(), live.Persistence.Expired.Load(), live.Persistence.Invalid.Load(),
	}
	if got != [...]uint64{2, 3, 1, 1} {
		t.Errorf("new, hits, expired, invalid: %v", got)
	}
}
