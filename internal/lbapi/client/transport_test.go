package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Terraform cancels its calls when the user interrupts it. What the server makes after that must not be lost.
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

// What the server made must become known even if the answer was lost and there is no time left: the nonce finds it.
func TestWhatBecameOfALostChangeIsAskedForAfterTheEndOfItsTime(t *testing.T) {
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"canceled": context.WithCancel,
		"out of time": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 50*time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := end(t.Context())
			defer cancel()
			script := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
				if name == "canceled" {
					cancel()
				}
				<-ctx.Done()
				loseReply(w, r)
			}, answer(map[string]any{"listenerId": "listener-1"}))
			id, err := newTestClient(t, script.URL).CreateListener(ctx, lbapi.CreateListener{Name: new("web")})
			if err != nil || id != "listener-1" {
				t.Fatalf("created %q, error %v; want the id of what the server made", id, err)
			}
			if script.attempts() != 2 || script.nonces[0] != script.nonces[1] {
				t.Errorf("nonces are %q, want one twice", script.nonces)
			}
		})
	}
}

func TestAChangeOfUnknownOutcomeSaysSo(t *testing.T) {
	const look = "may have created it all the same"
	c := newTestClient(t, newAPI(t, loseReply).URL)
	_, err := c.CreateListener(t.Context(), lbapi.CreateListener{Name: new("web")})
	wantInError(t, err, look, "4 attempts")

	ctx, cancel := context.WithCancel(t.Context())
	c = newTestClient(t, newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		loseReply(w, r)
	}).URL)
	_, err = c.CreateListener(ctx, lbapi.CreateListener{Name: new("web")})
	wantInError(t, err, look)

	c = newTestClient(t, newAPI(t, refuse(lbapi.NewError(lbapi.TooManyRequests, "slow down"), "Retry-After", "0")).URL)
	if _, err = c.CreateListener(t.Context(), lbapi.CreateListener{Name: new("web")}); err == nil || strings.Contains(err.Error(), look) {
		t.Errorf("a create that was turned away ended with %v", err)
	}
}

func TestAChangeStillEndsAtTheDeadlineOfItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	script := newAPI(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	client := newTestClient(t, script.URL, func(config *Config) { config.RequestTimeout = 200 * time.Millisecond })
	err := client.DeleteListener(ctx, "listener-1")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v, want the deadline", err)
	}
}

// If the network drops every packet, nothing was sent and nothing is made.
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
		client := newTestClient(t, script.URL) // a new client, so that dialing is included
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

// Terraform makes many calls at once, again and again.
func TestConnectionsAreKeptForAsManyCallsAsAreMadeAtOnce(t *testing.T) {
	const waves, calls = 5, 50
	var opened atomic.Int64
	arrived := make(chan struct{}, calls)
	proceed := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-proceed
		answer(map[string]any{"listener": map[string]any{"listenerId": "listener-1"}})(w, r)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newTestClient(t, server.URL)
	for range waves {
		var group sync.WaitGroup
		for range calls {
			group.Go(func() {
				if _, err := client.Listener(t.Context(), "listener-1"); err != nil {
					t.Error(err)
				}
			})
		}
		for range calls {
			<-arrived
		}
		for range calls {
			proceed <- struct{}{}
		}
		group.Wait()
	}
	if n := opened.Load(); n > calls {
		t.Errorf("%d connections for %d calls at once, want no more", n, calls)
	}
}
