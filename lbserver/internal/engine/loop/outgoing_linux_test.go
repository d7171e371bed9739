package loop_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine/loop"
)

// overfill has a connection send more than the kernel takes, and returns all that its peer is to get. It takes a peer that
// reads next to nothing at a time.
func overfill(t *testing.T, l *loop.Loop, ours *loop.Connection, theirs *net.TCPConn) (sent []byte) {
	t.Helper()
	if err := theirs.SetReadBuffer(2 << 10); err != nil {
		t.Fatal(err)
	}
	last := bytes.Repeat([]byte("last"), 12<<10)
	on(t, l, func() {
		if err := ours.SetSendBuffer(4 << 10); err != nil {
			t.Error(err)
		}
		piece := bytes.Repeat([]byte("."), 4<<10)
		ours.WriteWithin(200 * time.Millisecond)
		for err := error(nil); err == nil; {
			var n int
			n, err = ours.Write(piece)
			sent = append(sent, piece[:n]...)
		}
	})
	read := make([]byte, 0, 1<<20)
	ended := begin(l, func() {
		ours.WriteWithin(patience)
		if _, err := ours.Write([]byte("!")); err != nil { // when there is room again
			t.Error(err)
		}
		if n, err := ours.Send(last); n != len(last) || err != nil {
			t.Errorf("sent %d bytes: %v", n, err)
		}
		sent = append(append(sent, '!'), last...)
	})
	for open := true; open; {
		select {
		case <-ended:
			open = false
		default:
			n, err := theirs.Read(read[len(read) : len(read)+1024])
			if err != nil {
				t.Fatal(err)
			}
			read = read[:len(read)+n]
		}
	}
	if err := theirs.SetReadBuffer(1 << 20); err != nil { // what is left may come at once
		t.Fatal(err)
	}
	return sent[len(read):]
}

func readAll(t *testing.T, from *net.TCPConn) []byte {
	t.Helper()
	if err := from.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(from)
	if err != nil {
		t.Errorf("after %d bytes: %v", len(got), err)
	}
	return got
}

func TestWhatIsSentKeepsItsOrder(t *testing.T) {
	l := start(t)
	ours, theirs := pair(t, l)
	on(t, l, func() {
		ours.WriteWithin(patience)
		for _, each := range []struct {
			write func([]byte) (int, error)
			text  string
		}{{ours.Send, "one "}, {ours.Send, "two "}, {ours.Write, "three "}, {ours.Send, "four"}} {
			if n, err := each.write([]byte(each.text)); n != len(each.text) || err != nil {
				t.Errorf("%q: wrote %d bytes, %v", each.text, n, err)
			}
		}
		if err := ours.CloseWrite(); err != nil {
			t.Error(err)
		}
	})
	if got := string(readAll(t, theirs)); got != "one two three four" {
		t.Errorf("the peer got %q", got)
	}
}

func TestWhatIsSentOutlivesTheOwner(t *testing.T) {
	t.Parallel()
	l := start(t)
	ours, theirs := pair(t, l)
	want := overfill(t, l, ours, theirs)
	on(t, l, func() {
		if !ours.Sending() {
			t.Error("the kernel took everything: this test shows nothing")
		}
		if err := ours.Close(); err != nil {
			t.Error(err)
		}
	})
	if got := readAll(t, theirs); !bytes.Equal(got, want) {
		t.Errorf("the peer got %d bytes, want %d", len(got), len(want))
	}
}

func TestWritingWaitsForWhatWasSentBefore(t *testing.T) {
	t.Parallel()
	l := start(t)
	ours, theirs := pair(t, l)
	want := overfill(t, l, ours, theirs)
	ended := begin(l, func() {
		ours.WriteWithin(patience)
		if _, err := ours.Write([]byte("more")); err != nil {
			t.Error(err)
		}
		if err := ours.CloseWrite(); err != nil {
			t.Error(err)
		}
	})
	if got := readAll(t, theirs); !bytes.Equal(got, append(want, "more"...)) {
		t.Errorf("the peer got %d bytes, want %d", len(got), len(want)+4)
	}
	wait(t, ended)
}

func TestAClosedConnectionDoesNotWaitForeverForItsPeer(t *testing.T) {
	t.Parallel()
	l := start(t)
	ours, theirs := pair(t, l)
	want := overfill(t, l, ours, theirs)
	on(t, l, func() {
		ours.WriteWithin(100 * time.Millisecond)
		_ = ours.Close()
	})
	// The end is the test's event: nothing is read before the time is over.
	eventually(t, func() (released bool) {
		on(t, l, func() { released = !ours.Sending() })
		return released
	})
	if got, err := io.ReadAll(theirs); len(got) >= len(want) || err == nil {
		t.Errorf("the peer got %d of %d bytes, and %v; want a reset", len(got), len(want), err)
	}
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("this does not happen")
		}
	}
}

func TestSendingToAPeerThatIsGoneShowsAtTheNextWrite(t *testing.T) {
	l := start(t)
	ours, theirs := pair(t, l)
	if err := errors.Join(theirs.SetLinger(0), theirs.Close()); err != nil {
		t.Fatal(err)
	}
	on(t, l, func() {
		ours.ReadWithin(patience)
		ours.WriteWithin(patience)
		if _, err := ours.Read(make([]byte, 1)); err == nil {
			t.Error("read from a connection that was reset")
		}
		if _, err := ours.Send([]byte("to nobody")); err != nil {
			return
		}
		if _, err := ours.Write([]byte("to nobody")); err == nil {
			t.Error("wrote to a connection that was reset")
		}
	})
}

// endless is a loop of which the test awaits the end.
func endless(t *testing.T) (*loop.Loop, chan struct{}) {
	t.Helper()
	l, err := loop.New(loop.Config{Now: time.Now, Panicked: func(cause any, _ []byte) { t.Error(cause) }})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { defer close(over); l.Run() }()
	return l, over
}

// A loop that ends lets go of what a peer has not taken, which must not seem whole to it.
func TestTheEndOfALoopClosesWhatIsLeft(t *testing.T) {
	t.Parallel()
	l, ended := endless(t)
	ours, theirs := pairOf(t, l)
	_ = overfill(t, l, ours, theirs)
	on(t, l, func() {
		ours.WriteWithin(time.Hour)
		_ = ours.Close()
	})
	l.Finish() // takes until the peer reads
	l.Stop()
	wait(t, ended)
	if err := theirs.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, theirs); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection ended with %v, want a reset", err)
	}
}

func TestALoopFinishesWhatItHasToSend(t *testing.T) {
	t.Parallel()
	l, ended := endless(t)
	ours, theirs := pairOf(t, l)
	want := overfill(t, l, ours, theirs)
	on(t, l, func() {
		ours.WriteWithin(time.Hour)
		_ = ours.Close()
	})
	l.Finish()
	if got := readAll(t, theirs); !bytes.Equal(got, want) {
		t.Errorf("the peer got %d bytes, want %d", len(got), len(want))
	}
	wait(t, ended)
}
