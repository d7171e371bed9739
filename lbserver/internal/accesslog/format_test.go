package accesslog_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/accesslog"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
)

func sample() *proxy.Entry {
	return &proxy.Entry{
		Time:             time.Date(2026, 11, 22, 18, 4, 38, 123_456_789, time.FixedZone("CET", 3600)),
		Duration:         1_234_567 * time.Nanosecond,
		RequestID:        0x9f86d081884c7d65,
		ListenerID:       "listener-aaaaaaaaaa",
		BackendServiceID: "backend-bbbbbbbbbb",
		ServerID:         "target-cccccccccc",
		ServerAddress:    netip.MustParseAddrPort("10.0.0.5:8080"),
		Client:           netip.MustParseAddrPort("[2001:db8::7]:51234"),
		Method:           []byte("GET"),
		Target:           []byte("/a?b=1"),
		Host:             []byte("example.com"),
		UserAgent:        []byte(`Mozilla/5.0 ("x")`),
		Status:           200,
		BytesReceived:    17,
		BytesSent:        5120,
		Retries:          1,
	}
}

func TestTextLine(t *testing.T) {
	refused := &proxy.Entry{
		Time: sample().Time, RequestID: 0x0123456789abcdef, ListenerID: "listener-aaaaaaaaaa",
		Client: netip.MustParseAddrPort("192.0.2.7:1"), Status: 400, BytesSent: 99, Failure: "two Host fields",
	}
	old := sample()
	old.Version10, old.Host, old.Failure = true, nil, "the server closed the connection"
	proxied := sample()
	proxied.Client = netip.AddrPortFrom(netip.MustParseAddr("2001:db8::9"), 0)
	for name, test := range map[string]struct {
		entry *proxy.Entry
		want  string
	}{
		"behind a trusted proxy": {
			proxied, `2001:db8::9 [2026-11-22T17:04:38.123Z] listener-aaaaaaaaaa ` +
				`backend-bbbbbbbbbb/target-cccccccccc 10.0.0.5:8080 1.234 200 17 5120 1 9f86d081884c7d65 ` +
				`"GET /a?b=1 HTTP/1.1" "example.com" "Mozilla/5.0 (\"x\")" "-"`,
		},
		"a request": {
			sample(), `[2001:db8::7]:51234 [2026-11-22T17:04:38.123Z] listener-aaaaaaaaaa ` +
				`backend-bbbbbbbbbb/target-cccccccccc 10.0.0.5:8080 1.234 200 17 5120 1 9f86d081884c7d65 ` +
				`"GET /a?b=1 HTTP/1.1" "example.com" "Mozilla/5.0 (\"x\")" "-"`,
		},
		"refused before it was read": {
			refused, `192.0.2.7:1 [2026-11-22T17:04:38.123Z] listener-aaaaaaaaaa -/- - 0.000 400 0 99 0 0123456789abcdef ` +
				`"-" "-" "-" "two Host fields"`,
		},
		"an old client whose server failed": {
			old, `[2001:db8::7]:51234 [2026-11-22T17:04:38.123Z] listener-aaaaaaaaaa ` +
				`backend-bbbbbbbbbb/target-cccccccccc 10.0.0.5:8080 1.234 200 17 5120 1 9f86d081884c7d65 ` +
				`"GET /a?b=1 HTTP/1.0" "-" "Mozilla/5.0 (\"x\")" "the server closed the connection"`,
		},
	} {
		if diff := cmp.Diff(test.want+"\n", string(accesslog.Appender(accesslog.Text)(nil, test.entry))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestJSONObject(t *testing.T) {
	for name, test := range map[string]struct {
		entry *proxy.Entry
		want  string
	}{
		"a request": {sample(), `{"time":"2026-11-22T17:04:38.123Z","request_id":"9f86d081884c7d65",` +
			`"listener":"listener-aaaaaaaaaa","backend_service":"backend-bbbbbbbbbb","server":"target-cccccccccc",` +
			`"server_address":"10.0.0.5:8080","client":"[2001:db8::7]:51234","method":"GET","target":"/a?b=1",` +
			`"protocol":"HTTP/1.1","host":"example.com","user_agent":"Mozilla/5.0 (\"x\")","status":200,` +
			`"duration_ms":1.234,"bytes_received":17,"bytes_sent":5120,"retries":1}`},
		"behind a trusted proxy": {
			&proxy.Entry{Time: sample().Time, Client: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), 0)},
			`{"time":"2026-11-22T17:04:38.123Z","request_id":"0000000000000000","client":"192.0.2.7","status":0,"duration_ms":0.000,` +
				`"bytes_received":0,"bytes_sent":0,"retries":0}`,
		},
		"hardly anything known": {
			&proxy.Entry{Time: sample().Time, Failure: "timeout"},
			`{"time":"2026-11-22T17:04:38.123Z","request_id":"0000000000000000","status":0,"duration_ms":0.000,"bytes_received":0,"bytes_sent":0,` +
				`"retries":0,"failure":"timeout"}`,
		},
	} {
		if diff := cmp.Diff(test.want+"\n", string(accesslog.Appender(accesslog.JSON)(nil, test.entry))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	entry := sample()
	entry.Target, entry.Host, entry.UserAgent = bytes.Repeat([]byte("t"), 16<<10), bytes.Repeat([]byte("h"), 9999), bytes.Repeat([]byte("u"), 60<<10)
	for _, line := range []string{string(accesslog.Appender(accesslog.Text)(nil, entry)), string(accesslog.Appender(accesslog.JSON)(nil, entry))} {
		for letter, limit := range map[string]int{"t": 4096, "h": 1024, "u": 1024} {
			longest := ""
			for _, run := range regexp.MustCompile(letter+`+\.\.\.`).FindAllString(line, -1) {
				longest = max(longest, run)
			}
			if len(longest) != limit+3 {
				t.Errorf("%s: %d characters, want %d", letter, len(longest), limit+3)
			}
		}
	}
}

// Whatever a client sends, a line stays one line of printable ASCII with the right number of fields, and an object
// stays one valid object from which the text can be read.
func FuzzFormats(f *testing.F) {
	f.Add([]byte("GET"), []byte("/"), []byte("example.com"), []byte("curl"))
	f.Add([]byte("G\x00T"), []byte("/\r\n\" forged"), []byte("ex\\ample"), []byte("\x1b[31m\xff\xfe \u00e9 \u2028 \U0001f600"))
	f.Add([]byte(""), []byte("\xe2\x82"), bytes.Repeat([]byte("\""), 2000), []byte(strings.Repeat("é", 600)))
	quoted := regexp.MustCompile(`^[[:print:]]* "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"\n$`)
	f.Fuzz(func(t *testing.T, method, target, host, userAgent []byte) {
		entry := sample()
		entry.Method, entry.Target, entry.Host, entry.UserAgent = method, target, host, userAgent
		line := accesslog.Appender(accesslog.Text)(nil, entry)
		if !quoted.Match(line) {
			t.Errorf("line %q", line)
		}
		for _, c := range line[:len(line)-1] {
			if c < ' ' || c > '~' {
				t.Errorf("byte %#x in %q", c, line)
			}
		}
		object := accesslog.Appender(accesslog.JSON)(nil, entry)
		if bytes.IndexByte(object, '\n') != len(object)-1 || !utf8.Valid(object) {
			t.Errorf("object %q", object)
		}
		var fields struct {
			Host   string `json:"host"`
			Target string `json:"target"`
		}
		if err := json.Unmarshal(object, &fields); err != nil {
			t.Errorf("%q: %v", object, err)
		}
		if utf8.Valid(host) && len(host) <= 1024 && fields.Host != string(host) {
			t.Errorf("host %q read as %q", host, fields.Host)
		}
	})
}
