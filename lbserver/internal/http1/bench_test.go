package http1

import (
	"net/netip"
	"testing"
)

const browserRequest = "GET /assets/app.css?v=3 HTTP/1.1\r\nHost: www.example.com\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: text/css,*/*;q=0.1\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Connection: keep-alive\r\nReferer: http://www.example.com/\r\n" +
	"Cookie: session=0123456789abcdef; " + cookieName + "=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n" +
	"Sec-Fetch-Dest: style\r\nSec-Fetch-Mode: no-cors\r\nPriority: u=2\r\n\r\n"

const serverResponse = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Tue, 01 Jul 2025 00:00:00 GMT\r\n" +
	"Content-Type: text/css\r\nContent-Length: 1024\r\nLast-Modified: Tue, 01 Jul 2025 00:00:00 GMT\r\n" +
	"Connection: keep-alive\r\nETag: \"0123456789\"\r\nAccept-Ranges: bytes\r\n\r\n"

func BenchmarkRequestParse(b *testing.B) {
	benchmarkParse(b, []byte(browserRequest), new(Request))
}

func BenchmarkResponseParse(b *testing.B) {
	benchmarkParse(b, []byte(serverResponse), new(Response))
}

func benchmarkParse(b *testing.B, raw []byte, head interface {
	Reset()
	Parse(buf []byte) (int, error)
},
) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		head.Reset()
		if n, err := head.Parse(raw); n != len(raw) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkRequestRewrite(b *testing.B) {
	raw, dst := []byte(browserRequest), make([]byte, 0, 4096)
	request := new(Request)
	request.Reset()
	if _, err := request.Parse(raw); err != nil {
		b.Fatal(err)
	}
	rewrite := &RequestRewrite{CookieName: cookieName, ClientAddress: netip.MustParseAddr("192.0.2.7"), Forwarded: []byte("X-Forwarded-Proto: http\r\n")}
	b.ReportAllocs()
	for b.Loop() {
		if values := request.Cookies(raw, cookieName); !hasNext(&values) {
			b.Fatal("the cookie is not found")
		}
		dst = request.AppendTo(dst[:0], raw, rewrite)
	}
}

func BenchmarkResponseRewrite(b *testing.B) {
	raw, dst := []byte(serverResponse), make([]byte, 0, 4096)
	response := new(Response)
	response.Reset()
	if _, err := response.Parse(raw); err != nil {
		b.Fatal(err)
	}
	rewrite := &ResponseRewrite{CookieName: cookieName, KeepAlive: true, SetCookie: []byte("Set-Cookie: " + cookieName + "=x\r\n")}
	b.ReportAllocs()
	for b.Loop() {
		dst = response.AppendTo(dst[:0], raw, rewrite)
	}
}

func BenchmarkChunkedPass(b *testing.B) {
	body := append([]byte("4000\r\n"), make([]byte, 0x4000)...)
	body = append(body, "\r\n0\r\n\r\n"...)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		var chunked Chunked
		if n, passed, err := chunked.Pass(body); n != len(body) || len(passed) != n || err != nil {
			b.Fatal(n, err)
		}
	}
}

// TestParsingAndRewritingAllocateNothing checks the package's promise for the steady state.
func TestParsingAndRewritingAllocateNothing(t *testing.T) {
	raw, dst := []byte(browserRequest), make([]byte, 0, 4096)
	rawResponse := []byte(serverResponse)
	request, response := new(Request), new(Response)
	rewrite := &RequestRewrite{CookieName: cookieName, ClientAddress: netip.MustParseAddr("192.0.2.7")}
	back := &ResponseRewrite{CookieName: cookieName, SetCookie: []byte("Set-Cookie: a=b\r\n")}
	allocations := testing.AllocsPerRun(100, func() {
		request.Reset()
		response.Reset()
		if _, err := request.Parse(raw); err != nil {
			t.Fatal(err)
		}
		if _, err := response.Parse(rawResponse); err != nil {
			t.Fatal(err)
		}
		dst = request.AppendTo(dst[:0], raw, rewrite)
		dst = response.AppendTo(dst[:0], rawResponse, back)
	})
	if allocations != 0 {
		t.Errorf("%v allocations a request, want none", allocations)
	}
}
