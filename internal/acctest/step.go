package acctest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
)

// Step is a configuration that Terraform applies. After every step that has no ExpectError, a second plan must be empty:
// no change, and no resource that differs from the state.
type Step struct {
	// PreConfig runs first.
	PreConfig func()
	Config    string
	// Replace are resources that the apply must replace.
	Replace []string
	// Plan is checked between plan and apply.
	Plan []plancheck.PlanCheck
	// State and then Check are checked after the apply, before the second plan.
	State []statecheck.StateCheck
	Check Check
	// PlanOnly only plans: the plan must be empty, or fail as expected.
	PlanOnly bool
	// ExpectChanges lets the plan of PlanOnly have changes.
	ExpectChanges bool
	// Destroy destroys what the configuration has instead of applying it.
	Destroy bool
	// Import imports a resource into another state instead, and compares it with the resource in this one.
	Import *Import
	// ExpectError is in what Terraform prints when it fails, which it must.
	ExpectError *regexp.Regexp
}

// Import is a resource to import.
type Import struct {
	Address string
	// ID returns the id to import by; nil stands for the resource's own id.
	ID func(*State) string
	// Ignore are attributes that may differ.
	Ignore []string
}

// Check looks at the outcome of an apply.
type Check func(*State) error

// Run runs the steps of one test in one folder, with the provider served by this process, and destroys what they leave.
//
// Terraform runs two to four times a step. The runner of terraform-plugin-testing, whose checks are used here, runs it
// nine times, which took two thirds of the time of all tests.
func Run(t *testing.T, steps ...Step) {
	t.Helper()
	r := &runner{t: t, folder: NewWorkspace(t, "")}
	for number, step := range steps {
		if err := r.take(step); err != nil {
			t.Fatalf("step %d: %v", number+1, err)
		}
	}
	r.destroyRest()
}

// RunToFailure is Run for steps that may fail: it goes on with the next step, and returns what Terraform printed in each
// step that failed.
func RunToFailure(t *testing.T, steps ...Step) (failures []string) {
	t.Helper()
	r := &runner{t: t, folder: NewWorkspace(t, "")}
	for number, step := range steps {
		err := r.take(step)
		if failed, ok := errors.AsType[*failedError](err); ok {
			failures = append(failures, failed.output)
		} else if err != nil {
			t.Fatalf("step %d: %v", number+1, err)
		}
	}
	r.destroyRest()
	return failures
}

// runner runs Terraform in a folder.
type runner struct {
	t       *testing.T
	folder  *Workspace
	applied string // the configuration that was applied last, by which the rest is destroyed
}

// failedError is a run of Terraform that failed.
type failedError struct {
	command, output string
	status          int
}

func (e *failedError) Error() string {
	return fmt.Sprintf("terraform %s: status %d\n%s", e.command, e.status, e.output)
}

// terraform runs Terraform and returns what it prints. A status other than 0 is a *failedError with that.
func (r *runner) terraform(arguments ...string) (string, error) {
	r.t.Helper()
	running := r.folder.Start(r.t, arguments...)
	err := running.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return "", &failedError{strings.Join(arguments, " "), running.Output(), exit.ExitCode()}
	case err != nil:
		return "", fmt.Errorf("terraform %v: %w", arguments, err)
	}
	return running.Output(), nil
}

func (r *runner) take(step Step) error {
	r.t.Helper()
	if step.PreConfig != nil {
		step.PreConfig()
	}
	if step.Import == nil {
		r.folder.Write(r.t, step.Config)
	}
	err := r.run(step)
	if step.ExpectError == nil {
		return err
	}
	var failed *failedError
	switch {
	case err == nil:
		return fmt.Errorf("terraform succeeded, want an error that matches %q", step.ExpectError)
	case !errors.As(err, &failed):
		return err
	case !step.ExpectError.MatchString(failed.output):
		return fmt.Errorf("want an error that matches %q, got: %w", step.ExpectError, err)
	}
	return nil
}

func (r *runner) run(step Step) error {
	r.t.Helper()
	const quietly = "-input=false"
	switch {
	case step.Import != nil:
		return r.importAlone(step.Import)
	case step.Destroy:
		_, err := r.terraform("destroy", "-auto-approve", quietly)
		return err
	case len(step.Plan) > 0:
		if err := r.plan(step.Plan, step.Replace); err != nil || step.PlanOnly && step.ExpectChanges {
			return err
		}
	case step.PlanOnly && (step.ExpectError != nil || step.ExpectChanges):
		_, err := r.terraform("plan", quietly)
		return err
	}
	if !step.PlanOnly {
		arguments := []string{"apply", "-auto-approve", quietly}
		if len(step.Plan) > 0 {
			arguments = append(arguments, planFile)
		} else {
			arguments = append(arguments, replacing(step.Replace)...)
		}
		_, err := r.terraform(arguments...)
		if err == nil || r.applied == "" {
			r.applied = step.Config
		}
		if err != nil {
			return err
		}
		if err := r.check(step); err != nil {
			return err
		}
	}
	return r.wantEmptyPlan()
}

// planFile is where a plan is kept until it is applied.
const planFile = "plan.bin"

func replacing(addresses []string) (arguments []string) {
	for _, address := range addresses {
		arguments = append(arguments, "-replace="+address)
	}
	return arguments
}

// plan makes the plan to apply and checks it.
func (r *runner) plan(checks []plancheck.PlanCheck, replace []string) error {
	r.t.Helper()
	if _, err := r.terraform(append([]string{"plan", "-out=" + planFile, "-input=false"}, replacing(replace)...)...); err != nil {
		return err
	}
	var plan tfjson.Plan
	plan.UseJSONNumber(true)
	if err := r.show(&plan, planFile); err != nil {
		return err
	}
	for _, one := range checks {
		var resp plancheck.CheckPlanResponse
		one.CheckPlan(r.t.Context(), plancheck.CheckPlanRequest{Plan: &plan}, &resp)
		if resp.Error != nil {
			return fmt.Errorf("the plan: %w", resp.Error)
		}
	}
	return nil
}

func (r *runner) check(step Step) error {
	r.t.Helper()
	var shown tfjson.State
	if len(step.State) > 0 {
		shown.UseJSONNumber(true)
		if err := r.show(&shown); err != nil {
			return err
		}
	}
	for _, one := range step.State {
		var resp statecheck.CheckStateResponse
		one.CheckState(r.t.Context(), statecheck.CheckStateRequest{State: &shown}, &resp)
		if resp.Error != nil {
			return fmt.Errorf("the state: %w", resp.Error)
		}
	}
	if step.Check == nil {
		return nil
	}
	return step.Check(&State{runner: r})
}

// show reads a plan, or the state if no file is named.
func (r *runner) show(into json.Unmarshaler, file ...string) error {
	r.t.Helper()
	output, err := r.terraform(append([]string{"show", "-json"}, file...)...)
	if err != nil {
		return err
	}
	return into.UnmarshalJSON([]byte(output))
}

// wantEmptyPlan plans again. The plan must have no change, and no resource may differ from its state: Terraform would
// call that a change made outside of it.
func (r *runner) wantEmptyPlan() error {
	r.t.Helper()
	output, err := r.terraform("plan", "-json", "-detailed-exitcode", "-input=false")
	var failed *failedError
	switch {
	case errors.As(err, &failed) && failed.status == changesPlanned:
		output = failed.output
	case err != nil:
		_, err := r.terraform("plan", "-input=false") // says it as users see it
		return err
	}
	var unwanted []string
	for line := range strings.Lines(output) {
		var message struct {
			Type string `json:"type"`
			Text string `json:"@message"`
		}
		if err := json.Unmarshal([]byte(line), &message); err != nil {
			return fmt.Errorf("terraform plan -json printed %q: %w", line, err)
		}
		if message.Type == "planned_change" || message.Type == "resource_drift" {
			unwanted = append(unwanted, message.Text)
		}
	}
	if failed != nil || len(unwanted) > 0 {
		return fmt.Errorf("the second plan is not empty:\n%s", strings.Join(unwanted, "\n"))
	}
	return nil
}

// changesPlanned is Terraform's status for a plan that succeeded and is not empty, with -detailed-exitcode.
const changesPlanned = 2

// importAlone imports a resource into another folder's state and compares it with the one in this.
func (r *runner) importAlone(it *Import) error {
	r.t.Helper()
	own := &State{runner: r}
	id := own.ID(it.Address)
	if it.ID != nil {
		id = it.ID(own)
	}
	configuration, err := os.ReadFile(filepath.Join(r.folder.Dir, "main.tf"))
	if err != nil {
		return err
	}
	other := &runner{t: r.t, folder: NewWorkspace(r.t, string(configuration))}
	if _, err := other.terraform("import", "-input=false", it.Address, id); err != nil {
		return err
	}
	imported := &State{runner: other}
	ignored := cmpopts.IgnoreMapEntries(func(name string, _ any) bool { return slices.Contains(it.Ignore, name) })
	if diff := cmp.Diff(own.Attributes(it.Address), imported.Attributes(it.Address), ignored); diff != "" {
		return fmt.Errorf("%s differs once it is imported (-made +imported):\n%s", it.Address, diff)
	}
	return nil
}

// destroyRest destroys what the steps left.
func (r *runner) destroyRest() {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.folder.Dir, "terraform.tfstate"))
	if errors.Is(err, os.ErrNotExist) {
		return // nothing was ever made
	}
	var state struct {
		Resources []any `json:"resources"`
	}
	if err := errors.Join(err, json.Unmarshal(text, &state)); err != nil {
		r.t.Fatal(err)
	}
	if len(state.Resources) == 0 {
		return
	}
	r.folder.Write(r.t, r.applied)
	if _, err := r.terraform("destroy", "-auto-approve", "-input=false"); err != nil {
		r.t.Errorf("the destruction at the end: %v", err)
	}
}
