// Package node carries the traffic of this process by the desired state: it puts a snapshot in force in the backend
// services, the listeners and the health checks, in an order that loses no request. Package desired calls it with one
// change at a time; what runs is read through package status.
package node

import (
	"context"
	"log/slog"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/accesslog"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/health"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/networks"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// accessLogStopTimeout bounds the wait for a slow disk to take the last lines of the access log.
const accessLogStopTimeout = 2 * time.Second

// Config is what a Node works with. Resolver, Now and Log are required.
type Config struct {
	// Resolver finds the addresses of instances.
	Resolver service.Resolver
	// DrainTimeout is how long a listener that was turned off or deleted may finish its requests; 0 ends them at once.
	DrainTimeout time.Duration
	// TrustedProxies are the networks of proxies whose word on their clients counts.
	TrustedProxies networks.Set
	// MaxLingering bounds the connections that read on after an early answer; 0 closes them at once.
	MaxLingering int
	// MaxWaiting bounds the requests of one backend service that wait for a server to accept connections; 0 lets none wait.
	MaxWaiting int
	// CheckSpeedup divides the intervals of health checks, and their timeouts down to 1 s, for tests; 1 or more.
	CheckSpeedup int
	// AccessLog is "-" for standard output, a file's path, or "off".
	AccessLog string
	// AccessLogJSON writes the access log as JSON objects instead of text.
	AccessLogJSON bool
	Now           func() time.Time
	Log           *slog.Logger
}

// Node is the data plane of one process. It starts without listeners.
type Node struct {
	services  *service.Registry
	proxy     *proxy.Proxy
	checks    *health.Checker
	accessLog *accesslog.Log // nil if it is off
}

// New makes a node and opens its access log.
func New(config Config) (*Node, error) {
	format := accesslog.Text
	if config.AccessLogJSON {
		format = accesslog.JSON
	}
	accessLog, err := accesslog.Open(config.AccessLog, format, config.Log)
	if err != nil {
		return nil, err
	}
	n := &Node{
		services:  service.NewRegistry(config.Resolver, config.Now, config.Log),
		checks:    health.New(health.Options{Speedup: config.CheckSpeedup, Log: config.Log}),
		accessLog: accessLog,
	}
	data := proxy.Config{
		Services: n.services.Service, DrainTimeout: config.DrainTimeout, TrustedProxies: config.TrustedProxies,
		MaxLingering: config.MaxLingering, MaxWaiting: config.MaxWaiting, Log: config.Log,
	}
	if accessLog != nil {
		data.AccessLog = accessLog
	}
	n.proxy = proxy.New(data)
	return n, nil
}

// Listeners lists the listeners of the state in force, by id. An error of one is a *desired.PortError.
func (n *Node) Listeners() []proxy.Status {
	all := n.proxy.Listeners()
	for i := range all {
		all[i].Err = portError(all[i].Err)
	}
	return all
}

// BackendServices lists the live backend services, in no order.
func (n *Node) BackendServices() []*service.Service { return n.services.Services() }

// BackendService returns a live backend service.
func (n *Node) BackendService(id string) (*service.Service, bool) { return n.services.Service(id) }

// DroppedLogLines counts the lines of the access log that were lost.
func (n *Node) DroppedLogLines() uint64 { return n.accessLog.Dropped() }

// ReopenAccessLog opens the file of the access log again.
func (n *Node) ReopenAccessLog() error { return n.accessLog.Reopen() }

// Shutdown stops taking connections and requests, waits for the requests in flight until ctx ends, and then closes what
// is left. It returns ctx's error if it had to.
func (n *Node) Shutdown(ctx context.Context) error { return n.proxy.Shutdown(ctx) }

// Close stops traffic and checks at once, and writes the rest of the access log.
func (n *Node) Close() error {
	n.proxy.Close()
	n.checks.Close()
	n.services.Close()
	ctx, cancel := context.WithTimeout(context.Background(), accessLogStopTimeout)
	defer cancel()
	return n.accessLog.Close(ctx)
}
