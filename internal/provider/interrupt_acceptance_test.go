package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

// A group is created and then given its servers; a backend service is created and then its check turned off. An interrupt in
// between must not leave something that Terraform replaces.
func TestAnInterruptLetsACreationOfTwoCallsComeToItsEnd(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	spoiled, proxy := lb.Behind()
	held, release := make(chan struct{}), make(chan struct{})
	proxy.On("^POST .*/(targetGroups|backends)/$", 2, acctest.Hold(held, release, acctest.Deliver))
	w := acctest.NewWorkspace(t, spoiled.Configuration(`
resource "alb_server_group" "web" {
  name    = "web"
  servers = { a = { address = "10.0.0.1" }, b = { address = "10.0.0.2" } }
}
resource "alb_backend_service" "web" {
  name         = "web"
  protocol     = "http"
  port         = 80
  health_check = { enabled = false }
}
`)).WithBuiltProvider(t)
	apply := w.Start(t, "apply", "-auto-approve")
	for range 2 {
		receive(t, held, apply)
	}
	if err := apply.Interrupt(); err != nil {
		t.Fatal(err)
	}
	acctest.Eventually(t, func() error {
		if !strings.Contains(apply.Output(), "Interrupt received") {
			return fmt.Errorf("terraform has not noticed the interrupt:\n%s", apply.Output())
		}
		return nil
	})
	close(release)
	if err := apply.Wait(); err != nil {
		t.Logf("terraform apply: %v", err) // it may say that it was interrupted
	}
	if err := lb.Holds(0, 1, 1, 2); err != nil {
		t.Errorf("%v\n%s", err, apply.Output())
	}
	w.Run(t, "plan", "-detailed-exitcode") // nothing is tainted, nothing is missing
}
