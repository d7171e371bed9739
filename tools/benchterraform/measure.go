package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

const (
	// clockTick is the unit of times in /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on (proc(5), "utime").
	clockTick = 10 * time.Millisecond
	// watchInterval is the pause between two readings of the provider's processes. The kernel keeps the peak itself, so
	// only a provider's last moments can be missed.
	watchInterval = 50 * time.Millisecond
	// searchEvery is the number of readings per search for another process of the provider. A search goes through all
	// processes of the machine, and must not take processor time from what is measured.
	searchEvery = 2
	// interruptPatience is how long Terraform may take to end after an interrupt.
	interruptPatience = 10 * time.Second
)

// step is one run of Terraform.
type step struct {
	Name      string
	arguments []string
	// Bar is the highest acceptable ratio to the floor. Source: the project's goals.
	Bar float64
}

func steps() []step {
	return []step{
		{"create", []string{"apply", "-auto-approve"}, 2},
		{"plan with refresh", []string{"plan", "-detailed-exitcode"}, 1.5},
		{"change", []string{"apply", "-auto-approve", "-var", "revision=2"}, 2},
		{"destroy", []string{"destroy", "-auto-approve"}, 2},
	}
}

// usage is what a process has consumed.
type usage struct {
	CPU  time.Duration // user and system
	Peak int64         // most bytes resident; 0 if not measured
}

// measure runs all steps of one entrant.
func (s *scene) measure(ctx context.Context, one entrant, round int) ([]sample, error) {
	var found []sample
	for _, step := range steps() {
		before, err := processUsage(s.balancer.PID())
		if err != nil {
			return nil, err
		}
		stop := watch(one.provider)
		started := time.Now()
		spent, err := s.terraform(ctx, one, step.arguments...)
		wall := time.Since(started)
		provider := stop()
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", one.name, step.Name, err)
		}
		if one.provider != "" && provider.Peak == 0 {
			return nil, fmt.Errorf("%s, %s: no process of the provider was seen", one.name, step.Name)
		}
		after, err := processUsage(s.balancer.PID())
		if err != nil {
			return nil, err
		}
		taken := sample{
			Entrant: one.name, Step: step.Name, Round: round, Wall: wall, CPU: spent, Provider: provider.CPU, Peak: provider.Peak,
			Balancer: after.CPU - before.CPU,
		}
		fmt.Printf("round %d  %-5s  %-17s  %6.1f s  processor: Terraform with provider %6.1f s, provider %5.1f s, lbserver %4.1f s  provider's peak %5.1f MiB\n",
			round+1, one.name, step.Name, wall.Seconds(), spent.Seconds(), provider.CPU.Seconds(), taken.Balancer.Seconds(), mebibytes(provider.Peak))
		found = append(found, taken)
	}
	return found, nil
}

// terraform runs one command and returns the processor time of Terraform and its provider. A plan that is not empty is
// an error, since nothing has changed.
func (s *scene) terraform(ctx context.Context, one entrant, arguments ...string) (time.Duration, error) {
	command := exec.CommandContext(ctx, s.chosen.terraform, append(arguments, "-no-color", "-input=false")...)
	command.Dir, command.Env = one.directory, s.env
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = interruptPatience
	output, err := command.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("terraform %s: %w\n%s", arguments[0], err, output[max(0, len(output)-2000):])
	}
	return command.ProcessState.UserTime() + command.ProcessState.SystemTime(), nil
}

// watch reads the usage of a program's processes until the returned function is called, which returns the sum of their
// processor times and the highest of their peaks.
func watch(program string) (stop func() usage) {
	if program == "" {
		return func() usage { return usage{} }
	}
	done, result := make(chan struct{}), make(chan usage)
	go func() {
		seen := map[int]usage{}
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		for look := 0; ; look++ {
			if look%searchEvery == 0 {
				for _, process := range processesOf(program) {
					if _, known := seen[process]; !known {
						seen[process] = usage{}
					}
				}
			}
			for process := range seen {
				if used, err := processUsage(process); err == nil { // otherwise it has ended
					seen[process] = used
				}
			}
			select {
			case <-ticker.C:
			case <-done:
				result <- sum(seen)
				return
			}
		}
	}()
	return func() usage {
		close(done)
		return <-result
	}
}

func sum(seen map[int]usage) usage {
	var total usage
	for _, used := range seen {
		total.CPU += used.CPU
		total.Peak = max(total.Peak, used.Peak)
	}
	return total
}

// processesOf returns the ids of a program's running processes.
func processesOf(program string) []int {
	directory, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer directory.Close() //nolint:errcheck // it was only read
	names, err := directory.Readdirnames(-1)
	if err != nil {
		return nil
	}
	var found []int
	for _, name := range names {
		id, err := strconv.Atoi(name)
		if err != nil {
			continue // not a process
		}
		if target, err := os.Readlink("/proc/" + name + "/exe"); err == nil && target == program {
			found = append(found, id)
		}
	}
	return found
}

// processUsage returns what a process has consumed so far.
func processUsage(id int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
	if err != nil {
		return usage{}, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", id))
	if err != nil {
		return usage{}, err
	}
	cpu, err := parseCPU(stat)
	if err != nil {
		return usage{}, fmt.Errorf("read /proc/%d/stat: %w", id, err)
	}
	peak, err := parsePeak(status)
	if err != nil {
		return usage{}, fmt.Errorf("read /proc/%d/status: %w", id, err)
	}
	return usage{CPU: cpu, Peak: peak}, nil
}

// parseCPU reads the fields 14 and 15 of /proc/PID/stat, utime and stime (proc(5)). The name, field 2, may contain
// spaces and parentheses; the fields after it start after the last parenthesis.
func parseCPU(stat []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:])
	const first = 3 // the number of fields[0]
	if end < 0 || len(fields) <= 15-first {
		return 0, fmt.Errorf("too few fields: %q", stat)
	}
	user, userErr := strconv.ParseInt(string(fields[14-first]), 10, 64)
	system, systemErr := strconv.ParseInt(string(fields[15-first]), 10, 64)
	if err := errors.Join(userErr, systemErr); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * clockTick, nil
}

// parsePeak reads the line VmHWM of /proc/PID/status, the most memory that was ever resident.
func parsePeak(status []byte) (int64, error) {
	for line := range bytes.Lines(status) {
		value, ok := bytes.CutPrefix(line, []byte("VmHWM:"))
		if !ok {
			continue
		}
		kilobytes, ok := bytes.CutSuffix(bytes.TrimSpace(value), []byte(" kB"))
		if !ok {
			return 0, fmt.Errorf("no unit: %q", line)
		}
		number, err := strconv.ParseInt(string(kilobytes), 10, 64)
		return number << 10, err
	}
	return 0, syscall.ESRCH // a process that has ended has no memory
}
