package desired

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

const (
	// changeTimeout bounds a change from the moment that it has its turn. A caller that goes away does not end it: half
	// a change is worse than one that nobody waits for.
	changeTimeout = 30 * time.Second
	// changeAttempts bounds how often a change is judged again because another process has written to the store.
	changeAttempts = 5
)

// Change is what a caller wants to change.
type Change struct {
	// Nonce makes the change happen once: if the store has a reply of this nonce, that is the result. Empty, the change
	// is made in any case.
	Nonce string
	// Judge decides on the state base what the change does. A nil edit changes nothing. The reply is stored in the same
	// transaction as the edit; nil stores none. Judge is called again if the store has moved on meanwhile. Its error
	// ends the change.
	Judge func(base *snapshot.Snapshot) (*snapshot.Edit, *store.Reply, error)
	// Refuse decides what to store as the reply, if anything, if this node can't make the change: because of a
	// *PortError, or by its own fault. If it is nil, the change fails with that error.
	Refuse func(reason error) (*store.Reply, error)
}

// Change makes a change: it is judged on the current state, stored, and in force when Change returns. An earlier reply
// of the same nonce is returned instead, and nothing changes. An error means that the store could not be read or
// written, or is one of Judge's or Refuse's. After an error of the store it is not known whether the change was stored:
// the same nonce finds out.
func (s *State) Change(ctx context.Context, change Change) (earlier *store.Reply, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
	defer cancel()
	for range changeAttempts {
		if err := s.catchUp(ctx); err != nil {
			return nil, err
		}
		earlier, err := s.earlier(ctx, change.Nonce)
		if err != nil || earlier != nil {
			return earlier, err
		}
		if err := s.try(ctx, change); !isStale(err) {
			return nil, err
		}
	}
	return nil, store.ErrStale
}

// earlier returns the stored reply of a nonce, or nil.
func (s *State) earlier(ctx context.Context, nonce string) (*store.Reply, error) {
	if nonce == "" {
		return nil, nil //nolint:nilnil // no reply is an answer, not a failure
	}
	reply, err := s.store.Reply(ctx, nonce)
	if errors.Is(err, store.ErrNoReply) {
		return nil, nil //nolint:nilnil // no reply is an answer, not a failure
	}
	if err != nil {
		return nil, fmt.Errorf("look for the nonce of the call: %w", err)
	}
	return reply, nil
}

// try judges a change on the current state and carries it out. The caller holds mu.
func (s *State) try(ctx context.Context, change Change) error {
	base := s.current.Load()
	edit, reply, err := change.Judge(base)
	if err != nil {
		return err
	}
	if edit == nil {
		return s.remember(ctx, base, reply)
	}
	next, records, err := edit.Done()
	if err == nil && len(records) == 0 {
		return s.remember(ctx, base, reply)
	}
	var prepared Prepared
	if err == nil {
		prepared, err = s.prepare(ctx, base, next)
	}
	if err != nil {
		if change.Refuse == nil {
			return err
		}
		reply, err := change.Refuse(err)
		if err != nil {
			return err
		}
		return s.remember(ctx, base, reply)
	}
	next.Revision, err = s.commit(ctx, base.Revision, records, reply)
	if err != nil {
		prepared.Abort()
		s.behind = true
		return err
	}
	s.finish(ctx, prepared, next)
	return nil
}

// prepare prepares an edit of base, all of whose ports must open. The caller holds mu.
func (s *State) prepare(ctx context.Context, base, next *snapshot.Snapshot) (Prepared, error) {
	prepared, err := s.node.Prepare(ctx, next, next.Since(base))
	if err != nil {
		return nil, fmt.Errorf("prepare the change: %w", err)
	}
	if err := s.newlyClosed(prepared); err != nil {
		prepared.Abort()
		return nil, err
	}
	return prepared, nil
}

// remember stores the reply of a change that changes nothing. The caller holds mu.
func (s *State) remember(ctx context.Context, base *snapshot.Snapshot, reply *store.Reply) error {
	if reply == nil {
		return nil
	}
	_, err := s.commit(ctx, base.Revision, nil, reply)
	s.behind = s.behind || err != nil
	return err
}

// RotatePersistenceKeys replaces the keys that seal persistence cookies. rotate is given the JSON form of the current
// keys and returns that of the next.
func (s *State) RotatePersistenceKeys(ctx context.Context, rotate func(keys []byte) ([]byte, error)) error {
	_, err := s.Change(ctx, Change{Judge: func(base *snapshot.Snapshot) (*snapshot.Edit, *store.Reply, error) {
		keys, err := rotate(base.PersistenceKeys)
		if err != nil {
			return nil, nil, err
		}
		edit := base.Edit()
		edit.PutPersistenceKeys(keys)
		return edit, nil, nil
	}})
	return err
}
