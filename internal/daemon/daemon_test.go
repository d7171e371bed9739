package daemon_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/internal/daemon"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shell starts a shell script and ensures that it has ended at the end of the test.
func shell(t *testing.T, script string) *daemon.Process {
	t.Helper()
	process, err := daemon.Start(t.Context(), daemon.Program{
		Name: "script", Path: "/bin/sh", Args: []string{"-c", script}, Log: filepath.Join(t.TempDir(), "log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Kill(); err != nil {
			t.Error(err)
		}
	})
	return process
}

// wrote returns a ready function that succeeds once the program's log contains text.
func wrote(process *daemon.Process, text string) func(context.Context) error {
	return func(context.Context) error {
		log, err := process.Log()
		if err == nil && !strings.Contains(string(log), text) {
			err = errors.New("nothing written yet")
		}
		return err
	}
}

func TestProgramThatObeysStopsWithoutError(t *testing.T) {
	for name, script := range map[string]string{
		"by the signal": "echo up; while :; do sleep 0.05; done",
		"with status 0": "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done",
	} {
		t.Run(name, func(t *testing.T) {
			process := shell(t, script)
			if err := process.WaitReady(t.Context(), wrote(process, "up")); err != nil {
				t.Fatal(err)
			}
			if err := process.Stop(10 * time.Second); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestProgramThatStopsBadlyIsReportedWithItsLog(t *testing.T) {
	process := shell(t, "trap 'echo lost the data; exit 3' TERM; echo up; while :; do sleep 0.05; done")
	if err := process.WaitReady(t.Context(), wrote(process, "up")); err != nil {
		t.Fatal(err)
	}
	err := process.Stop(10 * time.Second)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "lost the data") {
		t.Errorf("got %v, want exit status 3 and the log", err)
	}
}

func TestProgramThatDoesNotStopIsKilledWithItsChildren(t *testing.T) {
	process := shell(t, "trap '' TERM; echo up; sleep 100 & while :; do sleep 0.05; done")
	if err := process.WaitReady(t.Context(), wrote(process, "up")); err != nil {
		t.Fatal(err)
	}
	if err := process.Stop(50 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "did not stop") {
		t.Errorf("got %v, want that it did not stop", err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for !errors.Is(syscall.Kill(-process.PID(), 0), syscall.ESRCH) {
		if time.Now().After(deadline) {
			t.Fatal("the process group is still there")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestProgramThatWasKilledOnPurposeNeedsNoStop(t *testing.T) {
	process := shell(t, "while :; do sleep 0.05; done")
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := process.Stop(time.Second); err != nil {
		t.Error(err)
	}
}

func TestProgramThatEndsEarlyIsReportedWithItsLog(t *testing.T) {
	process := shell(t, "echo the port is taken; exit 1")
	err := process.WaitReady(t.Context(), func(context.Context) error { return errors.New("connection refused") })
	if err == nil || !strings.Contains(err.Error(), "the port is taken") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v, want the log and what was tried", err)
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	process := shell(t, "sleep 100")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := process.WaitReady(ctx, func(context.Context) error { return errors.New("connection refused") })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
}

func TestAnswersTellsReadyFromNotYet(t *testing.T) {
	status := make(chan int, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(<-status) }))
	defer server.Close()
	for _, code := range []int{http.StatusServiceUnavailable, http.StatusOK} {
		status <- code
		err := daemon.Answers(server.URL)(t.Context())
		if ready := code == http.StatusOK; (err == nil) != ready {
			t.Errorf("status %d: got %v", code, err)
		}
	}
	server.Close()
	if err := daemon.Answers(server.URL)(t.Context()); err == nil {
		t.Error("a closed port is taken for ready")
	}
}

func TestFreePortsDiffer(t *testing.T) {
	ports, err := daemon.FreePorts(t.Context(), 50)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ports)
	if len(slices.Compact(ports)) != 50 {
		t.Errorf("a port was named twice: %v", ports)
	}
}
