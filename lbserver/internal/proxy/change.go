package proxy

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// Change is a change of the listeners with its ports open, so that it can't fail any more. Exactly one of Apply and Abort
// is called on it, before the next change is prepared.
type Change struct {
	proxy  *Proxy
	wanted map[string]*Status // all listeners of the next state, by id
	opened map[netip.AddrPort]*socket
}

// Prepare opens the ports that a snapshot's listeners need and this proxy does not have yet. It changes nothing else. The
// change has all listeners whose ports could be opened; failures has the others, which are tried again with the next
// change. Whether to apply a change with failures is the caller's to decide. The error is for a proxy that was stopped.
func (p *Proxy) Prepare(ctx context.Context, next *snapshot.Snapshot) (_ *Change, failures []*ListenError, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change := &Change{proxy: p, wanted: map[string]*Status{}, opened: map[netip.AddrPort]*socket{}}
	if p.stopped {
		return nil, nil, errStopped
	}
	if err := p.startLoops(); err != nil {
		return nil, nil, err
	}
	for _, object := range snapshot.Sorted(next.Listeners, func(l *lbapi.Listener) bool { return l.Protocol == lbapi.HTTP }) {
		status := &Status{Object: object, Counters: new(Counters)}
		if before := p.current[object.ID]; before != nil {
			status.Counters = before.Counters
		}
		change.wanted[object.ID] = status
		if failure := change.place(ctx, status, next); failure != nil {
			status.Err = failure
			failures = append(failures, failure)
		}
	}
	return change, failures, nil
}

// place finds where a listener listens, its load balancer's VIP and its own port, and opens that port for an enabled
// listener, unless it is open. The caller holds the proxy's mu.
func (c *Change) place(ctx context.Context, status *Status, next *snapshot.Snapshot) *ListenError {
	object := status.Object
	failure := &ListenError{ListenerID: object.ID, Name: object.Name}
	loadBalancer := next.LoadBalancers[object.LoadBalancerID]
	if loadBalancer == nil {
		failure.Err = errors.New("its load balancer does not exist")
		return failure
	}
	vip, err := netip.ParseAddr(loadBalancer.PrivateIP.Address)
	if err != nil {
		failure.Err = err
		return failure
	}
	status.Address = netip.AddrPortFrom(vip, uint16(object.Port))
	failure.Address = status.Address
	if object.Status != lbapi.On {
		return nil
	}
	if c.proxy.sockets[status.Address] == nil && c.opened[status.Address] == nil {
		socket, err := c.proxy.open(ctx, status.Address)
		if err != nil {
			failure.Err = err
			return failure
		}
		c.opened[status.Address] = socket
	}
	status.Bound = true
	return nil
}

// Abort closes what Prepare opened.
func (c *Change) Abort() {
	for _, socket := range c.opened {
		_ = socket.port.Close() // it has accepted nothing
	}
}

// Apply puts the change in force. Listeners that stay keep their ports and connections; those that go drain.
func (c *Change) Apply() {
	p := c.proxy
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		c.Abort()
		return
	}
	p.current = c.wanted
	var leaving []*Listener
	for id, listener := range p.listeners {
		if status := c.wanted[id]; status == nil || !status.Bound || status.Address != listener.address {
			delete(p.listeners, id)
			leaving = append(leaving, listener)
		}
	}
	for id, status := range c.wanted {
		switch listener := p.listeners[id]; {
		case listener != nil:
			listener.configure(p, status.Object)
		case status.Bound:
			c.start(status)
		}
	}
	for _, listener := range leaving {
		p.retire(listener)
	}
	p.mu.Unlock()
	for _, listener := range leaving {
		listener.drain(p.drainTimeout)
	}
}

// start puts a listener in service on a socket that was just opened, or that another one leaves. The caller holds mu.
func (c *Change) start(status *Status) {
	p := c.proxy
	listener := &Listener{
		ID: status.Object.ID, Counters: status.Counters,
		proxy: p, address: status.Address, connections: map[*connection]struct{}{},
	}
	listener.configure(p, status.Object)
	p.listeners[listener.ID] = listener
	if held := p.sockets[status.Address]; held != nil {
		held.owner.Store(listener)
		return
	}
	opened := c.opened[status.Address]
	opened.owner.Store(listener)
	p.sockets[status.Address] = opened
	opened.port.serve(opened)
}

// configure publishes the settings of a listener, where they have changed.
func (l *Listener) configure(p *Proxy, object *lbapi.Listener) {
	live, _ := p.services(object.BackendServiceID)
	if current := l.settings.Load(); current != nil && current.object == object && current.service == live {
		return
	}
	l.settings.Store(&settings{object: object, service: live, idleTimeout: time.Duration(object.IdleTimeout) * time.Second})
}
