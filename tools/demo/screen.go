package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// barWidth is the length of the longest bar of a chart, in columns.
const barWidth = 40

// screen prints the demo's story: in colour and with a moving line on a terminal, as plain text elsewhere.
type screen struct {
	out      io.Writer
	terminal bool // a moving line is possible
	colour   bool
	chapters int

	mu     sync.Mutex // guards moving and keeps lines whole
	moving bool       // the last line is the moving one
}

// newScreen makes a screen for out. NO_COLOR (no-color.org), set to anything, turns colours off.
func newScreen(out *os.File) *screen {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	return &screen{out: out, terminal: terminal, colour: terminal && os.Getenv("NO_COLOR") == ""}
}

// The colours in use, as SGR parameters (ECMA-48, 8.3.117).
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// clearLine returns to the first column and clears the line.
const clearLine = "\r\x1b[K"

func (s *screen) paint(colour, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (s *screen) printf(format string, values ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moving {
		format, s.moving = clearLine+format, false
	}
	_, _ = fmt.Fprintf(s.out, format, values...) // there is no way to report that the screen is gone
}

// move draws the moving line again.
func (s *screen) move(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moving = true
	_, _ = fmt.Fprint(s.out, clearLine+line)
}

// chapter starts the next part of the story.
func (s *screen) chapter(title string) {
	s.chapters++
	s.printf("\n%s\n", s.paint(bold, fmt.Sprintf("%d. %s", s.chapters, title)))
}

// done reports a fact that was checked.
func (s *screen) done(format string, values ...any) {
	s.printf("   %s %s\n", s.paint(green, "✓"), fmt.Sprintf(format, values...))
}

// note prints information that was not checked.
func (s *screen) note(format string, values ...any) {
	s.printf("   %s\n", s.paint(faint, fmt.Sprintf(format, values...)))
}

// quote prints another program's words after a bar.
func (s *screen) quote(colour, text string) {
	for line := range strings.Lines(text) {
		s.printf("   %s %s\n", s.paint(colour, "│"), strings.TrimRight(line, "\n"))
	}
}

// share is one line of a chart.
type share struct {
	name  string
	count int
	note  string
}

// chart draws the share of each name; the longest bar is barWidth columns.
func (s *screen) chart(shares []share) {
	most, width := 1, 0
	for _, line := range shares {
		most, width = max(most, line.count), max(width, len(line.name))
	}
	for _, line := range shares {
		bar := strings.Repeat("█", (line.count*barWidth+most/2)/most)
		s.printf("   %-*s %s%s %3d  %s\n", width, line.name, s.paint(cyan, bar),
			strings.Repeat(" ", barWidth-len([]rune(bar))), line.count, s.paint(faint, line.note))
	}
}

// during shows that something is in progress while work runs; work may print.
func (s *screen) during(what string, work func() error) error {
	if !s.terminal {
		s.printf("   … %s\n", what)
		return work()
	}
	stop := make(chan struct{})
	var drawing sync.WaitGroup
	drawing.Go(func() { s.spin(what, stop) })
	err := work()
	close(stop)
	drawing.Wait()
	s.printf("")
	return err
}

func (s *screen) spin(what string, stop <-chan struct{}) {
	started := time.Now()
	frame := time.NewTicker(100 * time.Millisecond)
	defer frame.Stop()
	spinner := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	for turn := 0; ; turn++ {
		s.move(fmt.Sprintf("   %s %s %s", s.paint(yellow, string(spinner[turn%len(spinner)])), what,
			s.paint(faint, fmt.Sprintf("%.1f s", time.Since(started).Seconds()))))
		select {
		case <-frame.C:
		case <-stop:
			return
		}
	}
}
