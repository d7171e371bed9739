package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/desired"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// replyLife is how long a stored answer is kept: 15 minutes past the allowed skew (api.md, "Signing"). A call may be
// dated that far ahead and is good for as long after its date, to the second.
const replyLife = signature.MaxSkew + 15*time.Minute + time.Second

// change is what a write does: it reads base and edits.
type change struct {
	base *snapshot.Snapshot
	edit *snapshot.Edit
}

// storedAnswer is an answer as a reply of the store holds it. The request id is not in it: each call has its own.
type storedAnswer struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *lbapi.Error    `json:"error,omitempty"`
}

// write makes a change, or gives again the answer of an earlier call with the same nonce. Refusals are stored like
// results: a captured call that was refused must not succeed when it is replayed after things have changed. Failures of
// this server are not stored; the client may try again.
func (s *Server) write(ctx context.Context, c *call, operation operation) (a answer) {
	earlier, err := s.config.State.Change(ctx, desired.Change{
		Nonce: c.signed.Nonce,
		Judge: func(base *snapshot.Snapshot) (*snapshot.Edit, *store.Reply, error) {
			change := &change{base: base, edit: base.Edit()}
			a = c.succeeded(operation.write(c, change))
			reply, err := c.reply(a)
			if a.refusal != nil {
				return nil, reply, err
			}
			return change.edit, reply, err
		},
		Refuse: func(reason error) (*store.Reply, error) {
			a = c.failed(portRefusal(reason))
			return c.reply(a)
		},
	})
	switch {
	case err != nil:
		return unavailable(err)
	case earlier != nil:
		return c.storedAnswer(earlier)
	default:
		return a
	}
}

// storedAnswer is the answer of an earlier call with the same nonce, if that was the same call.
func (c *call) storedAnswer(reply *store.Reply) answer {
	if reply.Digest != c.digest() {
		return c.failed(refuse(lbapi.Conflict, signature.HeaderNonce,
			"the nonce %s was used for another call; each call needs its own, and only a resend the same", c.signed.Nonce))
	}
	var stored storedAnswer
	if err := json.Unmarshal(reply.Body, &stored); err != nil {
		return c.failed(fmt.Errorf("decode the stored answer of nonce %s: %w", c.signed.Nonce, err))
	}
	return answer{result: stored.Result, refusal: stored.Error, again: true}
}

// reply is the form in which the store keeps an answer; nil for a failure of this server.
func (c *call) reply(a answer) (*store.Reply, error) {
	if a.cause != nil {
		return nil, nil //nolint:nilnil,nilerr // nothing is stored; the cause is a part of the answer
	}
	body, err := json.Marshal(storedAnswer{Result: a.result, Error: a.refusal})
	if err != nil {
		return nil, fmt.Errorf("encode the answer for the store: %w", err)
	}
	return &store.Reply{
		Nonce:   c.signed.Nonce,
		Digest:  c.digest(),
		Body:    body,
		Expires: c.server.config.Now().Add(replyLife),
	}, nil
}

// portRefusal turns a port that can't be opened into a refusal of the call. The listener's id may be one that is never
// given out, so the refusal has its name alone.
func portRefusal(err error) error {
	closed, ok := errors.AsType[*desired.PortError](err)
	if !ok {
		return err
	}
	return refuse(lbapi.Conflict, lbapi.FieldPort, "listener %q cannot open %s: %s", closed.Name, closed.Address, closed.Reason())
}
