//go:build unix

package engine

import "golang.org/x/sys/unix"

// look asks whether there is anything to read, which an end or an error of the connection counts as.
func (s *stream) look(descriptor uintptr) {
	s.poll[0] = unix.PollFd{Fd: int32(descriptor), Events: unix.POLLIN}
	ready, err := unix.Poll(s.poll[:], 0)
	s.quiet = err == nil && ready == 0
}

// pollSet is the argument of look, kept so that it is not allocated.
type pollSet [1]unix.PollFd
