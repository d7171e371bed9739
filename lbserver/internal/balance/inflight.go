package balance

import "sync/atomic"

// InFlight counts the requests that a server has in hand. The zero value counts none. It is safe for concurrent use and
// must not be copied.
type InFlight struct {
	count atomic.Int64
	// contender is the server's place in the tournament of the latest picker that keeps one; nil for none.
	contender atomic.Pointer[contender]
}

// Load returns the count.
func (f *InFlight) Load() int64 { return f.count.Load() }

// Add changes the count by delta. The pickers of the server know it when Add returns.
func (f *InFlight) Add(delta int64) {
	f.count.Add(delta)
	// A contender that replaces this one after the load is entered first and played after; it sees the new count.
	if c := f.contender.Load(); c != nil {
		c.tournament.replay(c.index)
	}
}
