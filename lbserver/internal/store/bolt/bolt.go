// Package bolt is the default store: it keeps the desired state in one bbolt file, which one process has open at a
// time. Every commit is a transaction that is synced to the disk before it is acknowledged. Damage is found when the
// file is opened, and panics of bbolt become errors, so that the traffic outlives its store.
package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/durable"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

const (
	// format is the version of what the file holds. It rises when an older lbserver would misread it: one of format 1
	// ran health checks that are kept, but off. Older files are read as they are and get this format.
	format = 2
	// lockPatience is how long Open waits for the file's lock: long enough for a predecessor that is just ending, short
	// enough for a person to wait.
	lockPatience = 2 * time.Second
	// pruneAtOnce bounds the expired replies that one commit removes. A commit adds at most one reply, so they never
	// pile up.
	pruneAtOnce = 64
)

// The buckets of the file, and the keys of the first.
var (
	bucketMeta    = []byte("meta")
	bucketRecords = []byte("records") // kind "/" id → the object
	bucketReplies = []byte("replies") // nonce → the reply
	bucketExpiry  = []byte("expiry")  // time, nonce → nothing

	keyFormat   = []byte("format")   // decimal
	keyRevision = []byte("revision") // 8 bytes, big-endian
)

// buckets are all buckets of the file.
func buckets() [][]byte { return [][]byte{bucketMeta, bucketRecords, bucketReplies, bucketExpiry} }

// Store is a store.Store in a file. Its errors are those that store.Store names, the context's, *store.IOError,
// *store.DamagedError and *store.LockedError.
type Store struct {
	path string
	now  func() time.Time
	file
	// broken is the damage that a write met: bbolt may hold its locks for ever since then, and gets no other write.
	broken atomic.Pointer[store.DamagedError]

	mu sync.Mutex
	// moved is closed, and replaced, by each commit that may have raised the revision. Under mu.
	moved chan struct{}
}

// Open opens the store in a file, or makes the file and its directory. Only this user may read them (mode 0600, a new
// directory 0700), and the file is locked until Close. Open reads the whole file first. now is the clock by which
// replies expire. The errors are *store.LockedError, *store.FormatError, *store.DamagedError and *store.IOError.
func Open(path string, now func() time.Time) (*Store, error) {
	if err := durable.MakeDirectory(filepath.Dir(path)); err != nil {
		return nil, &store.IOError{Op: "make the directory", Path: path, Err: err}
	}
	if err := makeFile(path); err != nil {
		return nil, err
	}
	s := &Store{path: path, now: now, moved: make(chan struct{})}
	s.doubtful.Store(true)
	if err := errors.Join(s.makePrivate(), s.initialise(), s.syncName()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	removeUnfinished(path)
	return s, nil
}

// makePrivate removes other users' rights to the file, which a copy or a restored backup may have.
func (s *Store) makePrivate() error {
	return s.wrap("restrict the rights to the file", os.Chmod(s.path, 0o600))
}

// syncName makes the file's name as durable as its content: without it a power cut may take a new file away although
// each of its writes was synced.
func (s *Store) syncName() error {
	return s.wrap("sync the directory", durable.SyncDirectory(filepath.Dir(s.path)))
}

// initialise gives a new file its buckets and checks the format of an old one. It needs no room on
// the disk unless it has to write.
func (s *Store) initialise() error {
	current, found := strconv.Itoa(format), ""
	err := s.view("read the format", func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if meta == nil {
			if first, _ := tx.Cursor().First(); first != nil {
				return &store.FormatError{Path: s.path, Known: format}
			}
			return nil
		}
		found = string(meta.Get(keyFormat))
		if version, err := strconv.Atoi(found); err != nil || version < 1 || version > format {
			return &store.FormatError{Path: s.path, Found: found, Known: format}
		}
		return readAll(tx, s.path)
	})
	if err != nil || found == current {
		return err
	}
	return s.update("write the format", func(tx *bbolt.Tx) error {
		if meta := tx.Bucket(bucketMeta); meta != nil {
			return meta.Put(keyFormat, []byte(current))
		}
		return create(tx)
	})
}

func create(tx *bbolt.Tx) error {
	for _, name := range buckets() {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	if err := meta.Put(keyRevision, binary.BigEndian.AppendUint64(nil, 0)); err != nil {
		return err
	}
	return meta.Put(keyFormat, []byte(strconv.Itoa(format)))
}

// Load reads the whole state.
func (s *Store) Load(ctx context.Context) (store.State, error) {
	if err := ctx.Err(); err != nil {
		return store.State{}, err
	}
	var state store.State
	err := s.view("read the state", func(tx *bbolt.Tx) error {
		state = store.State{Revision: revision(tx)}
		return tx.Bucket(bucketRecords).ForEach(func(key, value []byte) error {
			kind, id, _ := strings.Cut(string(key), "/")
			// bbolt's memory is not valid after the transaction.
			state.Records = append(state.Records, store.Record{
				Kind: store.Kind(kind), ID: id, Value: append([]byte{}, value...),
			})
			return nil
		})
	})
	return state, err
}

// Commit writes records and reply in one transaction.
func (s *Store) Commit(ctx context.Context, base uint64, records []store.Record, reply *store.Reply) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	next := base
	if len(records) > 0 {
		next++
	}
	defer s.wake() // also after an error: the write may be in the file
	err := s.update(fmt.Sprintf("commit revision %d", next), func(tx *bbolt.Tx) error {
		if revision(tx) != base {
			return store.ErrStale
		}
		if err := putRecords(tx, records); err != nil {
			return err
		}
		if err := tx.Bucket(bucketMeta).Put(keyRevision, binary.BigEndian.AppendUint64(nil, next)); err != nil {
			return err
		}
		if err := prune(tx, s.now()); err != nil {
			return err
		}
		return putReply(tx, reply)
	})
	if err != nil {
		return 0, err
	}
	return next, nil
}

// Wait returns the revision as soon as it is past after.
func (s *Store) Wait(ctx context.Context, after uint64) (uint64, error) {
	for {
		s.mu.Lock()
		moved := s.moved // taken before the revision is read, so that no commit is missed
		s.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		var current uint64
		if err := s.view("read the revision", func(tx *bbolt.Tx) error { current = revision(tx); return nil }); err != nil {
			return 0, err
		}
		if current > after {
			return current, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// wake makes every Wait look at the revision again.
func (s *Store) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.moved)
	s.moved = make(chan struct{})
}

// Close releases the file and its lock.
func (s *Store) Close() error {
	if s.broken.Load() != nil {
		return nil //nolint:nilerr // bbolt would wait for ever; the lock ends with the process
	}
	return s.wrap("close", s.close())
}

func revision(tx *bbolt.Tx) uint64 {
	return binary.BigEndian.Uint64(tx.Bucket(bucketMeta).Get(keyRevision))
}

func putRecords(tx *bbolt.Tx, records []store.Record) error {
	bucket := tx.Bucket(bucketRecords)
	for _, record := range records {
		key := []byte(string(record.Kind) + "/" + record.ID)
		var err error
		if record.Value == nil {
			err = bucket.Delete(key)
		} else {
			err = bucket.Put(key, record.Value)
		}
		if err != nil {
			return fmt.Errorf("write the %s %q: %w", record.Kind, record.ID, err)
		}
	}
	return nil
}

func (s *Store) view(op string, read func(*bbolt.Tx) error) error {
	return s.wrap(op, s.use(func(db *bbolt.DB) error { return db.View(read) }))
}

func (s *Store) update(op string, change func(*bbolt.Tx) error) error {
	if broken := s.broken.Load(); broken != nil {
		return broken
	}
	err := s.use(func(db *bbolt.DB) error {
		refused := false // by change: nothing was written
		err := db.Update(func(tx *bbolt.Tx) error {
			err := change(tx)
			refused = err != nil
			return err
		})
		if err != nil && !refused {
			s.doubtful.Store(true)
		}
		return err
	})
	if damaged, ok := errors.AsType[*store.DamagedError](err); ok {
		s.broken.Store(damaged)
	}
	return s.wrap(op, err)
}

// wrap makes an IOError of an error that is none of those that callers match.
func (s *Store) wrap(op string, err error) error {
	_, ofDisk := errors.AsType[*store.IOError](err)
	_, foreign := errors.AsType[*store.FormatError](err)
	_, damaged := errors.AsType[*store.DamagedError](err)
	_, locked := errors.AsType[*store.LockedError](err)
	if err == nil || ofDisk || foreign || damaged || locked || errors.Is(err, store.ErrStale) || errors.Is(err, store.ErrNoReply) {
		return err
	}
	return &store.IOError{Op: op, Path: s.path, Err: err}
}
