package engine

import "io"

// Cancel lets others end what a task waits for without a connection that they could close, such as a connection that is being
// opened. The zero Cancel is ready for use. Its fields and methods are for code between Engine.Lock and Unlock, and for posted
// tasks.
type Cancel struct {
	canceled bool
	waiting  io.Closer // ends the wait under way; nil for none
}

// Cancel ends the wait under way, and those that would follow.
func (c *Cancel) Cancel() {
	c.canceled = true
	if c.waiting != nil {
		_ = c.waiting.Close() // the task that waits finds out
	}
}

// Canceled reports whether Cancel was called.
func (c *Cancel) Canceled() bool { return c.canceled }

// wait makes Cancel close something. It reports false if that should be done already.
func (c *Cancel) wait(ended io.Closer) bool {
	if c.canceled {
		return false
	}
	c.waiting = ended
	return true
}

// done ends a wait.
func (c *Cancel) done() { c.waiting = nil }
