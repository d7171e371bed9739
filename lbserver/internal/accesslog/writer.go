package accesslog

import (
	"bytes"
	"io"
	"os"
	"slices"
	"time"
)

// flushDelay is how long lines gather before they are written together.
const flushDelay = 100 * time.Millisecond

const (
	// trimInterval is how often buffers are released that needed less than a quarter of their size since the last time:
	// 10,000 clients that leave together write megabytes, which the log would otherwise hold for good.
	trimInterval = 10 * time.Second
	// keptBytes is the size below which a buffer is not released.
	keptBytes = 16 << 10
)

// writer writes a log's lines to its output. All its fields belong to its one goroutine.
type writer struct {
	log    *Log
	output io.Writer

	texts  [][]byte // of the shards, taken for writing, then given back empty
	lines  [][]line
	next   [][]line // the lines that are not in batch yet
	batch  []byte
	most   int  // bytes of the largest batch since the last trim
	torn   bool // the last write ended within a line
	failed bool // the last write failed
}

func (w *writer) run() {
	defer close(w.log.done)
	defer w.closeFile()
	shards := len(w.log.shards)
	w.texts, w.lines, w.next = make([][]byte, shards), make([][]line, shards), make([][]line, shards)
	timer := time.NewTimer(flushDelay)
	defer timer.Stop()
	wake := w.log.wake            // nil while lines arrive: the timer flushes those
	var trimming <-chan time.Time // nil while there is nothing to release
	for {
		select {
		case <-wake:
			wake = nil
			timer.Reset(flushDelay)
			continue
		case <-timer.C:
			if !w.flush(false) {
				wake = w.log.wake
				continue
			}
		case <-w.log.hurry:
			w.flush(false)
		case <-trimming:
			trimming = nil
			if w.trim() {
				trimming = time.After(trimInterval)
			}
			continue
		case <-w.log.stop:
			w.flush(true)
			return
		}
		timer.Reset(flushDelay)
		if trimming == nil {
			trimming = time.After(trimInterval)
		}
	}
}

// trim releases buffers that are much larger than what was written recently, and reports whether some are left that a
// later trim may release.
func (w *writer) trim() (more bool) {
	needed := max(w.most, keptBytes/4)
	w.most = 0
	if cap(w.batch) <= 4*needed {
		return cap(w.batch) > keptBytes
	}
	w.batch = nil
	for i := range w.log.shards {
		w.texts[i], w.lines[i], w.next[i] = nil, nil, nil
		s := &w.log.shards[i]
		s.mu.Lock()
		s.text, s.lines = slices.Clone(s.text), slices.Clone(s.lines)
		s.mu.Unlock()
	}
	return false
}

// flush writes the lines that the shards hold and reports whether there were any. closing closes the shards, so that
// every later line counts as dropped.
func (w *writer) flush(closing bool) (wrote bool) {
	if file := w.log.reopened.Swap(nil); file != nil {
		w.closeFile()
		w.output, w.torn = file, false
	}
	for i := range w.log.shards {
		s := &w.log.shards[i]
		s.mu.Lock()
		s.closed = closing
		s.text, w.texts[i] = w.texts[i][:0], s.text
		s.lines, w.lines[i] = w.lines[i][:0], s.lines
		s.mu.Unlock()
		// Lines with one Shard are in order; lines with another may be among them.
		if !slices.IsSortedFunc(w.lines[i], line.compare) {
			slices.SortStableFunc(w.lines[i], line.compare)
		}
	}
	w.batch = w.batch[:0]
	if w.torn {
		w.batch = append(w.batch, '\n')
	}
	if !w.merge() {
		return false
	}
	w.most = max(w.most, len(w.batch))
	w.write()
	return true
}

// merge appends the lines of all shards to the batch, in the order in which their requests ended, and reports whether
// there were any.
func (w *writer) merge() (some bool) {
	copy(w.next, w.lines)
	for {
		oldest := -1
		for i, lines := range w.next {
			if len(lines) > 0 && (oldest < 0 || lines[0].ended < w.next[oldest][0].ended) {
				oldest = i
			}
		}
		if oldest < 0 {
			return some
		}
		first := w.next[oldest][0]
		w.next[oldest] = w.next[oldest][1:]
		w.batch = append(w.batch, w.texts[oldest][first.start:first.end]...)
		some = true
	}
}

// write writes the batch. Lines that can't be written are dropped: keeping them would only delay the next ones.
func (w *writer) write() {
	n, err := w.output.Write(w.batch)
	if err == nil {
		if w.failed {
			w.log.log.Info("the access log is written again", "dropped_lines", w.log.dropped.Load())
		}
		w.failed, w.torn = false, false
		return
	}
	lost := bytes.Count(w.batch[n:], []byte{'\n'})
	if n == 0 && w.torn {
		lost-- // the line end that was to repair the torn line
	}
	w.torn = n > 0 && w.batch[n-1] != '\n' || n == 0 && w.torn
	w.log.dropped.Add(uint64(lost))
	if !w.failed {
		w.log.log.Error("the access log can't be written; its lines are dropped and counted until it can", "error", err)
	}
	w.failed = true
}

// closeFile closes the output unless it is standard output.
func (w *writer) closeFile() {
	if file, ok := w.output.(*os.File); ok && file != os.Stdout {
		if err := file.Close(); err != nil {
			w.log.log.Error("close the access log", "path", w.log.path, "error", err)
		}
	}
}
