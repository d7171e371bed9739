package accesslog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/accesslog"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// within polls a condition for at most 10 s.
func within(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func newLog(tb testing.TB, output io.Writer) *accesslog.Log {
	tb.Helper()
	l, err := accesslog.New(output, accesslog.Text, quiet)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func closeLog(tb testing.TB, l *accesslog.Log) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		tb.Fatal(err)
	}
}

// numbered returns an entry whose request id is its number and whose end is that many microseconds after the start.
func numbered(i int) *proxy.Entry {
	entry := sample()
	entry.RequestID = uint64(i)
	entry.Duration = time.Duration(i) * time.Microsecond
	return entry
}

// output is a writer that tests can block and break.
type output struct {
	mu     sync.Mutex
	text   bytes.Buffer  // under mu
	gate   chan struct{} // if not nil, each write takes one token
	accept func(length int) (int, error)
}

func (o *output) Write(text []byte) (int, error) {
	if o.gate != nil {
		<-o.gate
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := len(text), error(nil)
	if o.accept != nil {
		n, err = o.accept(len(text))
	}
	o.text.Write(text[:n])
	return n, err
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func TestLinesAppearWithinASecond(t *testing.T) {
	o := new(output)
	l := newLog(t, o)
	defer closeLog(t, l)
	start := time.Now()
	l.Log(numbered(1))
	within(t, "the line appears", func() bool { return strings.Contains(o.String(), "0000000000000001") })
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v", took)
	}
}

func TestEveryLineOfManyRequestsIsWrittenWholeAndOnce(t *testing.T) {
	o := new(output)
	l := newLog(t, o)
	const workers, each = 8, 2_000
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			for i := range each {
				l.Log(numbered(worker*each + i))
			}
		})
	}
	wait.Wait()
	closeLog(t, l)
	if got := l.Dropped(); got != 0 {
		t.Fatalf("%d dropped", got)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(o.String()) {
		fields := strings.Fields(line)
		if len(fields) < 11 || line != string(accesslog.Appender(accesslog.Text)(nil, numberedBy(fields[10]))) {
			t.Fatalf("line %q", line)
		}
		seen[fields[10]] = true
	}
	if len(seen) != workers*each {
		t.Errorf("%d different lines, want %d", len(seen), workers*each)
	}
}

func numberedBy(id string) *proxy.Entry {
	var i int
	_, _ = fmt.Sscanf(id, "%x", &i)
	return numbered(i)
}

func TestLinesWrittenTogetherAreInTheOrderOfTheirEnds(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	o := &output{accept: func(length int) (int, error) {
		once.Do(func() {
			close(entered)
			<-release
		})
		return length, nil
	}}
	l := newLog(t, o)
	l.Log(numbered(0))
	<-entered // everything logged from here on is written together
	for i := range 1_000 {
		l.Log(numbered(1 + (i*7919+13)%1_000))
	}
	close(release)
	closeLog(t, l)
	ordered := []string{string(accesslog.Appender(accesslog.Text)(nil, numbered(0)))}
	for i := range 1_000 {
		ordered = append(ordered, string(accesslog.Appender(accesslog.Text)(nil, numbered(i+1))))
	}
	if got := o.String(); got != strings.Join(ordered, "") {
		t.Errorf("out of order, beginning with %.300s", got)
	}
}

// The disk hangs: requests continue at once, memory stays bounded, lines are dropped and counted, and the lines kept
// are written once the disk works again.
func TestSlowDiskDropsLinesAndNeverHoldsUpRequests(t *testing.T) {
	o := &output{gate: make(chan struct{})}
	l := newLog(t, o)
	entry := sample()
	entry.Target = bytes.Repeat([]byte("x"), 4000)
	const entries = 20_000 // 80 MB
	slowest := time.Duration(0)
	for range entries {
		start := time.Now()
		l.Log(entry)
		slowest = max(slowest, time.Since(start))
	}
	if slowest > 5*time.Second {
		t.Errorf("one request was held up for %v", slowest)
	}
	dropped := l.Dropped()
	if kept := entries - dropped; kept*4000 > 17<<20 || kept*4000 < 4<<20 {
		t.Errorf("%d of %d lines kept, %d MB", kept, entries, kept*4000>>20)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close while the disk hangs: %v", err)
	}
	close(o.gate)
	closeLog(t, l)
	if got := uint64(strings.Count(o.String(), "\n")); got+l.Dropped() != entries {
		t.Errorf("%d written and %d dropped of %d", got, l.Dropped(), entries)
	}
}

func TestFullDiskIsReportedOnceAndTearsNoLine(t *testing.T) {
	var reports bytes.Buffer
	o := new(output)
	var writes atomic.Int32
	// The first write breaks off within its third line, the second fails at once, the others work.
	lineLength := len(accesslog.Appender(accesslog.Text)(nil, numbered(1)))
	o.accept = func(length int) (int, error) {
		switch writes.Add(1) {
		case 1:
			return 2*lineLength + 10, syscall.ENOSPC
		case 2:
			return 0, syscall.ENOSPC
		default:
			return length, nil
		}
	}
	o.gate = make(chan struct{})
	l, err := accesslog.New(o, accesslog.Text, slog.New(slog.NewTextHandler(&reports, nil)))
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	for write := range int32(3) {
		for range 5 {
			written++
			l.Log(numbered(written))
		}
		o.gate <- struct{}{}
		within(t, "the write is over", func() bool { return writes.Load() == write+1 })
	}
	close(o.gate)
	closeLog(t, l)
	// Lines 1 and 2, a part of line 3, and lines 11 to 15.
	lines := strings.Split(strings.TrimSuffix(o.String(), "\n"), "\n")
	if len(lines) != 8 || lines[7]+"\n" != string(accesslog.Appender(accesslog.Text)(nil, numbered(15))) ||
		lines[3]+"\n" != string(accesslog.Appender(accesslog.Text)(nil, numbered(11))) {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
	if got := l.Dropped(); got != 8 {
		t.Errorf("%d dropped, want 8", got)
	}
	text := reports.String()
	if strings.Count(text, "level=ERROR") != 1 || strings.Count(text, "written again") != 1 {
		t.Errorf("reports: %s", text)
	}
}

func TestReopenFollowsARotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := accesslog.Open(path, accesslog.Text, quiet)
	if err != nil {
		t.Fatal(err)
	}
	l.Log(numbered(1))
	within(t, "the first line is in the file", func() bool { return contains(t, path, numbered(1)) })
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Reopen(), l.Reopen()); err != nil {
		t.Fatal(err)
	}
	l.Log(numbered(2))
	closeLog(t, l)
	if !contains(t, path, numbered(2)) || contains(t, path, numbered(1)) {
		t.Error("the new file must contain only the second line")
	}
	if old, err := os.ReadFile(path + ".1"); err != nil || !strings.HasPrefix(string(old), "before\n") {
		t.Errorf("old file %q, %v: the log must append", old, err)
	}
}

func contains(t *testing.T, path string, entry *proxy.Entry) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(text, accesslog.Appender(accesslog.Text)(nil, entry))
}

func TestReopenThatFailsGoesOnWithTheOldFile(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory, "access.log")
	l, err := accesslog.Open(path, accesslog.Text, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(directory, directory+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	l.Log(numbered(1))
	closeLog(t, l)
	if !contains(t, filepath.Join(directory+".moved", "access.log"), numbered(1)) {
		t.Error("the line is not in the old file")
	}
}

func TestOffCostsNothingAndIsSafe(t *testing.T) {
	l, err := accesslog.Open(accesslog.Off, accesslog.JSON, quiet)
	if err != nil || l != nil {
		t.Fatalf("%v, %v", l, err)
	}
	var log proxy.AccessLog = l
	log.Log(sample())
	if err := errors.Join(l.Reopen(), l.Close(t.Context())); err != nil || l.Dropped() != 0 {
		t.Errorf("%v, %d dropped", err, l.Dropped())
	}
}

func TestOpenRefusesAFileOrFormatThatItCannotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "access.log")
	if _, err := accesslog.Open(path, accesslog.Text, quiet); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("missing directory: %v", err)
	}
	path = filepath.Join(t.TempDir(), "access.log")
	if _, err := accesslog.Open(path, "xml", quiet); err == nil || !strings.Contains(err.Error(), `"xml"`) {
		t.Errorf("unknown format: %v", err)
	}
}

func TestEntriesAfterCloseCountAsDropped(t *testing.T) {
	l := newLog(t, new(output))
	closeLog(t, l)
	l.Log(sample())
	if got := l.Dropped(); got != 1 {
		t.Errorf("%d dropped, want 1", got)
	}
	closeLog(t, l)
}

func TestLogAllocatesNothing(t *testing.T) {
	for _, format := range []accesslog.Format{accesslog.Text, accesslog.JSON} {
		o := &output{gate: make(chan struct{})}
		l, err := accesslog.New(o, format, quiet)
		if err != nil {
			t.Fatal(err)
		}
		entry := sample()
		for range 2_000 {
			l.Log(entry) // lets the buffers grow
		}
		// The rest is the buffers' growth by doubling, far below one allocation in a hundred lines.
		if got := testing.AllocsPerRun(1_000, func() { l.Log(entry) }); got != 0 {
			t.Errorf("%s: %v allocations", format, got)
		}
		close(o.gate)
		closeLog(t, l)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(text []byte) (int, error) { return f(text) }

// TestBurstIsForgotten is not parallel: it measures the process.
func TestBurstIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := func() uint64 {
			var stats runtime.MemStats
			runtime.GC() // garbage does not count
			runtime.ReadMemStats(&stats)
			return stats.HeapAlloc
		}
		before := held()
		burst := make(chan struct{})
		l := newLog(t, writerFunc(func(text []byte) (int, error) {
			<-burst
			return len(text), nil
		}))
		defer closeLog(t, l)
		for i := range 20_000 {
			l.Log(numbered(i))
		}
		close(burst)
		const few = 1 << 20
		if grew := held() - before; grew < few {
			t.Fatalf("a burst takes %d bytes: too few to tell", grew)
		}
		for range 6000 {
			time.Sleep(10 * time.Millisecond)
			l.Log(numbered(1)) // some lines all the time
		}
		if dropped := l.Dropped(); dropped > 0 {
			t.Errorf("%d lines were dropped", dropped)
		}
		if grew := held() - min(before, held()); grew > few/4 {
			t.Errorf("a minute after a burst the log holds %d bytes", grew)
		}
	})
}

// BenchmarkLog measures a line from the request to the file, on every core at once.
func BenchmarkLog(b *testing.B) {
	for _, format := range []accesslog.Format{accesslog.Text, accesslog.JSON} {
		b.Run(string(format), func(b *testing.B) {
			l, err := accesslog.Open(filepath.Join(b.TempDir(), "access.log"), format, quiet)
			if err != nil {
				b.Fatal(err)
			}
			defer closeLog(b, l)
			b.ReportAllocs()
			var lanes atomic.Uint32
			b.RunParallel(func(pb *testing.PB) {
				entry := sample()
				entry.Shard = uint(lanes.Add(1))
				for pb.Next() {
					entry.Time = entry.Time.Add(time.Microsecond)
					for dropped := l.Dropped(); ; dropped = l.Dropped() {
						if l.Log(entry); l.Dropped() == dropped {
							break
						}
						runtime.Gosched() // the writer is behind
					}
				}
			})
		})
	}
}
