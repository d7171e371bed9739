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
	// trimInterval is after how long half of those that nobody has needed meanwhile end.
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

// Run implements Task.
func (f TaskFunc) Run() { f() }

// Go runs a task on a coroutine, up to where it first gives way. It is for the loop's goroutine, not for coroutines.
func (l *Loop) Go(task Task) {
	w := l.worker()
	w.task = task
	l.resume(w)
}

// Beside runs a task on another coroutine, at the same time as the calling one; wait returns when it has ended.
func (l *Loop) Beside(task func()) (wait func()) {
	var ended bool
	var waiting *worker
	w := l.worker()
	w.task = TaskFunc(func() {
		defer func() {
			ended = true
			if waiting != nil {
				l.ready = append(l.ready, waiting)
			}
		}()
		task()
	})
	l.ready = append(l.ready, w)
	return func() {
		if !ended {
			waiting = l.current
			l.current.giveWay()
		}
	}
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

// trimmer ends coroutines that a burst has left behind.
type trimmer struct{ loop *Loop }

// expire implements the owner of a timer.
func (t trimmer) expire() {
	l := t.loop
	count := (l.unneeded + 1) / 2
	for _, idle := range l.workers[:count] {
		idle.stop()
	}
	l.workers = slices.Delete(l.workers, 0, count)
	l.unneeded = len(l.workers)
	if l.unneeded > 0 {
		l.arm(&l.trimming, l.by(trimInterval, l.now))
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
			l.arm(&l.trimming, l.by(trimInterval, l.now))
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

// spend counts bytes that the calling coroutine has read. One that has had its share goes on in the next turn, so that a
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
