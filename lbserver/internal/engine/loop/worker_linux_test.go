package loop

import (
	"sync"
	"testing"
	"time"
)

func TestCoroutinesOfABurstEnd(t *testing.T) {
	l, err := New(Config{Now: time.Now, Panicked: func(cause any, _ []byte) { t.Errorf("a coroutine panicked: %v", cause) }})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(l.Run)
	defer running.Wait()
	defer l.Stop()
	on := func(work func()) {
		t.Helper()
		done := make(chan struct{})
		l.Post(func() { defer close(done); work() })
		<-done
	}
	const burst = 100
	var ended sync.WaitGroup
	on(func() {
		for range burst {
			ended.Add(1)
			l.Go(TaskFunc(func() {
				defer ended.Done()
				l.later = append(l.later, l.current) // all of them at the same time
				l.current.giveWay()
			}))
		}
	})
	ended.Wait()
	trim := func() (left int) {
		on(func() { l.trimming.owner.expire(); left = len(l.workers) })
		return left
	}
	on(func() {
		if len(l.workers) != burst || l.trimming.tick == 0 {
			t.Errorf("%d coroutines are kept, want %d, and the timer that ends them", len(l.workers), burst)
		}
	})
	trim() // of a time in which all were needed
	for _, want := range []int{50, 25, 12} {
		if left := trim(); left != want {
			t.Errorf("%d coroutines are left, want %d", left, want)
		}
	}
	on(func() { l.Go(TaskFunc(func() {})) })
	if left := trim(); left != 6 {
		t.Errorf("%d coroutines are left where one was needed, want 6", left)
	}
	for range 5 {
		trim()
	}
	on(func() {
		if len(l.workers) != 0 {
			t.Errorf("%d coroutines are left after a long rest", len(l.workers))
		}
	})
}
