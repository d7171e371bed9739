package main

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestChartIsProportionalAndAligned(t *testing.T) {
	var out strings.Builder
	(&screen{out: &out}).chart([]share{{"large", 50, "weight 5"}, {"s", 20, "weight 2"}, {"dead", 0, "weight 3"}})
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	wantBars := []int{40, 16, 0}
	column := strings.Index(strings.ReplaceAll(lines[0], "█", "#"), "50")
	for i, line := range lines {
		if bars := strings.Count(line, "█"); bars != wantBars[i] {
			t.Errorf("%q: got %d columns of bar, want %d", line, bars, wantBars[i])
		}
		if count := strings.Index(strings.ReplaceAll(line, "█", "#"), "weight") - 4; count != column {
			t.Errorf("%q: the count ends in another column than in %q", line, lines[0])
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colours where there is no terminal")
	}
}

func TestScreenThatIsNoTerminalGetsPlainText(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	screen := newScreen(file)
	failure := errors.New("did not work")
	if err := screen.during("waiting", func() error { screen.done("half way"); return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v, want the error of the work", err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	if want := "   … waiting\n   ✓ half way\n"; string(text) != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

func TestMovingLineIsGoneBeforeAnotherIsPrinted(t *testing.T) {
	var out strings.Builder
	screen := &screen{out: &out, terminal: true}
	err := screen.during("waiting", func() error {
		deadline := time.Now().Add(5 * time.Second)
		for time.Now().Before(deadline) {
			screen.mu.Lock()
			moving := screen.moving
			screen.mu.Unlock()
			if moving {
				screen.done("half way")
				return nil
			}
			time.Sleep(time.Millisecond)
		}
		return errors.New("nothing moves")
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), clearLine+"   ✓ half way\n") {
		t.Errorf("the moving line stands in the way: %q", out.String())
	}
}

func TestQuotedEnvironmentSurvivesAShell(t *testing.T) {
	value := `it's $HOME "and" \more`
	command := exec.CommandContext(t.Context(), "/bin/sh", "-c", "export "+quoted([]string{"TRICKY=" + value})[0]+`; printf %s "$TRICKY"`)
	out, err := command.Output()
	if err != nil || string(out) != value {
		t.Errorf("got %q, %v; want %q", out, err, value)
	}
}

func TestForeignSettingsDoNotReachTerraform(t *testing.T) {
	got := withoutPrefixes([]string{"HOME=/x", "TF_LOG=trace", "ALB_ENDPOINT=http://prod", "PATH=/bin"}, "TF_", "ALB_")
	if want := []string{"HOME=/x", "PATH=/bin"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLinesArriveWholeHoweverTheyAreWritten(t *testing.T) {
	var lines []string
	writer := &lineWriter{line: func(line []byte) { lines = append(lines, string(line)) }}
	for _, piece := range []string{"on", "e\ntwo\nth", "", "ree\n", "unfinished"} {
		if n, err := writer.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
	}
	if want := []string{"one", "two", "three"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
}

func TestLongCookieIsCutAndKeepsItsAttributes(t *testing.T) {
	cookie := &http.Cookie{Name: "ALB_k3j2m5n7", Value: strings.Repeat("v", 60), Path: "/", MaxAge: 3600, HttpOnly: true}
	if got, want := shown(cookie), "ALB_k3j2m5n7="+strings.Repeat("v", cookieShow)+"…; Path=/; Max-Age=3600; HttpOnly"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestKeptProgramIsStoppedAndAnotherIsNot(t *testing.T) {
	directory := filepath.Join(t.TempDir(), demoDirectory)
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	ours := exec.CommandContext(t.Context(), sleep, "1000")
	other := exec.CommandContext(t.Context(), sleep, "1001")
	for _, command := range []*exec.Cmd{ours, other} {
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- ours.Wait() }()
	text := `[{"name":"ours","path":"` + sleep + `","pid":` + strconv.Itoa(ours.Process.Pid) + `},{"name":"reused","path":"/no/longer","pid":` + strconv.Itoa(other.Process.Pid) + `}]`
	if err := os.WriteFile(filepath.Join(directory, keptFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	stopped, err := stopKept(t.Context(), directory)
	if err != nil || stopped != 1 {
		t.Errorf("got %d stopped, %v; want 1", stopped, err)
	}
	if err := <-ended; err == nil {
		t.Error("the program ended by itself, it was not stopped")
	}
	if !(kept{Path: sleep, PID: other.Process.Pid}).runs(t.Context()) {
		t.Error("a process that only has a number that we once had was stopped too")
	}
	if err := other.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = other.Wait() // killed: its error is expected
	if _, err := os.Stat(directory); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the demo's directory is still there: %v", err)
	}
}
