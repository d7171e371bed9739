package acctest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Workspace is a folder where Terraform runs.
type Workspace struct {
	Dir       string
	variables []string // of the environment, besides those of the tests
	built     bool     // Terraform starts the provider; otherwise this process serves it
}

// NewWorkspace makes a folder with a configuration, for Terraform with more variables in its environment. This process
// serves the provider.
func NewWorkspace(t *testing.T, configuration string, variables ...string) *Workspace {
	t.Helper()
	w := &Workspace{Dir: t.TempDir(), variables: variables}
	w.Write(t, configuration)
	return w
}

// CopyWorkspace is NewWorkspace with the files of another folder, such as an example.
func CopyWorkspace(t *testing.T, folder string, variables ...string) *Workspace {
	t.Helper()
	w := &Workspace{Dir: filepath.Join(t.TempDir(), filepath.Base(folder)), variables: variables}
	if err := os.CopyFS(w.Dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	return w
}

// WithBuiltProvider lets Terraform start the provider as users get it: with the workspace's variables in its environment, and
// with the signals of a terminal.
func (w *Workspace) WithBuiltProvider(t *testing.T) *Workspace {
	t.Helper()
	w.variables, w.built = append(w.variables, developing(t)), true
	return w
}

// Write makes a configuration the workspace's own. It gets the block that says where the provider comes from if it has none.
func (w *Workspace) Write(t *testing.T, configuration string) {
	t.Helper()
	if !strings.Contains(configuration, "required_providers") {
		configuration = fmt.Sprintf("terraform {\n  required_providers {\n    alb = { source = %q }\n  }\n}\n", source) + configuration
	}
	if err := os.WriteFile(filepath.Join(w.Dir, "main.tf"), []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Running is a Terraform that was started.
type Running struct {
	command *exec.Cmd
	served  *attached // nil if Terraform starts the provider
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
func (r *Running) Wait() error { return errors.Join(r.command.Wait(), r.detach()) }

// detach stops the provider if this process serves it.
func (r *Running) detach() error {
	if r.served == nil {
		return nil
	}
	err := r.served.detach()
	r.served = nil
	if err != nil {
		return fmt.Errorf("stop the provider: %w", err)
	}
	return nil
}

// Start starts Terraform in its own process group; whatever is still running at the end of the test is killed.
func (w *Workspace) Start(t *testing.T, arguments ...string) *Running {
	t.Helper()
	r := &Running{command: exec.CommandContext(t.Context(), Terraform(), append(arguments, "-no-color")...)}
	r.command.Dir, r.command.Env = w.Dir, append(os.Environ(), w.variables...)
	r.command.Stdout, r.command.Stderr = &r.output, &r.output
	r.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if !w.built {
		r.served = attach(t)
		// The garbage collector would take a fifth of Terraform's time.
		r.command.Env = append(r.command.Env, r.served.environment, "GOGC=off")
	}
	if err := r.command.Start(); err != nil {
		t.Fatal(errors.Join(err, r.detach()))
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-r.command.Process.Pid, syscall.SIGKILL)
		if err := r.detach(); err != nil {
			t.Error(err)
		}
	})
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
