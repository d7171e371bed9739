package proxy

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
)

// readHead reads the request head. If it can't, it has answered the client, or the client is gone.
func (x *exchange) readHead() bool {
	in := &x.session.input
	for whole := true; ; whole = false {
		n, err := x.request.Parse(in.unread())
		if err != nil {
			x.received = int64(len(in.unread()))
			x.refuse(err)
			return false
		}
		if n > 0 {
			if !whole {
				x.begun = x.engine.Now()
			}
			x.head = in.unread()[:n]
			x.received = int64(n)
			in.use(n)
			x.requestBody = newBody(x.request.Framing, x.request.ContentLength())
			return true
		}
		if in.full() {
			x.growInput(in)
		}
		x.conn.ReadWithin(max(x.proxy.headTimeout-x.engine.Now().Sub(x.begun), time.Millisecond))
		if err := in.fill(x.conn); err != nil {
			x.received = int64(len(in.unread()))
			if errors.Is(err, os.ErrDeadlineExceeded) {
				x.answer(408, fmt.Sprintf("the request head did not arrive within %s", x.proxy.headTimeout), false)
				return false
			}
			x.failureStatus, x.failure = statusClientGone, "the client closed the connection before the end of its request head"
			return false
		}
	}
}

// growInput makes room behind the unread bytes of a head.
func (x *exchange) growInput(in *window) {
	if in.start > 0 {
		in.compact()
		return
	}
	in.resize(&x.proxy.buffers, largeBuffer)
}

// refuse answers a request that breaks a rule of HTTP.
func (x *exchange) refuse(err error) {
	reason := err.Error()
	if broken, ok := errors.AsType[*http1.Error](err); ok {
		reason = broken.Reason
	}
	x.malformed = true
	x.answer(statusOf(err), reason, false)
}

// statusOf is the status of the answer to a request that breaks a rule of HTTP.
func statusOf(err error) int {
	if broken, ok := errors.AsType[*http1.Error](err); ok {
		return broken.Status
	}
	return 400
}

// writeClient writes bytes to the client. If that fails, the client is gone.
func (x *exchange) writeClient(p []byte) bool {
	if len(p) == 0 {
		return true
	}
	return x.wrote(x.pass(x.conn, p))
}

// sendClient is writeClient for the last bytes before the connection is left to the next request.
func (x *exchange) sendClient(p []byte) bool {
	x.conn.WriteWithin(x.settings.idleTimeout)
	return x.wrote(x.conn.Send(p))
}

func (x *exchange) wrote(n int, err error) bool {
	x.sent += int64(n)
	if err == nil {
		return true
	}
	switch {
	case x.failAbandoned():
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.failure = fmt.Sprintf("the client read nothing of the response for %s", x.settings.idleTimeout)
	default:
		x.failureStatus, x.failure = statusClientGone, "the client went away before the end of the response"
	}
	if x.sent == 0 {
		x.status = 0
	}
	x.breakOff()
	return false
}

// failAbandoned says why the session was abandoned, and reports whether it was.
func (x *exchange) failAbandoned() bool {
	why := x.session.whyAbandoned()
	switch why {
	case "":
		return false
	case abandonedByReset:
		x.failureStatus = statusClientGone
	default:
		x.failureStatus = 0
	}
	x.failure = why
	return true
}
