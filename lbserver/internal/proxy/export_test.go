package proxy

import (
	"runtime/debug"
	"strings"
	"time"
)

// HeldByIdle tells how many connections are idle, and the bytes of buffers that they hold together. It may be asked only
// while nothing comes in.
func (p *Proxy) HeldByIdle() (bytes, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, listener := range p.listeners {
		listener.mu.Lock()
		for c := range listener.connections {
			if c.phase.CompareAndSwap(phaseIdle, phaseActive) {
				idle++
				bytes += len(c.input.bytes)
				c.phase.Store(phaseIdle)
			}
		}
		listener.mu.Unlock()
	}
	return bytes, idle
}

// brokenStream is a connection to a client of which one method panics, as a bug would have it.
type brokenStream struct {
	clientConnection
	reading, writing bool
}

// ReadWithin panics in what runs beside an exchange.
func (s brokenStream) ReadWithin(timeout time.Duration, now time.Time) {
	if s.reading && strings.Contains(string(debug.Stack()), ").alongside.") {
		panic("a bug in reading")
	}
	s.clientConnection.ReadWithin(timeout, now)
}

// WriteWithin panics.
func (s brokenStream) WriteWithin(timeout time.Duration, now time.Time) {
	if s.writing {
		panic("a bug in writing")
	}
	s.clientConnection.WriteWithin(timeout, now)
}

// BreakStream has the only open connection panic where something reads it beside an exchange, or where it is written to. It may
// be called from Config.Reach only, which runs where the connection belongs.
func (p *Proxy) BreakStream(reading, writing bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, listener := range p.listeners {
		listener.mu.Lock()
		for c := range listener.connections {
			c.stream = brokenStream{c.stream, reading, writing}
		}
		listener.mu.Unlock()
	}
}
