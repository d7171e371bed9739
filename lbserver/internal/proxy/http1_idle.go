package proxy

import (
	"errors"
	"os"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
)

// The listener's idle timeout bounds how long both sides of a request may be silent together: a stream that one side feeds stays
// up however long the other says nothing.

// move notes that a byte has come or gone, in either direction.
func (x *exchange) move() { x.moved.Store(int64(x.engine.Now().Sub(x.begun))) }

// lastMoved is when move was called last, or the request began. A change of the system's clock does not matter to it.
func (x *exchange) lastMoved() time.Time { return x.begun.Add(time.Duration(x.moved.Load())) }

// idleLeft is how long both sides may be silent yet. It is 0 or less if they have been for too long.
func (x *exchange) idleLeft() time.Duration {
	return x.settings.idleTimeout - x.engine.Now().Sub(x.lastMoved())
}

// pass writes p to one side, as long as bytes move in either direction.
func (x *exchange) pass(to engine.Conn, p []byte) (written int, err error) {
	for wait := x.settings.idleTimeout; ; wait = x.idleLeft() {
		to.WriteWithin(wait)
		n, err := to.Write(p[written:])
		if written += n; n > 0 {
			x.move()
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || x.idleLeft() <= 0 {
			return written, err
		}
	}
}

// fill reads more from one side, as long as bytes move in either direction.
func (x *exchange) fill(w *window, from engine.Conn) error {
	for wait := x.settings.idleTimeout; ; wait = x.idleLeft() {
		from.ReadWithin(wait)
		err := w.fill(from)
		if err == nil {
			x.move()
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || x.idleLeft() <= 0 {
			return err
		}
	}
}
