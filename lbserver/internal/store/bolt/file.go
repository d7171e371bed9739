package bolt

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// unfinished comes after the name of the store in the names of files that are to become it.
const unfinished = ".new-"

// file is the open file of a store.
type file struct {
	// access is held for reading while db is used, and for writing while it is opened or closed.
	access sync.RWMutex
	// db is nil if the last attempt to open it failed. Under access.
	db *bbolt.DB
	// doubtful is set if the disk may not have what the file shows: before the file is opened, and after a write that
	// failed. It is reset under access.
	doubtful atomic.Bool
}

// use calls work with the open file. If the file is doubtful it is opened again first, since neither bbolt nor the
// kernel repairs that: after a failed sync the page cache may show the new meta page while the disk has the old one.
// bbolt would then take pages of the last state on the disk as free, and write over them; and a caller that looks for
// the reply of the call that failed would find one that a power cut takes away.
func (s *Store) use(work func(*bbolt.DB) error) error {
	for {
		s.access.RLock()
		if !s.doubtful.Load() {
			err := guard(s.path, func() error { return work(s.db) })
			s.access.RUnlock()
			return err
		}
		s.access.RUnlock()
		if err := s.open(); err != nil {
			return err
		}
	}
}

// open opens the file if it is doubtful.
func (s *Store) open() error {
	s.access.Lock()
	defer s.access.Unlock()
	if broken := s.broken.Load(); broken != nil {
		return broken
	}
	if !s.doubtful.Load() { // another call was quicker
		return nil
	}
	if s.db != nil {
		_ = s.db.Close() // there is nothing that it could still write
		s.db = nil
	}
	db, err := openFile(s.path)
	if damaged, ok := errors.AsType[*store.DamagedError](err); ok {
		s.broken.Store(damaged)
	}
	if err != nil {
		return err
	}
	s.db = db
	s.doubtful.Store(false)
	return nil
}

func (f *file) close() error {
	f.access.Lock()
	defer f.access.Unlock()
	if f.db == nil {
		return nil
	}
	return f.db.Close()
}

// makeFile makes an empty database unless there is a file. The file gets its name when it is complete and durable, so
// that a power cut leaves a whole one or none. A process that makes one at the same time keeps its own.
func makeFile(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil // what else is wrong with it is found when it is opened
	}
	made, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+unfinished+"*")
	if err != nil {
		return &store.IOError{Op: "make the file", Path: path, Err: err}
	}
	defer func() { _ = os.Remove(made.Name()) }() // what stays is removed by the next start
	db, err := bbolt.Open(made.Name(), 0o600, &bbolt.Options{})
	if err == nil {
		err = db.Close()
	}
	if err = errors.Join(err, made.Close()); err == nil {
		err = os.Link(made.Name(), path)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return &store.IOError{Op: "make the file", Path: path, Err: err}
	}
	return nil
}

// removeUnfinished removes files that a power cut kept from becoming this store, which the caller has locked.
func removeUnfinished(path string) {
	entries, _ := os.ReadDir(filepath.Dir(path)) // what stays does no harm
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), filepath.Base(path)+unfinished) {
			_ = os.Remove(filepath.Join(filepath.Dir(path), entry.Name()))
		}
	}
}

// openFile makes durable what a file shows, and opens it. It is opened twice: bbolt must read its list of free pages
// when the kernel can no longer forget the pages that it belongs to.
func openFile(path string) (*bbolt.DB, error) {
	db, opened, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(settle(db, opened), db.Close()); err != nil {
		return nil, &store.IOError{Op: "make durable what was written", Path: path, Err: err}
	}
	db, _, err = lockFile(path)
	return db, err
}

// settle makes durable what a file shows, so that the first change can't destroy the last state that the disk has. A
// process that was killed leaves pages that are not durable, and so does a sync that failed; in that case the kernel
// writes them only if they are written again. That concerns the two meta pages alone: bbolt writes one of them after it
// has synced the pages to which it refers. One of the two is durable, and is written as it is, so a power cut now leaves
// that one or both.
func settle(db *bbolt.DB, opened *os.File) error {
	metaPages := make([]byte, 2*db.Info().PageSize)
	if _, err := opened.ReadAt(metaPages, 0); err != nil {
		return err
	}
	if _, err := opened.WriteAt(metaPages, 0); err != nil {
		return err
	}
	return opened.Sync()
}

// lockFile opens and locks a file that exists.
func lockFile(path string) (db *bbolt.DB, opened *os.File, err error) {
	err = guard(path, func() error {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: lockPatience, NoStatistics: true,
			OpenFile: func(path string, flag int, mode os.FileMode) (file *os.File, err error) {
				opened, err = os.OpenFile(path, flag&^os.O_CREATE, mode) // a missing store is no new one
				return opened, err
			},
		})
		return err
	})
	if err != nil && opened != nil {
		_ = opened.Close() // bbolt leaves it open, and locked, if it panics
	}
	_, damaged := errors.AsType[*store.DamagedError](err)
	_, ofPath := errors.AsType[*fs.PathError](err)
	_, ofSystem := errors.AsType[syscall.Errno](err)
	switch {
	case err == nil:
		return db, opened, nil
	case damaged:
		return nil, nil, err
	case errors.Is(err, berrors.ErrTimeout):
		return nil, nil, &store.LockedError{Path: path}
	case ofPath || ofSystem:
		return nil, nil, &store.IOError{Op: "open", Path: path, Err: err}
	default:
		return nil, nil, &store.DamagedError{Path: path, Err: err}
	}
}
