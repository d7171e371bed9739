package health

import (
	"context"
	"log/slog"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// jitter is the fraction by which an interval is longer or shorter at random, so that checks that began together drift
// apart.
const jitter = 0.05

// Checks start at multiples of startGrain, if their interval is at least intervalParts times as long. Checks of many
// servers then start, and their responses arrive, in groups that wake a sleeping processor once. 10,000 servers at 5 s
// make groups of 20, which took 0.21 cores instead of 0.35.
const (
	startGrain    = 10 * time.Millisecond
	intervalParts = 100
)

// check checks one server for one backend service. The fields below done belong to its goroutine; the Checker may use
// them again once done is closed.
type check struct {
	server  *service.Server
	plan    plan
	probe   *probe
	options *Options
	log     *slog.Logger
	ctx     context.Context //nolint:containedctx // the life of the goroutine that run is, ended by stop
	stop    context.CancelFunc
	done    chan struct{}

	streak       streak
	started      time.Time // when the last probe started
	next         time.Time // when the next probe starts
	inconclusive bool      // the last probe could not be made
}

func newCheck(job job, options *Options) *check {
	c := &check{
		server:  job.server,
		plan:    job.plan,
		probe:   newProbe(&job.plan),
		options: options,
		log: options.Log.With(
			"backend_service", job.backendServiceID, "server", job.server.ID, "address", job.plan.target.address),
		done: make(chan struct{}),
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// follow continues from before, a check of the same target that has ended.
func (c *check) follow(before *check) {
	c.streak = before.streak
	c.next = before.next
	if latest := time.Now().Add(c.interval()); c.next.After(latest) {
		c.next = latest
	}
}

// run probes until stop is called.
func (c *check) run() {
	defer close(c.done)
	defer c.stop()
	timer := time.NewTimer(time.Until(c.next))
	defer timer.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-timer.C:
		}
		c.started = time.Now()
		c.next = c.started.Add(c.interval())
		if err := c.probe.run(c.ctx, c.options, c.observe); err != nil && c.ctx.Err() == nil {
			c.reportInconclusive(err)
		}
		timer.Reset(time.Until(c.grouped(c.next)))
	}
}

// grouped moves a moment back to the start of its group. Unlike Time.Truncate it keeps the monotonic clock, so setting
// the wall clock while a probe runs does not delay the next probe.
func (c *check) grouped(moment time.Time) time.Time {
	grain := min(startGrain, c.plan.pace.interval/intervalParts)
	return moment.Add(-time.Duration(moment.UnixNano() % int64(grain)))
}

func (c *check) interval() time.Duration {
	factor := 1 + jitter*(2*c.options.Random()-1)
	return time.Duration(float64(c.plan.pace.interval) * factor)
}

// observe counts a result, and publishes and logs the verdict if it changed.
func (c *check) observe(failure lbapi.UnhealthyReason) {
	if c.ctx.Err() != nil {
		return // a probe that was cut off says nothing about the server
	}
	c.inconclusive = false
	passed := failure.Reason == ""
	c.server.ObserveCheck(passed, time.Since(c.started))
	before := c.server.Verdict()
	status := c.streak.observe(before.Status, passed, &c.plan.pace)
	if status == before.Status {
		// An unhealthy server may fail in a new way; operators want to see the latest reason.
		if !passed && status == lbapi.Unhealthy && failure != before.Reason {
			c.server.SetVerdict(service.Verdict{Status: status, Reason: failure, Since: before.Since})
		}
		return
	}
	c.server.SetVerdict(service.Verdict{Status: status, Reason: failure, Since: time.Now()})
	if passed {
		c.log.InfoContext(c.ctx, "server is healthy")
	} else {
		c.log.WarnContext(c.ctx, "server is unhealthy", "reason", failure.Reason, "detail", failure.Detail)
	}
}

// reportInconclusive logs that probes can't be made: once, until one can be made again.
func (c *check) reportInconclusive(err error) {
	if !c.inconclusive {
		c.log.ErrorContext(c.ctx, "health check could not be made; the verdict stays", "error", err)
	}
	c.inconclusive = true
}
