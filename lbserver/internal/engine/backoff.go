package engine

import "time"

// The pause before another attempt to accept a connection when the last one failed, usually for lack of descriptors.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// backoff is the pause of a port; the zero backoff begins with firstPause.
type backoff struct{ next time.Duration }

// failed returns how long to pause, twice as long with each failure in a row.
func (b *backoff) failed() time.Duration {
	pause := max(b.next, firstPause)
	b.next = min(2*pause, lastPause)
	return pause
}

// succeeded makes the next pause a short one.
func (b *backoff) succeeded() { b.next = 0 }
