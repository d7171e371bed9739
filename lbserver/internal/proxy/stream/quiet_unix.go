//go:build unix

package stream

import (
	"errors"

	"golang.org/x/sys/unix"
)

func (s *Stream) look(descriptor uintptr) {
	_, _, err := unix.Recvfrom(int(descriptor), s.peekBuf[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	s.quiet = errors.Is(err, unix.EAGAIN)
}
