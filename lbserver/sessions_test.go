package lbserver_test

import (
	"math"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

func TestHealthTellsTheSessionsOfEachServer(t *testing.T) {
	t.Parallel()
	servers := webServers(t, 2)
	s := start(t, testConfig(t)).site([]lbapi.RegisterServer{spec(t, servers[0], 30), spec(t, servers[1], 10)}, sticky(0))
	s.waitForHealth(lbapi.Healthy, 2)
	const browsers = 60
	for range browsers {
		browser := newVisitor(t, true)
		for range 4 {
			browser.get(s.url)
		}
		browser.http.CloseIdleConnections()
	}
	for _, health := range must(s.ServerHealth(t.Context(), s.backendServiceID))(t) {
		want := browsers * health.Weight / 40
		// Of 45, a sketch is off by 1.5 in one standard deviation.
		if health.Sessions == nil || health.Sessions.Window != 300 || math.Abs(float64(health.Sessions.Count-want)) > 8 {
			t.Errorf("weight %d: sessions %+v, want about %d in 300 s", health.Weight, health.Sessions, want)
		}
	}

	if err := s.PatchBackendService(t.Context(), s.backendServiceID, lbapi.PatchBackendService{SessionPersistence: new(false)}); err != nil {
		t.Fatal(err)
	}
	for _, health := range must(s.ServerHealth(t.Context(), s.backendServiceID))(t) {
		if health.Sessions != nil {
			t.Errorf("weight %d: sessions %+v while persistence is off", health.Weight, health.Sessions)
		}
	}
}
