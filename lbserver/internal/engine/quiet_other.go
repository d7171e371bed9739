//go:build !unix

package engine

// look can't ask here: that a connection is not quiet shows at its next use.
func (s *stream) look(uintptr) { s.quiet = true }

// isBroken can't ask here: that the peer has reset the connection shows at its next use.
func (*stream) isBroken() bool { return false }

type pollSet struct{}
