package engine

import "golang.org/x/sys/unix"

// acknowledged reports whether the peer has acknowledged all that was sent (SIOCOUTQ, tcp(7)).
func (s *stream) acknowledged() bool {
	var left int
	var failure error
	err := s.raw.Control(func(descriptor uintptr) { left, failure = unix.IoctlGetInt(int(descriptor), unix.SIOCOUTQ) })
	return err == nil && failure == nil && left == 0
}
