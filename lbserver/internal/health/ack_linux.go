package health

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// delayACK makes the kernel hold back the last acknowledgment of a handshake, for the 40 ms or more in which data might
// come that it could go with. A TCP check has reset the connection by then, so that the server's accept never returns: a
// server that reads or greets would log each check as a client that went away. A check works without it, too.
func delayACK(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(descriptor uintptr) {
		_ = unix.SetsockoptInt(int(descriptor), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0)
	})
}
