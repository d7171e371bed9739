package metrics

import (
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// responseClasses are the values of label code, in the order of proxy.Counters.Responses.
var responseClasses = [5]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

// collector reads the live counters at each scrape.
type collector struct {
	sources Sources
	metrics
}

func newCollector(sources Sources) *collector {
	return &collector{sources, newMetrics()}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, metric := range c.all() {
		descriptions <- metric.description
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	c.buildInfo.collect(out, 1, c.sources.Version, runtime.Version())
	c.droppedLogLines.collect(out, float64(c.sources.DroppedLogLines()))
	for _, listener := range c.sources.Listeners() {
		c.collectListener(out, &listener)
	}
	for _, live := range c.sources.Services() {
		c.collectService(out, live)
	}
}

func (c *collector) collectListener(out chan<- prometheus.Metric, listener *proxy.Status) {
	id, counters := listener.Object.ID, listener.Counters
	c.listenerInfo.collect(out, 1, id, listener.Object.Name, string(listener.Object.Protocol), listener.Address.String(),
		listener.Object.BackendServiceID)
	c.listenerUp.collect(out, truth(listener.Bound), id)
	c.connections.collect(out, float64(counters.Connections.Load()), id)
	c.activeConnections.collect(out, float64(counters.ActiveConnections.Load()), id)
	c.requests.collect(out, float64(counters.Requests.Load()), id)
	c.inFlight.collect(out, float64(counters.InFlight.Load()), id)
	for class, name := range responseClasses {
		c.responses.collect(out, float64(counters.Responses[class].Load()), id, name)
	}
	c.aborted.collect(out, float64(counters.Aborted.Load()), id)
	c.retries.collect(out, float64(counters.Retries.Load()), id)
	c.received.collect(out, float64(counters.BytesReceived.Load()), id)
	c.sent.collect(out, float64(counters.BytesSent.Load()), id)
}

func (c *collector) collectService(out chan<- prometheus.Metric, live *service.Service) {
	eligible := live.Eligible()
	if eligible == nil {
		return // not configured yet
	}
	object := eligible.Object
	c.serviceInfo.collect(out, 1, live.ID, object.Name, string(object.Protocol),
		lbapi.Schedulers().Word(object.Scheduler), strconv.FormatBool(object.SessionPersistence))
	c.eligibleServers.collect(out, float64(len(eligible.Servers)), live.ID)
	cookies := &live.Persistence
	c.persistence.collect(out, float64(cookies.Hits.Load()), live.ID, "hit")
	c.persistence.collect(out, float64(cookies.New.Load()), live.ID, "new")
	c.persistence.collect(out, float64(cookies.Expired.Load()), live.ID, "expired")
	c.persistence.collect(out, float64(cookies.Invalid.Load()), live.ID, "invalid")
	c.persistence.collect(out, float64(cookies.Moved.Load()), live.ID, "moved")
	now := c.sources.Now()
	for _, endpoint := range eligible.Endpoints {
		c.collectServer(out, live.ID, endpoint)
		if eligible.Cookie != nil {
			c.serverSessions.collect(out, float64(endpoint.Sessions.Count(now)), live.ID, endpoint.ID)
		}
	}
}

func (c *collector) collectServer(out chan<- prometheus.Metric, serviceID string, endpoint *service.Endpoint) {
	id, counters, verdict := endpoint.ID, &endpoint.Counters, endpoint.Verdict()
	c.serverInfo.collect(out, 1, serviceID, id, endpoint.Object.GroupID, endpoint.Address.String(), endpoint.Object.InstanceID)
	for _, state := range states {
		c.serverState.collect(out, truth(verdict.Status == state.status), serviceID, id, state.name)
	}
	c.serverStateSince.collect(out, float64(verdict.Since.UnixMilli())/1000, serviceID, id)
	c.serverWeight.collect(out, float64(endpoint.Weight), serviceID, id)
	c.serverInFlight.collect(out, float64(endpoint.InFlight.Load()), serviceID, id)
	c.serverRequests.collect(out, float64(counters.Requests.Load()), serviceID, id)
	c.serverConnectErrors.collect(out, float64(counters.ConnectErrors.Load()), serviceID, id)
	c.serverResponseErrors.collect(out, float64(counters.ResponseErrors.Load()), serviceID, id)

	passed, failed := counters.ChecksPassed.Load(), counters.ChecksFailed.Load()
	c.serverChecks.collect(out, float64(passed), serviceID, id, "passed")
	c.serverChecks.collect(out, float64(failed), serviceID, id, "failed")
	took := time.Duration(counters.CheckDuration.Load()).Seconds()
	c.serverCheckDuration.collectSum(out, passed+failed, took, serviceID, id)
}

// states are the values of label state and the verdicts that they stand for.
var states = [...]struct {
	name   string
	status lbapi.HealthStatus
}{
	{"healthy", lbapi.Healthy}, {"unhealthy", lbapi.Unhealthy}, {"unknown", lbapi.HealthUnknown}, {"off", lbapi.HealthOff},
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
