// Package acctest is the foundation of the acceptance tests: the real Terraform, a real lbserver with its traffic,
// sample servers behind it, and a client with a cookie jar in front. A FaultProxy between Terraform and lbserver loses,
// delays or replaces answers.
package acctest

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/hashicorp/go-version"
	"go.uber.org/goleak"
)

// terraformPath is the variable that says which Terraform to run.
const terraformPath = "TF_ACC_TERRAFORM_PATH"

// Main runs the tests of a package with the Terraform that TF_ACC_TERRAFORM_PATH names, otherwise with the terraform or
// tofu in PATH. Without either, the tests fail; none is skipped. They also fail if they leave goroutines behind.
func Main(m *testing.M) int {
	built, err := setUp()
	if err != nil {
		fmt.Fprintln(os.Stderr, "acceptance tests:", err)
		return 1
	}
	code := m.Run()
	if err := os.RemoveAll(built); err != nil {
		fmt.Fprintln(os.Stderr, "acceptance tests:", err)
		return 1
	}
	// In-process plugin servers leave these goroutines behind until the garbage collector closes the pipes that they
	// read.
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/hashicorp/go-plugin.copyChan")); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "acceptance tests left goroutines behind:", err)
		return 1
	}
	return code
}

// setUp sets the environment of the tests and returns the directory for the programs that they build.
func setUp() (built string, err error) {
	if os.Getenv(terraformPath) == "" {
		found, err := exec.LookPath("terraform")
		if err != nil {
			found, err = exec.LookPath("tofu")
		}
		if err != nil {
			return "", fmt.Errorf("they need terraform or tofu in PATH, or in %s: %w", terraformPath, err)
		}
		if err := os.Setenv(terraformPath, found); err != nil {
			return "", fmt.Errorf("set %s: %w", terraformPath, err)
		}
	}
	// The developer's own settings must not affect the tests, and Terraform must not access the network.
	for _, name := range []string{
		"ALB_ENDPOINT", "ALB_REGION", "ALB_ACCESS_KEY", "ALB_SECRET_KEY", "ALB_LOAD_BALANCER_ID", "ALB_REQUEST_TIMEOUT",
		"ALB_MAX_RETRIES", "TF_CLI_CONFIG_FILE", "TF_DATA_DIR", "TF_WORKSPACE",
	} {
		if err := os.Unsetenv(name); err != nil {
			return "", fmt.Errorf("unset %s: %w", name, err)
		}
	}
	built, err = os.MkdirTemp("", "alb-acceptance-")
	if err != nil {
		return "", err
	}
	for name, value := range map[string]string{
		"CHECKPOINT_DISABLE": "1",
		builtPath:            built,
		// A provider that Terraform does not start itself is not told which protocols there are.
		"PLUGIN_PROTOCOL_VERSIONS": "6",
	} {
		if err := os.Setenv(name, value); err != nil {
			return "", fmt.Errorf("set %s: %w", name, err)
		}
	}
	return built, nil
}

// Never is the version that no version is as high as.
const Never = "(of no version)"

// productVersion is the first line of what Terraform and OpenTofu say about themselves.
var productVersion = regexp.MustCompile(`^(Terraform|OpenTofu) v(\S+)`)

// Terraform returns the path of the Terraform that the tests run.
func Terraform() string { return os.Getenv(terraformPath) }

// product returns the version of the Terraform at hand, and whether it is OpenTofu.
func product(t *testing.T) (running *version.Version, isOpenTofu bool) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), Terraform(), "version").Output()
	if err != nil {
		t.Fatalf("%s version: %v", Terraform(), err)
	}
	found := productVersion.FindSubmatch(output)
	if found == nil {
		t.Fatalf("%s version says %q", Terraform(), output)
	}
	running, err = version.NewVersion(string(found[2]))
	if err != nil {
		t.Fatal(err)
	}
	return running, string(found[1]) == "OpenTofu"
}

// IsOpenTofu reports whether the Terraform at hand is OpenTofu.
func IsOpenTofu(t *testing.T) bool {
	t.Helper()
	_, is := product(t)
	return is
}

// Needs skips a test unless the Terraform at hand has a version, or the OpenTofu; Never stands for none.
func Needs(t *testing.T, terraform, openTofu string) {
	t.Helper()
	running, isOpenTofu := product(t)
	least := terraform
	if isOpenTofu {
		least = openTofu
	}
	if least == Never || running.LessThan(version.Must(version.NewVersion(least))) {
		t.Skipf("NOT RUN: it needs Terraform %s or OpenTofu %s, and %s is of version %s", terraform, openTofu, Terraform(), running)
	}
}
