package lbserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/accesslog"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/control"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/health"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/sessions"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// accessLogStopTimeout bounds the wait for a slow disk to take the last lines of the access log.
const accessLogStopTimeout = 2 * time.Second

// node puts snapshots in force in this process: first the backend services, then the listeners that send traffic to them,
// then the checks of their servers. The control API calls it with one change at a time.
type node struct {
	log       *slog.Logger
	services  *service.Registry
	proxy     *proxy.Proxy
	checks    *health.Checker
	accessLog *accesslog.Log // nil when off
	applied   *snapshot.Snapshot
}

func newNode(config Config, resolver service.Resolver) (*node, error) {
	format := accesslog.Text
	if config.AccessLogJSON {
		format = accesslog.JSON
	}
	accessLog, err := accesslog.Open(config.AccessLog, format, config.Log)
	if err != nil {
		return nil, err
	}
	n := &node{
		log:       config.Log,
		services:  service.NewRegistry(resolver, config.Now, config.Log),
		checks:    health.New(health.Options{Speedup: config.CheckSpeedup, Log: config.Log}),
		accessLog: accessLog,
	}
	data := proxy.Config{Services: n.services.Service, DrainTimeout: config.DrainTimeout, Log: config.Log}
	if accessLog != nil {
		data.AccessLog = accessLog
	}
	n.proxy = proxy.New(data)
	return n, nil
}

// change is a prepared change of the whole node.
type change struct {
	node      *node
	next      *snapshot.Snapshot
	services  *service.Change
	listeners *proxy.Change
}

// Prepare opens the ports of new listeners. A listener whose port could not be opened before, since another process holds
// it, does not stand in the way of other changes; it is tried again.
func (n *node) Prepare(ctx context.Context, next *snapshot.Snapshot) (control.Prepared, error) {
	prepared, failures, err := n.prepare(ctx, next)
	if err != nil {
		return nil, err
	}
	if len(failures) == 0 {
		return prepared, nil
	}
	failing := map[string]bool{}
	for _, status := range n.proxy.Listeners() {
		failing[status.Object.ID] = status.Err != nil
	}
	for _, failure := range failures {
		if !failing[failure.ListenerID] {
			prepared.Abort()
			return nil, &control.PortError{ListenerID: failure.ListenerID, Address: failure.Address, Err: failure.Err}
		}
	}
	return prepared, nil
}

// restore puts the stored state in force at the start. Listeners whose port can't be opened are logged and tried again
// later: the others take traffic meanwhile, and the API answers.
func (n *node) restore(ctx context.Context, state *snapshot.Snapshot) error {
	prepared, failures, err := n.prepare(ctx, state)
	if err != nil {
		return err
	}
	for _, failure := range failures {
		n.log.Error("a listener takes no traffic; trying again every second", "error", failure)
	}
	prepared.Apply()
	return nil
}

func (n *node) prepare(ctx context.Context, next *snapshot.Snapshot) (*change, []*proxy.ListenError, error) {
	services, err := n.services.Prepare(next)
	if err != nil {
		return nil, nil, err
	}
	listeners, failures, err := n.proxy.Prepare(ctx, next, next.Since(n.applied))
	if err != nil {
		return nil, nil, err
	}
	return &change{n, next, services, listeners}, failures, nil
}

// Apply puts the change in force.
func (c *change) Apply() {
	c.node.applied = c.next
	c.services.Apply()
	c.listeners.Apply()
	c.node.checks.Apply(c.services.Changed(), c.services.Gone())
}

// Abort closes the ports that were opened for the change.
func (c *change) Abort() { c.listeners.Abort() }

// Verdicts are the verdicts on the servers of a backend service, by server id.
func (n *node) Verdicts(backendServiceID string) map[string]control.Verdict {
	verdicts := map[string]control.Verdict{}
	live, ok := n.services.Service(backendServiceID)
	if !ok {
		return verdicts
	}
	for _, endpoint := range live.Eligible().Endpoints {
		verdict := endpoint.Verdict()
		found := control.Verdict{Status: verdict.Status}
		if verdict.Status == lbapi.Unhealthy {
			found.Reason = verdict.Reason
		}
		verdicts[endpoint.ID] = found
	}
	return verdicts
}

// Sessions counts the sessions that persistence keeps on the servers of a backend service, by server id; nil while it is off.
func (n *node) Sessions(backendServiceID string) map[string]lbapi.SessionCount {
	live, ok := n.services.Service(backendServiceID)
	if !ok || live.Eligible().Cookie == nil {
		return nil
	}
	counts, now := map[string]lbapi.SessionCount{}, time.Now()
	for _, endpoint := range live.Eligible().Endpoints {
		counts[endpoint.ID] = lbapi.SessionCount{
			Count: endpoint.Sessions.Count(now), Window: int(sessions.Window / time.Second),
		}
	}
	return counts
}

// ready says which enabled listeners take no traffic.
func (n *node) ready() error {
	var failures []error
	for _, status := range n.proxy.Listeners() {
		if status.Object.Status == lbapi.On && !status.Bound {
			if status.Err == nil {
				status.Err = fmt.Errorf("listener %q (%s) is closed: lbserver is stopping", status.Object.Name, status.Object.ID)
			}
			failures = append(failures, status.Err)
		}
	}
	return errors.Join(failures...)
}

// anyFailing reports whether a listener waits for its port.
func (n *node) anyFailing() bool {
	for _, status := range n.proxy.Listeners() {
		if status.Err != nil {
			return true
		}
	}
	return false
}

func (n *node) reopenAccessLog() error { return n.accessLog.Reopen() }

// close stops traffic and checks at once, and writes the rest of the access log.
func (n *node) close() error {
	n.proxy.Close()
	n.checks.Close()
	n.services.Close()
	ctx, cancel := context.WithTimeout(context.Background(), accessLogStopTimeout)
	defer cancel()
	return n.accessLog.Close(ctx)
}
