package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

const (
	pacedRate        = 5000 // requests a second
	pacedConnections = 64
)

// arrivals are requests sent at random times, whether or not earlier ones have been answered.
type arrivals struct {
	address     netip.AddrPort
	requests    [][]byte // taken in turn
	connections int
	rate        int // a second, on average; the gaps are distributed exponentially
	duration    time.Duration
}

// latencies are the times from when each request was due to the end of its answer, in ascending order. The time that a
// request waits for a connection counts: that corrects for coordinated omission.
type latencies []time.Duration

// percentile returns a latency in milliseconds.
func (l latencies) percentile(percent float64) float64 {
	if len(l) == 0 {
		return 0
	}
	index := int(float64(len(l)) * percent / 100)
	return float64(l[min(index, len(l)-1)].Nanoseconds()) / 1e6
}

// pacedStage sends arrivals to the proxies of an arena.
type pacedStage struct{ *arena }

func (s *pacedStage) measure(ctx context.Context, entrant, _ string) (values, error) {
	proxy := s.proxies[entrant]
	return proxy.paced(ctx, s.plan.duration())
}

// paced sends pacedRate requests a second to a proxy, after a second of warm-up.
func (p *proxy) paced(ctx context.Context, duration time.Duration) (values, error) {
	coming := arrivals{address: p.address, requests: p.requests(), connections: pacedConnections, rate: pacedRate, duration: warmUp}
	if _, err := coming.run(ctx); err != nil {
		return nil, err
	}
	before, err := p.usage()
	if err != nil {
		return nil, err
	}
	coming.duration = duration
	seen, err := coming.run(ctx)
	if err != nil {
		return nil, err
	}
	after, err := p.usage()
	if err != nil {
		return nil, err
	}
	slices.Sort(seen)
	run := values{latencyMedian: seen.percentile(50), latencyP99: seen.percentile(99), latencyMost: seen.percentile(100)}
	if p.process != nil {
		run[cpuPerRequest] = float64((after.cpu - before.cpu).Nanoseconds()) / 1e3 / float64(len(seen))
	}
	return run, nil
}

// requests returns the requests to send in turn: those with a cookie alternate with one without.
func (p *proxy) requests() [][]byte {
	plain := "GET / HTTP/1.1\r\nHost: " + p.address.String() + "\r\n"
	if len(p.cookies) == 0 {
		return [][]byte{[]byte(plain + "\r\n")}
	}
	var all [][]byte
	for _, cookie := range p.cookies {
		all = append(all, []byte(plain+"\r\n"), []byte(plain+"Cookie: theme=dark; "+cookie+"\r\n\r\n"))
	}
	return all
}

func pacedRow(chosen *plan) *row {
	entrants := taking(chosen.proxies, "lbserver", "haproxy")
	if len(entrants) > 0 {
		entrants = append(entrants, direct)
	}
	return &row{
		name:  "paced",
		title: "A fixed rate",
		how: fmt.Sprintf("%d requests/s on average over %d kept connections, the gaps between them distributed exponentially and the same in "+
			"every run, half with cookie. Latency counts from when a request was due, so a proxy that stalls is charged for the requests that it "+
			"prevented from being sent. `direct` is the same load to the servers without a proxy: the share of load, servers and "+
			"kernel.", pacedRate, pacedConnections),
		entrants: entrants,
		loads:    []string{fmt.Sprintf("%d/s", pacedRate)},
		metrics:  []metric{latencyMedian, latencyP99, latencyMost, cpuPerRequest},
		bars:     []bar{{metric: latencyP99, peer: "haproxy", limit: 1}},
		begin: func(ctx context.Context, in *environment, entrants []string) (stage, error) {
			arena, err := in.newArena(ctx, entrants...)
			if err != nil {
				return nil, err
			}
			return &pacedStage{arena}, nil
		},
	}
}
