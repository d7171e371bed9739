package proxy

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// Change is a change of the listeners with its ports open, so that it can't fail any more. Exactly one of Apply and Abort
// is called on it, before the next change is prepared.
type Change struct {
	proxy  *Proxy
	placed map[string]*Status // listeners of the next state that are not as they were, by id
	gone   []string           // ids of listeners that the next state does not have
	opened map[netip.AddrPort]*socket
}

// Prepare opens the ports that a snapshot's listeners need and this proxy does not have yet. It changes nothing else. The
// change has all listeners whose ports could be opened; failures has the others, which are tried again with the next
// change. Whether to apply a change with failures is the caller's to decide. The error is for a proxy that was stopped.
//
// Most changes leave most listeners as they are, of which there may be thousands: for them nothing is made anew.
func (p *Proxy) Prepare(ctx context.Context, next *snapshot.Snapshot) (_ *Change, failures []*ListenError, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change := &Change{proxy: p, placed: map[string]*Status{}, opened: map[netip.AddrPort]*socket{}}
	if p.stopped {
		return nil, nil, errStopped
	}
	if err := p.startLoops(); err != nil {
		return nil, nil, err
	}
	for id := range p.current {
		if object := next.Listeners[id]; object == nil || object.Protocol != lbapi.HTTP {
			change.gone = append(change.gone, id)
		}
	}
	for id, object := range next.Listeners {
		if object.Protocol != lbapi.HTTP {
			continue
		}
		before := p.current[id]
		loadBalancer := next.LoadBalancers[object.LoadBalancerID]
		if before != nil && before.Err == nil && before.Object == object && before.loadBalancer == loadBalancer {
			continue
		}
		status := &Status{Object: object, Counters: new(Counters), loadBalancer: loadBalancer}
		if before != nil {
			status.Counters = before.Counters
		}
		change.placed[id] = status
		if failure := change.place(ctx, status); failure != nil {
			status.Err = failure
			failures = append(failures, failure)
		}
	}
	slices.SortFunc(failures, func(a, b *ListenError) int { return cmp.Compare(a.ListenerID, b.ListenerID) })
	return change, failures, nil
}

// place finds where a listener listens, its load balancer's VIP and its own port, and opens that port for an enabled
// listener, unless it is open. The caller holds the proxy's mu.
func (c *Change) place(ctx context.Context, status *Status) *ListenError {
	object, loadBalancer := status.Object, status.loadBalancer
	failure := &ListenError{ListenerID: object.ID, Name: object.Name}
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
	var leaving []*Listener
	leave := func(id string) {
		leaving = append(leaving, p.listeners[id])
		delete(p.listeners, id)
	}
	for _, id := range c.gone {
		delete(p.current, id)
		if p.listeners[id] != nil {
			leave(id)
		}
	}
	for id, status := range c.placed {
		p.current[id] = status
		if listener := p.listeners[id]; listener != nil && (!status.Bound || status.Address != listener.address) {
			leave(id)
		}
	}
	for id, listener := range p.listeners {
		listener.configure(p, p.current[id].Object)
	}
	for id, status := range c.placed {
		if status.Bound && p.listeners[id] == nil {
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
