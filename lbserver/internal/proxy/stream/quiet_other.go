//go:build !unix

package stream

// look can't ask here: that a connection is not quiet shows at its next use.
func (s *Stream) look(uintptr) { s.quiet = true }

type pollSet struct{}
