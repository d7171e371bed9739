package forward_test

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/forward"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// waitingClient is a connection to a client whose pauses take no time: they move the clock of the network. Methods that an attempt
// does not need panic.
type waitingClient struct {
	engine.Conn
	network *network
	resumed bool
	events  map[time.Duration]func() // what happens that long after start
	start   time.Time
	failure error // of a pause
}

func (c *waitingClient) Pause(timeout time.Duration) error {
	until := c.network.now.Add(timeout)
	for {
		next, event := until, func() {}
		for after, each := range c.events {
			if at := c.start.Add(after); !at.After(next) {
				next, event = at, each
			}
		}
		c.network.now = next
		delete(c.events, next.Sub(c.start))
		event()
		switch {
		case c.failure != nil:
			return c.failure
		case c.resumed:
			c.resumed = false
			return nil
		case next.Equal(until):
			return os.ErrDeadlineExceeded
		}
	}
}

func (c *waitingClient) Resume() { c.resumed = true }

// newWaitingBed is a bed of a service whose one server refuses connections.
func newWaitingBed(t *testing.T, events map[time.Duration]func(*bed)) *bed {
	t.Helper()
	b := newBed(t, newService(t, 1, false))
	conn := &waitingClient{network: b.network, start: b.network.now, events: map[time.Duration]func(){}}
	for after, event := range events {
		conn.events[after] = func() { event(b) }
	}
	b.conn = conn
	b.Begin(forward.New(forward.Config{MaxWaiting: 1, Log: slog.New(slog.DiscardHandler)}), b.network, conn)
	b.SetService(b.service, b.client)
	b.Patience = time.Minute
	b.network.refuse[1] = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	return b
}

// dialTimes are the times of the attempts to connect, since the start of a bed.
func (b *bed) dialTimes() (all []time.Duration) {
	for _, each := range b.network.dials {
		all = append(all, each.at.Sub(b.conn.start))
	}
	return all
}

func TestARefusedRequestIsTriedAgainForThreeSeconds(t *testing.T) {
	const ms = time.Millisecond
	for name, test := range map[string]struct {
		events   map[time.Duration]func(*bed)
		patience time.Duration
		dials    []time.Duration
		took     time.Duration
		want     error
	}{
		"down for long":            {nil, time.Minute, []time.Duration{0, 100 * ms, 1100 * ms, 2100 * ms}, 3 * time.Second, forward.ErrUnreachable},
		"back soon":                {map[time.Duration]func(*bed){50 * ms: (*bed).accept}, time.Minute, []time.Duration{0, 100 * ms}, 100 * ms, nil},
		"back later":               {map[time.Duration]func(*bed){500 * ms: (*bed).accept}, time.Minute, []time.Duration{0, 100 * ms, 1100 * ms}, 1100 * ms, nil},
		"the idle timeout is over": {nil, time.Second, []time.Duration{0, 100 * ms}, time.Second, forward.ErrUnreachable},
		"another request connected": {
			map[time.Duration]func(*bed){500 * ms: func(b *bed) { b.accept(); b.service.Waiting.WakeAll() }},
			time.Minute, []time.Duration{0, 100 * ms, 500 * ms}, 500 * ms, nil,
		},
		"the server is unhealthy": {
			map[time.Duration]func(*bed){500 * ms: func(b *bed) { b.endpoint(1).SetVerdict(service.Verdict{Status: lbapi.Unhealthy}) }},
			time.Minute, []time.Duration{0, 100 * ms}, 500 * ms, forward.ErrNoServer,
		},
		"the client is gone": {
			map[time.Duration]func(*bed){500 * ms: func(b *bed) { b.conn.failure = net.ErrClosed }},
			time.Minute, []time.Duration{0, 100 * ms}, 500 * ms, forward.ErrAbandoned,
		},
		"the server does not answer any more": {
			map[time.Duration]func(*bed){500 * ms: func(b *bed) { b.network.refuse[1] = syscall.ETIMEDOUT }},
			time.Minute, []time.Duration{0, 100 * ms, 1100 * ms}, 1100 * ms, forward.ErrTimeout,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newWaitingBed(t, test.events)
			b.Patience = test.patience
			if err := b.Reach(); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if got := b.dialTimes(); !slices.Equal(got, test.dials) {
				t.Errorf("tried after %v, want %v", got, test.dials)
			}
			if took := b.network.now.Sub(b.conn.start); took != test.took {
				t.Errorf("took %s, want %s", took, test.took)
			}
			b.Drop()
			if waiting := b.service.Waiting.Count(); waiting != 0 || b.inFlight() != 0 {
				t.Errorf("%d requests wait, %d in flight", waiting, b.inFlight())
			}
		})
	}
}

// accept makes all servers accept connections.
func (b *bed) accept() { clear(b.network.refuse) }

func TestNoMoreRequestsWaitThanMay(t *testing.T) {
	b := newWaitingBed(t, nil)
	first, ok := b.service.Waiting.Enter(1, func() {})
	if !ok {
		t.Fatal("no request may wait")
	}
	if err := b.Reach(); !errors.Is(err, forward.ErrUnreachable) || len(b.network.dials) != 1 {
		t.Errorf("got %v after %d attempts, want a failure after the first", err, len(b.network.dials))
	}
	b.service.Waiting.Leave(first)
	if b.service.Waiting.Count() != 0 {
		t.Error("a request that did not wait counts")
	}
}

func TestOnlyARefusalIsWaitedFor(t *testing.T) {
	for _, failure := range []error{os.ErrDeadlineExceeded, syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL, syscall.ECONNRESET} {
		b := newWaitingBed(t, nil)
		b.network.refuse[1] = failure
		if err := b.Reach(); err == nil || len(b.network.dials) != 1 {
			t.Errorf("%v: got %v after %d attempts, want a failure after the first", failure, err, len(b.network.dials))
		}
	}
}
