package forward

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// waitTimeout is how long a request waits for a server to accept connections while all refuse them: a server that restarts is
// back within a few seconds. Source: product.md, "The HTTP path".
const waitTimeout = 3 * time.Second

// ErrNoServer is the error of Reach if no server takes requests any more after a wait.
var ErrNoServer = errors.New("no server is available")

// isRefused reports whether a server refused a connection: its host is up, and nothing listens there now.
func isRefused(failure error) bool { return errors.Is(failure, syscall.ECONNREFUSED) }

// persist is Reach after every server was tried and the last one has refused the connection.
func (a *Attempt) persist() (err error) {
	waiting := &a.service.Waiting
	on, conn := a.engine, a.conn
	waiter, ok := waiting.Enter(a.forwarder.MaxWaiting, func() { on.Post(conn.Resume) })
	if !ok {
		if leftOut, ok := a.forwarder.turnedAway.Pass(a.engine.Now()); ok {
			a.forwarder.Log.Warn("no server accepts connections, and as many requests wait for one as may",
				"backend_service", a.service.ID, "waiting", waiting.Count(), "left_out", leftOut)
		}
		return fmt.Errorf("%w, and %d requests wait for one already", ErrUnreachable, waiting.Count())
	}
	defer waiting.Leave(waiter)
	if leftOut, ok := a.forwarder.waits.Pass(a.engine.Now()); ok {
		a.forwarder.Log.Warn("no server accepts connections; requests wait for one",
			"backend_service", a.service.ID, "waiting", waiting.Count(), "left_out", leftOut)
	}
	until := a.engine.Now().Add(min(waitTimeout, a.Patience))
	for {
		if err := a.sleep(waiter, until); err != nil {
			return err
		}
		if err := a.chooseAgain(); err != nil {
			return err
		}
		if err := a.connect(); err == nil || !a.allRefuse() {
			return err
		}
	}
}

// sleep returns nil when the request should try the servers again.
func (a *Attempt) sleep(waiter *service.Waiter, until time.Time) error {
	waiting := &a.service.Waiting
	for now := a.engine.Now(); now.Before(until); now = a.engine.Now() {
		pause := until.Sub(now)
		if probe := waiting.Sleep(waiter, now); !probe.IsZero() {
			pause = min(pause, probe.Sub(now))
		}
		var failure error
		changed := a.service.Eligible() != a.Eligible // while it was awake; asleep, it is woken
		if !changed {
			failure = a.conn.Pause(pause)
		}
		again := waiting.Awake(waiter, a.engine.Now())
		switch {
		case failure != nil && !errors.Is(failure, os.ErrDeadlineExceeded):
			return ErrAbandoned // which closes the client's connection
		case again || changed:
			return nil
		}
	}
	return ErrUnreachable
}

// chooseAgain forgets which servers were tried, and takes the servers that are eligible now.
func (a *Attempt) chooseAgain() error {
	if now := a.service.Eligible(); now != a.Eligible {
		a.moveCookie(now)
		a.Eligible = now
	}
	if !a.HasServers() {
		return ErrNoServer
	}
	a.tried, a.preferred = a.tried[:0], -1
	if a.cookie.count != nil {
		a.preferred = a.cookie.index
	}
	a.Retries++
	return nil
}

// moveCookie makes the cookie name its server among those that are eligible now.
func (a *Attempt) moveCookie(now *service.Eligible) {
	switch {
	case a.cookie.count == nil:
	case now.Cookie == nil: // persistence was turned off
		a.cookie = cookie{}
	case a.cookie.index >= 0:
		a.cookie.index = now.Find([]byte(a.Eligible.Servers[a.cookie.index].ID))
		if a.cookie.index < 0 {
			a.cookie.count = &a.service.Persistence.Moved
		}
	}
}
