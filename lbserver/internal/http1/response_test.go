package http1

import (
	"errors"
	"strings"
	"testing"
)

func parseResponse(t *testing.T, raw string) (*Response, int) {
	t.Helper()
	response := new(Response)
	response.Reset()
	n, err := response.Parse([]byte(raw))
	if err != nil || n == 0 {
		t.Fatalf("Parse(%q) = %d, %v; want a complete head", raw, n, err)
	}
	return response, n
}

func TestResponseHeadsThatBreakARuleAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		raw  string
		want error
	}{
		"no http":               {"SSH-2.0-OpenSSH_9.2\r\n", errStatusLine},
		"too short":             {"HTTP/1.1 20\r\n\r\n", errStatusLine},
		"four digits":           {"HTTP/1.1 2000 OK\r\n\r\n", errStatusLine},
		"letters":               {"HTTP/1.1 2x0 OK\r\n\r\n", errStatusLine},
		"below 100":             {"HTTP/1.1 099 Low\r\n\r\n", errStatusInvalid},
		"http 2":                {"HTTP/2.0 200 OK\r\n\r\n", errStatusVersion},
		"an empty line before":  {"\r\nHTTP/1.1 200 OK\r\n\r\n", errStatusLine},
		"two lengths":           {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", errLengthsDiffer},
		"a list of lengths":     {"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n", errLengthsDiffer},
		"a list with a gap":     {"HTTP/1.1 200 OK\r\nContent-Length: 1,, 1\r\n\r\n", errLengthInvalid},
		"a length and a comma":  {"HTTP/1.1 200 OK\r\nContent-Length: 1,\r\n\r\n", errLengthInvalid},
		"a folded number":       {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\n", errLengthInvalid},
		"a folded status line":  {"HTTP/1.1 200 OK\r\n A: b\r\n\r\n", errObsoleteFold},
		"a bare CR":             {"HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n", errBareCR},
		"a bare CR, a bare LF":  {"HTTP/1.1 200 OK\nA: b\r\r\n\n", errBareCR},
		"length and coding":     {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", errLengthAndTE},
		"gzip coding":           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", errCodingUnknown},
		"coding in 1.0":         {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", errCodingIn10},
		"space before a colon":  {"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n", errSpaceInName},
		"NUL":                   {"HTTP/1.1 200 O\x00K\r\n\r\n", errNUL},
		"a head without end":    {"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", MaxHeadBytes), errHeadTooLarge},
		"a reason without end":  {"HTTP/1.1 200 " + strings.Repeat("b", MaxHeadBytes), errHeadTooLarge},
		"more fields than 128":  {"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", MaxFields+1) + "\r\n", errTooManyFields},
		"a body in place of it": {"<html>\r\n", errStatusLine},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := new(Response)
			r.Reset()
			if n, err := r.Parse([]byte(test.raw)); n != 0 && err == nil || !errors.Is(err, test.want) {
				t.Errorf("Parse = %d, %v; want %v", n, err, test.want)
			}
		})
	}
}

func TestResponseFraming(t *testing.T) {
	t.Parallel()
	const chunked, length, zero = "Transfer-Encoding: chunked", "Content-Length: 5", "Content-Length: 0"
	for name, test := range map[string]struct {
		status, field string
		method        Method
		want          Framing
	}{
		"length":          {"200", length, MethodGet, FramingLength},
		"length 0":        {"200", zero, MethodGet, FramingNone},
		"chunked":         {"200", chunked, MethodPost, FramingChunked},
		"neither":         {"200", "A: b", MethodGet, FramingUntilClose},
		"head":            {"200", length, MethodHead, FramingNone},
		"head chunked":    {"200", chunked, MethodHead, FramingNone},
		"head neither":    {"200", "A: b", MethodHead, FramingNone},
		"100":             {"100", "A: b", MethodPost, FramingNone},
		"101":             {"101", "A: b", MethodGet, FramingNone},
		"204":             {"204", length, MethodGet, FramingNone},
		"304":             {"304", length, MethodGet, FramingNone},
		"304 chunked":     {"304", chunked, MethodGet, FramingNone},
		"error, neither":  {"500", "A: b", MethodGet, FramingUntilClose},
		"beyond the RFC":  {"999", length, MethodGet, FramingLength},
		"options, length": {"200", length, MethodOptions, FramingLength},
	} {
		r, _ := parseResponse(t, lines("HTTP/1.1 "+test.status+" Some", test.field))
		if got := r.Framing(test.method); got != test.want {
			t.Errorf("%s: framing %s, want %s", name, got, test.want)
		}
	}
}

func TestResponseKeepAliveAndUpgrade(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][2]bool{
		lines("HTTP/1.1 200 OK"):                                                   {true, false},
		lines("HTTP/1.1 200 OK", "Connection: close"):                              {false, false},
		lines("HTTP/1.0 200 OK"):                                                   {false, false},
		lines("HTTP/1.0 200 OK", "Connection: keep-alive"):                         {true, false},
		lines("HTTP/1.1 101 Go", "Connection: upgrade", "Upgrade: websocket"):      {true, true},
		lines("HTTP/1.1 101 Go", "Upgrade: websocket"):                             {true, false},
		lines("HTTP/1.1 200 OK", "Connection: upgrade", "Upgrade: websocket"):      {true, false},
		lines("HTTP/1.1 101 Go", "Connection: upgrade", "Upgrade: h2c"):            {true, false},
		lines("HTTP/1.1 101 Go", "Connection: upgrade, close", "Upgrade: irc/6.9"): {false, true},
	} {
		r, _ := parseResponse(t, raw)
		if got := [2]bool{r.KeepAlive(), r.Upgrade()}; got != want {
			t.Errorf("%q: keep-alive and upgrade %v, want %v", raw, got, want)
		}
	}
}
