package provider_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

// The examples of the documentation are parts of a configuration; what they refer to is taken from the other examples. Those of
// list resources are for `terraform query`, which Terraform has from 1.14.
func TestEveryExampleIsValid(t *testing.T) {
	t.Parallel()
	whole := map[string]bool{}
	for _, pattern := range []string{"../../examples/*/main.tf", "../../examples/modules/*/main.tf"} {
		for _, file := range glob(t, pattern) {
			whole[filepath.Dir(file)] = true
		}
	}
	for directory := range whole {
		t.Run(filepath.Base(directory), func(t *testing.T) {
			t.Parallel()
			validateExample(t, acctest.CopyWorkspace(t, directory))
		})
	}
	world := blocksOf(t, append(glob(t, "../../examples/resources/*/resource.tf"), glob(t, "../../examples/data-sources/*/data-source.tf")...))
	for _, pattern := range []string{"../../examples/resources/*/resource.tf", "../../examples/data-sources/*/*.tf", "../../examples/functions/*/*.tf", "../../examples/provider/*.tf"} {
		for _, file := range glob(t, pattern) {
			t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				validateExample(t, acctest.NewWorkspace(t, complete(readText(t, file), world)))
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

func validateExample(t *testing.T, w *acctest.Workspace) {
	t.Helper()
	for _, file := range glob(t, filepath.Join(w.Dir, "*.tf")) {
		if strings.Contains(readText(t, file), "provider::") {
			acctest.Needs(t, "1.8.0", "1.7.0") // functions of providers
		}
	}
	validation := w.Start(t, "validate")
	if err := validation.Wait(); err != nil {
		t.Errorf("terraform validate: %v\n%s\n%s", err, validation.Output(), readText(t, filepath.Join(w.Dir, "main.tf")))
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
