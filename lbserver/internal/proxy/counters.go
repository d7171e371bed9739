package proxy

import "sync/atomic"

// Counters count what a listener did since the process started. Gauges say what is now.
type Counters struct {
	Connections       atomic.Uint64 // accepted
	ActiveConnections atomic.Int64  // gauge
	Requests          atomic.Uint64 // with a complete head, or refused for it
	InFlight          atomic.Int64  // gauge: requests between head and end of response
	// Responses by class: index 0 for 1xx (101 only: interim responses are not counted) to 4 for 5xx and beyond.
	Responses [5]atomic.Uint64
	// Aborted counts requests with a complete head that ended without a complete response.
	Aborted       atomic.Uint64
	Retries       atomic.Uint64
	BytesReceived atomic.Uint64 // from clients: heads and bodies
	BytesSent     atomic.Uint64 // to clients: heads and bodies
}

func (c *Counters) countResponse(status int) {
	class := min(max(status/100, 1), len(c.Responses)) - 1
	c.Responses[class].Add(1)
}
