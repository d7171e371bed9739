package accesslog

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"slices"
	"time"
)

// flushDelay is for how long lines gather before they are written together.
const flushDelay = 100 * time.Millisecond

const (
	// trimInterval is after how long buffers are given back that nothing has needed a quarter of meanwhile: 10,000 clients that
	// leave together write megabytes, and would hold them for good.
	trimInterval = 10 * time.Second
	// keptBytes is not worth giving back.
	keptBytes = 16 << 10
)

// writer is the goroutine that writes a log out; nothing of it is used by another.
type writer struct {
	log    *Log
	output io.Writer

	texts  [][]byte // of the shards, taken for writing, then given back empty
	lines  [][]line
	order  []piece
	batch  []byte
	most   int  // bytes of the largest batch since the last trim
	torn   bool // the last write ended within a line
	failed bool // the last write failed
}

// piece is one line among those taken.
type piece struct {
	ended int64
	taken int // when, in turn; those of one loop end in the order in which they are taken
	text  []byte
}

func (w *writer) run() {
	defer close(w.log.done)
	defer w.closeFile()
	w.texts = make([][]byte, len(w.log.shards))
	w.lines = make([][]line, len(w.log.shards))
	timer := time.NewTimer(flushDelay)
	defer timer.Stop()
	var trimming <-chan time.Time // nil while there is nothing to give back
	for {
		select {
		case <-w.log.wake:
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
		select {
		case <-timer.C:
		case <-w.log.hurry:
		case <-w.log.stop:
		}
		w.flush(false)
		if trimming == nil {
			trimming = time.After(trimInterval)
		}
	}
}

// trim gives back buffers that are much larger than what was written of late, and reports whether some are left that may be
// another time.
func (w *writer) trim() (more bool) {
	needed := max(w.most, keptBytes/4)
	w.most = 0
	if cap(w.batch) <= 4*needed {
		return cap(w.batch) > keptBytes
	}
	w.order, w.batch = nil, nil
	for i := range w.log.shards {
		w.texts[i], w.lines[i] = nil, nil
		s := &w.log.shards[i]
		s.mu.Lock()
		s.text, s.lines = slices.Clone(s.text), slices.Clone(s.lines)
		s.mu.Unlock()
	}
	return false
}

// flush writes the lines that the shards hold; closing ends the shards, so that none is left unwritten and uncounted.
func (w *writer) flush(closing bool) {
	if file := w.log.reopened.Swap(nil); file != nil {
		w.closeFile()
		w.output, w.torn = file, false
	}
	w.order = w.order[:0]
	for i := range w.log.shards {
		s := &w.log.shards[i]
		s.mu.Lock()
		s.closed = closing
		s.text, w.texts[i] = w.texts[i][:0], s.text
		s.lines, w.lines[i] = w.lines[i][:0], s.lines
		s.mu.Unlock()
		start := 0
		for _, line := range w.lines[i] {
			w.order = append(w.order, piece{line.ended, len(w.order), w.texts[i][start:line.end]})
			start = line.end
		}
	}
	slices.SortFunc(w.order, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.ended, b.ended), cmp.Compare(a.taken, b.taken))
	})
	w.batch = w.batch[:0]
	if w.torn {
		w.batch = append(w.batch, '\n')
	}
	for _, piece := range w.order {
		w.batch = append(w.batch, piece.text...)
	}
	w.most = max(w.most, len(w.batch))
	if len(w.order) > 0 {
		w.write()
	}
}

// write puts the batch out. What can't be written is dropped: keeping it would only make the next requests' lines late.
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

// closeFile closes the output unless it is the process's own.
func (w *writer) closeFile() {
	if file, ok := w.output.(*os.File); ok && file != os.Stdout {
		if err := file.Close(); err != nil {
			w.log.log.Error("close the access log", "path", w.log.path, "error", err)
		}
	}
}
