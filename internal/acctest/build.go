package acctest

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"syscall"
	"testing"
)

// builtPath is the variable that names the directory of the programs that this run of the tests built.
const builtPath = "ACCTEST_BUILT"

// built returns the path of a program, built as users get it from a folder of this module, such as
// "lbserver/cmd/lbserver". The first test that asks builds it; the other tests of the package wait and share it.
func built(t *testing.T, folder string) string {
	t.Helper()
	directory := os.Getenv(builtPath)
	if directory == "" {
		t.Fatal("a program is built only in a package whose TestMain calls acctest.Main")
	}
	lock, err := os.Create(filepath.Join(directory, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close() //nolint:errcheck // it was only locked, and closing unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	source := path.Join("github.com/alb-project/terraform-provider-alb", folder)
	program := filepath.Join(directory, path.Base(source), path.Base(source))
	if _, err := os.Stat(program); err == nil {
		return program
	}
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", source, err, output)
	}
	return program
}

// developing builds the provider as users get it and returns the variable by which Terraform runs it, whatever version a
// configuration asks for.
func developing(t *testing.T) string {
	t.Helper()
	settings := filepath.Join(t.TempDir(), "terraform.rc")
	content := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    %q = %q\n  }\n  direct {}\n}\n", source, filepath.Dir(built(t, "")))
	if err := os.WriteFile(settings, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return "TF_CLI_CONFIG_FILE=" + settings
}
