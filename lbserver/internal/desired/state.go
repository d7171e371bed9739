// Package desired owns the desired state that is in force on this node. State reads it from the store, changes it and
// follows the changes of others; it tells the node what differs, and answers once the node serves it. What a change may
// be is for its caller to judge, and how traffic is carried is the node's matter.
package desired

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

const (
	// portInterval is the time between two attempts to open the ports that could not be opened.
	portInterval = time.Second
	// followInterval is the time between two attempts to follow the store if it can't be read.
	followInterval = time.Second
)

// Node is the part of a process that carries the traffic. State calls it with one change at a time.
type Node interface {
	// Prepare does whatever of a change to the snapshot next can fail, such as opening ports, and changes nothing that
	// traffic sees. changed names what differs from the snapshot in force, or may. next gets its revision before Apply.
	Prepare(ctx context.Context, next *snapshot.Snapshot, changed snapshot.Difference) (Prepared, error)
}

// Prepared is a change that can no longer fail. Either Apply or Abort is called, once.
type Prepared interface {
	// Closed lists the ports that could not be opened, also those that could not be opened before: each change tries
	// them again. Apply puts everything else in force.
	Closed() []*PortError
	// Apply returns when the node serves the change.
	Apply()
	// Abort undoes the preparation.
	Abort()
}

// State is the desired state in force. All its methods may be called from several goroutines.
type State struct {
	store store.Store
	node  Node
	now   func() time.Time
	log   *slog.Logger

	// current is what the node serves. Stored under mu, loaded by anybody.
	current atomic.Pointer[snapshot.Snapshot]
	// unstored is why the last write to the store failed, nil if it did not. Stored under mu, loaded by anybody.
	unstored atomic.Pointer[writeFailure]

	// mu makes the judging, storing and applying of a change one step.
	mu sync.Mutex
	// behind is set if the store may have moved on without current: after a commit whose end is not known, or one by
	// another process. Under mu.
	behind bool
	// closed are the ids of the listeners of current whose ports could not be opened. Under mu.
	closed map[string]bool
}

// Current is the state that the node serves.
func (s *State) Current() *snapshot.Snapshot { return s.current.Load() }

// Reapply makes the node apply all of the current state again, for instance since the addresses of instances have
// changed.
func (s *State) Reapply(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reapply(ctx)
}

// reapply is Reapply for a caller that holds mu.
func (s *State) reapply(ctx context.Context) error {
	current := s.current.Load()
	if err := s.apply(ctx, current, current.Since(nil)); err != nil {
		return fmt.Errorf("apply the current state again: %w", err)
	}
	return nil
}

// RetryPorts tries once a second to open the ports that could not be opened, until ctx ends.
func (s *State) RetryPorts(ctx context.Context) {
	tick := time.NewTicker(portInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.retryPorts(ctx); err != nil && ctx.Err() == nil {
				s.log.ErrorContext(ctx, "listeners without a port could not be tried again", "error", err)
			}
		}
	}
}

func (s *State) retryPorts(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.closed) == 0 {
		return nil
	}
	return s.reapply(ctx)
}

// Follow brings the node to each new revision of the store, until ctx ends. A port that can't be opened does not keep
// the rest of a revision from being served. If the store can't be read, or a revision can't be applied, the node serves
// what it has and Follow tries again.
func (s *State) Follow(ctx context.Context) {
	var failed string // the error that was logged last
	for {
		err := s.followOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			failed = ""
			continue
		}
		if text := err.Error(); text != failed {
			s.log.ErrorContext(ctx, "a change of the store is not in force; trying again", "error", err)
			failed = text
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(followInterval):
		}
	}
}

func (s *State) followOnce(ctx context.Context) error {
	revision, err := s.store.Wait(ctx, s.Current().Revision)
	if err != nil {
		return fmt.Errorf("wait for a change of the store: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.Load().Revision >= revision { // by a change of our own
		return nil
	}
	return s.load(ctx)
}

// catchUp brings the node to the state of the store if that may have moved on. The caller holds mu.
func (s *State) catchUp(ctx context.Context) error {
	if !s.behind {
		return nil
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	s.behind = false
	return nil
}

// load brings the node to the state of the store. The caller holds mu.
func (s *State) load(ctx context.Context) error {
	next, err := read(ctx, s.store)
	if err != nil {
		return err
	}
	current := s.current.Load()
	if next.Revision == current.Revision {
		return nil
	}
	if err := s.apply(ctx, next, next.Since(current)); err != nil {
		return fmt.Errorf("apply revision %d of the store: %w", next.Revision, err)
	}
	return nil
}

// apply puts a stored state in force, with the ports that can be opened. The caller holds mu.
func (s *State) apply(ctx context.Context, next *snapshot.Snapshot, changed snapshot.Difference) error {
	prepared, err := s.node.Prepare(ctx, next, changed)
	if err != nil {
		return err
	}
	s.finish(ctx, prepared, next)
	return nil
}

// finish puts a prepared change in force. The caller holds mu.
func (s *State) finish(ctx context.Context, prepared Prepared, next *snapshot.Snapshot) {
	prepared.Apply()
	s.current.Store(next)
	closed := map[string]bool{}
	for _, failure := range prepared.Closed() {
		closed[failure.ListenerID] = true
		if !s.closed[failure.ListenerID] {
			s.log.ErrorContext(ctx, "a listener takes no traffic; trying again every second", "error", failure)
		}
	}
	s.closed = closed
}

// read makes a snapshot of what the store holds.
func read(ctx context.Context, from store.Store) (*snapshot.Snapshot, error) {
	state, err := from.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the desired state: %w", err)
	}
	return snapshot.New(state)
}

// newlyClosed returns a port that a change can't open, other than those that could not be opened before it, or nil. The
// caller holds mu.
func (s *State) newlyClosed(prepared Prepared) error {
	for _, failure := range prepared.Closed() {
		if !s.closed[failure.ListenerID] {
			return failure
		}
	}
	return nil
}

// isStale reports whether a write failed only since the store has moved on.
func isStale(err error) bool { return errors.Is(err, store.ErrStale) }
