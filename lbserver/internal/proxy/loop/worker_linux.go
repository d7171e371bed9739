package loop

import (
	"iter"
	"runtime/debug"
)

// maxIdleWorkers bounds the coroutines kept for later. One holds a stack of some kilobytes.
const maxIdleWorkers = 256

// worker is a coroutine that runs one task after another.
type worker struct {
	loop  *Loop
	task  func()
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	spent int // bytes read since the loop resumed it
}

// Go runs a task on a coroutine, up to where it first gives way. It is for the loop's goroutine, not for coroutines.
func (l *Loop) Go(task func()) {
	w := l.worker()
	w.task = task
	l.resume(w)
}

// Beside runs a task on another coroutine, at the same time as the calling one; wait returns when it has ended.
func (l *Loop) Beside(task func()) (wait func()) {
	var ended bool
	var waiting *worker
	w := l.worker()
	w.task = func() {
		defer func() {
			ended = true
			if waiting != nil {
				l.ready = append(l.ready, waiting)
			}
		}()
		task()
	}
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
		return w
	}
	w := &worker{loop: l}
	w.next, w.stop = iter.Pull(w.run)
	return w
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
	w.task()
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
