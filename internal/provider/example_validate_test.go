package provider_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

const requiredProvider = "terraform {\n  required_providers {\n    alb = { source = \"alb-project/alb\" }\n  }\n}\n"

// The examples of the documentation are parts of a configuration; what they refer to is taken from the other examples. Those of
// list resources are for `terraform query`, which Terraform has from 1.14.
func TestEveryExampleIsValid(t *testing.T) {
	t.Parallel()
	environment := acctest.BuildProvider(t)
	whole := map[string]bool{}
	for _, pattern := range []string{"../../examples/*/main.tf", "../../examples/modules/*/main.tf"} {
		for _, file := range glob(t, pattern) {
			whole[filepath.Dir(file)] = true
		}
	}
	for directory := range whole {
		t.Run(filepath.Base(directory), func(t *testing.T) {
			t.Parallel()
			copied := t.TempDir()
			for _, file := range glob(t, filepath.Join(directory, "*.tf")) {
				write(t, filepath.Join(copied, filepath.Base(file)), readText(t, file))
			}
			validateExample(t, copied, environment)
		})
	}
	world := blocksOf(t, append(glob(t, "../../examples/resources/*/resource.tf"), glob(t, "../../examples/data-sources/*/data-source.tf")...))
	for _, pattern := range []string{"../../examples/resources/*/resource.tf", "../../examples/data-sources/*/*.tf", "../../examples/functions/*/*.tf", "../../examples/provider/*.tf"} {
		for _, file := range glob(t, pattern) {
			t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				directory, text := t.TempDir(), readText(t, file)
				if !strings.Contains(text, "required_providers") {
					text = requiredProvider + text
				}
				write(t, filepath.Join(directory, "main.tf"), complete(text, world))
				validateExample(t, directory, environment)
			})
		}
	}
}

// complete adds the blocks of the world that a text refers to and does not have.
func complete(text string, world map[string]string) string {
	for {
		missing := ""
		for address, block := range world {
			if strings.Contains(text, address+".") && !strings.Contains(text, header(address)) {
				missing += "\n" + block
				break
			}
		}
		if missing == "" {
			return text
		}
		text += missing
	}
}

// header begins the block of an address: `resource "alb_listener" "web"` for alb_listener.web.
func header(address string) string {
	kind := "resource"
	rest, isData := strings.CutPrefix(address, "data.")
	if isData {
		kind = "data"
	}
	return kind + ` "` + strings.Replace(rest, ".", `" "`, 1) + `"`
}

// blocksOf finds the first block of each address in files that Terraform has formatted.
func blocksOf(t *testing.T, files []string) map[string]string {
	t.Helper()
	block := regexp.MustCompile(`(?ms)^(resource|data) "(\w+)" "(\w+)" \{(?:\}|.*?\n\})`)
	found := map[string]string{}
	for _, file := range files {
		for _, match := range block.FindAllStringSubmatch(readText(t, file), -1) {
			address := match[2] + "." + match[3]
			if match[1] == "data" {
				address = "data." + address
			}
			if _, ok := found[address]; !ok || strings.Contains(file, "/"+match[2]+"/") {
				found[address] = match[0]
			}
		}
	}
	return found
}

func validateExample(t *testing.T, directory string, environment []string) {
	t.Helper()
	for _, file := range glob(t, filepath.Join(directory, "*.tf")) {
		if strings.Contains(readText(t, file), "provider::") {
			acctest.SkipBelow(t, tfversion.Version1_8_0) // functions of providers
		}
	}
	command := exec.CommandContext(t.Context(), acctest.Terraform(), "validate", "-no-color")
	command.Dir, command.Env = directory, environment
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("terraform validate: %v\n%s\n%s", err, output, readText(t, filepath.Join(directory, "main.tf")))
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, error %v", pattern, len(files), err)
	}
	return files
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
