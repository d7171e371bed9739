package logqueue

import (
	"sync/atomic"
	"time"
)

// limitInterval is the least time between two records of a Limit.
const limitInterval = time.Second

// Limit lets one record of a kind through a second, so that what happens with each request can be logged. It is safe for
// concurrent use; the zero Limit lets the first record through.
type Limit struct {
	next atomic.Int64  // Unix nanoseconds
	left atomic.Uint64 // records that were left out since the last one
}

// Pass reports whether a record may be written now, and how many were left out before it.
func (l *Limit) Pass(now time.Time) (leftOut uint64, ok bool) {
	next := l.next.Load()
	if now.UnixNano() < next || !l.next.CompareAndSwap(next, now.Add(limitInterval).UnixNano()) {
		l.left.Add(1)
		return 0, false
	}
	return l.left.Swap(0), true
}
