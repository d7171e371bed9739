package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Terraform cancels what is under way when its user interrupts it. What the server makes after that must not be forgotten.
func TestAChangeUnderWayOutlivesTheCancellationOfItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	script := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		answer(map[string]any{"listenerId": "listener-1"})(w, r)
	})
	client := newTestClient(t, script.URL)
	id, err := client.CreateListener(ctx, lbapi.CreateListener{Name: new("web")})
	if err != nil || id != "listener-1" {
		t.Fatalf("created %q, error %v; want the id of what the server made", id, err)
	}
	if err := client.DeleteListener(ctx, id); !errors.Is(err, context.Canceled) {
		t.Errorf("a call with a canceled context ended with %v", err)
	}
	if n := script.attempts(); n != 1 {
		t.Errorf("%d attempts, want none after the cancellation", n)
	}
}

func TestAChangeUnderWayIsNotTriedAgainAfterACancellation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	script := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		loseReply(w, r)
	})
	if err := newTestClient(t, script.URL).DeleteListener(ctx, "listener-1"); err == nil {
		t.Error("a lost answer passed for a good one")
	}
	if n := script.attempts(); n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
}

func TestAChangeStillEndsAtTheDeadlineOfItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	script := newAPI(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	err := newTestClient(t, script.URL).DeleteListener(ctx, "listener-1")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v, want the deadline", err)
	}
}

// Where the network drops every packet, nothing was sent and nothing is made.
func TestAChangeThatHasNoConnectionYetEndsWhenItsContextIsCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dialing := make(chan struct{})
	client := newTestClient(t, "http://lb.example.com")
	client.http.Transport.(transport).DialContext = cancelable(func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(dialing)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	go func() {
		<-dialing
		cancel()
	}()
	started := time.Now()
	err := client.DeleteListener(ctx, "listener-1")
	if !errors.Is(err, context.Canceled) || time.Since(started) > 3*time.Second {
		t.Errorf("ended after %s with %v, want the cancellation at once", time.Since(started), err)
	}
}

// Whenever an interrupt comes, what the server made is known, and what is not known was not made.
func TestNothingIsMadeUnknownWheneverTheContextIsCanceled(t *testing.T) {
	script := newAPI(t, answer(map[string]any{"listenerId": "listener-1"}))
	for i := range 200 {
		client := newTestClient(t, script.URL) // a client of its own, so that dialing is part of it
		ctx, cancel := context.WithCancel(t.Context())
		before := script.attempts()
		timer := time.AfterFunc(time.Duration(i)*5*time.Microsecond, cancel)
		id, err := client.CreateListener(ctx, lbapi.CreateListener{Name: new("web")})
		timer.Stop()
		cancel()
		client.Close()
		if made := script.attempts() > before; made != (err == nil) || made != (id != "") {
			t.Fatalf("canceled after %d µs: made: %t, id %q, error: %v", i*5, made, id, err)
		}
	}
}
