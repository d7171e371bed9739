package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// FuzzRequest compares our parser with net/http's: it must accept every head that we accept, with the same framing,
// before and after rewriting, and what we send on must keep the promises about cookies and forged fields.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET /a?b HTTP/1.1\r\nHost: h\r\nCookie: a=b; " + cookieName + "=c\r\n\r\n"))
	f.Add([]byte("POST http://h/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: x, te\r\nTE: trailers\r\n\r\n1\r\na\r\n0\r\n\r\n"))
	f.Add([]byte("PUT / HTTP/1.0\r\nContent-Length: 3\r\nX_Forwarded-Proto: a\r\n\r\nabc"))
	f.Add([]byte("\r\nOPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"))
	f.Add([]byte("TRACE / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 10\r\nProxy: p\r\n\r\n"))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: h\r\nForwarded: for=a\r\nX_Real-IP: b\r\nX-Forwarded-Ssl: on\r\nFront-End-Https: on\r\n\r\n"))
	forged := []string{
		"x-forwarded-proto", "x-forwarded-port", "x-forwarded-ssl", "x-forwarded-scheme", "forwarded", "x-real-ip", "front-end-https", "proxy",
	}
	dashes := regexp.MustCompile("[^a-z0-9]")
	rewrite := &RequestRewrite{CookieName: cookieName, ClientAddress: netip.MustParseAddr("192.0.2.7"), ForwardedHost: true, DefaultHost: netip.MustParseAddrPort("10.0.0.1:80")}
	f.Fuzz(func(t *testing.T, raw []byte) {
		request, again := new(Request), new(Request)
		request.Reset()
		n, err := request.Parse(raw)
		if !sameInPieces(raw, n, err) {
			t.Fatalf("%q is judged differently in pieces", raw)
		}
		if n == 0 || err != nil {
			return
		}
		if compareWithStandardLibrary(t, raw[:n], request, string(request.Target(raw))) {
			return
		}
		if request.ForwardsExhausted() {
			return // it is never sent on
		}
		sent := request.AppendTo(nil, raw, rewrite)
		again.Reset()
		if m, err := again.Parse(sent); m != len(sent) || err != nil {
			if errors.Is(err, errTooManyFields) || errors.Is(err, errHeadTooLarge) {
				return
			}
			t.Fatalf("%q became %q: %d, %v", raw[:n], sent, m, err)
		}
		if again.Framing != request.Framing || again.contentLength != request.contentLength || again.Version10 {
			t.Fatalf("%q became %q, which frames its body differently", raw[:n], sent)
		}
		if values := again.Cookies(sent, cookieName); hasNext(&values) {
			t.Fatalf("%q became %q, which has the cookie", raw[:n], sent)
		}
		for i := range again.count {
			name := dashes.ReplaceAllString(strings.ToLower(string(again.fields[i].name(sent))), "-")
			if slices.Contains(forged, name) {
				t.Fatalf("%q became %q, which has a forged field", raw[:n], sent)
			}
		}
	})
}

// sameInPieces reports whether a head that arrives in two pieces, wherever it is cut, gets the same result as in one
// piece.
func sameInPieces(raw []byte, n int, err error) bool {
	for cut := 1; cut < len(raw) && cut < 300; cut += 7 {
		r := new(Request)
		r.Reset()
		got, gotErr := r.Parse(raw[:cut])
		if got == 0 && gotErr == nil {
			got, gotErr = r.Parse(raw)
		}
		if got != n || !errors.Is(gotErr, err) && (gotErr == nil) != (err == nil) {
			return false
		}
	}
	return true
}

// compareWithStandardLibrary compares our reading of a head with net/http's. It returns true if net/http refuses the
// head for a reason that does not apply to us.
func compareWithStandardLibrary(t *testing.T, head []byte, request *Request, target string) bool {
	t.Helper()
	theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimPrefix(head, []byte("\r\n")))))
	if _, urlErr := url.ParseRequestURI(target); urlErr != nil {
		return true // we accept URIs that net/url can't decode
	}
	if err != nil {
		if strings.Contains(err.Error(), "malformed HTTP version") && head[bytes.IndexByte(head, '\n')-2] > '1' {
			return true // a minor version above 1
		}
		t.Fatalf("net/http refuses %q: %v", head, err)
	}
	chunked := len(theirs.TransferEncoding) == 1 && theirs.TransferEncoding[0] == "chunked"
	if chunked != (request.Framing == FramingChunked) {
		t.Fatalf("%q: framing %s, net/http says %v", head, request.Framing, theirs.TransferEncoding)
	}
	if request.Framing == FramingLength && theirs.ContentLength != request.contentLength ||
		request.Framing == FramingNone && theirs.ContentLength > 0 {
		t.Fatalf("%q: %s of %d, net/http says %d", head, request.Framing, request.contentLength, theirs.ContentLength)
	}
	host := string(request.Host(head))
	if decoded, err := url.PathUnescape(host); err == nil && theirs.URL.IsAbs() {
		host = decoded // as net/url does in an authority, and not in Host
	}
	if theirs.URL.IsAbs() { // the port that means none may be in one of target and Host only
		port := map[string]string{"http": "80", "https": "443"}[theirs.URL.Scheme]
		host, theirs.Host = string(withoutPort([]byte(host), port)), string(withoutPort([]byte(theirs.Host), port))
	}
	if request.Host(head) != nil && !strings.EqualFold(theirs.Host, host) {
		t.Fatalf("%q: host %q, net/http says %q", head, host, theirs.Host)
	}
	if theirs.Method != string(request.MethodText(head)) {
		t.Fatalf("%q: method %q, net/http says %q", head, request.MethodText(head), theirs.Method)
	}
	return false
}

// FuzzResponse checks that every response we accept is sent on in a form that needs no forgiveness, and that net/http
// accepts with the same framing.
func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nCache-Control: public, s-maxage=1\r\n\r\nhello"), false)
	f.Add([]byte("HTTP/1.0 404\r\nSet-Cookie: "+cookieName+"=x\r\nConnection: keep-alive, a\r\nA: b\r\n\r\n"), true)
	f.Add([]byte("HTTP/1.1 200 OK\r\ncdn-cache-control:max-age=1\r\nSurrogate-Control: max-age=1, content=\"a, b\", no-store\r\n\r\n"), false)
	f.Add([]byte("HTTP/1.1 101 x\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n"), false)
	f.Add([]byte("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n"), false)
	f.Add([]byte("HTTP/1.1 200 x\nContent-Length: 5, 05\nA: b\n c\r\n\td\r\nContent-Length: 5\n\n"), false)
	f.Fuzz(func(t *testing.T, input []byte, head bool) {
		raw := bytes.Clone(input) // Parse writes to it
		response, again := new(Response), new(Response)
		response.Reset()
		n, err := response.Parse(raw)
		if n == 0 || err != nil {
			return
		}
		rewrite := &ResponseRewrite{KeepAlive: true, CookieName: cookieName, SetCookie: []byte("Set-Cookie: " + cookieName + "=ours\r\n")}
		request := &http.Request{Method: http.MethodGet}
		if head {
			rewrite.Method = MethodHead
			request.Method = http.MethodHead
		}
		sent := response.AppendTo(nil, raw, rewrite)
		again.Reset()
		again.forgiving = false // what reaches the client needs no forgiveness
		if m, err := again.Parse(sent); m != len(sent) || err != nil {
			if errors.Is(err, errTooManyFields) || errors.Is(err, errHeadTooLarge) {
				return
			}
			t.Fatalf("%q became %q: %d, %v", raw[:n], sent, m, err)
		}
		if got, want := again.Framing(rewrite.Method), response.Framing(rewrite.Method); got != want {
			t.Fatalf("%q became %q: framing %s, before %s", raw[:n], sent, got, want)
		}
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(sent)), request)
		if err != nil {
			t.Fatalf("%q became %q, which net/http refuses: %v", raw[:n], sent, err)
		}
		defer theirs.Body.Close()
		if response.Framing(rewrite.Method) == FramingLength && theirs.ContentLength != response.contentLength {
			t.Fatalf("%q: length %d, net/http says %d", sent, response.contentLength, theirs.ContentLength)
		}
		ours := 0
		for _, cookie := range theirs.Header.Values("Set-Cookie") {
			name, _, _ := strings.Cut(cookie, "=")
			if strings.Trim(name, " \t") == cookieName && strings.Contains(cookie, "=") {
				ours++
			}
		}
		if ours != 1 {
			t.Fatalf("%q became %q, which sets our cookie %d times", raw[:n], sent, ours)
		}
		for _, name := range []string{"CDN-Cache-Control", "Surrogate-Control"} {
			for _, list := range theirs.Header.Values(name) {
				if first, _, _ := strings.Cut(list, ","); first != "no-store" {
					t.Fatalf("%q became %q, of which %s lets a cache keep our cookie", raw[:n], sent, name)
				}
			}
		}
	})
}

// FuzzChunked checks that net/http reads the same data and the same end from every body that we send on.
func FuzzChunked(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\nGET"), 3, false)
	f.Add([]byte("1;a=b\r\nx\r\n0\r\nA: b\r\n\r\n"), 1, true)
	f.Add([]byte("ffffffffffffffff\r\n"), 100, false)
	f.Add([]byte("0005  \r\nhello\r\n000\t\r\n\r\n"), 2, true)
	f.Fuzz(func(t *testing.T, raw []byte, step int, forgiving bool) {
		if step < 1 {
			return
		}
		data, passed, rest, err := readChunked(string(raw), step, forgiving)
		whole, passedWhole, wholeRest, wholeErr := readChunked(string(raw), len(raw)+1, forgiving)
		if whole != data || wholeRest != rest || passedWhole != passed || !errors.Is(wholeErr, err) {
			t.Fatalf("%q: %q, %q, %v in pieces; %q, %q, %v at once", raw, data, rest, err, whole, wholeRest, wholeErr)
		}
		var chunked Chunked // which is strict: what is sent on needs no forgiveness
		if _, again, againErr := chunked.Pass([]byte(passed)); err == nil && (againErr != nil || string(again) != passed) {
			t.Fatalf("%q: sent on is %q, which a strict reader refuses: %v", raw, passed, againErr)
		}
		if err != nil || !chunked.Done() {
			return
		}
		head := "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		reader := bufio.NewReader(io.MultiReader(strings.NewReader(head), strings.NewReader(passed)))
		theirs, err := http.ReadRequest(reader)
		if err != nil {
			t.Fatal(err)
		}
		read, err := io.ReadAll(theirs.Body)
		if err != nil && strings.Contains(err.Error(), "too much overhead") {
			return
		}
		if err != nil || string(read) != data || reader.Buffered() != 0 {
			t.Fatalf("%q: we read %q, net/http reads %q, %v and leaves %d", passed, data, read, err, reader.Buffered())
		}
	})
}

// FuzzForwardedFor compares the client that X-Forwarded-For names with that of a plain reading, and checks that nothing a client
// sends hides what a trusted proxy adds at the end.
func FuzzForwardedFor(f *testing.F) {
	for _, value := range []string{
		"192.0.2.1, 10.0.0.1", "unknown, 10.0.0.1,", "[2001:db8::1]:80, 10.0.0.1:80", "fe80::1%eth0", "::ffff:10.0.0.1", `"a, 10.0.0.1`, "[::1, 1:2",
		"[fe80::1%]:1, 1.2.3.4%x", "[::1%]]:1, [::1%a]:2]:3, [::1%[]", "::1,::1,::1", "\t,\t, 10.0.0.01",
	} {
		f.Add(value, "10.0.0.9")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		read := func(values ...string) (netip.Addr, bool) {
			raw := []byte(lines("GET / HTTP/1.1", "Host: h", "X-Forwarded-For: "+strings.Join(values, "\r\nX-Forwarded-For: ")))
			r := new(Request)
			r.Reset()
			if n, err := r.Parse(raw); err != nil || n != len(raw) || r.count != len(values)+1 {
				return netip.Addr{}, false
			}
			return r.ForwardedClient(raw, trustsTen), true
		}
		got, ok := read(first, second)
		if !ok {
			return
		}
		if want := plainForwardedClient(first + "," + second); got != want {
			t.Fatalf("%q and %q name %s, read plainly %s", first, second, got, want)
		}
		if got.Is4In6() || got.Zone() != "" {
			t.Fatalf("%q and %q name %s", first, second, got)
		}
		added := netip.MustParseAddr("192.0.2.7")
		if got, ok := read(first, second+", 192.0.2.7"); ok && got != added {
			t.Fatalf("%q and %q hide an address at their end: %s", first, second, got)
		}
		if got, ok := read(first, second, "192.0.2.7", "10.0.0.1"); ok && got != added {
			t.Fatalf("%q and %q hide an address on lines of its own: %s", first, second, got)
		}
	})
}

// plainForwardedClient is ForwardedClient without regard to time and memory.
func plainForwardedClient(list string) (client netip.Addr) {
	elements := strings.Split(list, ",")
	slices.Reverse(elements)
	for _, element := range elements {
		if element = strings.Trim(element, " \t"); element == "" {
			continue
		}
		if element[0] == '[' && strings.Count(element, "]") > 1 {
			return client // netip takes all but the last for the zone's
		}
		hop, err := netip.ParseAddr(element)
		if both, bothErr := netip.ParseAddrPort(element); err != nil && bothErr == nil {
			hop, err = both.Addr(), nil
		}
		if bare, ok := strings.CutPrefix(element, "["); err != nil && ok && strings.HasSuffix(bare, "]") {
			hop, err = netip.ParseAddr(strings.TrimSuffix(bare, "]"))
			if hop.Is4() {
				return client
			}
		}
		if err != nil {
			return client
		}
		if client = hop.Unmap().WithZone(""); !trustsTen(client) {
			return client
		}
	}
	return client
}
