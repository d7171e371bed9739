package provider_test

import (
	"fmt"
	"os"
	"os/exec"
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
	module := filepath.Join(t.TempDir(), "sticky-web-app")
	if err := os.CopyFS(module, os.DirFS("../../examples/modules/sticky-web-app")); err != nil {
		t.Fatal(err)
	}
	environment := append(acctest.BuildProvider(t), lb.Server.Environment()...)
	environment = append(environment, fmt.Sprintf("TF_VAR_port=%d", lb.FreePort()),
		fmt.Sprintf("TF_VAR_servers={ a = %s, b = %s }", first(", weight = 3"), second("")), "TF_VAR_minimum_healthy=2")
	command := exec.CommandContext(t.Context(), acctest.Terraform(), "test", "-no-color")
	command.Dir, command.Env = module, environment
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "Success! 7 passed, 0 failed.") {
		t.Errorf("terraform test: %v\n%s", err, output)
	}
	groups, err := lb.ServerGroups(t.Context())
	if err != nil || len(groups) != 0 {
		t.Errorf("the tests left server groups behind: %+v, %v", groups, err)
	}
}
