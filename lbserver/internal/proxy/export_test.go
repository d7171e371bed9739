package proxy

// HeldByIdle tells how many connections are idle, and the bytes of buffers that they hold together. It may be asked only
// while no request is under way.
func (p *Proxy) HeldByIdle() (bytes, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, listener := range p.listeners {
		listener.mu.Lock()
		for c := range listener.connections {
			if c.phase.Load() == phaseIdle {
				idle++
				bytes += len(c.input.bytes)
			}
		}
		listener.mu.Unlock()
	}
	return bytes, idle
}
