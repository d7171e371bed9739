package proxy

import (
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
)

// Tuning is what only tests change of a proxy; zero fields are as in production.
type Tuning struct {
	HeadTimeout  time.Duration
	Goroutines   bool
	DialOverride func(address netip.AddrPort) (netip.AddrPort, error)
	Now          func() time.Time
}

// NewTuned is New with a tuning.
func NewTuned(config Config, tuned Tuning) *Proxy {
	tuning := defaultTuning()
	if tuned.HeadTimeout != 0 {
		tuning.headTimeout = tuned.HeadTimeout
	}
	if tuned.Goroutines {
		tuning.http = engine.Goroutines
	}
	if tuned.Now != nil {
		tuning.now = tuned.Now
	}
	tuning.dialOverride = tuned.DialOverride
	return newProxy(config, tuning)
}

// eachSession calls a function with each open session, while none comes or goes.
func (p *Proxy) eachSession(do func(*http1Session)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, each := range p.listeners {
		if each.live == nil {
			continue
		}
		each.live.mu.Lock()
		for s := range each.live.sessions {
			do(s.(*http1Session))
		}
		each.live.mu.Unlock()
	}
}

// HeldByIdle returns how many connections are idle, and the bytes of buffers that they hold together. It may be called only
// while nothing comes in.
func (p *Proxy) HeldByIdle() (bytes, idle int) {
	p.eachSession(func(s *http1Session) {
		if s.phase.CompareAndSwap(phaseIdle, phaseActive) {
			idle++
			bytes += len(s.input.bytes)
			s.phase.Store(phaseIdle)
		}
	})
	return bytes, idle
}

// ClientUsesHTTPS reports whether the client of the only request under way uses https. It may be called from
// Tuning.DialOverride only, which runs where the connection belongs.
func (p *Proxy) ClientUsesHTTPS() (https bool) {
	p.eachSession(func(s *http1Session) { https = s.exchange != nil && s.exchange.origin.https })
	return https
}

// brokenConn is a connection to a client of which one method panics, as a bug could make it.
type brokenConn struct {
	engine.Conn
	reading, writing bool
}

// ReadWithin panics in a task that runs along with a request.
func (c brokenConn) ReadWithin(timeout time.Duration) {
	if c.reading && strings.Contains(string(debug.Stack()), ").accompany.") {
		panic("a bug in reading")
	}
	c.Conn.ReadWithin(timeout)
}

func (c brokenConn) WriteWithin(timeout time.Duration) {
	if c.writing {
		panic("a bug in writing")
	}
	c.Conn.WriteWithin(timeout)
}

// BreakConn makes the only open connection panic when a task along with a request reads it, or when it is written to. It may be
// called from Tuning.DialOverride only, which runs where the connection belongs.
func (p *Proxy) BreakConn(reading, writing bool) {
	p.eachSession(func(s *http1Session) {
		s.conn = brokenConn{s.conn, reading, writing}
		if s.exchange != nil {
			s.exchange.conn = s.conn
		}
	})
}
