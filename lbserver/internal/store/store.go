// Package store keeps the desired state of the load balancer, durably. It knows records and revisions, not what they mean.
package store

import (
	"context"
	"errors"
	"time"
)

// Kind tells what a record holds.
type Kind string

// The kinds of record.
const (
	LoadBalancer    Kind = "load_balancer"
	Listener        Kind = "listener"
	BackendService  Kind = "backend_service"
	ServerGroup     Kind = "server_group"
	PersistenceKeys Kind = "persistence_keys"
)

// Record is one object of the desired state.
type Record struct {
	Kind  Kind
	ID    string
	Value []byte // the object as JSON; nil deletes it
}

// Reply is the stored result of a mutating call, found again by the nonce of the call: a client that resends after a lost
// reply gets it once more, and nothing happens twice.
type Reply struct {
	Nonce   string
	Digest  [32]byte // SHA-256 of method, path and body, to tell a resend from another call
	Status  int      // HTTP status
	Body    []byte
	Expires time.Time // from then on the reply may be forgotten
}

// State is everything in the store at one revision.
type State struct {
	Revision uint64
	Records  []Record
}

// Store keeps records and replies. Every method may be called from several goroutines.
type Store interface {
	// Load reads the whole state.
	Load(ctx context.Context) (State, error)
	// Commit writes records and reply in one transaction, all or nothing, and returns the new revision. When it returns
	// without an error, the write survives a kill and a power cut. It fails with ErrStale when the store is not at
	// revision base any more. A nil reply is not stored. Without records it stores the reply and keeps the revision.
	Commit(ctx context.Context, base uint64, records []Record, reply *Reply) (uint64, error)
	// Reply returns the stored reply of a nonce, or ErrNoReply, also when it has expired.
	Reply(ctx context.Context, nonce string) (*Reply, error)
	// Close releases the store; nothing may be called after it.
	Close() error
}

// Errors that callers match.
var (
	// ErrStale says that somebody else has committed since the base revision was read: read again, judge again.
	ErrStale = errors.New("the store has moved on to another revision")
	// ErrNoReply says that no reply is stored for a nonce.
	ErrNoReply = errors.New("no reply is stored for this nonce")
)
