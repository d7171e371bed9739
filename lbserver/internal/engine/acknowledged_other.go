//go:build !linux

package engine

func (s *stream) acknowledged() bool { return false }
