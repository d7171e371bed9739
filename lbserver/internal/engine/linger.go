package engine

import "time"

// lingerTimeout and lingerLimit bound how long, and for how many bytes, a connection that is closed early drops what its peer
// still sends, so that the peer can read its answer.
const (
	lingerTimeout = 2 * time.Second
	lingerLimit   = 1 << 20
)

// lingering is a connection that can linger.
type lingering interface {
	CloseWrite() error
	Read(p []byte) (int, error)
	Close() error
	// readAgain lets reading go on after an interruption, until a fixed time from now.
	readAgain(until time.Duration)
}

// linger implements Conn.Linger.
func linger(c lingering, scratch []byte) {
	defer func() { _ = c.Close() }() // everything was sent before CloseWrite
	if c.CloseWrite() != nil {
		return
	}
	c.readAgain(lingerTimeout)
	for left := lingerLimit; left > 0; {
		n, err := c.Read(scratch)
		if err != nil {
			return
		}
		left -= n
	}
}
