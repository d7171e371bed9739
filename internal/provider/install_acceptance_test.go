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

func TestTheInstalledProviderIsInitializedFromAnEmptyFolder(t *testing.T) {
	t.Parallel()
	t.Run("a version", func(t *testing.T) {
		t.Parallel()
		installAndApply(t, "      version = \"~> 1.2\"\n", "INSTALL_VERSION=1.2.3")
	})
	t.Run("the default version", func(t *testing.T) {
		t.Parallel()
		installAndApply(t, "")
	})
}

func installAndApply(t *testing.T, constraint string, variables ...string) {
	t.Helper()
	lb := acctest.Start(t)
	mirror, dir := filepath.Join(t.TempDir(), "a mirror"), t.TempDir()
	install := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-C", "../..", "install", "MIRROR="+mirror)
	install.Args = append(install.Args, variables...)
	output, err := install.CombinedOutput()
	settings := filepath.Join(mirror, "terraform.rc")
	if err != nil || !strings.Contains(string(output), "TF_CLI_CONFIG_FILE="+settings) {
		t.Fatalf("make install: %v\n%s", err, output)
	}
	required := "terraform {\n  required_providers {\n    alb = {\n      source  = \"alb-project/alb\"\n" + constraint + "    }\n  }\n}\n"
	configuration := required + lb.Configuration(fmt.Sprintf(oneGroup, ""))
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{{"init"}, {"apply", "-auto-approve"}, {"plan", "-detailed-exitcode"}} {
		command := exec.CommandContext(t.Context(), acctest.Terraform(), append(arguments, "-no-color", "-input=false")...)
		command.Dir, command.Env = dir, append(os.Environ(), "TF_CLI_CONFIG_FILE="+settings)
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("terraform %s: %v\n%s", arguments[0], err, output)
		}
	}
	groups, err := lb.ServerGroups(t.Context())
	if err != nil || len(groups) != 1 {
		t.Errorf("server groups are %+v, %v", groups, err)
	}
}
