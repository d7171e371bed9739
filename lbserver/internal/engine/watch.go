package engine

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
)

// lookInterval is how often a goroutine that waits for a server looks whether its client is still there. Go reports a reset only
// to who reads or writes the connection, and a goroutine for each request that does would cost more than the request.
const lookInterval = 500 * time.Millisecond

// lookAtClient tells the handler if the client has reset its connection.
func (g *goroutine) lookAtClient() {
	if g.client.isBroken() {
		g.Post(g.handler.Broken)
	}
}

// open opens a connection to a server, and looks at the client meanwhile.
func (g *goroutine) open(address netip.AddrPort, timeout time.Duration, cancel *Cancel) (*net.TCPConn, error) {
	ctx, stop := context.WithCancel(g.engines.dialing)
	g.Lock()
	begun := cancel.wait(closer(stop))
	g.Unlock()
	watched := make(chan struct{})
	go g.watchClient(ctx, watched)
	defer func() {
		g.Lock()
		cancel.done()
		g.Unlock()
		stop()
		<-watched
	}()
	if !begun {
		return nil, net.ErrClosed
	}
	dialer := net.Dialer{Timeout: timeout}
	return dialer.DialTCP(ctx, "tcp", netip.AddrPort{}, address)
}

// watchClient looks at the client until ctx ends.
func (g *goroutine) watchClient(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.lookAtClient()
		case <-ctx.Done():
			return
		}
	}
}

// closer is a function as an io.Closer.
type closer func()

// Close calls the function.
func (c closer) Close() error {
	c()
	return nil
}

// ReadWithin implements Conn. The wait is divided, for Read to look at the client in between.
func (k *kept) ReadWithin(timeout time.Duration) {
	k.readUntil = time.Now().Add(timeout)
	k.stream.ReadWithin(min(timeout, lookInterval))
}

// Read implements Conn.
func (k *kept) Read(p []byte) (int, error) {
	for {
		n, err := k.stream.Read(p)
		left := time.Until(k.readUntil)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || left <= 0 || k.interrupted.Load() {
			return n, err
		}
		k.user.lookAtClient()
		k.stream.ReadWithin(min(left, lookInterval))
		// An interruption sets the flag first: either it is seen here, or the deadline set above is overruled.
		if k.interrupted.Load() {
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// InterruptRead implements Conn.
func (k *kept) InterruptRead() {
	k.interrupted.Store(true)
	k.stream.InterruptRead()
}
