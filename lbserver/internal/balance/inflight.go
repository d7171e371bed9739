package balance

import "sync/atomic"

// InFlight counts a server's requests in flight. The zero value is a count of 0. It is safe for concurrent use and must
// not be copied.
type InFlight struct {
	count atomic.Int64
	// contender is the server's entry in the tournament of the latest picker that has one; nil if none has.
	contender atomic.Pointer[contender]
}

// Load returns the count.
func (f *InFlight) Load() int64 { return f.count.Load() }

// Add changes the count by delta. When Add returns, the server's pickers have taken the change into account.
func (f *InFlight) Add(delta int64) {
	f.count.Add(delta)
	// A contender that replaces this one after the load plays its matches after it was stored, so it sees the new
	// count.
	if c := f.contender.Load(); c != nil {
		c.tournament.replay(c.index)
	}
}
