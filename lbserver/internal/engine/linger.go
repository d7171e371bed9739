package engine

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// LingerLimits bound how long, and for how many bytes, a connection drops what its peer still sends, so that the peer can read
// the answer that it was sent.
type LingerLimits struct {
	time    time.Duration // in all
	silence time.Duration // without a byte
	bytes   int64         // 0 for any number
}

// LingerLong is for a peer that is in the middle of a message. Many clients send all of it before they read their answer. The
// times are those of nginx (lingering_time, lingering_timeout).
func LingerLong() LingerLimits { return LingerLimits{time: 30 * time.Second, silence: 5 * time.Second} }

// LingerShort is for a peer whose bytes have no meaning, or that has sent all that it had to.
func LingerShort() LingerLimits {
	return LingerLimits{time: 2 * time.Second, silence: 2 * time.Second, bytes: 1 << 20}
}

// lingerAfterStop is how long connections linger on when the process stops.
const lingerAfterStop = time.Second

// lingering is a connection that can linger.
type lingering interface {
	io.ReadCloser
	CloseWrite() error
	RemoteAddr() netip.AddrPort
	// readAgain lets reading go on after an interruption, until a fixed time from now.
	readAgain(until time.Duration)
}

// lingerers are the connections of one engine that linger. Those of a loop are used by the loop alone.
type lingerers struct {
	limit   int
	stopped *atomic.Pointer[time.Time] // when the process began to stop; nil in it while it does not

	mu    sync.Mutex
	all   []lingering        // under mu; the one that has lingered longest first
	peers map[netip.Addr]int // under mu; how many of all each peer has
}

func newLingerers(limit int, stopped *atomic.Pointer[time.Time]) *lingerers {
	return &lingerers{limit: limit, stopped: stopped, peers: map[netip.Addr]int{}}
}

// linger implements Conn.Linger.
func (l *lingerers) linger(c lingering, scratch []byte, limits LingerLimits) {
	defer func() { _ = c.Close() }() // everything was sent before CloseWrite
	if c.CloseWrite() != nil {
		return
	}
	l.enter(c)
	defer l.leave(c)
	heard, read := time.Now(), int64(0)
	for end := heard.Add(limits.time); limits.bytes == 0 || read < limits.bytes; {
		left := l.left(end, heard.Add(limits.silence))
		if left <= 0 {
			return
		}
		c.readAgain(left)
		n, err := c.Read(scratch)
		switch {
		case err == nil:
			heard = time.Now()
			read += int64(n)
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return
		}
	}
}

// left is how long a connection may wait before it looks again whether its time is over, and whether the process stops; 0 or
// less if it is over.
func (l *lingerers) left(end, silent time.Time) time.Duration {
	left := min(time.Until(end), time.Until(silent), lingerAfterStop)
	if stopped := l.stopped.Load(); stopped != nil {
		left = min(left, time.Until(stopped.Add(lingerAfterStop)))
	}
	return left
}

// enter adds a connection. If there are too many, one is closed: of the peer with the most, the one that has lingered longest.
func (l *lingerers) enter(c lingering) {
	l.mu.Lock()
	l.all = append(l.all, c)
	l.peers[peerOf(c)]++
	var excess lingering
	if len(l.all) > l.limit {
		excess = l.all[l.longestOfMost()]
		l.remove(excess)
	}
	l.mu.Unlock()
	if excess != nil {
		_ = excess.Close() // the task that reads it finds out
	}
}

func (l *lingerers) leave(c lingering) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(c)
}

// longestOfMost is the index of the connection to close; the caller holds mu.
func (l *lingerers) longestOfMost() int {
	longest, most := 0, 0
	for i, each := range l.all {
		if count := l.peers[peerOf(each)]; count > most {
			longest, most = i, count
		}
	}
	return longest
}

// remove takes a connection out, if it is there; the caller holds mu.
func (l *lingerers) remove(c lingering) {
	for i, each := range l.all {
		if each != c {
			continue
		}
		l.all = append(l.all[:i], l.all[i+1:]...)
		if peer := peerOf(c); l.peers[peer] > 1 {
			l.peers[peer]--
		} else {
			delete(l.peers, peer)
		}
		return
	}
}

func peerOf(c lingering) netip.Addr { return c.RemoteAddr().Addr() }

// lingerShare is what one of a number of loops gets of MaxLingering.
func (e *Engines) lingerShare(number, count int) int {
	share := e.config.MaxLingering / count
	if number < e.config.MaxLingering%count {
		share++
	}
	return share
}
