package persistence_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
)

const serviceID, serverID = "backend-aaaaaaaaaa", "target-bbbbbbbbbb"

var issued = time.Unix(1_790_000_000, 0)

func newCookie(tb testing.TB, keys persistence.Keys, service string, timeout time.Duration) *persistence.Cookie {
	tb.Helper()
	return newCookieWith(tb, keys, service, persistence.Attributes{Timeout: timeout})
}

func newCookieWith(tb testing.TB, keys persistence.Keys, service string, attributes persistence.Attributes) *persistence.Cookie {
	tb.Helper()
	cookie, err := persistence.New(keys, service, attributes)
	if err != nil {
		tb.Fatal(err)
	}
	return cookie
}

func open(cookie *persistence.Cookie, value []byte, now time.Time) (string, time.Time, error) {
	opened, err := cookie.Open(new(persistence.Scratch), value, now)
	return string(opened.ServerID), opened.Issued, err
}

func TestNameIsDerivedFromTheService(t *testing.T) {
	keys := persistence.GenerateKeys()
	first, second := newCookie(t, keys, serviceID, 0).Name(), newCookie(t, keys, "backend-cccccccccc", 0).Name()
	if again := newCookie(t, persistence.GenerateKeys(), serviceID, time.Hour).Name(); first != again {
		t.Errorf("%s, then %s with other keys and timeout", first, again)
	}
	if first == second {
		t.Errorf("two services have the name %s", first)
	}
	if !regexp.MustCompile(`^ALB_[a-z2-7]{8}$`).MatchString(first) {
		t.Errorf("name %q", first)
	}
}

func TestOpenReturnsWhatWasSealed(t *testing.T) {
	keys := persistence.GenerateKeys()
	rapid.Check(t, func(t *rapid.T) {
		service := rapid.String().Draw(t, "service")
		server := rapid.StringN(1, 16, persistence.MaxServerIDLength).Draw(t, "server")
		at := time.Unix(rapid.Int64Range(0, 1<<40-1).Draw(t, "second"), 0)
		cookie, err := persistence.New(keys, service, persistence.Attributes{})
		if err != nil {
			t.Fatal(err)
		}
		secure := rapid.Bool().Draw(t, "secure")
		value := cookie.Seal([]byte("before"), server, at, secure)[len("before"):]
		if !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).Match(value) {
			t.Fatalf("value %q", value)
		}
		opened, err := cookie.Open(new(persistence.Scratch), value, at)
		if err != nil || string(opened.ServerID) != server || !opened.Issued.Equal(at) || opened.Secure != secure || opened.Outdated {
			t.Fatalf("opened %+v, %v; sealed %q at %v, secure %t", opened, err, server, at, secure)
		}
	})
}

func TestValueIsShortAndRevealsNothing(t *testing.T) {
	cookie := newCookie(t, persistence.GenerateKeys(), serviceID, 0)
	first, second := cookie.Seal(nil, serverID, issued, false), cookie.Seal(nil, serverID, issued, false)
	if len(first) > 72 {
		t.Errorf("%d characters: %s", len(first), first)
	}
	if bytes.Equal(first, second) {
		t.Errorf("two values for one server and second are equal: %s", first)
	}
	raw, err := base64.RawURLEncoding.DecodeString(string(first))
	if err != nil || bytes.Contains(raw, []byte("target")) {
		t.Errorf("%q, %v", raw, err)
	}
}

func TestTamperedValueIsInvalid(t *testing.T) {
	cookie := newCookie(t, persistence.GenerateKeys(), serviceID, time.Hour)
	value := cookie.Seal(nil, serverID, issued, false)
	refuse := func(tampered []byte) {
		t.Helper()
		if got, _, err := open(cookie, tampered, issued); !errors.Is(err, persistence.ErrInvalid) {
			t.Fatalf("%q: opened %q, %v", tampered, got, err)
		}
	}
	for i := range value {
		for bit := range 8 {
			tampered := slices.Clone(value)
			tampered[i] ^= 1 << bit
			refuse(tampered)
		}
		refuse(value[:i])
		refuse(slices.Insert(slices.Clone(value), i, '\n'))
		refuse(slices.Insert(slices.Clone(value), i, '='))
	}
	for _, suffix := range []string{"=", "\n", "\r\n", " ", "A", "AAAA"} {
		refuse(append(slices.Clone(value), suffix...))
	}
}

func TestValueOfAnotherServiceIsInvalid(t *testing.T) {
	keys := persistence.GenerateKeys()
	value := newCookie(t, keys, serviceID, 0).Seal(nil, serverID, issued, false)
	if _, _, err := open(newCookie(t, keys, "backend-cccccccccc", 0), value, issued); !errors.Is(err, persistence.ErrInvalid) {
		t.Errorf("error %v", err)
	}
}

func TestTimeoutIsKeptByTheServer(t *testing.T) {
	keys := persistence.GenerateKeys()
	for name, test := range map[string]struct {
		timeout, age time.Duration
		want         error
	}{
		"fresh":                       {time.Minute, 0, nil},
		"at the timeout":              {time.Minute, time.Minute, nil},
		"just past it":                {time.Minute, time.Minute + time.Second, persistence.ErrExpired},
		"a day":                       {24 * time.Hour, 24 * time.Hour, nil},
		"another node's clock ahead":  {time.Minute, -time.Minute, nil},
		"too far ahead":               {time.Minute, -time.Minute - time.Second, persistence.ErrInvalid},
		"browser session after years": {0, 100_000 * time.Hour, nil},
		"browser session, clock back": {0, -100 * time.Hour, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cookie := newCookie(t, keys, serviceID, test.timeout)
			got, _, err := open(cookie, cookie.Seal(nil, serverID, issued, false), issued.Add(test.age))
			if !errors.Is(err, test.want) || (err == nil) != (got == serverID) {
				t.Errorf("%q, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestValueIsOutdatedByTheKeyAndTheAttributes(t *testing.T) {
	keys := persistence.GenerateKeys()
	hour := persistence.Attributes{Timeout: time.Hour, SameSite: lbapi.SameSiteLax}
	value := newCookieWith(t, keys, serviceID, hour).Seal(nil, serverID, issued, false)
	for name, test := range map[string]struct {
		keys       persistence.Keys
		attributes persistence.Attributes
		want       bool
	}{
		"nothing changed":      {keys, hour, false},
		"no word for the same": {keys, persistence.Attributes{Timeout: time.Hour}, false},
		"a new key":            {keys.Rotate(), hour, true},
		"a longer timeout":     {keys, persistence.Attributes{Timeout: 2 * time.Hour, SameSite: lbapi.SameSiteLax}, true},
		"a shorter timeout":    {keys, persistence.Attributes{Timeout: time.Hour - time.Second, SameSite: lbapi.SameSiteLax}, true},
		"the longest timeout":  {keys, persistence.Attributes{Timeout: 24 * time.Hour, SameSite: lbapi.SameSiteLax}, true},
		"no timeout":           {keys, persistence.Attributes{SameSite: lbapi.SameSiteLax}, true},
		"another SameSite":     {keys, persistence.Attributes{Timeout: time.Hour, SameSite: lbapi.SameSiteNone}, true},
		"a stricter SameSite":  {keys, persistence.Attributes{Timeout: time.Hour, SameSite: lbapi.SameSiteStrict}, true},
	} {
		t.Run(name, func(t *testing.T) {
			opened, err := newCookieWith(t, test.keys, serviceID, test.attributes).Open(new(persistence.Scratch), value, issued)
			if err != nil || opened.Outdated != test.want || string(opened.ServerID) != serverID {
				t.Errorf("%+v, %v; want outdated %t", opened, err, test.want)
			}
		})
	}
}

func TestValueIsDueAfterATenthOfTheTimeout(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{
		time.Second: time.Second, 2 * time.Second: time.Second, 9 * time.Second: time.Second, 10 * time.Second: time.Second,
		19 * time.Second: time.Second, 20 * time.Second: 2 * time.Second, time.Minute: 6 * time.Second,
		time.Hour: 6 * time.Minute, 24 * time.Hour: 144 * time.Minute,
	} {
		cookie := newCookie(t, persistence.GenerateKeys(), serviceID, timeout)
		for age, due := range map[time.Duration]bool{
			-persistence.MaxFutureSkew: false, 0: false, 999 * time.Millisecond: false,
			want - time.Millisecond: false, want: true, timeout: true,
		} {
			if got := cookie.Due(issued, issued.Add(age)); got != due {
				t.Errorf("timeout %s, age %s: due %t", timeout, age, got)
			}
		}
	}
	if newCookie(t, persistence.GenerateKeys(), serviceID, 0).Due(issued, issued.Add(1_000_000*time.Hour)) {
		t.Error("a value without a timeout is due")
	}
}

// A browser forgets the cookie a timeout after it came, the load balancer after the second in which it was made.
func TestClientThatIsNeverIdleForLongIsNeverLetGo(t *testing.T) {
	keys := persistence.GenerateKeys()
	rapid.Check(t, func(t *rapid.T) {
		timeout := time.Duration(rapid.IntRange(10, 86_400).Draw(t, "timeout")) * time.Second
		cookie, err := persistence.New(keys, serviceID, persistence.Attributes{Timeout: timeout})
		if err != nil {
			t.Fatal(err)
		}
		now := issued.Add(time.Duration(rapid.IntRange(0, 999).Draw(t, "fraction")) * time.Millisecond)
		value, since := cookie.Seal(nil, serverID, now, false), now
		for range rapid.IntRange(1, 30).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(timeout)*9/10-1).Draw(t, "pause")))
			if now.Sub(since) >= timeout {
				t.Fatalf("the browser forgot the cookie after %s", now.Sub(since))
			}
			opened, err := cookie.Open(new(persistence.Scratch), value, now)
			if err != nil {
				t.Fatalf("after %s: %v", now.Sub(since), err)
			}
			if cookie.Due(opened.Issued, now) {
				value, since = cookie.Seal(nil, serverID, now, false), now
			}
		}
	})
}

func TestHostileValuesAreRefusedWithoutWork(t *testing.T) {
	cookie := newCookie(t, persistence.GenerateKeys(), serviceID, 0)
	huge := bytes.Repeat([]byte("A"), 60<<10)
	scratch := new(persistence.Scratch)
	if allocations := testing.AllocsPerRun(100, func() { _, _ = cookie.Open(scratch, huge, issued) }); allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
	for length := range 200 {
		if _, _, err := open(cookie, huge[:length], issued); !errors.Is(err, persistence.ErrInvalid) {
			t.Errorf("%d characters: %v", length, err)
		}
	}
}

func TestOpenAllocatesNothing(t *testing.T) {
	cookie := newCookie(t, persistence.GenerateKeys(), serviceID, time.Hour)
	value, scratch := cookie.Seal(nil, serverID, issued, false), new(persistence.Scratch)
	if allocations := testing.AllocsPerRun(100, func() { _, _ = cookie.Open(scratch, value, issued) }); allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func FuzzOpen(f *testing.F) {
	keys := persistence.GenerateKeys()
	cookie := newCookie(f, keys, serviceID, time.Hour)
	genuine := cookie.Seal(nil, serverID, issued, false)
	f.Add(genuine)
	f.Add(newCookie(f, keys.Rotate(), serviceID, 0).Seal(nil, serverID, issued, false))
	f.Add([]byte(""))
	f.Add([]byte("AQ"))
	f.Add(bytes.Repeat([]byte("_"), len(genuine)))
	f.Fuzz(func(t *testing.T, value []byte) {
		got, _, err := open(cookie, value, issued)
		if err == nil && !bytes.Equal(value, genuine) {
			t.Errorf("forged value %q names server %q", value, got)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	cookie := newCookie(b, persistence.GenerateKeys(), serviceID, time.Hour)
	value, scratch := cookie.Seal(nil, serverID, issued, false), new(persistence.Scratch)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = cookie.Open(scratch, value, issued)
	}
}

// BenchmarkForgedCookies measures the values of one request of 64 KiB that consists of forged cookies, each of which has to
// be decrypted.
func BenchmarkForgedCookies(b *testing.B) {
	cookie := newCookie(b, persistence.GenerateKeys(), serviceID, 0)
	forged, scratch := cookie.Seal(nil, serverID, issued, false), new(persistence.Scratch)
	forged[20] ^= 1
	b.ReportAllocs()
	for b.Loop() {
		for range 64 << 10 / (len("; ") + len(cookie.Name()) + len("=") + len(forged)) {
			_, _ = cookie.Open(scratch, forged, issued)
		}
	}
}
