package loop

import (
	"iter"
	"runtime/debug"
	"slices"
	"time"
)

const (
	// maxIdleWorkers bounds the coroutines kept for later. One holds a stack of some kilobytes.
	maxIdleWorkers = 256
	// trimInterval is how often half of the coroutines end that were not needed since the last time.
	trimInterval = 10 * time.Second
)

// worker is a coroutine that runs one task after another.
type worker struct {
	loop  *Loop
	task  Task
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	spent int // bytes read since the loop resumed it
}

// Task is something to run on a coroutine.
type Task interface{ Run() }

// TaskFunc is a function as a Task.
type TaskFunc func()

// Run calls the function.
func (f TaskFunc) Run() { f() }

// Go runs a task on a coroutine until it first waits. It is for the loop's goroutine, not for coroutines.
func (l *Loop) Go(task Task) {
	w := l.worker()
	w.task = task
	l.resume(w)
}

// Spawned is a task that runs at the same time as the one that started it.
type Spawned struct {
	loop    *Loop
	ended   bool
	waiting *worker // in Wait or WaitFor; nil for none
	by      int64   // the moment at which WaitFor ends; 0 for never
	timer   timer
}

// Spawn runs a task on another coroutine, at the same time as the calling one.
func (l *Loop) Spawn(task func()) *Spawned {
	s := &Spawned{loop: l}
	s.timer.owner = s
	w := l.worker()
	w.task = TaskFunc(func() {
		defer func() {
			s.ended = true
			s.resumeWaiting()
		}()
		task()
	})
	l.ready = append(l.ready, w)
	return s
}

func (s *Spawned) resumeWaiting() {
	if s.waiting != nil {
		s.loop.ready = append(s.loop.ready, s.waiting)
		s.waiting = nil
	}
}

// Wait returns when the task has ended.
func (s *Spawned) Wait() {
	if !s.ended {
		s.waiting = s.loop.current
		s.waiting.giveWay()
	}
}

// WaitFor returns when the task has ended or the timeout is over, and reports whether it has ended.
func (s *Spawned) WaitFor(timeout time.Duration) bool {
	if !s.ended {
		s.by = s.loop.by(timeout)
		s.loop.arm(&s.timer, s.by)
		s.Wait()
		s.loop.wheel.remove(&s.timer)
	}
	return s.ended
}

func (s *Spawned) expire() {
	if s.loop.past(s.by) {
		s.resumeWaiting()
		return
	}
	s.loop.arm(&s.timer, s.by)
}

func (l *Loop) worker() *worker {
	if last := len(l.workers) - 1; last >= 0 {
		w := l.workers[last]
		l.workers = l.workers[:last]
		l.unneeded = min(l.unneeded, last)
		return w
	}
	w := &worker{loop: l}
	w.next, w.stop = iter.Pull(w.run)
	return w
}

// trimmer ends the coroutines that a burst has left behind.
type trimmer struct{ loop *Loop }

func (t trimmer) expire() {
	l := t.loop
	count := (l.unneeded + 1) / 2
	for _, idle := range l.workers[:count] {
		idle.stop()
	}
	l.workers = slices.Delete(l.workers, 0, count)
	l.unneeded = len(l.workers)
	if l.unneeded > 0 {
		l.arm(&l.trimming, l.by(trimInterval))
	}
}

func (l *Loop) resume(w *worker) {
	l.current = w
	w.spent = 0
	w.next()
	l.current = nil
}

// run is the coroutine.
func (w *worker) run(yield func(struct{}) bool) {
	w.yield = yield
	for {
		w.perform()
		if len(w.loop.workers) >= maxIdleWorkers {
			return
		}
		w.loop.workers = append(w.loop.workers, w)
		if l := w.loop; l.trimming.tick == 0 {
			l.arm(&l.trimming, l.by(trimInterval))
		}
		if !yield(struct{}{}) {
			return
		}
	}
}

func (w *worker) perform() {
	defer func() {
		w.task = nil
		if cause := recover(); cause != nil {
			w.loop.config.Panicked(cause, debug.Stack())
		}
	}()
	w.task.Run()
}

// spend counts bytes that the calling coroutine has read. Once it has read its share it goes on in the next turn, so that a
// fast body does not keep everything else waiting.
func (l *Loop) spend(bytes int) {
	w := l.current
	if w.spent += bytes; w.spent*(1+len(l.later)) >= bytesPerTurn {
		l.later = append(l.later, w)
		w.giveWay()
	}
}

// giveWay lets the loop go on until it resumes this coroutine.
func (w *worker) giveWay() { w.yield(struct{}{}) }
