package proxy

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
)

// tunnel passes the 101 on, then bytes both ways until both sides have ended (RFC 9110, 7.8). The end of one side is passed on
// by a half-close. The tunnel ends if no byte comes from either side for the idle timeout.
func (x *exchange) tunnel() bool {
	head := x.input.unread()
	x.renderResponse(head, true)
	if !x.writeClient(x.out) {
		return false
	}
	x.keepHead(mediumBuffer)
	var active atomic.Int64 // Unix nanoseconds of the last byte in either direction
	active.Store(x.engine.Now().UnixNano())
	client, server := x.conn, x.attempt.Backend
	up := relay{from: client, to: server, window: &x.session.input, active: &active, idleTimeout: x.settings.idleTimeout, now: x.engine.Now}
	down := relay{from: server, to: client, window: &x.input, active: &active, idleTimeout: x.settings.idleTimeout, now: x.engine.Now}
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
	if !x.complete {
		x.failure = "the upgraded connection broke off or was idle for too long"
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
	from, to    engine.Conn
	window      *window
	active      *atomic.Int64
	idleTimeout time.Duration
	now         func() time.Time
	copied      int64
	broken      bool
}

// run copies up to the end of from, which it passes on, and reports whether it got there.
func (r *relay) run() bool {
	everything := body{framing: http1.FramingUntilClose}
	for {
		if piece, _ := everything.next(r.window); len(piece) > 0 {
			r.to.WriteWithin(r.idleTimeout)
			if _, err := r.to.Write(piece); err != nil {
				r.broken = true
				return false
			}
			r.copied += int64(len(piece))
		}
		r.from.ReadWithin(r.idleTimeout)
		err := r.window.fill(r.from)
		switch {
		case err == nil:
			r.active.Store(r.now().UnixNano())
		case ended(err):
			r.broken = r.to.CloseWrite() != nil
			return !r.broken
		case errors.Is(err, os.ErrDeadlineExceeded) && r.now().UnixNano()-r.active.Load() < int64(r.idleTimeout):
		default:
			r.broken = true
			return false
		}
	}
}
