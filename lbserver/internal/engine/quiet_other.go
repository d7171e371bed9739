//go:build !unix

package engine

// look can't ask here: that a connection is not quiet shows at its next use.
func (s *stream) look(uintptr) { s.quiet = true }

type pollSet struct{}
