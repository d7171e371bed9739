package loop

import "golang.org/x/sys/unix"

// SetSendBuffer sets the size of the kernel's buffer, in bytes, which it doubles.
func (c *Connection) SetSendBuffer(size int) error {
	return unix.SetsockoptInt(int(c.descriptor), unix.SOL_SOCKET, unix.SO_SNDBUF, size)
}

// Sending reports whether the kernel has not taken everything that Send took.
func (c *Connection) Sending() bool { return c.outgoing.waits() }
