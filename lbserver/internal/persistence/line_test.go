package persistence_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
)

func TestLineHasTheAttributesOfTheTimeout(t *testing.T) {
	keys := persistence.GenerateKeys()
	for name, test := range map[string]struct {
		timeout  time.Duration
		sameSite lbapi.SameSite
		secure   bool
		want     string // after the value
	}{
		"browser session":      {0, "", false, "; Path=/; HttpOnly; SameSite=Lax\r\n"},
		"over HTTPS":           {0, lbapi.SameSiteLax, true, "; Path=/; HttpOnly; SameSite=Lax; Secure\r\n"},
		"strict":               {0, lbapi.SameSiteStrict, false, "; Path=/; HttpOnly; SameSite=Strict\r\n"},
		"strict over HTTPS":    {0, lbapi.SameSiteStrict, true, "; Path=/; HttpOnly; SameSite=Strict; Secure\r\n"},
		"all sites":            {0, lbapi.SameSiteNone, false, "; Path=/; HttpOnly; SameSite=Lax\r\n"},
		"all sites over HTTPS": {0, lbapi.SameSiteNone, true, "; Path=/; HttpOnly; SameSite=None; Secure\r\n"},
		"an hour": {
			time.Hour, lbapi.SameSiteLax, false,
			"; Path=/; Max-Age=3600; Expires=Mon, 21 Sep 2026 15:13:20 GMT; HttpOnly; SameSite=Lax\r\n",
		},
		"a day over HTTPS": {
			24 * time.Hour, lbapi.SameSiteLax, true,
			"; Path=/; Max-Age=86400; Expires=Tue, 22 Sep 2026 14:13:20 GMT; HttpOnly; SameSite=Lax; Secure\r\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cookie := newCookieWith(t, keys, serviceID, persistence.Attributes{Timeout: test.timeout, SameSite: test.sameSite})
			// The time zone must not show in the date.
			at := issued.In(time.FixedZone("UTC+8", 8*3600))
			line := string(cookie.ForServer(serverID).At(at, test.secure))
			value, ok := strings.CutPrefix(line, "Set-Cookie: "+cookie.Name()+"=")
			value, attributes, _ := strings.Cut(value, ";")
			if diff := cmp.Diff(test.want, ";"+attributes); !ok || diff != "" {
				t.Errorf("%q: %s", line, diff)
			}
			opened, err := cookie.Open(new(persistence.Scratch), []byte(value), at)
			if err != nil || string(opened.ServerID) != serverID || opened.Secure != test.secure {
				t.Errorf("%q says %+v, %v", value, opened, err)
			}
		})
	}
}

func TestBrowsersReadTheLine(t *testing.T) {
	cookie := newCookie(t, persistence.GenerateKeys(), serviceID, time.Hour)
	line := string(cookie.ForServer(serverID).At(issued, true))
	field := strings.TrimSuffix(strings.TrimPrefix(line, "Set-Cookie: "), "\r\n")
	parsed, err := http.ParseSetCookie(field)
	if err != nil {
		t.Fatal(err)
	}
	want := &http.Cookie{
		Name: cookie.Name(), Path: "/", MaxAge: 3600, Expires: issued.Add(time.Hour).UTC(),
		HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode,
	}
	if diff := cmp.Diff(want, parsed, cmpopts.IgnoreFields(http.Cookie{}, "Value", "Raw", "RawExpires")); diff != "" {
		t.Error(diff)
	}
}

func TestLineIsMadeOnceASecond(t *testing.T) {
	line := newCookie(t, persistence.GenerateKeys(), serviceID, 0).ForServer(serverID)
	first := line.At(issued, false)
	if again := line.At(issued.Add(999*time.Millisecond), false); !bytes.Equal(first, again) {
		t.Errorf("%q and %q within one second", first, again)
	}
	if next := line.At(issued.Add(time.Second), false); bytes.Equal(first, next) {
		t.Errorf("the same %q a second later", next)
	}
	now := issued.Add(2 * time.Second)
	line.At(now, true)
	line.At(now, false)
	if allocations := testing.AllocsPerRun(100, func() { line.At(now, true); line.At(now, false) }); allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func TestLineIsWholeForAllCoresAtTheTurnOfASecond(t *testing.T) {
	cookie := newCookie(t, persistence.GenerateKeys(), serviceID, time.Hour)
	line := cookie.ForServer(serverID)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i := range 500 {
				now := issued.Add(time.Duration(i) * time.Second)
				text := line.At(now, false)
				value, _, _ := bytes.Cut(text[len("Set-Cookie: ")+len(cookie.Name())+1:], []byte(";"))
				if got, at, err := open(cookie, value, now); err != nil || got != serverID || !at.Equal(now) {
					t.Errorf("at %v: %q issued at %v, %v", now, got, at, err)
					return
				}
			}
		})
	}
	wait.Wait()
}

func BenchmarkLine(b *testing.B) {
	line := newCookie(b, persistence.GenerateKeys(), serviceID, time.Hour).ForServer(serverID)
	b.ReportAllocs()
	for b.Loop() {
		line.At(issued, false)
	}
}
