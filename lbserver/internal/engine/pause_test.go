package engine_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/engine"
)

// pausing is a session that pauses when it gets a byte.
type pausing struct {
	*net.TCPConn
	engine engine.Engine
	conn   engine.Conn
	ended  chan error
}

func newPausing(t *testing.T, kind engine.Kind, timeout time.Duration) *pausing {
	t.Helper()
	p := &pausing{ended: make(chan error, 1)}
	begun := make(chan struct{})
	b := newBed(t, kind, true, func(e engine.Engine, client engine.Conn) time.Duration {
		client.ReadWithin(patience)
		if _, err := client.Read(make([]byte, 1)); err != nil {
			return 0
		}
		p.engine, p.conn = e, client
		close(begun)
		p.ended <- client.Pause(timeout)
		return 0
	})
	p.TCPConn = b.dial()
	io.WriteString(p, "a")
	<-begun
	return p
}

// end is how the pause ended.
func (p *pausing) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(patience):
		t.Fatal("the pause does not end")
		return nil
	}
}

func TestAPauseEnds(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		t.Run("by Resume", func(t *testing.T) {
			p := newPausing(t, kind, patience)
			p.engine.Post(p.conn.Resume)
			if err := p.end(t); err != nil {
				t.Error(err)
			}
		})
		t.Run("after its time", func(t *testing.T) {
			if err := newPausing(t, kind, time.Millisecond).end(t); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
		})
		t.Run("by Close", func(t *testing.T) {
			p := newPausing(t, kind, patience)
			p.engine.Post(func() { _ = p.conn.Close() })
			if err := p.end(t); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
		t.Run("by the peer's reset", func(t *testing.T) {
			p := newPausing(t, kind, patience)
			p.SetLinger(0)
			p.Close()
			if err := p.end(t); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	})
}

func TestAPauseOutlastsBytesAndTheEndOfThePeer(t *testing.T) {
	onEachKind(t, func(t *testing.T, kind engine.Kind) {
		p := newPausing(t, kind, patience)
		io.WriteString(p, "more")
		p.CloseWrite()
		select {
		case err := <-p.ended:
			t.Fatalf("the pause ended: %v", err)
		case <-time.After(200 * time.Millisecond): // nothing can be waited for: nothing is to happen
		}
		p.engine.Post(p.conn.Resume)
		if err := p.end(t); err != nil {
			t.Error(err)
		}
	})
}
