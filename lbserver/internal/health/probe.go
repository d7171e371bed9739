package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// probe makes one check of one server at a time. It is immutable.
type probe struct {
	target  target
	timeout time.Duration     // of the whole probe, from the start of connecting
	request []byte            // nil for TCP
	codes   []lbapi.CodeRange // accepted status codes of an HTTP response
}

func newProbe(plan *plan) *probe {
	p := &probe{target: plan.target, timeout: plan.pace.timeout}
	if plan.target.protocol == lbapi.HTTP {
		p.request = requestOf(&plan.target)
		for text := range strings.SplitSeq(plan.target.codes, codeSeparator) {
			if codes, ok := lbapi.ParseCode(text); ok {
				p.codes = append(p.codes, codes)
			}
		}
	}
	return p
}

// run makes the probe and gives its result to observe, as soon as it is known; the zero UnhealthyReason means that the
// server passed. An error means that this machine, not the server, prevented the probe: then there is no result. When ctx
// ends, run returns soon and its result means nothing.
func (p *probe) run(ctx context.Context, options *Options, observe func(lbapi.UnhealthyReason)) error {
	deadline := time.Now().Add(p.timeout)
	dialing, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	dial := options.Dial
	if p.request == nil {
		dial = options.dialTCPCheck
	}
	connection, err := dial(dialing, "tcp", p.target.address)
	if err != nil {
		failure, err := p.connectFailure(dialing, options.Dial, err)
		if err == nil {
			observe(failure)
		}
		return err
	}
	if p.request == nil {
		reset(connection)
		observe(lbapi.UnhealthyReason{})
		return nil
	}
	p.converse(ctx, connection, deadline, options, observe)
	return nil
}

// converse makes an HTTP probe over a connection, which it closes.
func (p *probe) converse(ctx context.Context, connection net.Conn, deadline time.Time, options *Options, observe func(lbapi.UnhealthyReason)) {
	if err := connection.SetDeadline(deadline); err != nil {
		reset(connection)
		observe(p.failure(lbapi.ConnectInterrupt, "the connection to %s broke: %v", p.target.address, err))
		return
	}
	disarm := context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Unix(1, 0)) })
	defer disarm()
	head := options.heads.get()
	defer options.heads.put(head)
	failure := p.exchange(connection, head)
	observe(failure)
	// A server that can't write its whole answer, or is reset before it has closed, logs an error at each check.
	if (failure.Reason == "" || failure.Reason == lbapi.HTTPCodeMismatch) && head.readToEnd(connection) {
		_ = connection.Close()
		return
	}
	reset(connection)
}

// reset closes a connection with a reset. Otherwise thousands of checks a minute would leave as many connections in
// TIME_WAIT on this machine. A connection that the server closed first leaves none, however it is closed.
func reset(connection net.Conn) {
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}

func (p *probe) failure(reason lbapi.CheckFailure, format string, arguments ...any) lbapi.UnhealthyReason {
	return lbapi.UnhealthyReason{Reason: reason, Detail: fmt.Sprintf(format, arguments...)}
}

func (p *probe) connectFailure(ctx context.Context, dial DialFunc, err error) (lbapi.UnhealthyReason, error) {
	if exhausted(err) || errors.Is(err, syscall.EADDRNOTAVAIL) && p.hasRoute(ctx, dial) {
		return lbapi.UnhealthyReason{}, fmt.Errorf("open a connection to %s: %w", p.target.address, err)
	}
	switch {
	case isTimeout(err):
		return p.failure(lbapi.ConnectTimeout, "no connection to %s within %s", p.target.address, p.timeout), nil
	case errors.Is(err, syscall.ECONNRESET):
		return p.failure(lbapi.ConnectInterrupt, "connecting to %s: %v", p.target.address, cause(err)), nil
	default:
		return p.failure(lbapi.ConnectFailed, "connecting to %s: %v", p.target.address, cause(err)), nil
	}
}

// exhausted reports whether this machine has run out of a resource that a connection needs.
func exhausted(err error) bool {
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// hasRoute reports whether this machine has a source address for the server. After EADDRNOTAVAIL that means that no
// port is left (connect(2)); without a source address the server can't be reached at all. Opening a UDP socket sends
// nothing.
func (p *probe) hasRoute(ctx context.Context, dial DialFunc) bool {
	socket, err := dial(ctx, "udp", p.target.address)
	if err != nil {
		return false
	}
	_ = socket.Close()
	return true
}

// exchange sends the request and judges the response.
func (p *probe) exchange(connection net.Conn, head *head) lbapi.UnhealthyReason {
	if _, err := connection.Write(p.request); err != nil {
		switch {
		case isTimeout(err):
			return p.failure(lbapi.RequestTimeout, "the request could not be sent within %s", p.timeout)
		case closedByServer(err):
			return p.failure(lbapi.ConnectInterrupt, "the server closed the connection before the request was sent")
		default:
			return p.failure(lbapi.RequestFailed, "sending the request: %v", cause(err))
		}
	}
	status, begun, err := head.readStatus(connection)
	var malformed *formatError
	switch {
	case errors.As(err, &malformed):
		return p.failure(lbapi.ResponseFormatError, "%v", malformed)
	case isTimeout(err):
		return p.failure(lbapi.ReceiveResponseTimeout, "no response within %s", p.timeout)
	case err != nil && begun:
		return p.failure(lbapi.ReceiveResponseFailed, "the response broke off: %v", cause(err))
	case closedByServer(err):
		return p.failure(lbapi.ConnectInterrupt, "the server closed the connection without a response")
	case err != nil:
		return p.failure(lbapi.ReceiveResponseFailed, "receiving the response: %v", cause(err))
	}
	for _, accepted := range p.codes {
		if status >= accepted.First && status <= accepted.Last {
			return lbapi.UnhealthyReason{}
		}
	}
	return p.failure(lbapi.HTTPCodeMismatch, "response status %d, expected %s", status, p.target.codes)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// closedByServer reports whether err means that the server ended the connection.
func closedByServer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// cause strips the addresses and ports that package net puts around an error: this machine's port differs at each check
// and would make each detail a new one.
func cause(err error) error {
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		err = operation.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	return err
}
