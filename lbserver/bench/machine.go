package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// programs lists the versions of the programs compared.
func programs(ctx context.Context, chosen *plan) string {
	return strings.Join([]string{
		versionOf(ctx, chosen.lbserver, "--version"), versionOf(ctx, "haproxy", "-v"), versionOf(ctx, "nginx", "-v"),
		versionOf(ctx, "wrk", "-v"), "Go " + strings.TrimPrefix(runtime.Version(), "go"),
	}, "; ")
}

// versionOf returns the first line that a program prints about its version, on whichever output.
func versionOf(ctx context.Context, program, flag string) string {
	out, err := exec.CommandContext(ctx, program, flag).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil && line == "" {
		return err.Error()
	}
	return strings.TrimSpace(line)
}

// machine describes the machine and how busy it is before the benchmark, which needs a quiet one.
func machine() string {
	model := "processor unknown"
	for line := range strings.Lines(read("/proc/cpuinfo")) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	busy, _, _ := strings.Cut(read("/proc/loadavg"), " ")
	kernel, _, _ := strings.Cut(strings.TrimSpace(read("/proc/sys/kernel/osrelease")), "-")
	return fmt.Sprintf("%d × %s, Linux %s, load average %s before the start", runtime.NumCPU(), model, kernel, busy)
}

// read returns a file's text, or "unknown": what it is used for is not worth failing.
func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return string(text)
}
