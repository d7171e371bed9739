//go:build !linux

package engine

import (
	"errors"
	"net"
)

// loops are none here: goroutines carry everything.
type loops struct{}

func newLoops(*Engines) (*loops, error) { return nil, nil } //nolint:nilnil // no loops are no error

func (*loops) listen(*net.TCPListener) (Port, error) { return nil, errors.ErrUnsupported }
func (*loops) giveUpDialing()                        {}
func (*loops) end(bool)                              {}
