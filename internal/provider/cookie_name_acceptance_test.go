package provider_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

func TestTheCookieHasTheNameThatTheFunctionGives(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port := lb.FreePort()
	named := func(id string) string {
		return chain(lb, port, threeServers(t), "session_persistence = {}", "") +
			"output \"cookie\" {\n  value = provider::alb::cookie_name(" + id + ")\n}\n"
	}
	acctest.Needs(t, "1.8.0", "1.7.0") // which have functions of providers
	acctest.Run(t,
		acctest.Step{Config: named("alb_backend_service.web.id"), Check: func(state *acctest.State) error {
			cookies := acctest.Visitor(t)(lb.URL(port)).Cookies
			if want := state.Output("cookie"); len(cookies) != 1 || cookies[0].Name != want {
				return fmt.Errorf("the cookies are %v, and the function says %q", cookies, want)
			}
			return nil
		}},
		acctest.Step{
			Config: named("alb_listener.web.id"), ExpectError: regexp.MustCompile(`Invalid value for "backend_service_id" parameter: must be the id[^.]*\.\s`),
		},
	)
}
