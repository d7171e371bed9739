package proxy_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAStopLosesNothingOfWholeResponses has a client ask and not read, until no more goes into the buffers between. What has been
// logged as a whole response must come whole, though a stop comes first.
func TestAStopLosesNothingOfWholeResponses(t *testing.T) {
	onEnginesAtOnce(t, func(t *testing.T, e engine) {
		body := strings.Repeat("x", 12<<10) // comes with its head
		server := serverOf(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
		// What the buffers take differs by little; the last response but one that they take is sent when there is room.
		room := fillWithResponses(t, e, server, 1<<10)
		for requests := room - 2; requests <= room; requests++ {
			fillWithResponses(t, e, server, requests)
		}
	})
}

// fillWithResponses has a client make requests one after another, until one is not answered because nobody reads, and tells
// how many were. They all must come once the proxy has been told to stop.
func fillWithResponses(t *testing.T, e engine, server string, requests int) (answered int) {
	t.Helper()
	b, _ := newStrictBed(t, e, options{}, server)
	c := b.dial()
	for stuck := false; answered < requests && !stuck; {
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		for begun := time.Now(); len(b.log.all()) == answered && !stuck; {
			time.Sleep(100 * time.Microsecond)
			stuck = time.Since(begun) > short
		}
		answered = len(b.log.all())
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- b.proxy.Shutdown(ctx) }()
	select {
	case err := <-stopped:
		t.Logf("%d requests: stopped before anything was read: %v", answered, err)
	case <-time.After(short):
	}
	for i := range answered {
		if response, err := http.ReadResponse(c.reader, nil); err != nil {
			t.Fatalf("of %d responses, %d came: %v", answered, i, err)
		} else if n, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatalf("of response %d of %d, %d bytes came: %v", i+1, answered, n, err)
		}
	}
	return answered
}
