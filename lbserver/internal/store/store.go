// Package store says what a durable store of the desired state has to do. It knows records, revisions and replies, not
// what is in them. The implementations are packages below it, and package storetest is the contract that each of them
// must pass.
package store

import (
	"context"
	"errors"
	"time"
)

// Kind is what a record holds.
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

// Reply is the stored result of a mutating call, by the nonce of the call: a client that resends after a lost reply
// gets the same result, and nothing happens twice.
type Reply struct {
	Nonce   string
	Digest  [32]byte // SHA-256 of method, path and body: a resend has the same
	Body    []byte
	Expires time.Time // from then on the reply may be removed
}

// State is everything in the store at one revision.
type State struct {
	Revision uint64
	Records  []Record
}

// Store keeps records and replies. Every method may be called from several goroutines. Load and Reply return what
// survives a power cut, unless a Commit is under way: after a Commit that failed they tell whether it was made.
type Store interface {
	// Load reads the whole state.
	Load(ctx context.Context) (State, error)
	// Commit writes records and reply in one transaction, all or nothing, and returns the new revision. If it returns
	// no error, the write survives a kill and a power cut. It fails with ErrStale if the store is not at revision base
	// any more. A nil reply is not stored. Without records it stores the reply and keeps the revision.
	Commit(ctx context.Context, base uint64, records []Record, reply *Reply) (uint64, error)
	// Reply returns the stored reply of a nonce. It fails with ErrNoReply if there is none or it has expired.
	Reply(ctx context.Context, nonce string) (*Reply, error)
	// Wait returns the revision of the store as soon as it is past after, or ctx's error.
	Wait(ctx context.Context, after uint64) (uint64, error)
	// Close releases the store. No other call may be under way, and none may follow.
	Close() error
}

// Errors that callers match.
var (
	// ErrStale says that another commit was made since the base revision was read: read and judge again.
	ErrStale = errors.New("the store has moved on to another revision")
	// ErrNoReply says that no reply is stored for a nonce.
	ErrNoReply = errors.New("no reply is stored for this nonce")
)
