package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

const (
	// replyLife is how long a stored answer is kept: 15 minutes past the
	// allowed skew (api.md, "Signing"): a call may be dated that far ahead and
	// is good for as long after its date, to the second.
	replyLife = signature.MaxSkew + 15*time.Minute + time.Second
	// writeTimeout bounds a change from the lock to the answer. A client that
	// goes away does not end it: half a change is worse than one nobody awaits.
	writeTimeout = 30 * time.Second
	// writeAttempts bounds how often a change is judged again because another
	// process wrote to the store meanwhile.
	writeAttempts = 5
)

// change is what a write does: it reads base and edits.
type change struct {
	base *snapshot.Snapshot
	edit *snapshot.Edit
}

// storedAnswer is an answer as a reply of the store holds it. The request id
// is not in it: each call has its own.
type storedAnswer struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *lbapi.Error    `json:"error,omitempty"`
}

// write makes a change, or gives again the answer of an earlier call with the
// same nonce.
func (s *Server) write(ctx context.Context, c *call, operation operation) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	var err error
	for range writeAttempts {
		if err = s.catchUp(ctx); err != nil {
			return unavailable(err)
		}
		if stored, found := s.storedAnswer(ctx, c); found {
			return stored
		}
		var a answer
		if a, err = s.try(ctx, c, operation); err == nil {
			return a
		}
		s.behind = true
		if !errors.Is(err, store.ErrStale) {
			break
		}
	}
	return unavailable(err)
}

// catchUp brings the node to the state of the store if it may have moved on.
// The caller holds mu.
func (s *Server) catchUp(ctx context.Context) error {
	if !s.behind {
		return nil
	}
	next, err := read(ctx, s.config.Store)
	if err != nil {
		return err
	}
	if next.Revision != s.current.Load().Revision {
		prepared, err := s.config.Node.Prepare(ctx, next)
		if err != nil {
			return fmt.Errorf("apply revision %d of the store: %w", next.Revision, err)
		}
		prepared.Apply()
		s.current.Store(next)
	}
	s.behind = false
	return nil
}

// storedAnswer looks for the answer of an earlier call with the same nonce.
func (s *Server) storedAnswer(ctx context.Context, c *call) (a answer, found bool) {
	reply, err := s.config.Store.Reply(ctx, c.signed.Nonce)
	if errors.Is(err, store.ErrNoReply) {
		return answer{}, false
	}
	if err != nil {
		return unavailable(fmt.Errorf("look for the nonce of the call: %w", err)), true
	}
	if reply.Digest != c.digest() {
		return c.failed(refuse(lbapi.Conflict, signature.HeaderNonce,
			"the nonce %s was used for another call; each call needs its own, and only a resend the same", c.signed.Nonce)), true
	}
	var stored storedAnswer
	if err := json.Unmarshal(reply.Body, &stored); err != nil {
		return c.failed(fmt.Errorf("decode the stored answer of nonce %s: %w", c.signed.Nonce, err)), true
	}
	return answer{result: stored.Result, refusal: stored.Error, again: true}, true
}

// try judges the call against the current state and carries it out. It returns
// an error only where the store does. The caller holds mu.
func (s *Server) try(ctx context.Context, c *call, operation operation) (answer, error) {
	base := s.current.Load()
	change := &change{base: base, edit: base.Edit()}
	a := c.succeeded(operation.write(c, change))
	if a.refusal != nil {
		return s.remember(ctx, c, base, a)
	}
	next, records, err := change.edit.Done()
	if err != nil {
		return c.failed(err), nil
	}
	if len(records) == 0 {
		return s.remember(ctx, c, base, a)
	}
	prepared, err := s.config.Node.Prepare(ctx, next)
	if err != nil {
		return s.remember(ctx, c, base, c.failed(portRefusal(next, err)))
	}
	reply, err := c.reply(a)
	if err != nil {
		prepared.Abort()
		return answer{}, err
	}
	if err := s.carryOut(ctx, prepared, next, records, reply); err != nil {
		return answer{}, err
	}
	return a, nil
}

// carryOut stores a change and puts it in force, or neither. The caller holds mu.
func (s *Server) carryOut(
	ctx context.Context, prepared Prepared, next *snapshot.Snapshot, records []store.Record, reply *store.Reply,
) error {
	revision, err := s.commit(ctx, s.current.Load().Revision, records, reply)
	if err != nil {
		prepared.Abort()
		return err
	}
	next.Revision = revision
	prepared.Apply()
	s.current.Store(next)
	return nil
}

// remember stores the answer of a call that changes nothing, refusals
// included: a captured call that was refused must not succeed when it is
// replayed after things have changed. Failures of this server are not stored;
// the client may try again.
func (s *Server) remember(ctx context.Context, c *call, base *snapshot.Snapshot, a answer) (answer, error) {
	if a.cause != nil {
		return a, nil //nolint:nilerr // the cause is part of the answer
	}
	reply, err := c.reply(a)
	if err != nil {
		return answer{}, err
	}
	_, err = s.commit(ctx, base.Revision, nil, reply)
	return a, err
}

// reply is the form in which the store keeps an answer.
func (c *call) reply(a answer) (*store.Reply, error) {
	body, err := json.Marshal(storedAnswer{Result: a.result, Error: a.refusal})
	if err != nil {
		return nil, fmt.Errorf("encode the answer for the store: %w", err)
	}
	return &store.Reply{
		Nonce:   c.signed.Nonce,
		Digest:  c.digest(),
		Status:  a.status(),
		Body:    body,
		Expires: c.server.config.Now().Add(replyLife),
	}, nil
}

// portRefusal turns a port that can't be opened into a refusal of the call.
func portRefusal(next *snapshot.Snapshot, err error) error {
	var portErr *PortError
	if !errors.As(err, &portErr) {
		return fmt.Errorf("prepare the change: %w", err)
	}
	name := portErr.ListenerID
	if listener := next.Listeners[portErr.ListenerID]; listener != nil {
		name = listener.Name // its id may be one that is never given out
	}
	return refuse(lbapi.Conflict, "port", "listener %q cannot open %s: %s", name, portErr.Address, portErr.reason())
}
