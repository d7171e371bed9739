// Package health checks the servers of every backend service and decides which of them are healthy.
//
// Each backend service checks the servers of its group itself, so the same server can be healthy for one and unhealthy
// for another. A Checker owns all checks. Every check runs on its own goroutine, so a slow server delays no other
// check.
package health

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// spread is the time over which the first checks are spread when many start together. firstGap is the time between two
// of them if all fit in spread at that rate, so a handful of servers get their verdicts at once.
const (
	spread   = time.Second
	firstGap = time.Millisecond
)

// DialFunc opens a connection to "ip:port" on network "tcp", or a socket on network "udp". At the context's deadline it
// fails with an error whose Timeout method returns true.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Options configure a Checker.
type Options struct {
	// Speedup divides intervals and timeouts, for tests; at least 1. A timeout stays at least 1 s.
	Speedup int
	// Dial opens the connections; nil means net.Dialer.
	Dial DialFunc
	// Random returns numbers in [0, 1) for the jitter of intervals. Many goroutines call it; nil means math/rand.
	Random func() float64
	Log    *slog.Logger

	dialTCPCheck DialFunc // Dial for TCP checks, which send nothing
	heads        *heads
}

// Checker runs the health checks of all backend services.
type Checker struct {
	options Options

	mu      sync.Mutex
	checks  map[*service.Server]*check             // under mu; every check in it is running
	checked map[*service.Service][]*service.Server // under mu; the servers of each service that have a check
	closed  bool                                   // under mu
}

// New returns a Checker that checks nothing yet.
func New(options Options) *Checker {
	options.dialTCPCheck = options.Dial
	if options.Dial == nil {
		// Keep-alive probes would never fire on connections this short; leaving them off saves system calls.
		options.Dial = (&net.Dialer{KeepAlive: -1}).DialContext
		options.dialTCPCheck = (&net.Dialer{KeepAlive: -1, Control: delayACK}).DialContext
	}
	if options.Random == nil {
		options.Random = rand.Float64
	}
	options.Speedup = max(options.Speedup, 1)
	options.heads = new(heads)
	return &Checker{options: options, checks: map[*service.Server]*check{}, checked: map[*service.Service][]*service.Server{}}
}

// job is a check that should run.
type job struct {
	server           *service.Server
	plan             plan
	backendServiceID string
}

// Apply starts, changes and stops checks so that they match the configurations of changed, the backend services that
// are new or have changed, and stops the checks of gone. A check whose configuration stays the same is left alone. If
// only its pace changed (interval, timeout, thresholds), its verdict and its count of results stay. If its target
// changed, the verdict stays until the first new result, which decides alone.
func (c *Checker) Apply(changed, gone []*service.Service) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	var jobs []job
	var unchecked []*service.Server
	stopped := map[*service.Server]*check{}
	for _, live := range changed {
		wanted, off := c.jobs(live, live.Eligible().Config)
		c.stop(live, wanted, stopped)
		jobs, unchecked = append(jobs, wanted...), append(unchecked, off...)
	}
	for _, live := range gone {
		c.stop(live, nil, stopped)
	}
	for _, check := range stopped {
		<-check.done
	}
	unchecked = slices.DeleteFunc(unchecked, func(server *service.Server) bool { return server.Verdict().Status == lbapi.HealthOff })
	service.SetVerdicts(unchecked, service.Verdict{Status: lbapi.HealthOff, Since: time.Now()})
	c.start(jobs, stopped)
}

// stop cancels the checks of a backend service that are not in wanted as they are, and adds them to stopped. The caller
// holds mu, and waits for their goroutines to end.
func (c *Checker) stop(live *service.Service, wanted []job, stopped map[*service.Server]*check) {
	plans := make(map[*service.Server]plan, len(wanted))
	servers := make([]*service.Server, len(wanted))
	for i, job := range wanted {
		plans[job.server] = job.plan
		servers[i] = job.server
	}
	for _, server := range c.checked[live] {
		running := c.checks[server]
		if plan, ok := plans[server]; !ok || plan != running.plan {
			running.stop()
			stopped[server] = running
			delete(c.checks, server)
		}
	}
	if len(servers) > 0 {
		c.checked[live] = servers
	} else {
		delete(c.checked, live)
	}
}

// jobs lists the checks that a backend service should have, or its servers if checking is off.
func (c *Checker) jobs(live *service.Service, config *service.Config) (jobs []job, unchecked []*service.Server) {
	for _, endpoint := range config.Endpoints {
		if !config.Object.HealthCheck.Enabled() {
			unchecked = append(unchecked, endpoint.Server)
			continue
		}
		plan := planOf(&config.Object.HealthCheck, endpoint.Address, c.options.Speedup)
		jobs = append(jobs, job{endpoint.Server, plan, live.ID})
	}
	return jobs, unchecked
}

// start starts the jobs that are not running yet; those with a predecessor in stopped continue from it. The caller
// holds mu.
func (c *Checker) start(jobs []job, stopped map[*service.Server]*check) {
	var starting []*check
	fresh := 0
	for _, job := range jobs {
		if c.checks[job.server] != nil {
			continue
		}
		check := newCheck(job, &c.options)
		if before := stopped[job.server]; before != nil && before.plan.target == job.plan.target {
			check.follow(before)
		} else {
			fresh++
		}
		starting = append(starting, check)
	}
	now := time.Now()
	gap := min(firstGap, spread/time.Duration(c.options.Speedup*max(fresh, 1)))
	due := now
	for _, check := range starting {
		if check.next.IsZero() {
			check.next = due
			due = due.Add(gap)
		}
		if check.server.Verdict().Status == lbapi.HealthOff {
			check.server.SetVerdict(service.Verdict{Status: lbapi.HealthUnknown, Since: now})
		}
		c.checks[check.server] = check
		go check.run()
	}
}

// Close stops all checks and returns when the last has ended. The verdicts stay. After Close, Apply does nothing.
func (c *Checker) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, check := range c.checks {
		check.stop()
	}
	for _, check := range c.checks {
		<-check.done
	}
	clear(c.checks)
	clear(c.checked)
}
