package lbapi

import (
	"strings"
	"testing"
)

func TestRangesIncludeTheirBoundsAndNothingBeyond(t *testing.T) {
	for name, r := range map[string]Range{
		"port": Port, "server port": ServerPort, "weight": Weight, "persistence timeout": PersistenceTimeout,
		"threshold": Threshold, "check timeout": CheckTimeout, "check interval": CheckInterval, "check port": CheckPort,
		"idle timeout": IdleTimeout(HTTP),
	} {
		for value, want := range map[int64]bool{r.Min - 1: false, r.Min: true, r.Max: true, r.Max + 1: false} {
			if reason := r.Invalid(value); (reason == "") != want {
				t.Errorf("%s: Invalid(%d) = %q", name, value, reason)
			}
		}
		if r != Port && r.Invalid(r.Default) != "" {
			t.Errorf("%s: its own default %d is outside of it", name, r.Default)
		}
	}
}

func TestRangesAreThoseOfTheAPI(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Port.String(), "1 to 65535"},
		{ServerPort.String(), "0 to 65535"},
		{Weight.String(), "0 to 100"},
		{PersistenceTimeout.String(), "0 to 86400 seconds"},
		{Threshold.String(), "1 to 5 checks in a row"},
		{CheckTimeout.String(), "2 to 60 seconds"},
		{CheckInterval.String(), "5 to 300 seconds"},
		{IdleTimeout(TCP).String(), "1 to 86400 seconds"},
		{Weight.Invalid(101), "must be 0 to 100, got 101"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
	for protocol, want := range map[Protocol]int64{HTTP: 60, HTTPS: 60, TCP: 1800, TLS: 1800} {
		if got := IdleTimeout(protocol).Default; got != want {
			t.Errorf("idle timeout of %s defaults to %d, want %d", protocol, got, want)
		}
	}
}

func TestTextRules(t *testing.T) {
	long := strings.Repeat
	for rule, cases := range map[string]struct {
		invalid   func(string) string
		good, bad []string
	}{
		"name": {
			InvalidName,
			[]string{"a", "web_1-x", "负载均衡", long("名", 32), "-", "9"},
			[]string{"", long("a", 33), long("名", 33), "a b", "a.b", "é", "a\x00", "\xff", "名,"},
		},
		"description": {
			InvalidDescription,
			[]string{"", "Anything: at all!", long("名", 256)},
			[]string{long("a", 257), "\xff"},
		},
		"check path": {
			InvalidCheckPath,
			[]string{"/", "/health?a=b&c", "/%41", "/" + long("a", 999)},
			[]string{"", "health", "http://x/", "/a b", "/a\r\nHost: x", "/a#b", "/%4", "/%zz", "/%", "/é", "/" + long("a", 1000)},
		},
		"check domain": {
			InvalidCheckDomain,
			[]string{"", "example.com", "a-b.C9", long("a", 255)},
			[]string{"a b", "a/b", "a:80", "é.com", "a\r\nb", long("a", 256)},
		},
		"check code": {
			InvalidCheckCode,
			[]string{"200", "499", "200-299", "200-200", "2xx", "3xx", "4xx"},
			[]string{"", "199", "500", "5xx", "1xx", "2XX", "xx", "20", "2000", "299-200", "200-500", "200-", "-200", "200-299-300", "+20", " 200"},
		},
		"address": {
			InvalidAddress,
			[]string{"10.0.0.1", "::1", "fd00::1"},
			[]string{"", "10.0.0", "10.0.0.1:80", "10.0.0.01", "fe80::1%eth0", "example.com", "10.0.0.1/8"},
		},
	} {
		for _, text := range cases.good {
			if reason := cases.invalid(text); reason != "" {
				t.Errorf("%s %q is refused: %s", rule, text, reason)
			}
		}
		for _, text := range cases.bad {
			if cases.invalid(text) == "" {
				t.Errorf("%s %q is accepted", rule, text)
			}
		}
	}
}

func TestCheckCodesNeedAnEntryAndNameTheBadOne(t *testing.T) {
	if InvalidCheckCodes(nil) == "" {
		t.Error("no codes at all are accepted")
	}
	if reason := InvalidCheckCodes([]string{"2xx", "600"}); !strings.Contains(reason, `"600"`) {
		t.Errorf("the reason does not name the entry: %q", reason)
	}
	if reason := InvalidCheckCodes(DefaultCheckCodes()); reason != "" {
		t.Errorf("the default is refused: %s", reason)
	}
}

func TestParseCodeGivesInclusiveRanges(t *testing.T) {
	for text, want := range map[string]CodeRange{"204": {204, 204}, "200-299": {200, 299}, "4xx": {400, 499}} {
		if got, ok := ParseCode(text); !ok || got != want {
			t.Errorf("ParseCode(%q) = %v, %t, want %v", text, got, ok, want)
		}
	}
}

func FuzzParseCode(f *testing.F) {
	for _, seed := range []string{"200", "2xx", "200-299", "", "-", "99999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := ParseCode(text)
		if ok && (got.First < 200 || got.Last > 499 || got.First > got.Last) {
			t.Errorf("ParseCode(%q) = %v", text, got)
		}
	})
}
