package metrics_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/metrics"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/status"
)

type noInstances struct{}

func (noInstances) Resolve(string) (netip.Addr, bool) { return netip.Addr{}, false }

// running is a load balancer with one listener, one backend service and two servers.
type running struct {
	listener proxy.Status
	registry *service.Registry
	reports  bytes.Buffer
	handler  http.Handler
}

func (r *running) Listeners() []proxy.Status { return []proxy.Status{r.listener} }

func (r *running) BackendServices() []*service.Service { return r.registry.Services() }

func (r *running) BackendService(id string) (*service.Service, bool) { return r.registry.Service(id) }

func (r *running) DroppedLogLines() uint64 { return 7 }

func newRunning(t *testing.T) *running {
	t.Helper()
	now := func() time.Time { return time.Unix(1_790_000_000, 500_000_000) }
	r := &running{
		listener: proxy.Status{
			Object: &lbapi.Listener{
				ID: "listener-1", Name: "web", Protocol: lbapi.HTTP, BackendServiceID: "backend-1",
			},
			Address: netip.MustParseAddrPort("127.0.0.1:8080"), Bound: true, Counters: new(proxy.Counters),
		},
		registry: service.NewRegistry(noInstances{}, now, slog.New(slog.DiscardHandler)),
	}
	next := &snapshot.Snapshot{
		BackendServices: map[string]*lbapi.BackendService{"backend-1": {
			ID: "backend-1", Name: "web-service", Protocol: lbapi.HTTP, Port: 80, Scheduler: lbapi.WeightedLeastConnections,
			ServerGroupIDs: []string{"tg-1"}, HealthCheck: lbapi.DefaultHealthCheck(lbapi.TCP),
		}},
		ServerGroups: map[string]*lbapi.ServerGroup{"tg-1": {ID: "tg-1", Servers: []lbapi.Server{
			{ID: "target-1", GroupID: "tg-1", Type: lbapi.ServerAddress, Address: "10.0.0.1", Weight: 10},
			{ID: "target-2", GroupID: "tg-1", Type: lbapi.ServerAddress, Address: "fd00::2", Port: 81, Weight: 0},
		}}},
	}
	change, err := r.registry.Prepare(next, next.Since(nil))
	if err != nil {
		t.Fatal(err)
	}
	change.Apply()
	r.handler, err = metrics.Handler(status.New(r, nil, now, "1.2.3"), slog.New(slog.NewTextHandler(&r.reports, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *running) service() *service.Service { return r.registry.Services()[0] }

func (r *running) scrape(t *testing.T) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	r.handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	if recorder.Code != http.StatusOK {
		t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
	}
	return recorder.Body.String()
}

// samples are the lines of our own metrics, except the version of Go, without help and type.
func samples(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "alb_") && !strings.Contains(line, "go_version") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestScrapeShowsTheLiveCounters(t *testing.T) {
	r := newRunning(t)
	l := r.listener.Counters
	l.Connections.Store(20)
	l.ActiveConnections.Store(3)
	l.Requests.Store(100)
	l.InFlight.Store(2)
	for class := range l.Responses {
		l.Responses[class].Store(uint64(class + 1))
	}
	l.Aborted.Store(4)
	l.Retries.Store(5)
	l.BytesReceived.Store(6_000)
	l.BytesSent.Store(7_000_000)
	p := &r.service().Persistence
	p.Hits.Store(1)
	p.New.Store(2)
	p.Expired.Store(3)
	p.Invalid.Store(4)
	p.Moved.Store(5)
	if _, ok := r.service().Waiting.Enter(1, nil); !ok {
		t.Fatal("no request may wait")
	}
	s := r.service().Eligible().Endpoints[0]
	s.InFlight.Add(9)
	s.Counters.Requests.Store(90)
	s.Counters.ConnectErrors.Store(8)
	s.Counters.LocalErrors.Store(6)
	s.Counters.ResponseErrors.Store(7)
	s.ObserveCheck(true, 250*time.Millisecond)
	s.ObserveCheck(true, 250*time.Millisecond)
	s.ObserveCheck(false, time.Second)
	s.SetVerdict(service.Verdict{
		Status: lbapi.Unhealthy, Reason: lbapi.UnhealthyReason{Reason: lbapi.ConnectFailed}, Since: time.Unix(1_790_000_100, 0),
	})
	want := strings.Split(strings.TrimSpace(`
alb_access_log_dropped_lines_total 7
alb_backend_service_eligible_servers{backend_service="backend-1"} 0
alb_backend_service_info{backend_service="backend-1",name="web-service",protocol="Http",scheduler="weighted_least_connections",session_persistence="false"} 1
alb_backend_service_waiting_requests{backend_service="backend-1"} 1
alb_connections_active{listener="listener-1"} 3
alb_connections_total{listener="listener-1"} 20
alb_listener_info{address="127.0.0.1:8080",backend_service="backend-1",listener="listener-1",name="web",protocol="Http"} 1
alb_listener_up{listener="listener-1"} 1
alb_persistence_requests_total{backend_service="backend-1",result="expired"} 3
alb_persistence_requests_total{backend_service="backend-1",result="hit"} 1
alb_persistence_requests_total{backend_service="backend-1",result="invalid"} 4
alb_persistence_requests_total{backend_service="backend-1",result="moved"} 5
alb_persistence_requests_total{backend_service="backend-1",result="new"} 2
alb_received_bytes_total{listener="listener-1"} 6000
alb_requests_aborted_total{listener="listener-1"} 4
alb_requests_in_flight{listener="listener-1"} 2
alb_requests_total{listener="listener-1"} 100
alb_responses_total{code="1xx",listener="listener-1"} 1
alb_responses_total{code="2xx",listener="listener-1"} 2
alb_responses_total{code="3xx",listener="listener-1"} 3
alb_responses_total{code="4xx",listener="listener-1"} 4
alb_responses_total{code="5xx",listener="listener-1"} 5
alb_retries_total{listener="listener-1"} 5
alb_sent_bytes_total{listener="listener-1"} 7e+06
alb_server_check_duration_seconds_sum{backend_service="backend-1",server="target-1"} 1.5
alb_server_check_duration_seconds_count{backend_service="backend-1",server="target-1"} 3
alb_server_check_duration_seconds_sum{backend_service="backend-1",server="target-2"} 0
alb_server_check_duration_seconds_count{backend_service="backend-1",server="target-2"} 0
alb_server_checks_total{backend_service="backend-1",result="failed",server="target-1"} 1
alb_server_checks_total{backend_service="backend-1",result="failed",server="target-2"} 0
alb_server_checks_total{backend_service="backend-1",result="passed",server="target-1"} 2
alb_server_checks_total{backend_service="backend-1",result="passed",server="target-2"} 0
alb_server_connect_errors_total{backend_service="backend-1",server="target-1"} 8
alb_server_connect_errors_total{backend_service="backend-1",server="target-2"} 0
alb_server_connect_local_errors_total{backend_service="backend-1",server="target-1"} 6
alb_server_connect_local_errors_total{backend_service="backend-1",server="target-2"} 0
alb_server_info{address="10.0.0.1:80",backend_service="backend-1",instance="",server="target-1",server_group="tg-1"} 1
alb_server_info{address="[fd00::2]:81",backend_service="backend-1",instance="",server="target-2",server_group="tg-1"} 1
alb_server_requests_in_flight{backend_service="backend-1",server="target-1"} 9
alb_server_requests_in_flight{backend_service="backend-1",server="target-2"} 0
alb_server_requests_total{backend_service="backend-1",server="target-1"} 90
alb_server_requests_total{backend_service="backend-1",server="target-2"} 0
alb_server_response_errors_total{backend_service="backend-1",server="target-1"} 7
alb_server_response_errors_total{backend_service="backend-1",server="target-2"} 0
alb_server_state{backend_service="backend-1",server="target-1",state="healthy"} 0
alb_server_state{backend_service="backend-1",server="target-1",state="off"} 0
alb_server_state{backend_service="backend-1",server="target-1",state="unhealthy"} 1
alb_server_state{backend_service="backend-1",server="target-1",state="unknown"} 0
alb_server_state{backend_service="backend-1",server="target-2",state="healthy"} 0
alb_server_state{backend_service="backend-1",server="target-2",state="off"} 0
alb_server_state{backend_service="backend-1",server="target-2",state="unhealthy"} 0
alb_server_state{backend_service="backend-1",server="target-2",state="unknown"} 1
alb_server_state_since_timestamp_seconds{backend_service="backend-1",server="target-1"} 1.7900001e+09
alb_server_state_since_timestamp_seconds{backend_service="backend-1",server="target-2"} 1.7900000005e+09
alb_server_weight{backend_service="backend-1",server="target-1"} 10
alb_server_weight{backend_service="backend-1",server="target-2"} 0`), "\n")
	text := r.scrape(t)
	if diff := cmp.Diff(want, samples(text)); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{`alb_build_info{go_version="go1.`, `version="1.2.3"} 1`, "go_goroutines ", "process_open_fds "} {
		if !strings.Contains(text, name) {
			t.Errorf("%q is missing", name)
		}
	}
	l.Requests.Add(1)
	if again := r.scrape(t); !strings.Contains(again, `alb_requests_total{listener="listener-1"} 101`) {
		t.Error("the next scrape does not show the next request")
	}
}

func TestSessionsAreShownWhilePersistenceIsOn(t *testing.T) {
	r := newRunning(t)
	endpoint := r.service().Eligible().Endpoints[0]
	endpoint.Sessions.See(netip.MustParseAddrPort("192.0.2.1:1024"), nil, time.Time{}, time.Unix(1_790_000_000, 0))
	if text := r.scrape(t); strings.Contains(text, "alb_server_sessions") {
		t.Errorf("sessions are shown while persistence is off: %v", samples(text))
	}
	keys, err := persistence.GenerateKeys().Encode()
	if err != nil {
		t.Fatal(err)
	}
	object, group := *r.service().Eligible().Object, &lbapi.ServerGroup{ID: "tg-1", Servers: []lbapi.Server{
		{ID: "target-1", GroupID: "tg-1", Type: lbapi.ServerAddress, Address: "10.0.0.1", Weight: 10},
		{ID: "target-2", GroupID: "tg-1", Type: lbapi.ServerAddress, Address: "fd00::2", Port: 81, Weight: 0},
	}}
	object.SessionPersistence, object.Scheduler = true, lbapi.WeightedRoundRobin
	next := &snapshot.Snapshot{
		BackendServices: map[string]*lbapi.BackendService{object.ID: &object},
		ServerGroups:    map[string]*lbapi.ServerGroup{"tg-1": group},
		PersistenceKeys: keys,
	}
	change, err := r.registry.Prepare(next, next.Since(nil))
	if err != nil {
		t.Fatal(err)
	}
	change.Apply()
	text := r.scrape(t)
	for _, want := range []string{
		`alb_server_sessions{backend_service="backend-1",server="target-1"} 1`,
		`alb_server_sessions{backend_service="backend-1",server="target-2"} 0`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in %v", want, samples(text))
		}
	}
}

func TestNamesFollowPrometheusConventions(t *testing.T) {
	r := newRunning(t)
	problems, err := promlint.New(strings.NewReader(r.scrape(t))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		if strings.HasPrefix(problem.Metric, "alb_") {
			t.Errorf("%s: %s", problem.Metric, problem.Text)
		}
	}
}

func TestListenerThatCouldNotBeOpenedIsDown(t *testing.T) {
	r := newRunning(t)
	r.listener.Bound, r.listener.Err = false, errors.New("address already in use")
	if text := r.scrape(t); !strings.Contains(text, `alb_listener_up{listener="listener-1"} 0`) {
		t.Error("alb_listener_up is not 0")
	}
}

// One value that can't be shown must not cost the others, and must be reported.
func TestUnshowableValueSpoilsNoOther(t *testing.T) {
	r := newRunning(t)
	r.listener.Object.Name = "\xff"
	text := r.scrape(t)
	if !strings.Contains(text, `alb_requests_total{listener="listener-1"}`) || strings.Contains(text, "alb_listener_info{") {
		t.Errorf("scrape: %v", samples(text))
	}
	if report := r.reports.String(); !strings.Contains(report, "alb_listener_info") {
		t.Errorf("report %q", report)
	}
}
