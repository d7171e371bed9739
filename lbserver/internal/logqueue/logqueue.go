// Package logqueue hands log records to a goroutine that writes them, so that who logs never waits for who reads the log. Event
// loops log through it: a pipe that nobody empties must not stop the traffic.
package logqueue

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
)

// size bounds the records that wait to be written. More are dropped and counted.
const size = 256

// Queue is a queue of records for one handler. It is safe for concurrent use.
type Queue struct {
	to      slog.Handler
	records chan record
	dropped atomic.Uint64

	stopping sync.Once
	stop     chan struct{}
	done     chan struct{}
}

type record struct {
	to slog.Handler
	slog.Record
}

// New returns a queue whose goroutine, which Close ends, writes to a handler.
func New(to slog.Handler) *Queue {
	q := &Queue{to: to, records: make(chan record, size), stop: make(chan struct{}), done: make(chan struct{})}
	go q.run()
	return q
}

// Logger returns a logger whose records go through the queue.
func (q *Queue) Logger() *slog.Logger { return slog.New(handler{q, q.to}) }

// Close writes the records that wait, and ends the queue. Records that come later are dropped.
func (q *Queue) Close() {
	q.stopping.Do(func() { close(q.stop) })
	<-q.done
}

func (q *Queue) run() {
	defer close(q.done)
	for {
		select {
		case next := <-q.records:
			q.write(next)
		case <-q.stop:
			for len(q.records) > 0 {
				q.write(<-q.records)
			}
			return
		}
	}
}

func (q *Queue) write(next record) {
	if dropped := q.dropped.Swap(0); dropped > 0 {
		next.AddAttrs(slog.Uint64("records_dropped_before", dropped))
	}
	_ = next.to.Handle(context.Background(), next.Record) // the log itself is what fails
}

// handler queues records for another handler.
type handler struct {
	queue *Queue
	to    slog.Handler
}

func (h handler) Enabled(ctx context.Context, level slog.Level) bool { return h.to.Enabled(ctx, level) }

func (h handler) Handle(_ context.Context, r slog.Record) error {
	select {
	case h.queue.records <- record{h.to, r.Clone()}:
	default:
		h.queue.dropped.Add(1)
	}
	return nil
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.queue, h.to.WithAttrs(attrs)}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.queue, h.to.WithGroup(name)}
}
