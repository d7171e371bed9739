package provider_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

func TestTheExampleModulePassesItsOwnTests(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	_, first := acctest.SampleServer(t, "a")
	_, second := acctest.SampleServer(t, "b")
	w := copyExample(t, "modules/sticky-web-app", lb)
	write(t, filepath.Join(w.Dir, "terraform.tfvars"), fmt.Sprintf("port = %d\nservers = { a = %s, b = %s }\nminimum_healthy = 2\n",
		lb.FreePort(), first(", weight = 3"), second("")))
	if output := w.Run(t, "test"); !strings.Contains(output, "Success! 7 passed, 0 failed.") {
		t.Errorf("terraform test:\n%s", output)
	}
	groups, err := lb.ServerGroups(t.Context())
	if err != nil || len(groups) != 0 {
		t.Errorf("the tests left server groups behind: %+v, %v", groups, err)
	}
}
