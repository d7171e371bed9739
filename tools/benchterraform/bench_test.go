package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The bars are for 1,000 resources; with a few, the test shows that the whole measurement works.
func TestAFewResourcesAreMeasured(t *testing.T) {
	t.Parallel()
	terraform := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if terraform == "" {
		var err error
		if terraform, err = exec.LookPath("terraform"); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	chosen := plan{
		terraform: terraform, resources: 7, rounds: 1, provider: filepath.Join(dir, "provider"), lbserver: filepath.Join(dir, "lbserver"),
		samples: filepath.Join(dir, "samples.json"), output: filepath.Join(dir, "BENCH.md"),
	}
	const module = "github.com/alb-project/terraform-provider-alb"
	for path, target := range map[string]string{module: chosen.provider, module + "/lbserver/cmd/lbserver": chosen.lbserver} {
		if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", target, path).CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", path, err, output)
		}
	}
	if err := run(t.Context(), chosen); err != nil && !strings.Contains(err.Error(), "× the floor") {
		t.Fatal(err)
	}
	measured, err := readSamples(chosen.samples)
	if err != nil || len(measured) != 2*len(steps()) || measured.peak() < 10 {
		t.Errorf("%d samples, a peak of %.0f MiB, error %v", len(measured), measured.peak(), err)
	}
	if text, err := os.ReadFile(chosen.output); err != nil || !strings.Contains(string(text), "| plan with refresh |") {
		t.Errorf("the results are %q, error %v", text, err)
	}
}

func TestRatiosCompareTheSameRoundAndBarsAreJudged(t *testing.T) {
	var measured samples
	// The machine is three times slower in round 1: that must not show in a ratio.
	for round, slowdown := range []time.Duration{time.Second, 3 * time.Second, time.Second} {
		for _, step := range steps() {
			measured = append(measured,
				sample{Entrant: "alb", Step: step.Name, Round: round, Wall: 18 * slowdown, Peak: 140 << 20},
				sample{Entrant: "floor", Step: step.Name, Round: round, Wall: 10 * slowdown})
		}
	}
	for _, row := range measured.rows() {
		if row.Ratio != 1.8 || row.Low != 1.8 || row.High != 1.8 || row.Wall != 18 || row.Floor != 10 {
			t.Errorf("%s: %+v", row.Step, row)
		}
	}
	if measured.rounds() != 3 || measured.peak() != 140 {
		t.Errorf("%d rounds, a peak of %.0f MiB", measured.rounds(), measured.peak())
	}
	err := judge(measured.rows(), 151)
	if err == nil || err.Error() != "plan with refresh takes 1.80 × the floor, more than 1.5 ×\nthe provider takes 151 MiB, more than 150 MiB" {
		t.Errorf("judged: %v", err)
	}
}

func TestUsageIsReadFromTheKernelsTexts(t *testing.T) {
	cpu, err := parseCPU([]byte("10 (a) S 1 (b) S 1 10 10 0 -1 4194560 5 6 7 8 120 30 9 10 20 0 2 0 1234 5678 99 184467"))
	if err != nil || cpu != 1500*time.Millisecond {
		t.Errorf("processor time %s, error %v", cpu, err)
	}
	peak, err := parsePeak([]byte("Name:\ta\nVmPeak:\t  999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"))
	if err != nil || peak != 2<<20 {
		t.Errorf("peak %d, error %v", peak, err)
	}
	for _, text := range []string{"", "10", "10 (nginx", "10 (nginx) S 1", "10 (a) S 1 10 10 0 -1 4194560 5 6 7 8 x 30"} {
		if got, err := parseCPU([]byte(text)); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
	for _, text := range []string{"", "VmRSS:\t1 kB\n", "VmHWM:\t1\n", "VmHWM:\tx kB\n"} {
		if got, err := parsePeak([]byte(text)); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestOnlyWholeChainsCanBeAskedFor(t *testing.T) {
	for _, arguments := range [][]string{{"-resources", "999"}, {"-resources", "1"}, {"-rounds", "0"}} {
		if chosen, err := readFlags(arguments); err == nil {
			t.Errorf("%q: got %+v, want an error", arguments, chosen)
		}
	}
	if _, err := readFlags([]string{"-resources", "1000"}); err != nil {
		t.Error(err)
	}
}
