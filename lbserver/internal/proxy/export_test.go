package proxy

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
