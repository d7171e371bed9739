package provider_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

const checkedByHTTP = "health_check = { protocol = \"http\", path = \"/health\", healthy_threshold = 1 }\n  "

func TestApplyWaitsUntilServersAreHealthy(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	server, element := acctest.SampleServer(t, "a")
	server.SetHealth(http.StatusServiceUnavailable)
	cured := make(chan error, 1)
	// cure makes the server healthy once the checks have found it otherwise, which is while Terraform waits.
	cure := func() {
		cured <- func() error {
			for t.Context().Err() == nil {
				time.Sleep(10 * time.Millisecond)
				services, err := lb.BackendServices(t.Context())
				if err != nil {
					return err
				}
				for _, service := range services {
					servers, err := lb.ServerHealth(t.Context(), service.ID)
					if err != nil {
						return err
					}
					if len(servers) == 1 && servers[0].Status == lbapi.Unhealthy {
						server.SetHealth(http.StatusOK)
						return nil
					}
				}
			}
			return t.Context().Err()
		}()
	}
	waiting := chain(lb, lb.FreePort(), "a = "+element(""), checkedByHTTP+"wait_for_healthy = 1", "")
	acctest.Run(t,
		acctest.Step{
			PreConfig: func() { go cure() },
			Config:    waiting,
			Check: func(state *acctest.State) error {
				if err := <-cured; err != nil {
					return err
				}
				return lb.Healthy(state.ID("alb_backend_service.web"), 1)()
			},
		},
		acctest.Step{ // an update waits as well
			PreConfig: func() { server.SetHealth(http.StatusServiceUnavailable); go cure() },
			Config: chain(lb, lb.FreePort(), "a = "+element(""),
				"scheduler = \"source_ip\"\n  "+checkedByHTTP+"wait_for_healthy = 1", ""),
			Plan: updates("alb_backend_service.web"),
			Check: func(state *acctest.State) error {
				if err := <-cured; err != nil {
					return err
				}
				return lb.Healthy(state.ID("alb_backend_service.web"), 1)()
			},
		},
	)
}

func TestServersThatDoNotBecomeHealthyFailTheApplyWithTheirReasons(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	_, good := acctest.SampleServer(t, "a")
	sick, bad := acctest.SampleServer(t, "b")
	sick.SetHealth(http.StatusInternalServerError)
	port := lb.FreePort()
	configuration := func(lines string) string {
		return chain(lb, port, "a = "+good("")+"\n    b = "+bad(""), checkedByHTTP+lines, "")
	}
	acctest.Run(t,
		acctest.Step{
			Config:      configuration("wait_for_healthy = 2\n  timeouts = { create = \"2s\" }"),
			ExpectError: regexp.MustCompile(`(?s)1\s+of\s+its\s+2\s+servers\s+were\s+healthy.*  - ` + sick.Address() + ` is unhealthy: HTTP_CODE_MISMATCH.*the\s+next\s+apply\s+replaces\s+it`),
		},
		acctest.Step{ // made, and in the state: it is replaced, not made twice
			Config: configuration("wait_for_healthy = 1"),
			Plan: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("alb_backend_service.web", plancheck.ResourceActionDestroyBeforeCreate),
			},
			Check: func(*acctest.State) error {
				services, err := lb.BackendServices(t.Context())
				if err != nil || len(services) != 1 {
					return fmt.Errorf("backend services are %+v, %w", services, err)
				}
				return nil
			},
		},
	)
}

// A run that is tried again, as pipelines are, must not succeed because nothing is left to change.
func TestAnUpdateThatWaitedInVainWaitsAgain(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	server, element := acctest.SampleServer(t, "a")
	port := lb.FreePort()
	configuration := func(lines string) string {
		return chain(lb, port, "a = "+element(""), checkedByHTTP+lines, "")
	}
	const waiting = "wait_for_healthy = 1\n  description = \"changed\"\n  timeouts = { update = \"2s\" }"
	acctest.Run(t,
		acctest.Step{Config: configuration("wait_for_healthy = 1")},
		acctest.Step{
			PreConfig: func() {
				server.SetHealth(http.StatusServiceUnavailable)
				acctest.Eventually(t, unhealthyOnly(t, lb))
			},
			Config:      configuration(waiting),
			ExpectError: inWords(`is as the plan wants it, but 0 of its 1 servers were healthy`),
		},
		acctest.Step{
			Config:      configuration(waiting),
			Plan:        updates("alb_backend_service.web"),
			ExpectError: inWords(`is as the plan wants it, but 0 of its 1 servers were healthy`),
		},
		acctest.Step{
			PreConfig: func() { server.SetHealth(http.StatusOK) },
			Config:    configuration(strings.Replace(waiting, "2s", "1m", 1)),
			Plan:      updates("alb_backend_service.web"),
		},
		acctest.Step{Config: configuration(strings.Replace(waiting, "2s", "1m", 1)), PlanOnly: true},
	)
}

// unhealthyOnly fails until the one server of the one backend service is unhealthy.
func unhealthyOnly(t *testing.T, lb *acctest.LoadBalancer) func() error {
	t.Helper()
	return func() error {
		servers, err := lb.ServerHealth(t.Context(), onlyBackendService(t, lb))
		if err == nil && (len(servers) != 1 || servers[0].Status != lbapi.Unhealthy) {
			err = fmt.Errorf("servers are %+v", servers)
		}
		return err
	}
}
