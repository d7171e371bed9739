package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// interruptPatience is how long Terraform may take to end after an interrupt, before it is killed.
const interruptPatience = 10 * time.Second

// terraform runs Terraform (or OpenTofu) on one configuration.
type terraform struct {
	binary    string
	directory string
	env       []string
}

// message is a line of Terraform's machine-readable output: the parts that the demo reads.
type message struct {
	Type    string `json:"type"`
	Message string `json:"@message"`
	Hook    struct {
		Resource struct {
			Address string `json:"addr"`
		} `json:"resource"`
		ID string `json:"id_value"`
	} `json:"hook"`
	Diagnostic struct {
		Severity string `json:"severity"`
		Summary  string `json:"summary"`
		Detail   string `json:"detail"`
	} `json:"diagnostic"`
}

// apply creates the infrastructure and calls told for every object that is ready.
func (t *terraform) apply(ctx context.Context, told func(message)) error {
	return t.stream(ctx, told, "apply", "-auto-approve", "-input=false", "-json")
}

// destroy destroys everything and calls told for every object that is gone.
func (t *terraform) destroy(ctx context.Context, told func(message)) error {
	return t.stream(ctx, told, "destroy", "-auto-approve", "-input=false", "-json")
}

// changesNothing returns an error, which quotes the plan, unless the plan is empty.
func (t *terraform) changesNothing(ctx context.Context) error {
	stdout, stderr, err := t.run(ctx, "plan", "-input=false", "-no-color", "-detailed-exitcode")
	if err != nil {
		return fmt.Errorf("the second plan is not empty: %w\n%s%s", err, stdout, stderr)
	}
	return nil
}

// refuses plans with changed variables, expects that to fail, and returns what Terraform prints.
func (t *terraform) refuses(ctx context.Context, variables ...string) (string, error) {
	arguments := []string{"plan", "-input=false", "-no-color"}
	for _, variable := range variables {
		arguments = append(arguments, "-var", variable)
	}
	stdout, stderr, err := t.run(ctx, arguments...)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "", fmt.Errorf("a plan with %s was accepted:\n%s", strings.Join(variables, ", "), stdout)
	case ctx.Err() != nil || !errors.As(err, &exit) || exit.ExitCode() != 1:
		return "", fmt.Errorf("planning with %s: %w\n%s", strings.Join(variables, ", "), err, stderr)
	}
	return strings.TrimSpace(stderr), nil
}

// output returns one output value, a string.
func (t *terraform) output(ctx context.Context, name string) (string, error) {
	stdout, stderr, err := t.run(ctx, "output", "-raw", name)
	if err != nil {
		return "", fmt.Errorf("reading output %q: %w\n%s", name, err, stderr)
	}
	return stdout, nil
}

// stream runs a command that reports in JSON, and turns its error diagnostics into the error.
func (t *terraform) stream(ctx context.Context, told func(message), arguments ...string) error {
	var problems []error
	lines := &lineWriter{line: func(line []byte) {
		var read message
		if json.Unmarshal(line, &read) != nil {
			return // not a line of JSON
		}
		switch {
		case read.Type == "apply_complete":
			told(read)
		case read.Type == "diagnostic" && read.Diagnostic.Severity == "error":
			problems = append(problems, fmt.Errorf("%s: %s", read.Diagnostic.Summary, read.Diagnostic.Detail))
		}
	}}
	var stderr bytes.Buffer
	if err := t.start(ctx, lines, &stderr, arguments); err != nil {
		return fmt.Errorf("terraform %s: %w\n%s", arguments[0], errors.Join(append(problems, err)...), stderr.String())
	}
	return nil
}

func (t *terraform) run(ctx context.Context, arguments ...string) (stdout, stderr string, err error) {
	var out, problems bytes.Buffer
	err = t.start(ctx, &out, &problems, arguments)
	return out.String(), problems.String(), err
}

// start runs Terraform in its own process group: when ctx ends, only Terraform is asked to stop, which it does cleanly.
func (t *terraform) start(ctx context.Context, stdout, stderr io.Writer, arguments []string) error {
	command := exec.CommandContext(ctx, t.binary, append([]string{"-chdir=" + t.directory}, arguments...)...)
	command.Env = t.env
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = interruptPatience
	command.Stdout, command.Stderr = stdout, stderr
	return command.Run()
}

// lineWriter calls line for each complete line that is written to it.
type lineWriter struct {
	line    func([]byte)
	pending []byte
}

func (w *lineWriter) Write(text []byte) (int, error) {
	w.pending = append(w.pending, text...)
	for {
		line, rest, whole := bytes.Cut(w.pending, []byte{'\n'})
		if !whole {
			return len(text), nil
		}
		w.line(line)
		w.pending = rest
	}
}
