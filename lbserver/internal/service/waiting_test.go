package service_test

import (
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// sleeper is a request that waits.
type sleeper struct {
	*service.Waiter
	wakes int
}

func enter(t *testing.T, waiting *service.Waiting, most int) *sleeper {
	t.Helper()
	s := &sleeper{}
	var ok bool
	if s.Waiter, ok = waiting.Enter(most, func() { s.wakes++ }); !ok {
		t.Fatal("no place is free")
	}
	return s
}

func TestOneOfTheWaitingRequestsProbes(t *testing.T) {
	var waiting service.Waiting
	start := time.Now()
	first, second := enter(t, &waiting, 3), enter(t, &waiting, 3)
	if probe := waiting.Sleep(first.Waiter, start); !probe.Equal(start.Add(100 * time.Millisecond)) {
		t.Errorf("the first probe is after %s", probe.Sub(start))
	}
	if probe := waiting.Sleep(second.Waiter, start); !probe.IsZero() {
		t.Error("there are two probers")
	}
	now := start.Add(100 * time.Millisecond)
	if !waiting.Awake(first.Waiter, now) {
		t.Error("the prober does not probe")
	}
	if probe := waiting.Sleep(first.Waiter, now); !probe.Equal(now.Add(time.Second)) {
		t.Errorf("the second probe is after %s more", probe.Sub(now))
	}
	if waiting.Awake(second.Waiter, now.Add(2*time.Second)) {
		t.Error("a request tries again that neither probes nor was woken")
	}
	waiting.Sleep(second.Waiter, now)
	waiting.WakeAll()
	if first.wakes != 1 || second.wakes != 1 || !waiting.Awake(first.Waiter, now) || !waiting.Awake(second.Waiter, now) {
		t.Error("not all requests are woken to try again")
	}
	waiting.WakeAll()
	if first.wakes != 1 || second.wakes != 1 {
		t.Error("a request that is awake is woken")
	}
}

func TestAProberThatLeavesHandsOver(t *testing.T) {
	var waiting service.Waiting
	start := time.Now()
	first, second := enter(t, &waiting, 2), enter(t, &waiting, 2)
	due := waiting.Sleep(first.Waiter, start)
	waiting.Sleep(second.Waiter, start)
	waiting.Leave(first.Waiter)
	if second.wakes != 1 || waiting.Awake(second.Waiter, start) {
		t.Error("the heir is not woken, or tries at once")
	}
	if probe := waiting.Sleep(second.Waiter, start.Add(time.Millisecond)); !probe.Equal(due) {
		t.Errorf("the heir probes %s later than the first would have", probe.Sub(due))
	}
	waiting.Awake(second.Waiter, due)
	waiting.Leave(second.Waiter)
	third := enter(t, &waiting, 1)
	if probe := waiting.Sleep(third.Waiter, due); !probe.Equal(due.Add(100 * time.Millisecond)) {
		t.Errorf("after all have left, the first probe is after %s", probe.Sub(due))
	}
	if first.wakes != 0 {
		t.Error("a request that left is woken")
	}
}

func TestNoMoreRequestsWaitThanThereArePlaces(t *testing.T) {
	var waiting service.Waiting
	first := enter(t, &waiting, 1)
	if _, ok := waiting.Enter(1, nil); ok || waiting.Count() != 1 {
		t.Errorf("a second request waits: %t; %d do", ok, waiting.Count())
	}
	waiting.Leave(first.Waiter)
	enter(t, &waiting, 1)
	if _, ok := waiting.Enter(0, nil); ok {
		t.Error("a request waits where none may")
	}
}
