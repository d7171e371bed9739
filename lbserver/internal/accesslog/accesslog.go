// Package accesslog writes one line, or one JSON object, a request.
//
// A request only appends its line to a buffer in memory; one goroutine writes the buffers out. When the disk is slower
// than the traffic the buffers fill up, and further lines are dropped and counted. A request never waits for the disk.
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

// bufferBytes bounds what waits to be written, in all shards together: some tens of thousands of lines. As much again may
// be in the hands of the writer.
const bufferBytes = 8 << 20

// hurryBytes in one shard have all of them written before their time. So few lines are still in the caches of a core when
// they are merged and written, and that is soon done: at 70,000 requests a second the lines of 100 ms are megabytes.
const hurryBytes = 64 << 10

// Log is an access log. A nil Log is one that is off: all its methods may be called and do nothing. It is safe for
// concurrent use.
type Log struct {
	format     format
	path       string // empty for a writer that can't be reopened
	log        *slog.Logger
	shards     []shard
	shardLimit int
	dropped    atomic.Uint64

	wake     chan struct{} // a line waits where none did, or a file is reopened
	hurry    chan struct{} // a shard has hurryBytes
	stop     chan struct{}
	stopping sync.Once
	done     chan struct{}
	reopened atomic.Pointer[os.File] // from Reopen to the writer
}

// shard is a buffer of finished lines, one for each core, which a lane that keeps to it has for itself.
type shard struct {
	mu     sync.Mutex
	text   []byte // under mu
	lines  []line // under mu; where in text they are
	second second // under mu
	closed bool   // under mu; nothing is written any more

	_ [64]byte // a core that writes this shard does not slow down one that writes the next
}

// line is one line in a shard's text. Lines of several shards are merged by the time at which their requests ended.
type line struct {
	ended      int64 // Unix time in nanoseconds
	start, end int   // offsets in text
}

var _ proxy.AccessLog = (*Log)(nil)

func (l line) compare(other line) int { return cmp.Compare(l.ended, other.ended) }

// Open opens the access log at a destination: Stdout, Off (the Log is nil) or a path, to which it appends. log is told
// when lines can't be written and when they can again.
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

// New makes an access log that writes to output, by one goroutine that Close ends. It fails on an unknown format.
func New(output io.Writer, format Format, log *slog.Logger) (*Log, error) {
	appendEntry, ok := formats()[format]
	if !ok {
		return nil, fmt.Errorf("access log format %q is none of %q and %q", format, Text, JSON)
	}
	l := &Log{
		format: appendEntry,
		log:    log,
		shards: make([]shard, runtime.GOMAXPROCS(0)),
		wake:   make(chan struct{}, 1),
		hurry:  make(chan struct{}, 1),
		stop:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	l.shardLimit = bufferBytes / len(l.shards)
	go (&writer{log: l, output: output}).run()
	return l, nil
}

// Log takes one entry, keeps nothing of it, and returns at once. It allocates nothing once the buffers have grown.
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
	s.mu.Lock() // held for the time of one line
	if !l.appendTo(s, entry) {
		l.dropped.Add(1)
	}
}

// appendTo adds an entry to a shard whose lock the caller took, unless that is full, and unlocks it.
func (l *Log) appendTo(s *shard, entry *proxy.Entry) bool {
	before := len(s.text)
	if s.closed || before >= l.shardLimit {
		s.mu.Unlock()
		return false
	}
	s.text = l.format(s.text, entry, &s.second)
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

// Dropped counts the lines that were lost since the start: the buffers were full, or writing failed.
func (l *Log) Dropped() uint64 {
	if l == nil {
		return 0
	}
	return l.dropped.Load()
}

// Reopen opens the log's path anew, after the file was moved away by a rotation. Lines that were taken before may still go
// to the old file. On an error the log goes on as it was.
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

// Close writes what waits and ends the log; entries that come later count as dropped. It fails when ctx ends before a slow
// disk has taken everything; the rest goes on being written while the process lives.
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
