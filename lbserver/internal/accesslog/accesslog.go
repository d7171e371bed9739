// Package accesslog writes one line of text, or one JSON object, for each request.
//
// A request only appends its line to a buffer in memory; one goroutine writes the buffers to the file. If the disk is
// slower than the traffic, the buffers fill up, and further lines are dropped and counted. A request never waits for
// the disk.
package accesslog

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
)

// The two special destinations; any other is the path of a file.
const (
	Stdout = "-"
	Off    = "off"
)

// bufferBytes bounds the lines that wait to be written, in all shards together: some tens of thousands of lines. The
// writer may hold as much again.
const bufferBytes = 8 << 20

// hurryBytes is the size at which a shard makes the writer flush early. So few lines are still in a core's caches when
// they are merged and written, and that takes little time: at 70,000 requests a second the lines of 100 ms are
// megabytes.
const hurryBytes = 64 << 10

// Log is an access log. A nil Log is turned off: all its methods may be called and do nothing. A Log is safe for
// concurrent use.
type Log struct {
	appendLine lineAppender
	path       string // empty for a writer that can't be reopened
	log        *slog.Logger
	shards     []shard
	shardLimit int
	dropped    atomic.Uint64

	wake     chan struct{} // the first line came into an empty shard, or a file was reopened
	hurry    chan struct{} // a shard has reached hurryBytes
	stop     chan struct{}
	stopping sync.Once
	done     chan struct{}
	reopened atomic.Pointer[os.File] // from Reopen to the writer
}

// shard is a buffer of finished lines. There is one for each core; entries with the same Shard use the same buffer, so
// its lock is rarely contended.
type shard struct {
	mu     sync.Mutex
	text   []byte // under mu
	lines  []line // under mu; their places in text
	second second // under mu
	closed bool   // under mu; nothing is written any more

	_ [64]byte // keeps this shard and the next on different cache lines
}

// line is one line in a shard's text. Lines of several shards are merged by the time at which their requests ended.
type line struct {
	ended      int64 // Unix time in nanoseconds
	start, end int   // offsets in text
}

var _ proxy.AccessLog = (*Log)(nil)

func (l line) compare(other line) int { return cmp.Compare(l.ended, other.ended) }

// Open opens the access log at a destination: Stdout, Off (the Log is nil) or a path, to which it appends. It reports
// to log when lines can't be written, and when they can again.
func Open(destination string, format Format, log *slog.Logger) (*Log, error) {
	switch destination {
	case Off:
		return nil, nil //nolint:nilnil // a nil Log is one that is off
	case Stdout:
		return New(os.Stdout, format, log)
	}
	file, err := openFile(destination)
	if err != nil {
		return nil, err
	}
	l, err := New(file, format, log)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	l.path = destination
	return l, nil
}

func openFile(path string) (*os.File, error) {
	//nolint:gosec // G302: the group reads logs, as log shippers and rotation expect
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the access log: %w; name a file in a directory that exists and can be written", err)
	}
	return file, nil
}

// New makes an access log that writes to output from its own goroutine, which Close ends. It fails if the format is
// unknown.
func New(output io.Writer, format Format, log *slog.Logger) (*Log, error) {
	appendEntry, ok := formats()[format]
	if !ok {
		return nil, fmt.Errorf("access log format %q is none of %q and %q", format, Text, JSON)
	}
	l := &Log{
		appendLine: appendEntry,
		log:        log,
		shards:     make([]shard, runtime.GOMAXPROCS(0)),
		wake:       make(chan struct{}, 1),
		hurry:      make(chan struct{}, 1),
		stop:       make(chan struct{}),
		done:       make(chan struct{}),
	}
	l.shardLimit = bufferBytes / len(l.shards)
	go (&writer{log: l, output: output}).run()
	return l, nil
}

// Log takes one entry, keeps no reference to it, and returns at once. It allocates nothing once the buffers have grown.
func (l *Log) Log(entry *proxy.Entry) {
	if l == nil {
		return
	}
	for i := range l.shards {
		s := &l.shards[(entry.Shard+uint(i))%uint(len(l.shards))]
		if s.mu.TryLock() && l.appendTo(s, entry) {
			return
		}
	}
	s := &l.shards[entry.Shard%uint(len(l.shards))]
	s.mu.Lock() // held only while one line is appended
	if !l.appendTo(s, entry) {
		l.dropped.Add(1)
	}
}

// appendTo adds an entry to a shard, unless the shard is full or closed. The caller has locked the shard; appendTo
// unlocks it.
func (l *Log) appendTo(s *shard, entry *proxy.Entry) bool {
	before := len(s.text)
	if s.closed || before >= l.shardLimit {
		s.mu.Unlock()
		return false
	}
	s.text = l.appendLine(s.text, entry, &s.second)
	after := len(s.text)
	s.lines = append(s.lines, line{entry.Time.Add(entry.Duration).UnixNano(), before, after})
	s.mu.Unlock()

	if before == 0 {
		notify(l.wake)
	}
	if before < hurryBytes && after >= hurryBytes {
		notify(l.hurry)
	}
	return true
}

func notify(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}

// Dropped returns how many lines were lost since the start, because the buffers were full or writing failed.
func (l *Log) Dropped() uint64 {
	if l == nil {
		return 0
	}
	return l.dropped.Load()
}

// Reopen opens the log's path again, after log rotation has moved the file away. Lines logged before may still go to
// the old file. If it fails, the log continues with the old file.
func (l *Log) Reopen() error {
	if l == nil || l.path == "" {
		return nil
	}
	file, err := openFile(l.path)
	if err != nil {
		return err
	}
	if unused := l.reopened.Swap(file); unused != nil {
		_ = unused.Close()
	}
	notify(l.wake)
	return nil
}

// Close writes the remaining lines and ends the log; entries logged later count as dropped. It fails if ctx ends before
// a slow disk has taken everything; the rest is then still being written while the process lives.
func (l *Log) Close(ctx context.Context) error {
	if l == nil {
		return nil
	}
	l.stopping.Do(func() { close(l.stop) })
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("write the rest of the access log: %w", ctx.Err())
	}
}
