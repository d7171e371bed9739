package lbserver_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// A client that comes back between two rotations stays on its server, over a restart too; one that was away for both does not.
func TestRotationLogsNobodyOut(t *testing.T) {
	t.Parallel()
	servers := webServers(t, 2)
	config := testConfig(t)
	s := start(t, config).site([]lbapi.RegisterServer{spec(t, servers[0], 10), spec(t, servers[1], 10)}, sticky(3600))
	regular, absent := newVisitor(t, true), newVisitor(t, true)
	server := regular.get(s.url).server
	absent.get(s.url)
	at, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	cookie := func(v *visitor) *http.Cookie { return v.http.Jar.Cookies(at)[0] }
	away := cookie(absent).Value

	for range 3 {
		before := cookie(regular).Value
		if err := s.server.RotatePersistenceKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := regular.get(s.url); got.server != server {
			t.Errorf("the client moved from %s to %s", server, got.server)
		}
		if cookie(regular).Value == before {
			t.Error("the cookie is sealed by the old key still")
		}
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		s.balancer = start(t, config)
		if got := regular.get(s.url); got.server != server {
			t.Errorf("after a restart the client moved from %s to %s", server, got.server)
		}
	}
	if got := absent.get(s.url); cookie(absent).Value == away {
		t.Errorf("a cookie of three rotations ago was taken, to %s", got.server)
	}
	metrics := string(newVisitor(t, false).get("http://" + s.server.OpsAddress() + "/metrics").body)
	if !regexp.MustCompile(`(?m)^alb_persistence_requests_total{.*result="invalid".*} 1$`).MatchString(metrics) {
		t.Error("a cookie of three rotations ago was not found invalid")
	}
}
