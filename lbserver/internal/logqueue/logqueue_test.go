package logqueue_test

import (
	"bytes"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/logqueue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRecordsAreWrittenInOrderAndByClose(t *testing.T) {
	var out bytes.Buffer
	queue := logqueue.New(slog.NewTextHandler(&out, nil))
	log := queue.Logger().With("part", "data plane").WithGroup("at")
	for i := range 3 {
		log.Info("a record", "number", i)
	}
	queue.Close()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines, want 3:\n%s", len(lines), out.String())
	}
	for i := range 3 {
		if !strings.HasSuffix(lines[i], `msg="a record" part="data plane" at.number=`+strconv.Itoa(i)) {
			t.Errorf("line %d is %s", i, lines[i])
		}
	}
	queue.Close() // again does nothing
}

// stuck is a log that nobody reads until it is freed.
type stuck struct {
	bytes.Buffer
	free chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.free
	return s.Buffer.Write(p)
}

func TestNobodyWaitsForALogThatNobodyReads(t *testing.T) {
	out := &stuck{free: make(chan struct{})}
	queue := logqueue.New(slog.NewTextHandler(out, nil))
	const records = 10_000
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range records {
			queue.Logger().Info("a record")
		}
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("logging waits for the reader of the log")
	}
	close(out.free)
	queue.Logger().Info("after a while") // dropped, if the queue is still full
	queue.Close()
	lines := strings.Count(out.String(), "\n")
	if lines < 10 || lines > records/2 || !strings.Contains(out.String(), "records_dropped_before=") {
		t.Errorf("%d lines, want some hundreds and the number of those dropped", lines)
	}
}
