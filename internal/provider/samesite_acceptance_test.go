package provider_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

func TestTheCookieHasTheSameSiteOfTheConfiguration(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	port, servers := lb.FreePort(), threeServers(t)
	step := func(persistence string, want http.SameSite) acctest.Step {
		return acctest.Step{Config: chain(lb, port, servers, persistence, ""), Check: checkTraffic(func() error {
			cookies := acctest.Stranger(t)(lb.URL(port)).Cookies
			if len(cookies) != 1 || cookies[0].SameSite != want {
				return fmt.Errorf("with %s: the cookies are %v", persistence, cookies)
			}
			return nil
		})}
	}
	acctest.Run(t,
		step(`session_persistence = { same_site = "strict" }`, http.SameSiteStrictMode),
		acctest.Step{Import: &acctest.Import{Address: "alb_backend_service.web"}},
		step(`session_persistence = {}`, http.SameSiteLaxMode),
		step(`session_persistence = { same_site = "none" }`, http.SameSiteLaxMode), // on HTTP, browsers would refuse None
	)
}
