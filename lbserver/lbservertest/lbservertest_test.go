package lbservertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/lbserver"
	"github.com/alb-project/terraform-provider-alb/lbserver/lbservertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const configuration = `
terraform {
  required_providers {
    alb = { source = "alb-project/alb" }
  }
}
resource "alb_server_group" "web" {
  name    = "web"
  servers = { only = { address = %q, port = %s } }
}
resource "alb_backend_service" "web" {
  name             = "web"
  protocol         = "http"
  port             = 80
  server_group_id  = alb_server_group.web.id
  wait_for_healthy = 1
}
resource "alb_listener" "web" {
  name               = "web"
  protocol           = "http"
  port               = %d
  backend_service_id = alb_backend_service.web.id
}
`

// The test is an example of a module's test: Terraform applies the module to the test's own load balancer, and traffic
// shows whether it works.
func TestAModuleIsAppliedAndItsTrafficFlows(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer server.Close()
	behind, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	lb := lbservertest.Start(t)
	port := lb.FreePort()

	dir := t.TempDir()
	content := fmt.Sprintf(configuration, behind.Hostname(), behind.Port(), port)
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	terraform := exec.CommandContext(t.Context(), terraformPath(t), "apply", "-auto-approve", "-no-color")
	terraform.Dir = dir
	terraform.Env = append(append(os.Environ(), "TF_CLI_CONFIG_FILE="+provider(t)), lb.Environment()...)
	if output, err := terraform.CombinedOutput(); err != nil {
		t.Fatalf("terraform apply: %v\n%s", err, output)
	}

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, lb.URL(port), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusTeapot {
		t.Errorf("the load balancer answers %s, want the server's answer", response.Status)
	}
}

func TestTheConfigurationCanBeChanged(t *testing.T) {
	lb := lbservertest.Start(t, func(config *lbserver.Config) { config.Region = "elsewhere" })
	if lb.Region != "elsewhere" {
		t.Errorf("the region is %q", lb.Region)
	}
}

// terraformPath returns the Terraform that the other tests of this repository use.
func terraformPath(t *testing.T) string {
	t.Helper()
	if named := os.Getenv("TF_ACC_TERRAFORM_PATH"); named != "" {
		return named
	}
	found, err := exec.LookPath("terraform")
	if err != nil {
		found, err = exec.LookPath("tofu")
	}
	if err != nil {
		t.Fatalf("the test needs terraform or tofu in PATH: %v", err)
	}
	return found
}

// provider builds the provider and returns the settings with which Terraform finds it.
func provider(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "terraform-provider-alb"), "../..")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the provider: %v\n%s", err, output)
	}
	settings := filepath.Join(dir, "terraform.rc")
	content := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"alb-project/alb\" = %q\n  }\n  direct {}\n}\n", dir)
	if err := os.WriteFile(settings, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return settings
}
