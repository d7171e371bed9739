package proxy

import (
	"cmp"
	"errors"
	"net"
	"os"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
)

// tunnel passes the 101 on, then bytes both ways until both sides have ended (RFC 9110, 7.8). The end of one side is passed on
// by a half-close. The tunnel ends if no byte comes from either side for the idle timeout.
func (x *exchange) tunnel() bool {
	head := x.input.unread()
	x.renderResponse(head, true)
	x.countCookie()
	if !x.writeClient(x.out) {
		return false
	}
	x.keepHead(mediumBuffer)
	x.move()
	client, server := x.conn, x.attempt.Backend
	up := relay{exchange: x, from: client, to: server, sender: "client", receiver: "server", window: &x.session.input}
	down := relay{exchange: x, from: server, to: client, sender: "server", receiver: "client", window: &x.input}
	upward := x.accompany(func() {
		if !up.run() {
			x.closeTunnel()
		}
	})
	whole := down.run()
	if !whole {
		x.closeTunnel()
	}
	upward.Wait()
	x.received += up.copied
	x.sent += down.copied
	x.complete = whole && !up.broken
	if !x.complete && !x.failAbandoned() {
		x.failure = cmp.Or(up.failure, down.failure)
	}
	return false
}

// closeTunnel ends both directions.
func (x *exchange) closeTunnel() {
	_ = x.attempt.Backend.Close()
	_ = x.conn.Close()
}

// relay copies one direction of a tunnel.
type relay struct {
	exchange         *exchange
	from, to         engine.Conn
	sender, receiver string
	window           *window
	copied           int64
	broken           bool
	failure          string // why it broke; empty if the other direction made it
}

// run copies up to the end of from, which it passes on, and reports whether it got there.
func (r *relay) run() bool {
	everything := body{framing: http1.FramingUntilClose}
	for {
		if piece, _ := everything.next(r.window); len(piece) > 0 {
			n, err := r.exchange.pass(r.to, piece)
			if r.copied += int64(n); err != nil {
				return r.breakOff(r.receiver, err)
			}
		}
		switch err := r.exchange.fill(r.window, r.from); {
		case err == nil:
		case ended(err):
			if err := r.to.CloseWrite(); err != nil {
				return r.breakOff(r.receiver, err)
			}
			return true
		default:
			return r.breakOff(r.sender, err)
		}
	}
}

// breakOff says which side ended the tunnel.
func (r *relay) breakOff(side string, err error) bool {
	r.broken = true
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.failure = "the upgraded connection was idle for too long"
	case !errors.Is(err, net.ErrClosed):
		r.failure = "the " + side + " broke off the upgraded connection"
	}
	return false
}
