package proxy

import (
	"context"
	"errors"
	"maps"
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
	placed map[string]*Status // listeners of the next state that are not as they were, or may not be, by id
	gone   []string           // ids of listeners that the next state does not have
	opened map[netip.AddrPort]*socket
}

// Prepare opens the ports that a snapshot's listeners need and this proxy does not have yet. It changes nothing else. changed
// names what differs from the snapshot in force. The
// change has all listeners whose ports could be opened; failures has the others, which are tried again with the next
// change. Whether to apply a change with failures is the caller's to decide. The error is for a proxy that was stopped.
func (p *Proxy) Prepare(
	ctx context.Context, next *snapshot.Snapshot, changed snapshot.Difference,
) (_ *Change, failures []*ListenError, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change := &Change{proxy: p, placed: map[string]*Status{}, opened: map[netip.AddrPort]*socket{}}
	if p.stopped {
		return nil, nil, errStopped
	}
	if err := p.startLoops(); err != nil {
		return nil, nil, err
	}
	for _, id := range p.concerned(next, changed) {
		object, before := next.Listeners[id], p.current[id]
		if object == nil || object.Protocol != lbapi.HTTP {
			change.gone = append(change.gone, id)
			continue
		}
		status := &Status{Object: object, Counters: new(Counters)}
		if before != nil {
			status.Counters = before.Counters
		}
		change.placed[id] = status
		if failure := change.place(ctx, status, next.LoadBalancers[object.LoadBalancerID]); failure != nil {
			status.Err = failure
			failures = append(failures, failure)
		}
	}
	return change, failures, nil
}

// concerned lists the listeners that may have to change, by id: there may be thousands of others. The caller holds mu.
func (p *Proxy) concerned(next *snapshot.Snapshot, changed snapshot.Difference) []string {
	ids := slices.Clone(changed.Listeners)
	if len(changed.LoadBalancers) > 0 {
		ids = slices.AppendSeq(ids, maps.Keys(next.Listeners))
	}
	for id := range p.failing {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// place finds where a listener listens, its load balancer's VIP and its own port, and opens that port for an enabled
// listener, unless it is open. The caller holds the proxy's mu.
func (c *Change) place(ctx context.Context, status *Status, loadBalancer *lbapi.LoadBalancer) *ListenError {
	object := status.Object
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
		delete(p.failing, id)
		if p.listeners[id] != nil {
			leave(id)
		}
	}
	for id, status := range c.placed {
		p.current[id] = status
		delete(p.failing, id)
		if status.Err != nil {
			p.failing[id] = struct{}{}
		}
		if listener := p.listeners[id]; listener != nil && (!status.Bound || status.Address != listener.address) {
			leave(id)
		}
	}
	for id, status := range c.placed {
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
