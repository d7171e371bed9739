package desired

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// PortError says that the port of a listener can't be opened.
type PortError struct {
	ListenerID string
	Name       string         // of the listener
	Address    netip.AddrPort // zero if the listener has none
	Err        error          // what the system says
}

// Error names the listener and says what the reader can do.
func (e *PortError) Error() string {
	text := fmt.Sprintf("open %s for listener %q (%s): %v", e.Address, e.Name, e.ListenerID, e.Err)
	if advice := e.advice(); advice != "" {
		text += "; " + advice
	}
	return text
}

func (e *PortError) Unwrap() error { return e.Err }

// Reason is what the system says, in its own short words, with what the reader can do.
func (e *PortError) Reason() string {
	number, ok := errors.AsType[syscall.Errno](e.Err)
	if !ok {
		return e.Err.Error()
	}
	if advice := e.advice(); advice != "" {
		return number.Error() + " (" + advice + ")"
	}
	return number.Error()
}

func (e *PortError) advice() string {
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return "another process, or lbserver's own API or operations address, holds the port; free it or choose another port"
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return "the address of the load balancer is not one of this machine's"
	case errors.Is(e.Err, syscall.EACCES):
		return "lbserver lacks the right to open a port this low"
	default:
		return ""
	}
}
