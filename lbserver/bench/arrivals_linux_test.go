package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestArrivalsWaitForNobody(t *testing.T) {
	const stall = 200 * time.Millisecond
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 50 {
			time.Sleep(stall)
		}
		_, _ = fmt.Fprint(answer, strings.Repeat("x", bodySize))
	}))
	defer server.Close()
	coming := arrivals{
		address: netip.MustParseAddrPort(server.Listener.Addr().String()), requests: [][]byte{[]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")},
		connections: 1, rate: 500, duration: 500 * time.Millisecond,
	}
	seen, err := coming.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 150 || len(seen) > 350 || len(seen) != int(asked.Load()) {
		t.Errorf("%d requests, of which the server saw %d; want about 250", len(seen), asked.Load())
	}
	// On the one connection, some 100 requests became due while the server stalled: their latency counts from when they
	// were due.
	late := 0
	for _, latency := range seen {
		if latency > stall/4 {
			late++
		}
	}
	slices.Sort(seen)
	if late < 50 || seen.percentile(100) < stall.Seconds()*1e3 {
		t.Errorf("%d requests are counted as late, the latest by %.0f ms; want about 75 and more than %s", late, seen.percentile(100), stall)
	}
}

func TestArrivalsWithoutGoodAnswersAreNoMeasurement(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"503":               func(answer http.ResponseWriter, _ *http.Request) { answer.WriteHeader(http.StatusServiceUnavailable) },
		"cut off":           func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"no Content-Length": func(answer http.ResponseWriter, _ *http.Request) { answer.(http.Flusher).Flush() },
	} {
		server := httptest.NewServer(answer)
		coming := arrivals{
			address: netip.MustParseAddrPort(server.Listener.Addr().String()), requests: [][]byte{[]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")},
			connections: 2, rate: 100, duration: 100 * time.Millisecond,
		}
		if seen, err := coming.run(t.Context()); err == nil {
			t.Errorf("%s: %d latencies, want an error", name, len(seen))
		}
		server.Close()
	}
}

func TestAnswerSize(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
	for answer, want := range map[string]int{head: len(head) + 5, head + "hello": len(head) + 5, head[:20]: 0, "": 0} {
		if got, err := answerSize([]byte(answer)); got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", answer, got, err, want)
		}
	}
}
