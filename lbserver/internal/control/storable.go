package control

import (
	"context"
	"errors"
	"fmt"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// The answer that Storable has stored for nobody: more than a large change
// writes, since a disk that is full to the brim still takes a small one. No
// call has its nonce, which is no UUID, and the next change clears it away.
const (
	trialNonce = "trial"
	trialBytes = 32 << 10
)

// storeFailure is why the last write to the store failed.
type storeFailure struct{ err error }

// commit writes to the store and remembers how that went. The caller holds mu.
func (s *Server) commit(ctx context.Context, base uint64, records []store.Record, reply *store.Reply) (uint64, error) {
	revision, err := s.config.Store.Commit(ctx, base, records, reply)
	switch {
	case err == nil:
		if s.unstored.Swap(nil) != nil {
			s.config.Log.InfoContext(ctx, "the store can be written again")
		}
	case !errors.Is(err, store.ErrStale):
		s.unstored.Store(&storeFailure{err})
	}
	return revision, err
}

// Storable says why changes can't be stored: nil unless the last write failed.
// Then it tries the store itself, so that a full disk that was cleared is
// noticed before anybody makes a change.
func (s *Server) Storable(ctx context.Context) error {
	if s.unstored.Load() == nil {
		return nil
	}
	if s.mu.TryLock() { // otherwise a change is under way, which will tell
		defer s.mu.Unlock()
		if err := s.catchUp(ctx); err != nil {
			return err
		}
		trial := &store.Reply{Nonce: trialNonce, Body: make([]byte, trialBytes), Expires: s.config.Now()}
		if _, err := s.commit(ctx, s.current.Load().Revision, nil, trial); err == nil {
			return nil
		}
	}
	failure := s.unstored.Load()
	if failure == nil {
		return nil
	}
	return fmt.Errorf("changes cannot be stored: %w", failure.err)
}
