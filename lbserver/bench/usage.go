package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// clockTick is the unit of times in /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on (proc(5), "utime").
const clockTick = 10 * time.Millisecond

// usage is what a proxy has consumed so far.
type usage struct {
	cpu    time.Duration // user and system, all threads of all processes
	memory int64         // bytes resident, summed over processes
	own    int64         // the part of memory that is neither pages of files, such as the program's, nor shared
}

// groupUsage sums the usage of all processes of a process group. A proxy is started in its own group, so the group
// consists of its processes.
func groupUsage(proc string, group int) (usage, error) {
	entries, err := filepath.Glob(filepath.Join(proc, "[0-9]*"))
	if err != nil {
		return usage{}, err
	}
	var total usage
	found := false
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(entry, "stat"))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // ended since the listing
		}
		if err != nil {
			return usage{}, err
		}
		process, processGroup, err := parseStat(text)
		if err != nil {
			return usage{}, fmt.Errorf("reading %s: %w", filepath.Join(entry, "stat"), err)
		}
		if processGroup != group {
			continue
		}
		text, err = os.ReadFile(filepath.Join(entry, "statm"))
		if err != nil {
			return usage{}, err
		}
		var size, resident, shared int64 // in pages: proc_pid_statm(5)
		if _, err := fmt.Sscan(string(text), &size, &resident, &shared); err != nil {
			return usage{}, fmt.Errorf("reading %s: %w", filepath.Join(entry, "statm"), err)
		}
		found = true
		total.cpu += process.cpu
		total.memory += process.memory
		total.own += (resident - shared) * int64(os.Getpagesize())
	}
	if !found {
		return usage{}, fmt.Errorf("no process of group %d is left", group)
	}
	return total, nil
}

// parseStat reads the fields of /proc/PID/stat, numbered as in proc(5): 5 process group, 14 utime, 15 stime, 24
// resident pages. The name, field 2, may contain spaces and parentheses; the fields after it start after the last
// parenthesis.
func parseStat(text []byte) (usage, int, error) {
	end := bytes.LastIndexByte(text, ')')
	fields := bytes.Fields(text[end+1:])
	const first = 3 // the number of fields[0]
	if end < 0 || len(fields) <= 24-first {
		return usage{}, 0, fmt.Errorf("too few fields: %q", text)
	}
	var numbers [4]int64
	for i, field := range []int{5, 14, 15, 24} {
		number, err := strconv.ParseInt(string(fields[field-first]), 10, 64)
		if err != nil {
			return usage{}, 0, fmt.Errorf("field %d: %w", field, err)
		}
		numbers[i] = number
	}
	return usage{
		cpu:    time.Duration(numbers[1]+numbers[2]) * clockTick,
		memory: numbers[3] * int64(os.Getpagesize()),
	}, int(numbers[0]), nil
}

func mebibytes(size int64) float64 { return float64(size) / (1 << 20) }
