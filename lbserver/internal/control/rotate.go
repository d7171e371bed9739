package control

import (
	"context"
	"fmt"
)

// RotatePersistenceKeys replaces the keys that seal persistence cookies by what next makes of them. Both take and give their
// JSON form.
func (s *Server) RotatePersistenceKeys(ctx context.Context, next func(keys []byte) ([]byte, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	keys, err := next(s.current.Load().PersistenceKeys)
	if err != nil {
		return err
	}
	edit := s.current.Load().Edit()
	edit.PutPersistenceKeys(keys)
	state, records, err := edit.Done()
	if err != nil {
		return err
	}
	prepared, err := s.config.Node.Prepare(ctx, state)
	if err != nil {
		return fmt.Errorf("prepare the new keys: %w", err)
	}
	if err := s.carryOut(ctx, prepared, state, records, nil); err != nil {
		s.behind = true
		return err
	}
	return nil
}
