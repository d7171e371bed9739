package control

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// Whatever a client with a key sends, this server never fails, and the state it leaves obeys every rule.
func FuzzCalls(f *testing.F) {
	a := newAPI(f)
	group, service, listener := a.fixture()
	fill := strings.NewReplacer("$ALB", a.alb, "$GROUP", group, "$SERVICE", service, "$LISTENER", listener)
	for _, seed := range [][3]string{
		{"POST", "loadBalancers/", `{"loadBalancerName":"x","azs":["a"],"privateIpAddress":"::1"}`},
		{"POST", "listeners/", `{"listenerName":"l","loadBalancerId":"$ALB","protocol":"Http","port":81,"backendId":"$SERVICE"}`},
		{"PATCH", "listeners/$LISTENER", `{"status":"Off","port":null}`},
		{"POST", "backends", `{"backendName":"b","loadBalancerId":"$ALB","protocol":"Http","port":81,"healthCheckSpec":{"protocol":"Http","httpCode":["2xx"]}}`},
		{"PATCH", "backends/$SERVICE", `{"sessionStickiness":true,"algorithm":"RoundRobin","targetGroupIds":["$GROUP"],"closeHealthCheck":true}`},
		{"POST", "targetGroups/$GROUP:registerTargets", `{"targetSpecs":[{"type":"ip","ipAddress":"fd00::1","port":1,"weight":0}]}`},
		{"POST", "targetGroups/$GROUP%3AderegisterTargets", `{"targetIds":["x"]}`},
		{"GET", "backends/$SERVICE/health", ""},
		{"GET", "backends/?filters.1.name=protocol&filters.1.values.1=Http&pageNumber=2&pageSize=10", ""},
		{"DELETE", "listeners/$LISTENER?regionId=local", ""},
	} {
		f.Add(seed[0], fill.Replace(seed[1]), []byte(fill.Replace(seed[2])))
	}
	f.Fuzz(func(t *testing.T, method, path string, body []byte) {
		target, err := url.Parse("http://lb" + base + path)
		if err != nil {
			return // not one that a client could send
		}
		req := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(string(body)))
		req.Method, req.URL, req.Host = method, target, target.Host
		a.sign(req, string(body), uuid.NewString())
		recorder := httptest.NewRecorder()
		a.server.ServeHTTP(recorder, req)
		if recorder.Code >= http.StatusInternalServerError {
			t.Fatalf("HTTP %d: %s", recorder.Code, recorder.Body)
		}
		expectRules(t, a.state.Current())
	})
}

func expectRules(t *testing.T, s *snapshot.Snapshot) {
	t.Helper()
	for id, listener := range s.Listeners {
		target := s.BackendServices[listener.BackendServiceID]
		if faults := listener.Violations(); len(faults) > 0 || target == nil || target.LoadBalancerID != listener.LoadBalancerID {
			t.Fatalf("listener %s: %v, %+v", id, faults, listener)
		}
	}
	for id, object := range s.BackendServices {
		if faults := object.Violations(); len(faults) > 0 || s.LoadBalancers[object.LoadBalancerID] == nil {
			t.Fatalf("backend service %s: %v, %+v", id, faults, object)
		}
		for _, group := range object.ServerGroupIDs {
			if s.ServerGroups[group] == nil {
				t.Fatalf("backend service %s uses the missing group %s", id, group)
			}
		}
	}
	for id, group := range s.ServerGroups {
		places := map[string]bool{}
		for i := range group.Servers {
			server := &group.Servers[i]
			if faults := server.Violations(""); len(faults) > 0 || places[location(server)] || !strings.HasPrefix(server.ID, lbapi.PrefixServer) {
				t.Fatalf("server of group %s: %v, %+v", id, faults, server)
			}
			places[location(server)] = true
		}
	}
}
