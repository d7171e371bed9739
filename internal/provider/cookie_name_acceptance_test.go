package provider_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

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
	acctest.RunFrom(t, tfversion.Version1_8_0,
		resource.TestStep{Config: named("alb_backend_service.web.id"), Check: func(state *terraform.State) error {
			cookies := acctest.Visitor(t)(lb.URL(port)).Cookies
			if want := state.RootModule().Outputs["cookie"].Value; len(cookies) != 1 || cookies[0].Name != want {
				return fmt.Errorf("the cookies are %v, and the function says %q", cookies, want)
			}
			return nil
		}},
		resource.TestStep{
			Config: named("alb_listener.web.id"), ExpectError: regexp.MustCompile(`Invalid value for "backend_service_id" parameter: must be the id[^.]*\.\s`),
		},
	)
}
