package loop

import (
	"math"
	"time"
)

const (
	// tickLength is the precision of timeouts: they end up to that much late.
	tickLength = 50 * time.Millisecond
	// wheelSize is how many ticks the wheel has: a timer beyond 102 s is called in between, too.
	wheelSize = 2048
)

// timer calls its owner at the moment that the owner asked for, or before; the owner checks whether the moment has come. So a
// timeout that is set again with each request, and never ends, costs the wheel next to nothing: its timer stays where it is.
type timer struct {
	owner      interface{ expire() }
	next, prev *timer
	tick       int64 // 0 when it is not set
}

// wheel holds timers by the tick at which they end. The zero wheel needs its next set to math.MaxInt64.
type wheel struct {
	slots [wheelSize]*timer
	tick  int64 // all up to here have ended
	next  int64 // no timer ends before this tick; math.MaxInt64 for none
	count int
}

// tick is the tick of this turn.
func (l *Loop) tick() int64 { return int64(l.now.Sub(l.started) / tickLength) }

// by is the moment a timeout from now: nanoseconds since the loop was made.
func (l *Loop) by(timeout time.Duration) int64 { return int64(l.now.Sub(l.started) + timeout) }

// past reports whether a moment has come, to the precision of the wheel.
func (l *Loop) past(moment int64) bool { return tickAfter(moment) <= l.tick() }

func tickAfter(moment int64) int64 {
	return (moment + int64(tickLength) - 1) / int64(tickLength)
}

// arm makes a timer call its owner at a moment, or before.
func (l *Loop) arm(t *timer, moment int64) {
	tick := tickAfter(moment)
	if t.tick != 0 && t.tick <= tick {
		return
	}
	l.wheel.remove(t)
	l.wheel.insert(t, tick)
}

func (w *wheel) insert(t *timer, tick int64) {
	tick = min(max(tick, w.tick+1), w.tick+wheelSize-1)
	head := &w.slots[tick%wheelSize]
	t.tick, t.prev, t.next = tick, nil, *head
	if t.next != nil {
		t.next.prev = t
	}
	*head = t
	w.count++
	w.next = min(w.next, tick)
}

func (w *wheel) remove(t *timer) {
	if t.tick == 0 {
		return
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		w.slots[t.tick%wheelSize] = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.tick, t.next, t.prev = 0, nil, nil
	w.count--
}

// advance ends the timers up to a tick.
func (w *wheel) advance(to int64) {
	if to < w.next {
		w.tick = max(w.tick, to)
		return
	}
	for tick := w.next; tick <= to; tick++ {
		w.tick = tick
		for t := w.slots[tick%wheelSize]; t != nil; t = w.slots[tick%wheelSize] {
			w.remove(t)
			t.owner.expire()
		}
	}
	w.tick = to
	w.next = math.MaxInt64
	if w.count == 0 {
		return
	}
	for tick := to + 1; tick < to+wheelSize; tick++ {
		if w.slots[tick%wheelSize] != nil {
			w.next = tick
			return
		}
	}
}
