package provider_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

// After every step, plugin-testing itself plans twice, with and without a refresh, and fails unless both plans are empty.

// chain is a configuration of all three resources: servers is the content of the map, backendService and listener are further
// lines of those.
func chain(lb *acctest.LoadBalancer, port int, servers, backendService, listener string) string {
	return lb.Configuration(fmt.Sprintf(`
resource "alb_server_group" "web" {
  name = "web"
  servers = {
    %s
  }
}

resource "alb_backend_service" "web" {
  name            = "web"
  protocol        = "http"
  port            = 80
  server_group_id = alb_server_group.web.id
  %s
}

resource "alb_listener" "web" {
  name               = "web"
  protocol           = "http"
  port               = %d
  backend_service_id = alb_backend_service.web.id
  %s
}
`, servers, backendService, port, listener))
}

// threeServers are sample servers a, b and c with weights 5, 3 and 2.
func threeServers(t *testing.T) string {
	t.Helper()
	var lines []string
	for name, weight := range map[string]int{"a": 5, "b": 3, "c": 2} {
		_, element := acctest.SampleServer(t, name)
		lines = append(lines, name+" = "+element(fmt.Sprintf(", weight = %d", weight)))
	}
	return strings.Join(lines, "\n    ")
}

// checkTraffic is a check that looks at what clients see.
func checkTraffic(look func() error) acctest.Check {
	return func(*acctest.State) error { return look() }
}

func updates(address string) []plancheck.PlanCheck {
	return []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)}
}

func TestApplyBuildsWhatBalancesByWeightAndKeepsSessions(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port, servers := lb.FreePort(), threeServers(t)
	url := lb.URL(port)
	const check = "health_check = { protocol = \"http\", path = \"/health\" }\n"
	byWeight := func() error {
		want := map[string]int{"a": 50, "b": 30, "c": 20}
		if diff := cmp.Diff(want, acctest.Count(acctest.Stranger(t), url, 100)); diff != "" {
			return fmt.Errorf("100 requests (-want +got):\n%s", diff)
		}
		return nil
	}
	acctest.Run(t,
		acctest.Step{
			Config: chain(lb, port, servers, check+"session_persistence = { timeout = 3600 }", "idle_timeout = 30"),
			Check: checkTraffic(func() error {
				if err := byWeight(); err != nil {
					return err
				}
				return staysWith(t, url, 3600)
			}),
		},
		acctest.Step{ // as long as the browser lives: zero is not "not given"
			Config: chain(lb, port, servers, check+"session_persistence = { timeout = 0 }", "idle_timeout = 30"),
			Plan:   updates("alb_backend_service.web"),
			State: []statecheck.StateCheck{statecheck.ExpectKnownValue("alb_backend_service.web",
				tfjsonpath.New("session_persistence").AtMapKey("timeout"), knownvalue.Int64Exact(0))},
			Check: checkTraffic(func() error { return staysWith(t, url, 0) }),
		},
		acctest.Step{ // taken out, it is off, in place
			Config: chain(lb, port, servers, check, "idle_timeout = 30"),
			Plan:   updates("alb_backend_service.web"),
			State: []statecheck.StateCheck{statecheck.ExpectKnownValue("alb_backend_service.web",
				tfjsonpath.New("session_persistence"), knownvalue.Null())},
			Check: checkTraffic(func() error {
				if visit := acctest.Visitor(t)(url); len(visit.Cookies) > 0 {
					return fmt.Errorf("a cookie without session persistence: %v", visit.Cookies)
				}
				return byWeight()
			}),
		},
		acctest.Step{ // off: the port is closed, the object kept
			Config: chain(lb, port, servers, check, "enabled = false"),
			Plan:   updates("alb_listener.web"),
			Check: checkTraffic(func() error {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
				if err != nil {
					return err
				}
				if response, err := http.DefaultTransport.RoundTrip(request); err == nil {
					return fmt.Errorf("a listener that is off answers: %s, %w", response.Status, response.Body.Close())
				}
				return nil
			}),
		},
		acctest.Step{
			Config: chain(lb, port, servers, check, ""),
			Plan:   updates("alb_listener.web"),
			State: []statecheck.StateCheck{statecheck.ExpectKnownValue("alb_listener.web",
				tfjsonpath.New("idle_timeout"), knownvalue.Int64Exact(60))},
			Check: checkTraffic(byWeight),
		},
	)
}

// staysWith visits twenty times and wants one server, with a cookie from the first visit alone until a tenth of its timeout is over.
func staysWith(t *testing.T, url string, timeout int) error {
	t.Helper()
	visit, since := acctest.Visitor(t), time.Now()
	due := time.Duration(timeout)*time.Second/10 - time.Second // ages are counted in whole seconds
	first := visit(url)
	if len(first.Cookies) != 1 {
		return fmt.Errorf("the first visit got cookies %v, want one", first.Cookies)
	}
	if cookie := first.Cookies[0]; cookie.MaxAge != timeout || cookie.Expires.IsZero() != (timeout == 0) {
		return fmt.Errorf("with timeout %d the cookie is %s", timeout, cookie.Raw)
	}
	for i := range 20 {
		next := visit(url)
		if next.Server == "" || next.Server != first.Server {
			return fmt.Errorf("visit %d went to server %q, the first to %q", i+2, next.Server, first.Server)
		}
		if len(next.Cookies) > 0 && (timeout == 0 || time.Since(since) < due) {
			return fmt.Errorf("visit %d got cookies %v, want none", i+2, next.Cookies)
		}
	}
	return nil
}

func TestAServerOfWeightZeroTakesNoRequestAndComesBack(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port := lb.FreePort()
	_, first := acctest.SampleServer(t, "a")
	_, second := acctest.SampleServer(t, "b")
	servers := func(weight string) string {
		return "a = " + first(weight) + "\n    b = " + second("")
	}
	count := func(want map[string]int) acctest.Check {
		return checkTraffic(func() error {
			if diff := cmp.Diff(want, acctest.Count(acctest.Stranger(t), lb.URL(port), 20)); diff != "" {
				return fmt.Errorf("20 requests (-want +got):\n%s", diff)
			}
			return nil
		})
	}
	weight := func(value int64) []statecheck.StateCheck {
		return []statecheck.StateCheck{statecheck.ExpectKnownValue("alb_server_group.web",
			tfjsonpath.New("servers").AtMapKey("a").AtMapKey("weight"), knownvalue.Int64Exact(value))}
	}
	acctest.Run(t,
		acctest.Step{
			Config: chain(lb, port, servers(", weight = 0"), "", ""),
			State:  weight(0),
			Check:  count(map[string]int{"b": 20}),
		},
		acctest.Step{ // left out, it is the default
			Config: chain(lb, port, servers(""), "", ""),
			Plan:   updates("alb_server_group.web"),
			State:  weight(10),
			Check:  count(map[string]int{"a": 10, "b": 10}),
		},
		acctest.Step{
			Config: chain(lb, port, servers(", weight = 0"), "", ""),
			Plan:   updates("alb_server_group.web"),
			State:  weight(0),
			Check:  count(map[string]int{"b": 20}),
		},
	)
}

func TestAServerThatDiesIsLeftAndItsClientsMove(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port := lb.FreePort()
	first, firstElement := acctest.SampleServer(t, "a")
	_, secondElement := acctest.SampleServer(t, "b")
	acctest.Run(t, acctest.Step{
		Config: chain(lb, port, "a = "+firstElement(", weight = 100")+"\n    b = "+secondElement(", weight = 1"),
			"session_persistence = {}\n  health_check = { protocol = \"http\", path = \"/health\", codes = [\"200\"], unhealthy_threshold = 2 }", ""),
		Check: func(state *acctest.State) error {
			id := state.ID("alb_backend_service.web")
			acctest.Eventually(t, lb.Healthy(id, 2))
			visit := acctest.Visitor(t)
			if before := visit(lb.URL(port)); before.Server != "a" {
				return fmt.Errorf("the first visit went to %q, want the heavier server", before.Server)
			}
			if err := first.Close(); err != nil {
				return err
			}
			after := visit(lb.URL(port))
			if after.Status != http.StatusOK || after.Server != "b" || len(after.Cookies) != 1 {
				return fmt.Errorf("after its server died the client got %+v, want b and a new cookie", after)
			}
			return nil
		},
	})
}

func TestForwardedHeadersReachTheServers(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port := lb.FreePort()
	_, element := acctest.SampleServer(t, "a")
	seen := func(want string) acctest.Check {
		return checkTraffic(func() error {
			echo := acctest.Echo(t, lb.URL(port)+"echo")
			var got []string
			for _, name := range []string{"X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Host", "X-Forwarded-Lbip"} {
				if echo.Headers.Get(name) != "" {
					got = append(got, name)
				}
			}
			if text := strings.Join(got, " "); text != want {
				return fmt.Errorf("the server saw %q, want %q", text, want)
			}
			return nil
		})
	}
	acctest.Run(t,
		acctest.Step{
			Config: chain(lb, port, "a = "+element(""), `forwarded_headers = ["proto", "host"]`, ""),
			Check:  seen("X-Forwarded-Proto X-Forwarded-Host"),
		},
		acctest.Step{
			Config: chain(lb, port, "a = "+element(""), `forwarded_headers = []`, ""),
			Plan:   updates("alb_backend_service.web"),
			Check:  seen(""),
		},
		acctest.Step{
			Config: chain(lb, port, "a = "+element(""), `forwarded_headers = ["lbip", "port"]`, ""),
			Plan:   updates("alb_backend_service.web"),
			Check:  seen("X-Forwarded-Port X-Forwarded-Lbip"),
		},
		acctest.Step{
			Config: chain(lb, port, "a = "+element(""), "", ""),
			Plan:   updates("alb_backend_service.web"),
			Check:  seen(""),
		},
	)
}
