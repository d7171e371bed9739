package metrics

import (
	"runtime"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/status"
)

// responseClasses are the values of label code, in the order of status.Listener.Responses.
var responseClasses = [5]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

// collector reads what runs at each scrape.
type collector struct {
	status *status.Status
	metrics
}

func newCollector(from *status.Status) *collector {
	return &collector{from, newMetrics()}
}

func (c *collector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, metric := range c.all() {
		descriptions <- metric.description
	}
}

func (c *collector) Collect(out chan<- prometheus.Metric) {
	c.buildInfo.collect(out, 1, c.status.Version(), runtime.Version())
	c.droppedLogLines.collect(out, float64(c.status.DroppedLogLines()))
	for _, listener := range c.status.Listeners() {
		c.collectListener(out, &listener)
	}
	for _, service := range c.status.BackendServices() {
		c.collectService(out, &service)
	}
}

func (c *collector) collectListener(out chan<- prometheus.Metric, listener *status.Listener) {
	id := listener.Object.ID
	c.listenerInfo.collect(out, 1, id, listener.Object.Name, string(listener.Object.Protocol), listener.Address.String(),
		listener.Object.BackendServiceID)
	c.listenerUp.collect(out, truth(listener.Bound), id)
	c.connections.collect(out, float64(listener.Connections), id)
	c.activeConnections.collect(out, float64(listener.ActiveConnections), id)
	c.requests.collect(out, float64(listener.Requests), id)
	c.inFlight.collect(out, float64(listener.InFlight), id)
	for class, name := range responseClasses {
		c.responses.collect(out, float64(listener.Responses[class]), id, name)
	}
	c.aborted.collect(out, float64(listener.Aborted), id)
	c.retries.collect(out, float64(listener.Retries), id)
	c.received.collect(out, float64(listener.BytesReceived), id)
	c.sent.collect(out, float64(listener.BytesSent), id)
}

func (c *collector) collectService(out chan<- prometheus.Metric, service *status.BackendService) {
	object, cookies := service.Object, &service.Persistence
	c.serviceInfo.collect(out, 1, object.ID, object.Name, string(object.Protocol),
		lbapi.Schedulers().Word(object.Scheduler), strconv.FormatBool(object.SessionPersistence))
	c.eligibleServers.collect(out, float64(service.EligibleServers), object.ID)
	c.waiting.collect(out, float64(service.Waiting), object.ID)
	c.persistence.collect(out, float64(cookies.Hits), object.ID, "hit")
	c.persistence.collect(out, float64(cookies.New), object.ID, "new")
	c.persistence.collect(out, float64(cookies.Expired), object.ID, "expired")
	c.persistence.collect(out, float64(cookies.Invalid), object.ID, "invalid")
	c.persistence.collect(out, float64(cookies.Moved), object.ID, "moved")
	for i := range service.Servers {
		c.collectServer(out, object.ID, &service.Servers[i])
	}
}

func (c *collector) collectServer(out chan<- prometheus.Metric, serviceID string, server *status.Server) {
	id := server.Object.ID
	c.serverInfo.collect(out, 1, serviceID, id, server.Object.GroupID, server.Address.String(), server.Object.InstanceID)
	for _, state := range states {
		c.serverState.collect(out, truth(server.Status == state.status), serviceID, id, state.name)
	}
	c.serverStateSince.collect(out, float64(server.Since.UnixMilli())/1000, serviceID, id)
	c.serverWeight.collect(out, float64(server.Weight), serviceID, id)
	c.serverInFlight.collect(out, float64(server.InFlight), serviceID, id)
	if server.Sessions != nil {
		c.serverSessions.collect(out, float64(*server.Sessions), serviceID, id)
	}
	c.serverRequests.collect(out, float64(server.Requests), serviceID, id)
	c.serverConnectErrors.collect(out, float64(server.ConnectErrors), serviceID, id)
	c.serverLocalErrors.collect(out, float64(server.LocalErrors), serviceID, id)
	c.serverResponseErrors.collect(out, float64(server.ResponseErrors), serviceID, id)
	c.serverChecks.collect(out, float64(server.ChecksPassed), serviceID, id, "passed")
	c.serverChecks.collect(out, float64(server.ChecksFailed), serviceID, id, "failed")
	c.serverCheckDuration.collectSum(out, server.ChecksPassed+server.ChecksFailed, server.CheckDuration.Seconds(), serviceID, id)
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
