package proxy

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// Change is a change of the listeners whose ports are open, so that it can't fail any more. Either Apply or Abort is called,
// once, before the next change is prepared.
type Change struct {
	proxy  *Proxy
	placed map[string]*Status // listeners of the next state that have changed, or may have, by id
	gone   []string           // ids of listeners that the next state does not have
	opened map[netip.AddrPort]*socket
}

// Prepare opens the ports that the listeners of a snapshot need and that are not open yet. It changes nothing else. changed
// says what differs from the state in force. The change has all listeners whose ports could be opened; failures has the
// others, which are tried again with the next change. The caller decides whether to apply a change with failures. The error
// is for a proxy that was stopped.
func (p *Proxy) Prepare(
	ctx context.Context, next *snapshot.Snapshot, changed snapshot.Difference,
) (_ *Change, failures []*ListenError, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil, nil, errStopped
	}
	if err := p.engines.Begin(); err != nil {
		return nil, nil, err
	}
	change := &Change{proxy: p, placed: map[string]*Status{}, opened: map[netip.AddrPort]*socket{}}
	for _, id := range p.concerned(next, changed) {
		object := next.Listeners[id]
		if object == nil || object.Protocol != lbapi.HTTP {
			change.gone = append(change.gone, id)
			continue
		}
		status := &Status{Object: object}
		if before := p.listeners[id]; before != nil {
			status.Counters = before.Counters
		} else {
			status.Counters = new(Counters)
		}
		change.placed[id] = status
		if failure := change.place(ctx, status, next.LoadBalancers[object.LoadBalancerID]); failure != nil {
			status.Err = failure
			failures = append(failures, failure)
		}
	}
	return change, failures, nil
}

// concerned lists the ids of the listeners that may have to change, and of those whose ports could not be opened. The caller
// holds mu.
func (p *Proxy) concerned(next *snapshot.Snapshot, changed snapshot.Difference) []string {
	ids := slices.Clone(changed.Listeners)
	if len(changed.LoadBalancers) > 0 {
		ids = slices.AppendSeq(ids, maps.Keys(next.Listeners))
	}
	for id, each := range p.listeners {
		if each.Err != nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// place finds out where a listener listens: the VIP of its load balancer and its own port. If the listener is enabled, place
// opens that port, unless it is open. The caller holds the proxy's mu.
func (c *Change) place(ctx context.Context, status *Status, on *lbapi.LoadBalancer) *ListenError {
	object := status.Object
	failure := &ListenError{ListenerID: object.ID, Name: object.Name}
	if on == nil {
		failure.Err = errors.New("its load balancer does not exist")
		return failure
	}
	vip, err := lbapi.ParseAddress(on.PrivateIP.Address)
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
		port, err := c.proxy.engines.Listen(ctx, status.Address)
		if err != nil {
			failure.Err = err
			return failure
		}
		c.opened[status.Address] = &socket{port: port}
	}
	status.Bound = true
	return nil
}

// Abort closes the ports that Prepare opened.
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
	for _, id := range c.gone {
		if before := p.listeners[id]; before != nil && before.live != nil {
			leaving = append(leaving, before.live)
		}
		delete(p.listeners, id)
	}
	for id, status := range c.placed {
		next := &placed{Status: *status}
		if before := p.listeners[id]; before != nil && before.live != nil {
			if status.Bound && status.Address == before.live.address {
				next.live = before.live
			} else {
				leaving = append(leaving, before.live)
			}
		}
		p.listeners[id] = next
	}
	// A port passes from a listener that leaves to one that comes without being closed, so these come first.
	for _, id := range slices.Sorted(maps.Keys(c.placed)) {
		switch next := p.listeners[id]; {
		case next.live != nil:
			next.live.configure(next.Object)
		case next.Bound:
			next.live = c.start(&next.Status)
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

// start puts a listener in service on a port that was just opened, or that another one leaves. The caller holds mu.
func (c *Change) start(status *Status) *Listener {
	p := c.proxy
	listener := &Listener{
		ID: status.Object.ID, Counters: status.Counters,
		proxy: p, address: status.Address, sessions: map[session]struct{}{},
	}
	listener.configure(status.Object)
	if held := p.sockets[status.Address]; held != nil {
		held.owner.Store(listener)
		return listener
	}
	opened := c.opened[status.Address]
	opened.owner.Store(listener)
	p.sockets[status.Address] = opened
	opened.port.Serve(func(accepted engine.Accepted) { p.take(opened, accepted) })
	return listener
}

// configure publishes the settings of a listener, if they have changed.
func (l *Listener) configure(object *lbapi.Listener) {
	live, _ := l.proxy.services(object.BackendServiceID)
	if current := l.settings.Load(); current != nil && current.object == object && current.service == live {
		return
	}
	l.settings.Store(&settings{object: object, service: live, idleTimeout: time.Duration(object.IdleTimeout) * time.Second})
}
