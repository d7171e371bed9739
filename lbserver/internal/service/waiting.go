package service

import (
	"sync"
	"sync/atomic"
	"time"
)

// When the prober tries again. Source: product.md, "The HTTP path".
const (
	firstProbe    = 100 * time.Millisecond
	probeInterval = time.Second
)

// Waiting are the requests to a backend service that wait for a server to accept connections, since all refuse them. One of
// them, the prober, tries again from time to time. The others sleep until a request has connected or the eligible servers have
// changed. It is safe for concurrent use; the zero Waiting has nobody.
type Waiting struct {
	count atomic.Int64 // changed under mu

	mu     sync.Mutex
	asleep []*Waiter // under mu
	prober *Waiter   // under mu; nil for none
	next   time.Time // under mu; when the prober tries; zero while nobody waits
}

// Waiter is the place of one request.
type Waiter struct {
	wake func()

	// Under the mu of Waiting:
	place int // in asleep; -1 while it is awake
	woken bool
}

// Count returns how many requests wait.
func (w *Waiting) Count() int64 { return w.count.Load() }

// Enter takes a place for a request, unless as many wait as may. wake ends its sleep; it may be called from anywhere, also after
// Leave, and must not block.
func (w *Waiting) Enter(most int, wake func()) (_ *Waiter, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count.Load() >= int64(most) {
		return nil, false
	}
	w.count.Add(1)
	return &Waiter{wake: wake, place: -1}, true
}

// Sleep is called before a request sleeps. probe is when it must be awake to try again; zero if another request does that. If
// there is no prober, it becomes the prober.
func (w *Waiting) Sleep(waiter *Waiter, now time.Time) (probe time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	waiter.place, waiter.woken = len(w.asleep), false
	w.asleep = append(w.asleep, waiter)
	if w.prober == nil {
		w.prober = waiter
		if !w.next.After(now) {
			w.next = now.Add(firstProbe)
		}
	}
	if w.prober != waiter {
		return time.Time{}
	}
	return w.next
}

// Awake is called after a request slept, and reports whether it should try again.
func (w *Waiting) Awake(waiter *Waiter, now time.Time) (again bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(waiter)
	if w.prober == waiter && !now.Before(w.next) {
		w.next = now.Add(probeInterval)
		return true
	}
	return waiter.woken
}

// Leave gives the place of a request up. A prober leaves its task to another request.
func (w *Waiting) Leave(waiter *Waiter) {
	if heir := w.leave(waiter); heir != nil {
		heir.wake()
	}
}

func (w *Waiting) leave(waiter *Waiter) (heir *Waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(waiter)
	if w.count.Add(-1) == 0 {
		w.next = time.Time{}
	}
	if w.prober != waiter {
		return nil
	}
	w.prober = nil
	if last := len(w.asleep) - 1; last >= 0 {
		heir = w.asleep[last] // which came late, and so stays long
		w.prober = heir
	}
	return heir
}

// WakeAll makes all sleeping requests try again.
func (w *Waiting) WakeAll() {
	if w.count.Load() == 0 {
		return
	}
	w.mu.Lock()
	woken := w.asleep
	w.asleep = nil
	for _, each := range woken {
		each.place, each.woken = -1, true
	}
	w.mu.Unlock()
	for _, each := range woken {
		each.wake()
	}
}

// remove takes a request out of those that sleep; the caller holds mu.
func (w *Waiting) remove(waiter *Waiter) {
	at := waiter.place
	if at < 0 {
		return
	}
	last := len(w.asleep) - 1
	w.asleep[at] = w.asleep[last]
	w.asleep[at].place = at
	w.asleep[last] = nil
	w.asleep = w.asleep[:last]
	waiter.place = -1
}
