package acctest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/provider"
)

// Workspace is a folder with a configuration in which Terraform runs as it does for users, with the provider in its own
// process.
type Workspace struct {
	Dir         string
	environment []string
}

// NewWorkspace makes a folder with a configuration, for Terraform in an environment that BuildProvider made.
func NewWorkspace(t *testing.T, environment []string, configuration string) *Workspace {
	t.Helper()
	w := &Workspace{Dir: t.TempDir(), environment: environment}
	head := fmt.Sprintf("terraform {\n  required_providers {\n    alb = {\n      source = %q\n    }\n  }\n}\n", provider.Address)
	if err := os.WriteFile(filepath.Join(w.Dir, "main.tf"), []byte(head+configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// Running is a Terraform that was started.
type Running struct {
	command *exec.Cmd
	output  Transcript
}

// Transcript collects what is written to it. It is safe for concurrent use.
type Transcript struct {
	mu   sync.Mutex
	text bytes.Buffer // under mu
}

func (t *Transcript) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(text)
}

// String returns what was written so far.
func (t *Transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// Output returns what Terraform has printed so far.
func (r *Running) Output() string { return r.output.String() }

// Interrupt acts like a Ctrl-C in a terminal: the signal reaches Terraform and the provider.
func (r *Running) Interrupt() error { return syscall.Kill(-r.command.Process.Pid, syscall.SIGINT) }

// Wait waits until Terraform ends; an exit status other than 0 is an error.
func (r *Running) Wait() error { return r.command.Wait() }

// Start starts Terraform in its own process group; whatever is still running at the end of the test is killed.
func (w *Workspace) Start(t *testing.T, arguments ...string) *Running {
	t.Helper()
	r := &Running{command: exec.CommandContext(t.Context(), Terraform(), append(arguments, "-no-color")...)}
	r.command.Dir, r.command.Env = w.Dir, w.environment
	r.command.Stdout, r.command.Stderr = &r.output, &r.output
	r.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-r.command.Process.Pid, syscall.SIGKILL) })
	return r
}

// Run runs Terraform to its end, which must be successful, and returns what it printed.
func (w *Workspace) Run(t *testing.T, arguments ...string) string {
	t.Helper()
	r := w.Start(t, arguments...)
	if err := r.Wait(); err != nil {
		t.Fatalf("terraform %s: %v\n%s", arguments[0], err, r.Output())
	}
	return r.Output()
}

// IDs returns the sorted ids of all resources in the state.
func (w *Workspace) IDs(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.Dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Resources []struct {
			Instances []struct {
				Attributes struct {
					ID string `json:"id"`
				} `json:"attributes"`
			} `json:"instances"`
		} `json:"resources"`
	}
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, resource := range state.Resources {
		for _, instance := range resource.Instances {
			ids = append(ids, instance.Attributes.ID)
		}
	}
	slices.Sort(ids)
	return ids
}
