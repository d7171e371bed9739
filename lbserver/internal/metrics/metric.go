package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/sessions"
)

// metric is one metric family.
type metric struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
}

func newMetric(kind prometheus.ValueType, name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("alb_"+name, help, labels, nil), kind}
}

func counter(name, help string, labels ...string) metric {
	return newMetric(prometheus.CounterValue, name, help, labels...)
}

func gauge(name, help string, labels ...string) metric {
	return newMetric(prometheus.GaugeValue, name, help, labels...)
}

// collect sends one value. If a value can't be shown, since a label is no UTF-8, the error is sent in its place.
func (m *metric) collect(out chan<- prometheus.Metric, value float64, labels ...string) {
	sample, err := prometheus.NewConstMetric(m.description, m.kind, value, labels...)
	m.send(out, sample, err)
}

// collectSum sends a count of observations and their sum, as a summary without quantiles.
func (m *metric) collectSum(out chan<- prometheus.Metric, count uint64, sum float64, labels ...string) {
	sample, err := prometheus.NewConstSummary(m.description, count, sum, nil, labels...)
	m.send(out, sample, err)
}

func (m *metric) send(out chan<- prometheus.Metric, sample prometheus.Metric, err error) {
	if err != nil {
		sample = prometheus.NewInvalidMetric(m.description, err)
	}
	out <- sample
}

// metrics are all metric families.
type metrics struct {
	buildInfo, droppedLogLines metric

	listenerInfo, listenerUp, connections, activeConnections, requests, inFlight, responses, aborted, retries, received,
	sent metric

	serviceInfo, eligibleServers, waiting, persistence metric

	serverInfo, serverState, serverStateSince, serverWeight, serverInFlight, serverSessions, serverRequests, serverConnectErrors,
	serverLocalErrors, serverResponseErrors, serverChecks, serverCheckDuration metric
}

func newMetrics() metrics {
	const listener, backendService, server = "listener", "backend_service", "server"
	windowMinutes := strconv.Itoa(int(sessions.Window / time.Minute))
	return metrics{
		buildInfo:       gauge("build_info", "Always 1; the version of lbserver and of Go.", "version", "go_version"),
		droppedLogLines: counter("access_log_dropped_lines_total", "Access log lines lost because the disk was slow or full."),

		listenerInfo: gauge("listener_info", "Always 1; what a listener is.",
			listener, "name", "protocol", "address", backendService),
		listenerUp:  gauge("listener_up", "1 while the listener's port is open, 0 while it is turned off or could not be opened.", listener),
		connections: counter("connections_total", "Connections accepted from clients.", listener),
		activeConnections: gauge("connections_active",
			"Connections of clients that are open now.", listener),
		requests: counter("requests_total",
			"Requests whose head was received, or that were refused for it.", listener),
		inFlight: gauge("requests_in_flight",
			"Requests now between the end of their head and the end of their response.", listener),
		responses: counter("responses_total",
			"Responses sent to clients, by class of status code; 1xx counts 101 alone.", listener, "code"),
		aborted:  counter("requests_aborted_total", "Requests that ended without a complete response.", listener),
		retries:  counter("retries_total", "Times that a request was sent to a server again.", listener),
		received: counter("received_bytes_total", "Bytes received from clients, heads and bodies.", listener),
		sent:     counter("sent_bytes_total", "Bytes sent to clients, heads and bodies.", listener),

		serviceInfo: gauge("backend_service_info", "Always 1; what a backend service is.",
			backendService, "name", "protocol", "scheduler", "session_persistence"),
		eligibleServers: gauge("backend_service_eligible_servers",
			"Servers that take new requests now: weight above 0 and not unhealthy.", backendService),
		waiting: gauge("backend_service_waiting_requests",
			"Requests that wait now for a server to accept connections, since all refuse them.", backendService),
		persistence: counter("persistence_requests_total", "Requests to backend services with session persistence, by what became of "+
			"the cookie: hit (its server got the request), new (none came), expired, invalid, moved (its server takes no requests).",
			backendService, "result"),

		serverInfo: gauge("server_info", "Always 1; what a server of a backend service is.",
			backendService, server, "server_group", "address", "instance"),
		serverState: gauge("server_state",
			"1 for the state that the health checks see a server in, 0 for the others; off: checking is off.", backendService, server, "state"),
		serverStateSince: gauge("server_state_since_timestamp_seconds",
			"When the server's state became what it is, in seconds since 1970.", backendService, server),
		serverWeight:   gauge("server_weight", "Weight of the server, 0 to 100; 0 takes no new request.", backendService, server),
		serverInFlight: gauge("server_requests_in_flight", "Requests that the server has now.", backendService, server),
		serverSessions: gauge("server_sessions", "Sessions that persistence kept on the server, seen in the last "+
			windowMinutes+" minutes: an estimate, while persistence is on.", backendService, server),
		serverRequests:      counter("server_requests_total", "Requests sent to the server.", backendService, server),
		serverConnectErrors: counter("server_connect_errors_total", "Connections to the server that could not be opened.", backendService, server),
		serverLocalErrors: counter("server_connect_local_errors_total", "Connections to the server that could not be opened because lbserver "+
			"had no local port, file descriptor or memory left for them; not counted as errors of the server.", backendService, server),
		serverResponseErrors: counter("server_response_errors_total",
			"Connections to the server that broke, or carried a wrong answer, before a response was passed on.", backendService, server),
		serverChecks: counter("server_checks_total", "Finished health checks of the server, by result: passed or failed.",
			backendService, server, "result"),
		serverCheckDuration: newMetric(prometheus.UntypedValue, "server_check_duration_seconds",
			"How long finished health checks of the server took, in seconds.", backendService, server),
	}
}

func (m *metrics) all() []metric {
	return []metric{
		m.buildInfo, m.droppedLogLines,
		m.listenerInfo, m.listenerUp, m.connections, m.activeConnections, m.requests, m.inFlight, m.responses, m.aborted,
		m.retries, m.received, m.sent,
		m.serviceInfo, m.eligibleServers, m.waiting, m.persistence,
		m.serverInfo, m.serverState, m.serverStateSince, m.serverWeight, m.serverInFlight, m.serverSessions, m.serverRequests,
		m.serverConnectErrors, m.serverLocalErrors, m.serverResponseErrors, m.serverChecks, m.serverCheckDuration,
	}
}
