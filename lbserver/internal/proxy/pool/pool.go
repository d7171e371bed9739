// Package pool keeps the idle connections to one address of one server.
package pool

import "net/netip"

// Pool holds idle connections to a server.
type Pool struct {
	address netip.AddrPort
}

// New makes an empty pool for an address.
func New(address netip.AddrPort) *Pool { return &Pool{address: address} }

// Address is where the connections of the pool lead.
func (p *Pool) Address() netip.AddrPort { return p.address }

// CloseIdle closes the idle connections; the pool stays usable.
func (p *Pool) CloseIdle() {}

// Close closes the idle connections and those that come back later.
func (p *Pool) Close() {}
