package provider_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

// codeBlock finds the code of a guide, with its language.
var codeBlock = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?\n)```$")

// blocksIn are the blocks of code in a text, of any of the languages.
func blocksIn(t *testing.T, file string, languages ...string) (blocks []string) {
	t.Helper()
	for _, found := range codeBlock.FindAllStringSubmatch(readText(t, file), -1) {
		for _, language := range languages {
			if found[1] == language {
				blocks = append(blocks, found[2])
			}
		}
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no code of %v", file, languages)
	}
	return blocks
}

// Whoever follows the guide sees what it shows.
func TestTheGettingStartedGuideIsTrue(t *testing.T) {
	t.Parallel()
	const guide = "../../templates/guides/getting-started.md"
	terraform, console := blocksIn(t, guide, "terraform"), blocksIn(t, guide, "console")
	lb := acctest.Start(t)
	port := lb.FreePort()
	replaced := []string{"port               = 8080", fmt.Sprintf("port = %d", port)}
	for number, name := range map[int]string{8081: "a", 8082: "b"} {
		server, _ := acctest.SampleServer(t, name)
		_, its, _ := strings.Cut(server.Address(), ":")
		replaced = append(replaced, fmt.Sprintf("port = %d", number), "port = "+its)
	}
	_, resources, _ := strings.Cut(terraform[0], "\nresource ")
	first := strings.NewReplacer(replaced...).Replace("resource " + resources)
	w := acctest.NewWorkspace(t, first, lb.Server.Environment()...).WithBuiltProvider(t)
	file := filepath.Join(w.Dir, "main.tf")
	add := func(line string) {
		t.Helper()
		const after = "wait_for_healthy = 2\n"
		text := readText(t, file)
		if strings.Count(text, after) != 1 {
			t.Fatalf("there is no one place to add %q to in\n%s", line, text)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(text, after, after+line+"\n", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	w.Run(t, "apply", "-auto-approve")
	seen := map[string]bool{}
	for range 2 {
		seen[acctest.Visitor(t)(lb.URL(port)).Server] = true
	}
	if !seen["a"] || !seen["b"] {
		t.Errorf("two requests were answered by %v, want each server once", seen)
	}

	add(terraform[1])
	if output := w.Run(t, "apply", "-auto-approve"); !strings.Contains(output, "0 added, 1 changed, 0 destroyed") {
		t.Errorf("session persistence is more than a change in place:\n%s", output)
	}
	visit := acctest.Visitor(t)
	if one, two := visit(lb.URL(port)), visit(lb.URL(port)); one.Server != two.Server {
		t.Errorf("a client with its cookie was answered by %q, then by %q", one.Server, two.Server)
	}
	w.Run(t, "plan", "-detailed-exitcode")

	add(`scheduler = "source_ip"`)
	mistaken := w.Start(t, "plan")
	if err := mistaken.Wait(); err == nil {
		t.Fatalf("the mistake is planned:\n%s", mistaken.Output())
	}
	shown := ""
	for _, block := range console {
		if _, text, ok := strings.Cut(block, "│ Attribute "); ok {
			shown = "Attribute " + strings.ReplaceAll(text, "│", " ")
		}
	}
	if shown == "" || !inWords(shown).MatchString(mistaken.Output()) {
		t.Errorf("the guide shows %q, and Terraform says\n%s", shown, mistaken.Output())
	}
}

func TestTheMocksOfTheTestingGuideAreTaken(t *testing.T) {
	acctest.Needs(t, "1.7.0", "1.8.0") // which have mock_provider
	t.Parallel()
	mocks := ""
	for _, block := range blocksIn(t, "../../templates/guides/testing-modules.md", "terraform") {
		if strings.HasPrefix(block, "mock_provider") {
			mocks = block
		}
	}
	w := acctest.NewWorkspace(t, `
resource "alb_server_group" "web" {
  name    = "web"
  servers = { a = { address = "10.0.0.1" } }
}

resource "alb_backend_service" "web" {
  name            = "web"
  protocol        = "http"
  port            = 80
  server_group_id = alb_server_group.web.id
}

resource "alb_listener" "web" {
  name               = "web"
  load_balancer_id   = alb_server_group.web.load_balancer_id
  protocol           = "http"
  port               = 80
  backend_service_id = alb_backend_service.web.id
}
`)
	write(t, filepath.Join(w.Dir, "main.tftest.hcl"), mocks+"\nrun \"applies\" {}\n")
	if output := w.Run(t, "test"); mocks == "" || !strings.Contains(output, "1 passed, 0 failed") {
		t.Errorf("with %q:\n%s", mocks, output)
	}
}

// Parts of a resource and runs of a test are left out: they are no configuration.
func TestTheCodeOfReadmeAndGuidesIsValid(t *testing.T) {
	t.Parallel()
	world := blocksOf(t, append(glob(t, "../../examples/resources/*/resource.tf"), glob(t, "../../examples/data-sources/*/data-source.tf")...))
	whole := regexp.MustCompile(`^(terraform|provider|resource|data) `)
	for _, file := range append(glob(t, "../../templates/guides/*.md"), "../../README.md", "../../templates/index.md.tmpl") {
		for i, text := range blocksIn(t, file, "terraform", "hcl") {
			if !whole.MatchString(text) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", filepath.Base(file), i), func(t *testing.T) {
				t.Parallel()
				validateExample(t, acctest.NewWorkspace(t, complete(text, world)))
			})
		}
	}
}

// The program of the guide makes calls that the API takes, and the configuration beside it finds what they made.
func TestTheImportGuideIsTrue(t *testing.T) {
	t.Parallel()
	const guide = "../../templates/guides/importing.md"
	for _, name := range []string{"python3", "curl"} {
		if _, err := exec.LookPath(name); err != nil && os.Getenv("CI") != "true" {
			t.Skipf("NOT RUN: %s is missing", name)
		}
	}
	lb := acctest.Start(t)
	balancers, err := lb.LoadBalancers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "alb.py")
	write(t, program, blocksIn(t, guide, "python")[0])
	call := func(arguments ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), "python3", append([]string{program}, arguments...)...)
		command.Env = append(os.Environ(), lb.Server.Environment()...)
		output, err := command.CombinedOutput()
		if err != nil || strings.Contains(string(output), `"error"`) {
			t.Fatalf("alb.py %v: %v\n%s", arguments, err, output)
		}
		return string(output)
	}
	made := call("POST", "/targetGroups/", fmt.Sprintf(`{"targetGroupName":"web","loadBalancerId":%q,"type":"ip"}`, balancers[0].ID))
	group := regexp.MustCompile(`tg-[a-z2-7]{10}`).FindString(made)
	call("POST", "/targetGroups/"+group+":registerTargets", `{"targetSpecs":[{"type":"ip","ipAddress":"10.0.0.1"}]}`)
	if listed := call("GET", "/targetGroups/"+group+":describeTargets"); !strings.Contains(listed, "10.0.0.1") {
		t.Errorf("the group has no server: %s", listed)
	}
	call("GET", "/targetGroups/?pageNumber=1&pageSize=10")

	w := acctest.NewWorkspace(t, blocksIn(t, guide, "terraform")[0], lb.Server.Environment()...).WithBuiltProvider(t)
	if output := w.Run(t, "apply", "-auto-approve"); !strings.Contains(output, group) || !strings.Contains(output, balancers[0].ID) {
		t.Errorf("%s and %s are not listed:\n%s", group, balancers[0].ID, output)
	}
}
