package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// keptFile lists the programs that a demo left running. It is in the demo's directory.
const keptFile = "running.json"

// kept is a program that an earlier demo left running.
type kept struct {
	Name string `json:"name"`
	Path string `json:"path"`
	PID  int    `json:"pid"`
}

// keep writes down what is running, for stopKept.
func (s *stage) keep() error {
	var running []kept
	for _, process := range s.processes() {
		running = append(running, kept{Name: process.Name(), Path: process.Path(), PID: process.PID()})
	}
	text, err := json.MarshalIndent(running, "", "  ")
	if err != nil {
		return fmt.Errorf("noting what is left running: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.directory, keptFile), append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("noting what is left running: %w", err)
	}
	return nil
}

// findKept returns the programs that an earlier demo in directory left running and that still run.
func findKept(ctx context.Context, directory string) ([]kept, error) {
	text, err := os.ReadFile(filepath.Join(directory, keptFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for a demo that was kept: %w", err)
	}
	var noted, running []kept
	if err := json.Unmarshal(text, &noted); err != nil {
		return nil, fmt.Errorf("looking for a demo that was kept: %s: %w", filepath.Join(directory, keptFile), err)
	}
	for _, program := range noted {
		if program.runs(ctx) {
			running = append(running, program)
		}
	}
	return running, nil
}

// runs reports whether the process exists and is the program that was written down: another process may have its number
// by now.
func (k kept) runs(ctx context.Context) bool {
	command, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(k.PID), "cmdline"))
	if err != nil { // not Linux, or ended
		command, err = exec.CommandContext(ctx, "ps", "-o", "command=", "-p", strconv.Itoa(k.PID)).Output()
	}
	return err == nil && strings.HasPrefix(string(command), k.Path)
}

// stopKept stops what an earlier demo left running and removes its directory.
func stopKept(ctx context.Context, directory string) (stopped int, err error) {
	running, err := findKept(ctx, directory)
	if err != nil {
		return 0, err
	}
	for _, program := range running {
		if err := syscall.Kill(program.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			return stopped, fmt.Errorf("stopping %s (process %d): %w", program.Name, program.PID, err)
		}
		stopped++
	}
	ctx, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	for _, program := range running {
		for program.runs(ctx) {
			select {
			case <-time.After(verdictPoll):
			case <-ctx.Done():
				return stopped, fmt.Errorf("%s (process %d) did not stop: %w", program.Name, program.PID, ctx.Err())
			}
		}
	}
	if err := os.RemoveAll(directory); err != nil {
		return stopped, fmt.Errorf("removing what the demo left: %w", err)
	}
	return stopped, nil
}
