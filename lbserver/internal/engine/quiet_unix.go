//go:build unix

package engine

import "golang.org/x/sys/unix"

// look asks whether there is anything to read, which an end or an error of the connection counts as.
func (s *stream) look(descriptor uintptr) {
	s.poll[0] = unix.PollFd{Fd: int32(descriptor), Events: unix.POLLIN}
	ready, err := unix.Poll(s.poll[:], 0)
	s.quiet = err == nil && ready == 0
}

// isBroken reports whether the peer has reset the connection. It may be called while others use the connection. The end of the
// peer's side alone does not count.
func (s *stream) isBroken() (broken bool) {
	signs := int16(unix.POLLERR)
	if !s.endedSide.Load() {
		signs |= unix.POLLHUP // else also the sign of two sides that have ended
	}
	_ = s.raw.Control(func(descriptor uintptr) { // fails only on a closed connection
		poll := [...]unix.PollFd{{Fd: int32(descriptor)}} // asks for nothing: what counts is reported all the same
		_, err := unix.Poll(poll[:], 0)
		broken = err == nil && poll[0].Revents&signs != 0
	})
	return broken
}

// pollSet is the argument of look, kept so that it is not allocated.
type pollSet [1]unix.PollFd
