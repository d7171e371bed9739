package forward

import (
	"errors"
	"syscall"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// Errors of Reach that are not a server's fault: lbserver itself lacked something.
var (
	// ErrNoPort says that every local port is in use for connections to the server's address.
	ErrNoPort = errors.New("the load balancer has no free local port for a connection to the server")
	// ErrNoDescriptor says that the process, or the system, has as many files open as it may.
	ErrNoDescriptor = errors.New("the load balancer has no free file descriptor for a connection to the server")
	// ErrNoMemory says that the system has no memory for another connection.
	ErrNoMemory = errors.New("the load balancer has no memory for a connection to the server")
)

// lackOf returns what lbserver lacked when a connection could not be opened; nil if it lacked nothing.
func lackOf(failure error) error {
	switch {
	case errors.Is(failure, syscall.EADDRNOTAVAIL):
		return ErrNoPort
	case errors.Is(failure, syscall.EMFILE), errors.Is(failure, syscall.ENFILE):
		return ErrNoDescriptor
	case errors.Is(failure, syscall.ENOBUFS), errors.Is(failure, syscall.ENOMEM):
		return ErrNoMemory
	default:
		return nil
	}
}

// noteLack counts and logs that lbserver lacked something.
func (a *Attempt) noteLack(endpoint *service.Endpoint, lack, failure error) {
	endpoint.Counters.LocalErrors.Add(1)
	if leftOut, ok := a.forwarder.lacks.Pass(a.engine.Now()); ok {
		a.forwarder.Log.Error("lbserver itself can't open a connection to a server", "address", endpoint.Address,
			"error", lack, "cause", failure, "left_out", leftOut)
	}
}
