package http1

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const cookieName = "ALB_abcdefgh"

// lines joins header lines and adds an empty one at the end.
func lines(all ...string) string { return strings.Join(all, "\r\n") + "\r\n\r\n" }

func TestRequestHeadAsTheServerGetsIt(t *testing.T) {
	t.Parallel()
	plain := RequestRewrite{CookieName: cookieName, ClientAddress: netip.MustParseAddr("192.0.2.7"), DefaultHost: netip.MustParseAddrPort("10.0.0.1:80")}
	forwarded := plain
	forwarded.Forwarded = []byte("X-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n")
	forwarded.ForwardedHost = true
	trusted := plain
	trusted.KeepForwarded = true
	xff := "X-Forwarded-For: 192.0.2.7"
	for name, test := range map[string]struct {
		rewrite   RequestRewrite
		raw, want string
	}{
		"plain": {plain, lines("GET /a?b HTTP/1.1", "Host: h", "Accept: */*"), lines("GET /a?b HTTP/1.1", "Host: h", "Accept: */*", xff)},
		"no rewriting": {RequestRewrite{}, lines("GET / HTTP/1.1", "Host: h", "Cookie: "+cookieName+"=1", "X-Forwarded-For: a"),
			lines("GET / HTTP/1.1", "Host: h", "Cookie: "+cookieName+"=1", "X-Forwarded-For: a")},
		"1.0 without host":     {plain, lines("GET / HTTP/1.0", "Accept: */*"), lines("GET / HTTP/1.1", "Host: 10.0.0.1:80", "Accept: */*", xff)},
		"1.2":                  {plain, lines("GET / HTTP/1.2", "Host: h"), lines("GET / HTTP/1.1", "Host: h", xff)},
		"absolute":             {plain, lines("GET http://h/p?q HTTP/1.1", "Host: h"), lines("GET /p?q HTTP/1.1", "Host: h", xff)},
		"absolute, no path":    {plain, lines("GET http://h HTTP/1.1", "Host: h"), lines("GET / HTTP/1.1", "Host: h", xff)},
		"absolute, query only": {plain, lines("GET http://h?q HTTP/1.1", "Host: h"), lines("GET /?q HTTP/1.1", "Host: h", xff)},
		"absolute options":     {plain, lines("OPTIONS http://h HTTP/1.1", "Host: h"), lines("OPTIONS * HTTP/1.1", "Host: h", xff)},
		"absolute 1.0":         {plain, lines("GET http://h/ HTTP/1.0"), lines("GET / HTTP/1.1", "Host: h", xff)},
		"hop by hop": {plain, lines("GET / HTTP/1.1", "Connection: close, X-One", "Host: h", "Keep-Alive: 5", "x-one: 1", "Proxy-Connection: x", "X-Two: 2", "TE: gzip", "Upgrade: h2c"),
			lines("GET / HTTP/1.1", "Host: h", "X-Two: 2", xff)},
		"connection can't strip": {plain, lines("GET / HTTP/1.1", "Host: h", "Connection: Host, Cookie, Authorization, Content-Length, Content-Type, X-Forwarded-For",
			"Cookie: a=b", "Authorization: c", "Content-Length: 0", "Content-Type: d", "X-Forwarded-For: 1.1.1.1"),
			lines("GET / HTTP/1.1", "Host: h", "Cookie: a=b", "Authorization: c", "Content-Length: 0", "Content-Type: d", "X-Forwarded-For: 1.1.1.1, 192.0.2.7")},
		"forged fields": {plain, lines("GET / HTTP/1.1", "Host: h", "X-Forwarded-Proto: https", "x-forwarded-port: 1", "X-Forwarded-Host: evil", "X-Forwarded-LBIP: 1", "X-Forwarded-Client-Port: 1",
			"X_Forwarded_Proto: https", "X-Forwarded_For: 1", "x.forwarded.host: 1", "X-Forwarded-Server: s",
			"Forwarded: for=1.1.1.1;proto=https", "X-Real-IP: 1", "x_real_ip: 1", "X-Forwarded-Ssl: on", "X-Forwarded_Scheme: https", "Front-End-Https: on"), lines("GET / HTTP/1.1", "Host: h", "X-Forwarded-Server: s", xff)},
		"forwarded fields": {forwarded, lines("GET / HTTP/1.1", "Host: h:1", "X-Forwarded-Proto: https"),
			lines("GET / HTTP/1.1", "Host: h:1", xff, "X-Forwarded-Proto: http", "X-Forwarded-Port: 80", "X-Forwarded-Host: h:1")},
		"fields of a trusted proxy": {trusted, lines("GET / HTTP/1.1", "X-Forwarded-Proto: https", "Host: h", "x-forwarded-port:443", "X-Forwarded-Host: a, b",
			"X-Forwarded-Proto: ", "X-Forwarded_Proto: 1", "X-Forwarded-LBIP: 1", "X-Forwarded-Client-Port: 1", "X-Real-IP: 1", "Forwarded: 1"),
			lines("GET / HTTP/1.1", "X-Forwarded-Proto: https", "Host: h", "x-forwarded-port:443", "X-Forwarded-Host: a, b", xff)},
		"forwarded for": {plain, lines("GET / HTTP/1.1", "X-Forwarded-For: 1.1.1.1", "Host: h", "x-forwarded-for:2.2.2.2, 3.3.3.3", "X-Forwarded-For:"),
			lines("GET / HTTP/1.1", "Host: h", "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 192.0.2.7")},
		"chunked":              {plain, lines("POST / HTTP/1.1", "Host: h", "transfer-encoding: CHUNKED"), lines("POST / HTTP/1.1", "Host: h", xff, "Transfer-Encoding: chunked")},
		"expect":               {plain, lines("POST / HTTP/1.1", "Host: h", "Expect: 100-continue", "Content-Length: 1"), lines("POST / HTTP/1.1", "Host: h", "Expect: 100-continue", "Content-Length: 1", xff)},
		"expect for nothing":   {plain, lines("POST / HTTP/1.1", "Host: h", "Expect: 100-continue"), lines("POST / HTTP/1.1", "Host: h", xff)},
		"expect something":     {plain, lines("POST / HTTP/1.1", "Host: h", "Expect: 200-ok"), lines("POST / HTTP/1.1", "Host: h", "Expect: 200-ok", xff)},
		"max-forwards":         {plain, lines("TRACE / HTTP/1.1", "Host: h", "Max-Forwards: 10", "A: b"), lines("TRACE / HTTP/1.1", "Host: h", "Max-Forwards: 9", "A: b", xff)},
		"proxy":                {plain, lines("GET / HTTP/1.1", "Host: h", "Proxy: p", "Proxy-Status: s"), lines("GET / HTTP/1.1", "Host: h", "Proxy-Status: s", xff)},
		"upgrade":              {plain, lines("GET / HTTP/1.1", "Host: h", "Upgrade: websocket", "Connection: Upgrade"), lines("GET / HTTP/1.1", "Host: h", "Upgrade: websocket", xff, "Connection: upgrade")},
		"trailers":             {plain, lines("GET / HTTP/1.1", "Host: h", "TE: trailers", "Connection: TE"), lines("GET / HTTP/1.1", "Host: h", xff, "TE: trailers", "Connection: te")},
		"cookie alone":         {plain, lines("GET / HTTP/1.1", "Host: h", "Cookie: "+cookieName+"=v", "A: b"), lines("GET / HTTP/1.1", "Host: h", "A: b", xff)},
		"cookie first":         {plain, lines("GET / HTTP/1.1", "Host: h", "Cookie: "+cookieName+"=v; a=b"), lines("GET / HTTP/1.1", "Host: h", "Cookie: a=b", xff)},
		"cookie in the middle": {plain, lines("GET / HTTP/1.1", "Host: h", "cookie: a=b; "+cookieName+"=v;c=d"), lines("GET / HTTP/1.1", "Host: h", "cookie: a=b; c=d", xff)},
		"cookie twice":         {plain, lines("GET / HTTP/1.1", "Host: h", "Cookie: "+cookieName+"=v; a=b; "+cookieName+" = w;"), lines("GET / HTTP/1.1", "Host: h", "Cookie: a=b", xff)},
		"several cookie fields": {plain, lines("GET / HTTP/1.1", "Host: h", "Cookie: a=b", "Cookie: "+cookieName+"=v", "Cookie: c=d"),
			lines("GET / HTTP/1.1", "Host: h", "Cookie: a=b", "Cookie: c=d", xff)},
		"cookies of similar names": {plain, lines("GET / HTTP/1.1", "Host: h", "Cookie: X"+cookieName+"=1; "+cookieName+"x=2;a="+cookieName+"=3; alb_abcdefgh=4;  b"),
			lines("GET / HTTP/1.1", "Host: h", "Cookie: X"+cookieName+"=1; "+cookieName+"x=2;a="+cookieName+"=3; alb_abcdefgh=4;  b", xff)},
		"cookies of a comma list": {plain, lines("GET / HTTP/1.1", "Host: h", "Cookie: a=b, "+cookieName+"=v , c=\"d,e\";f,"+cookieName+"=w,,g"),
			lines("GET / HTTP/1.1", "Host: h", "Cookie: a=b, c=\"d,e\";f, g", xff)},
		"cookie with its attributes": {plain, lines("GET / HTTP/1.1", "Host: h", "Cookie: $Version=1; a=b; $Path=/a; "+cookieName+"=\"v\"; $path = \"/\"; $Domain=h; $Port; c=d; $Path=/c"),
			lines("GET / HTTP/1.1", "Host: h", "Cookie: $Version=1; a=b; $Path=/a; c=d; $Path=/c", xff)},
		"nothing but separators left": {plain, lines("GET / HTTP/1.1", "Host: h", "Cookie: ;, "+cookieName+"=v ;;"+cookieName+"=,,"), lines("GET / HTTP/1.1", "Host: h", xff)},
		"cookie between quotes":       {plain, lines("GET / HTTP/1.1", "Host: h", "Cookie: a=\"x; "+cookieName+"=\"v\"; y\""), lines("GET / HTTP/1.1", "Host: h", "Cookie: a=\"x; y\"", xff)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, n := parseRequest(t, test.raw)
			got := string(r.AppendTo(nil, []byte(test.raw), &test.rewrite))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the head differs (-want +got):\n%s", diff)
			}
			if again, m := parseRequest(t, got); m != len(got) || again.Framing != r.Framing || again.ContentLength() != r.ContentLength() {
				t.Errorf("the rewritten head of %d bytes frames its body differently", n)
			}
		})
	}
}

func TestResponseHeadAsTheClientGetsIt(t *testing.T) {
	t.Parallel()
	plain := ResponseRewrite{KeepAlive: true}
	sticky := ResponseRewrite{KeepAlive: true, CookieName: cookieName, SetCookie: []byte("Set-Cookie: " + cookieName + "=v; Path=/\r\n")}
	sets := "Set-Cookie: " + cookieName + "=v; Path=/"
	for name, test := range map[string]struct {
		rewrite   ResponseRewrite
		raw, want string
	}{
		"plain":           {plain, lines("HTTP/1.1 200 OK", "Content-Length: 5", "A: b"), lines("HTTP/1.1 200 OK", "Content-Length: 5", "A: b")},
		"1.0 server":      {plain, lines("HTTP/1.0 404 Not Found", "A: b"), lines("HTTP/1.1 404 Not Found", "A: b")},
		"no reason":       {plain, lines("HTTP/1.1 200", "A: b"), lines("HTTP/1.1 200", "A: b")},
		"closing":         {ResponseRewrite{}, lines("HTTP/1.1 200 OK", "Connection: keep-alive"), lines("HTTP/1.1 200 OK", "Connection: close")},
		"1.0 client":      {ResponseRewrite{Version10: true}, lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Trailer: a"), lines("HTTP/1.1 200 OK", "Connection: close")},
		"1.0 kept":        {ResponseRewrite{Version10: true, KeepAlive: true}, lines("HTTP/1.1 200 OK", "Content-Length: 0"), lines("HTTP/1.1 200 OK", "Content-Length: 0", "Connection: keep-alive")},
		"hop by hop":      {plain, lines("HTTP/1.1 200 OK", "Connection: X-One, close", "X-One: 1", "Keep-Alive: 5", "Upgrade: h2", "Proxy-Connection: x", "X-Two: 2"), lines("HTTP/1.1 200 OK", "X-Two: 2")},
		"chunked":         {plain, lines("HTTP/1.1 200 OK", "Transfer-Encoding: Chunked", "Trailer: a"), lines("HTTP/1.1 200 OK", "Trailer: a", "Transfer-Encoding: chunked")},
		"204 with length": {plain, lines("HTTP/1.1 204 No Content", "Content-Length: 0"), lines("HTTP/1.1 204 No Content")},
		"304 with length": {plain, lines("HTTP/1.1 304 Not Modified", "Content-Length: 9"), lines("HTTP/1.1 304 Not Modified", "Content-Length: 9")},
		"100":             {sticky.interim(), lines("HTTP/1.1 100 Continue"), lines("HTTP/1.1 100 Continue")},
		"103":             {sticky.interim(), lines("HTTP/1.1 103 Early Hints", "Link: a", "Connection: close"), lines("HTTP/1.1 103 Early Hints", "Link: a")},
		"101":             {plain, lines("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"), lines("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: upgrade")},
		"426":             {plain, lines("HTTP/1.1 426 Upgrade Required", "Upgrade: websocket", "Connection: Upgrade"), lines("HTTP/1.1 426 Upgrade Required", "Upgrade: websocket", "Connection: upgrade")},
		"426, nameless":   {plain, lines("HTTP/1.1 426 Upgrade Required", "Upgrade: HTTP/3.0"), lines("HTTP/1.1 426 Upgrade Required", "Upgrade: HTTP/3.0", "Connection: upgrade")},
		"426 to 1.0": {ResponseRewrite{Version10: true, KeepAlive: true}, lines("HTTP/1.1 426 Upgrade Required", "Upgrade: a", "Content-Length: 0"),
			lines("HTTP/1.1 426 Upgrade Required", "Upgrade: a", "Content-Length: 0", "Connection: upgrade, keep-alive")},
		"200 that offers":       {plain, lines("HTTP/1.1 200 OK", "Upgrade: websocket", "Connection: Upgrade"), lines("HTTP/1.1 200 OK")},
		"a length twice":        {plain, lines("HTTP/1.1 200 OK", "Content-Length: 5", "A: b", "content-length:5"), lines("HTTP/1.1 200 OK", "Content-Length: 5", "A: b")},
		"a list of lengths":     {plain, lines("HTTP/1.1 200 OK", "Content-Length: 5, 05,5", "A: b"), lines("HTTP/1.1 200 OK", "Content-Length: 5", "A: b")},
		"bare LF":               {plain, "HTTP/1.1 200 OK\nA: b\r\nContent-Length: 5 \n\n", lines("HTTP/1.1 200 OK", "A: b", "Content-Length: 5")},
		"bare LF, cookie":       {sticky, "HTTP/1.1 200\nA: b\nSet-Cookie: " + cookieName + "=evil\n\r\n", lines("HTTP/1.1 200", "A: b", "Cache-Control: private", sets)},
		"folded":                {plain, lines("HTTP/1.1 200 OK", "A: b", "  c", "\td", "Content-Length:", " 5"), lines("HTTP/1.1 200 OK", "A: b    c   d", "Content-Length: 5")},
		"folded, nothing in it": {plain, lines("HTTP/1.1 200 OK", "A: b", " ", "C: d"), lines("HTTP/1.1 200 OK", "A: b   ", "C: d")},
		"folded, bare LF":       {plain, "HTTP/1.1 200 OK\nA: b\n c\nC: d\n\n", lines("HTTP/1.1 200 OK", "A: b  c", "C: d")},
		"100 of bare LF":        {sticky.interim(), "HTTP/1.1 100 Continue\n\n", lines("HTTP/1.1 100 Continue")},
		"cookie set":            {sticky, lines("HTTP/1.1 200 OK", "A: b"), lines("HTTP/1.1 200 OK", "A: b", "Cache-Control: private", sets)},
		"server sets it too": {sticky, lines("HTTP/1.1 200 OK", "Set-Cookie: a=b", "Set-Cookie: "+cookieName+"=evil", "set-cookie:  "+cookieName+" =evil;x", "Set-Cookie: "+cookieName+"x=1"),
			lines("HTTP/1.1 200 OK", "Set-Cookie: a=b", "Set-Cookie: "+cookieName+"x=1", "Cache-Control: private", sets)},
		"no-store":        {sticky, lines("HTTP/1.1 200 OK", "Cache-Control: max-age=0, No-Store"), lines("HTTP/1.1 200 OK", "Cache-Control: max-age=0, No-Store", sets)},
		"private":         {sticky, lines("HTTP/1.1 200 OK", "Cache-Control: private"), lines("HTTP/1.1 200 OK", "Cache-Control: private", sets)},
		"private for one": {sticky, lines("HTTP/1.1 200 OK", "Cache-Control: private=\"a, private\""), lines("HTTP/1.1 200 OK", "Cache-Control: private=\"a, private\"", "Cache-Control: private", sets)},
		"no-cache":        {sticky, lines("HTTP/1.1 200 OK", "Cache-Control: no-cache"), lines("HTTP/1.1 200 OK", "Cache-Control: no-cache", "Cache-Control: private", sets)},
		"public":          {sticky, lines("HTTP/1.1 200 OK", "Cache-Control: public, max-age=60, s-maxage=600"), lines("HTTP/1.1 200 OK", "Cache-Control: max-age=60", "Cache-Control: private", sets)},
		"only public":     {sticky, lines("HTTP/1.1 200 OK", "Cache-Control: Public", "A: b"), lines("HTTP/1.1 200 OK", "A: b", "Cache-Control: private", sets)},
		"for CDNs": {sticky, lines("HTTP/1.1 200 OK", "Cache-Control: no-store", "cdn-cache-control:max-age=600, public", "A: b", "Cloudflare-CDN-Cache-Control: private", "Surrogate-Control: max-age=600, content=\"ESI/1.0, x\";a, stale-if-error=60"),
			lines("HTTP/1.1 200 OK", "Cache-Control: no-store", "cdn-cache-control: no-store", "A: b", "Cloudflare-CDN-Cache-Control: no-store", "Surrogate-Control: no-store, content=\"ESI/1.0, x\";a", sets)},
		"for CDNs, named in Connection": {sticky, lines("HTTP/1.1 200 OK", "Connection: cdn-cache-control", "CDN-Cache-Control: max-age=600"), lines("HTTP/1.1 200 OK", "Cache-Control: private", sets)},
		"for CDNs, cookie not set": {plain, lines("HTTP/1.1 200 OK", "Cache-Control: public, max-age=60", "CDN-Cache-Control: max-age=600", "Surrogate-Control: max-age=6"),
			lines("HTTP/1.1 200 OK", "Cache-Control: public, max-age=60", "CDN-Cache-Control: max-age=600", "Surrogate-Control: max-age=6")},
		"looks like one for CDNs": {sticky, lines("HTTP/1.1 200 OK", "X-CDN-Cache-Control: max-age=600", "Example-Cache-Control: a"),
			lines("HTTP/1.1 200 OK", "X-CDN-Cache-Control: max-age=600", "Example-Cache-Control: a", "Cache-Control: private", sets)},
		"public and public": {plain, lines("HTTP/1.1 200 OK", "Cache-Control: public"), lines("HTTP/1.1 200 OK", "Cache-Control: public")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, raw := new(Response), []byte(test.raw)
			r.Reset()
			if n, err := r.Parse(raw); n != len(raw) || err != nil {
				t.Fatalf("Parse(%q) = %d, %v; want a complete head", raw, n, err)
			}
			got := string(r.AppendTo(nil, raw, &test.rewrite))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the head differs (-want +got):\n%s", diff)
			}
			parseResponse(t, got)
		})
	}
}

// interim returns the rewrite of a 1xx response before the final one that w is for.
func (w ResponseRewrite) interim() ResponseRewrite {
	return ResponseRewrite{Version10: w.Version10, KeepAlive: w.KeepAlive}
}
