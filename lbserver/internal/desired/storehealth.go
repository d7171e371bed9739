package desired

import (
	"context"
	"errors"
	"fmt"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// The reply by which CheckStore tries the store. It has more bytes than a large change writes, since a disk that is
// full still takes a small one. No call has its nonce, which is no UUID. It has expired when it is written: the next
// change removes it.
const (
	trialNonce = "trial"
	trialBytes = 32 << 10
)

// writeFailure is why the last write to the store failed.
type writeFailure struct{ err error }

// commit writes to the store and remembers whether that failed. The caller holds mu.
func (s *State) commit(ctx context.Context, base uint64, records []store.Record, reply *store.Reply) (uint64, error) {
	revision, err := s.store.Commit(ctx, base, records, reply)
	switch {
	case err == nil:
		if s.unstored.Swap(nil) != nil {
			s.log.InfoContext(ctx, "the store can be written again")
		}
	case !isStale(err):
		s.unstored.Store(&writeFailure{err})
	}
	return revision, err
}

// CheckStore returns why the store can't be read, or why changes can't be stored. It reads a little each time. It
// writes only if the last write failed, so that it notices a full disk that was cleared before anybody makes a change.
func (s *State) CheckStore(ctx context.Context) error {
	if _, err := s.store.Reply(ctx, trialNonce); err != nil && !errors.Is(err, store.ErrNoReply) {
		return err
	}
	if s.unstored.Load() == nil {
		return nil
	}
	if s.mu.TryLock() { // otherwise a change is being made, which finds out
		defer s.mu.Unlock()
		if err := s.catchUp(ctx); err != nil {
			return err
		}
		trial := &store.Reply{Nonce: trialNonce, Body: make([]byte, trialBytes), Expires: s.now()}
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
