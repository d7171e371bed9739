// Package acctest is the foundation of the acceptance tests: the real Terraform, a real lbserver with its traffic,
// sample servers behind it, and a client with a cookie jar in front. A FaultProxy between Terraform and lbserver loses,
// delays or replaces answers.
package acctest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/internal/provider"
)

// terraformPath is the variable that tells plugin-testing which Terraform to run. Without it, plugin-testing would
// download one.
const terraformPath = "TF_ACC_TERRAFORM_PATH"

// Main runs the tests of a package with the Terraform that TF_ACC_TERRAFORM_PATH names, otherwise with the terraform or
// tofu in PATH. Without either, the tests fail; none is skipped. They also fail if they leave goroutines behind.
func Main(m *testing.M) int {
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, "acceptance tests:", err)
		return 1
	}
	code := m.Run()
	// In-process plugin servers leave these goroutines behind until the garbage collector closes the pipes that they
	// read.
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/hashicorp/go-plugin.copyChan")); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "acceptance tests left goroutines behind:", err)
		return 1
	}
	return code
}

func setUp() error {
	if os.Getenv(terraformPath) == "" {
		found, err := exec.LookPath("terraform")
		if err != nil {
			found, err = exec.LookPath("tofu")
		}
		if err != nil {
			return fmt.Errorf("they need terraform or tofu in PATH, or in %s: %w", terraformPath, err)
		}
		if err := os.Setenv(terraformPath, found); err != nil {
			return fmt.Errorf("set %s: %w", terraformPath, err)
		}
	}
	// The developer's own settings must not affect the tests, and Terraform must not access the network.
	for _, name := range []string{
		"ALB_ENDPOINT", "ALB_REGION", "ALB_ACCESS_KEY", "ALB_SECRET_KEY", "ALB_LOAD_BALANCER_ID", "ALB_REQUEST_TIMEOUT",
		"ALB_MAX_RETRIES", "TF_CLI_CONFIG_FILE", "TF_DATA_DIR", "TF_WORKSPACE",
	} {
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("unset %s: %w", name, err)
		}
	}
	if err := os.Setenv("CHECKPOINT_DISABLE", "1"); err != nil {
		return fmt.Errorf("set CHECKPOINT_DISABLE: %w", err)
	}
	return nil
}

// Terraform returns the path of the Terraform that the tests run.
func Terraform() string { return os.Getenv(terraformPath) }

// Run runs the steps of one test with the provider of this module.
func Run(t *testing.T, steps ...resource.TestStep) {
	t.Helper()
	run(t, resource.TestCase{Steps: steps})
}

// RunToFailure runs the steps of one test and returns what Terraform printed in each step that failed, except in steps
// that expect an error themselves.
func RunToFailure(t *testing.T, steps ...resource.TestStep) []string {
	t.Helper()
	var failures []string
	run(t, resource.TestCase{Steps: steps, ErrorCheck: func(err error) error {
		failures = append(failures, err.Error())
		return nil
	}})
	return failures
}

// RunFrom is Run for steps that need a minimum version of Terraform; with an earlier one it skips the test.
func RunFrom(t *testing.T, least *version.Version, steps ...resource.TestStep) {
	t.Helper()
	run(t, resource.TestCase{Steps: steps, TerraformVersionChecks: []tfversion.TerraformVersionCheck{tfversion.SkipBelow(least)}})
}

// SkipBelow skips a test that runs Terraform as a process and needs a minimum version.
func SkipBelow(t *testing.T, least *version.Version) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), Terraform(), "version", "-json").Output()
	if err != nil {
		t.Fatalf("%s version: %v", Terraform(), err)
	}
	var it struct {
		Version string `json:"terraform_version"`
	}
	if err := json.Unmarshal(output, &it); err != nil {
		t.Fatalf("%s version: %v in %q", Terraform(), err, output)
	}
	running, err := version.NewVersion(it.Version)
	if err != nil {
		t.Fatal(err)
	}
	if running.LessThan(least) {
		t.Skipf("Terraform is %s, and this needs %s", running, least)
	}
}

func run(t *testing.T, test resource.TestCase) {
	t.Helper()
	test.IsUnitTest = true // don't skip without TF_ACC: Main has found Terraform
	test.ProtoV6ProviderFactories = map[string]func() (tfprotov6.ProviderServer, error){
		"alb": func() (tfprotov6.ProviderServer, error) { return provider.NewServer("test")(), nil },
	}
	resource.Test(t, test)
}

// BuildProvider builds the provider as users get it and returns the environment with which Terraform runs it, whatever
// version a configuration asks for.
func BuildProvider(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "terraform-provider-alb"),
		"github.com/alb-project/terraform-provider-alb")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the provider: %v\n%s", err, output)
	}
	settings := filepath.Join(dir, "terraform.rc")
	content := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    %q = %q\n  }\n  direct {}\n}\n", provider.Address, dir)
	if err := os.WriteFile(settings, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), "TF_CLI_CONFIG_FILE="+settings)
}
