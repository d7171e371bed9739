package engine

import (
	"errors"
	"net"
	"time"
)

// Accepted is a connection that was accepted and has no engine yet. It is carried or closed once.
type Accepted interface {
	// Carry gives the connection to an engine of a kind, where start makes its handler.
	Carry(on Kind, start Start)
	// Close closes the connection.
	Close() error
}

// portable is a port on systems without event loops.
type portable struct {
	bound   *net.TCPListener
	engines *Engines
}

func (p *portable) Close() error { return p.bound.Close() }

func (p *portable) Serve(take func(Accepted)) { p.engines.running.Go(func() { p.accept(take) }) }

func (p *portable) accept(take func(Accepted)) {
	var pause backoff
	for {
		conn, err := p.bound.AcceptTCP()
		switch {
		case err == nil:
			pause.succeeded()
			take(acceptedConn{conn, p.engines})
		case errors.Is(err, net.ErrClosed):
			return
		default:
			p.engines.config.Failed(addressOf(p.bound.Addr()), err)
			select {
			case <-time.After(pause.failed()):
			case <-p.engines.dialing.Done():
				return
			}
		}
	}
}

// acceptedConn is a connection that a portable accepted.
type acceptedConn struct {
	conn    *net.TCPConn
	engines *Engines
}

func (a acceptedConn) Close() error { return a.conn.Close() }

// Carry knows goroutines only: there are no loops here.
func (a acceptedConn) Carry(_ Kind, start Start) { a.engines.goroutines.takeOver(a.conn, start) }

// takeOver gives a connection of the system's to a goroutine.
func (g *goroutines) takeOver(conn *net.TCPConn, start Start) {
	client, err := g.newStream(conn)
	if err != nil {
		_ = conn.Close() // it is closed already
		return
	}
	g.carry(client, start)
}
