package http1

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// trustsTen trusts 10.0.0.0/8 and ::1.
func trustsTen(address netip.Addr) bool {
	return netip.MustParsePrefix("10.0.0.0/8").Contains(address) || address == netip.IPv6Loopback()
}

// forwardedFor returns a request with these X-Forwarded-For lines.
func forwardedFor(t *testing.T, values ...string) (*Request, []byte) {
	t.Helper()
	all := []string{"GET / HTTP/1.1", "Host: h"}
	for _, each := range values {
		all = append(all, "X-Forwarded-For: "+each, "A: b")
	}
	raw := lines(all...)
	r, _ := parseRequest(t, raw)
	return r, []byte(raw)
}

func TestTheClientIsTheFirstHopFromTheRightThatIsNotTrusted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want  string // "" for none
		lines []string
	}{
		{"", nil},
		{"", []string{""}},
		{"", []string{" , ,\t,"}},
		{"192.0.2.1", []string{"192.0.2.1"}},
		{"192.0.2.2", []string{"192.0.2.1, 192.0.2.2"}},
		{"192.0.2.1", []string{"192.0.2.1, 10.0.0.1,10.255.0.2"}},
		{"192.0.2.1", []string{"evil, 192.0.2.1, 10.0.0.1"}},
		{"192.0.2.3", []string{"192.0.2.1", "192.0.2.2 , 192.0.2.3", "10.0.0.1"}},
		{"192.0.2.1", []string{"192.0.2.1", "", "10.0.0.1"}},
		{"192.0.2.1", []string{"192.0.2.1,, ,10.0.0.1,"}},
		{"192.0.2.1", []string{",192.0.2.1"}},
		{"192.0.2.1", append([]string{"192.0.2.1"}, slices.Repeat([]string{"10.0.0.1"}, 60)...)},
		// All are trusted: the leftmost.
		{"10.0.0.1", []string{"10.0.0.1, 10.0.0.2", "10.0.0.3"}},
		{"::1", []string{strings.Repeat("::1,", 10_000)}},
		{"2001:db8::1", []string{"2001:db8::1," + strings.Repeat("::1,", 10_000)}},
		// A hop can't be read: the one to its right.
		{"10.0.0.1", []string{"192.0.2.1, unknown, 10.0.0.1, 10.0.0.2"}},
		{"10.0.0.1", []string{"192.0.2.1", "_hidden", "10.0.0.1"}},
		{"", []string{"192.0.2.1, unknown"}},
		{"10.0.0.1", []string{`"192.0.2.1, 10.0.0.9", 10.0.0.1`}},
		{"10.0.0.1", []string{`192.0.2.1, "10.0.0.2", 10.0.0.1`}},
		{"10.0.0.1", []string{`192.0.2.1, "a, 10.0.0.1`}},
		{"10.0.0.1", []string{"192.0.2.1, for=10.0.0.2, 10.0.0.1"}},
		{"10.0.0.1", []string{"192.0.2.1 10.0.0.2, 10.0.0.1"}},
	} {
		r, raw := forwardedFor(t, test.lines...)
		got := ""
		if address := r.ForwardedClient(raw, trustsTen); address.IsValid() {
			got = address.String()
		}
		if got != test.want {
			t.Errorf("%.80q: %q, want %q", test.lines, got, test.want)
		}
	}
}

func TestHopsAreReadInEveryForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.0.2.1":                            "192.0.2.1",
		"192.0.2.1:0":                          "192.0.2.1",
		"192.0.2.1:65535":                      "192.0.2.1",
		"2001:DB8::1":                          "2001:db8::1",
		"[2001:db8::1]":                        "2001:db8::1",
		"[2001:db8::1]:443":                    "2001:db8::1",
		"::ffff:192.0.2.1":                     "192.0.2.1",
		"[::ffff:192.0.2.1]:80":                "192.0.2.1",
		"fe80::1%eth0":                         "fe80::1",
		"[fe80::1%25eth0]:80":                  "fe80::1",
		"::ffff:192.0.2.1%eth0":                "192.0.2.1",
		"fe80::1%" + strings.Repeat("z", 9000): "fe80::1",
		"0000:0000:0000:0000:0000:ffff:192.000.002.001": "",
		"0000:0000:0000:0000:0000:ffff:198.51.100.101":  "198.51.100.101",
		"192.0.2.1:":                "",
		"192.0.2.1:65536":           "",
		"192.0.2.1:080000":          "",
		"192.0.2.1:http":            "",
		"192.0.2.1:-1":              "",
		"192.0.2.1:+1":              "",
		"192.0.2.1:80:80":           "",
		"[192.0.2.1]":               "",
		"[192.0.2.1]:80":            "",
		"[2001:db8::1":              "",
		"2001:db8::1]":              "",
		"[2001:db8::1]80":           "",
		"[2001:db8::1]:":            "",
		"[2001:db8::1]:80:80":       "",
		"[[2001:db8::1]]":           "",
		"[]":                        "",
		"[]:80":                     "",
		"[:]":                       "",
		":":                         "",
		":80":                       "",
		"[":                         "",
		"%":                         "",
		"%eth0":                     "",
		"fe80::1%":                  "",
		"192.0.2.1%eth0":            "",
		"010.0.0.1":                 "",
		"192.0.2":                   "",
		"192.0.2.256":               "",
		"3221225985":                "",
		"0xc0000201":                "",
		"\"192.0.2.1\"":             "",
		"'192.0.2.1'":               "",
		"\xff":                      "",
		"unknown":                   "",
		strings.Repeat("1", 30_000): "",
	} {
		r, raw := forwardedFor(t, text)
		got := ""
		if address := r.ForwardedClient(raw, trustsTen); address.IsValid() {
			got = address.String()
		}
		if got != want {
			t.Errorf("%.80q: %q, want %q", text, got, want)
		}
	}
}

func TestHTTPSCountsAsTheLastValueOfTheLastLineOnly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want  bool
		lines []string
	}{
		{false, nil},
		{true, []string{"X-Forwarded-Proto: https"}},
		{true, []string{"x-forwarded-proto:HTTPS "}},
		{true, []string{"X-Forwarded-Proto: http, https"}},
		{true, []string{"X-Forwarded-Proto: http", "X-Forwarded-Proto: https"}},
		{false, []string{"X-Forwarded-Proto: http"}},
		{false, []string{"X-Forwarded-Proto: https, http"}},
		{false, []string{"X-Forwarded-Proto: https", "X-Forwarded-Proto: http"}},
		{false, []string{"X-Forwarded-Proto: https", "X-Forwarded-Proto:"}},
		{false, []string{"X-Forwarded-Proto: https,"}},
		{false, []string{`X-Forwarded-Proto: "https"`}},
		{false, []string{"X-Forwarded-Proto: https://"}},
		{false, []string{"X-Forwarded-Proto: wss"}},
		{false, []string{"X_Forwarded_Proto: https"}},
		{false, []string{"X-Forwarded_Proto: https"}},
		{false, []string{"X-Forwarded-Ssl: on", "Front-End-Https: on", "X-Forwarded-Scheme: https", "Forwarded: proto=https"}},
	} {
		raw := lines(append([]string{"GET / HTTP/1.1", "Host: h"}, test.lines...)...)
		r, _ := parseRequest(t, raw)
		if got := r.ForwardedHTTPS([]byte(raw)); got != test.want {
			t.Errorf("%q: %t, want %t", test.lines, got, test.want)
		}
	}
}

func TestFieldsOfATrustedProxyAreFound(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]ForwardedFields{
		"X-Forwarded-Proto: https": ForwardedProto,
		"x-forwarded-port: 443":    ForwardedPort,
		"X-FORWARDED-HOST: h":      ForwardedHost,
		"X-Forwarded-Host:":        0,
		"X-Forwarded_Host: h":      0,
		"X-Forwarded-LBIP: 1":      0,
		"X-Forwarded-For: 1":       0,
	} {
		raw := lines("GET / HTTP/1.1", "Host: h", field, "X-Forwarded-Port: ")
		r, _ := parseRequest(t, raw)
		if got := r.ForwardedFields(); got != want {
			t.Errorf("%q: %b, want %b", field, got, want)
		}
	}
}

func TestReadingForwardedFieldsAllocatesNothing(t *testing.T) {
	raw := []byte(lines("GET / HTTP/1.1", "Host: h", "X-Forwarded-For: [2001:db8::1%eth0]:443, ::ffff:10.0.0.1, 10.0.0.2:80", "X-Forwarded-Proto: https"))
	r, _ := parseRequest(t, string(raw))
	want := netip.MustParseAddr("2001:db8::1")
	allocations := testing.AllocsPerRun(100, func() {
		if r.ForwardedClient(raw, trustsTen) != want || !r.ForwardedHTTPS(raw) || r.ForwardedFields() != ForwardedProto {
			t.Fatal("the fields are read wrongly")
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations a request, want none", allocations)
	}
}
