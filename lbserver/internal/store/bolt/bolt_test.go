package bolt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(place string, now func() time.Time) (store.Store, error) {
		return Open(filepath.Join(place, "store.db"), now)
	})
}

func mustOpen(t *testing.T, path string, now func() time.Time) *Store {
	t.Helper()
	s, err := Open(path, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustClose(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFileAndNewDirectoriesAreTheUsersOnly(t *testing.T) {
	top := filepath.Join(t.TempDir(), "new")
	path := filepath.Join(top, "deeper", "store.db")
	mustClose(t, mustOpen(t, path, time.Now))
	if err := os.Chmod(path, 0o644); err != nil { // as a careless restore leaves it
		t.Fatal(err)
	}
	mustClose(t, mustOpen(t, path, time.Now))
	for name, want := range map[string]os.FileMode{top: 0o700, filepath.Dir(path): 0o700, path: 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s is %o, want %o", name, got, want)
		}
	}
}

func TestSecondProcessIsToldThatTheStoreIsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	first := mustOpen(t, path, time.Now)
	defer mustClose(t, first)
	// The lock belongs to the open file, so a second opening in this process meets it just like one in another.
	second, err := Open(path, time.Now)
	var locked *store.LockedError
	if !errors.As(err, &locked) || locked.Path != path {
		t.Fatalf("got %v, %v; want a LockedError that names the file", second, err)
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	mustClose(t, mustOpen(t, path, time.Now))
	changeFile(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyFormat, []byte("3")) })
	_, err := Open(path, time.Now)
	var newer *store.FormatError
	if !errors.As(err, &newer) || newer.Found != "3" || newer.Known != 2 {
		t.Fatalf("got %v", err)
	}
	changeFile(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyFormat, []byte("2")) })
	mustClose(t, mustOpen(t, path, time.Now)) // the refusal left it as it was, and unlocked
}

// An older lbserver must not open what a newer one may have written.
func TestAnOldFileGetsTheFormatOfToday(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	mustClose(t, mustOpen(t, path, time.Now))
	changeFile(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyFormat, []byte("1")) })
	mustClose(t, mustOpen(t, path, time.Now))
	changeFile(t, path, func(tx *bbolt.Tx) error {
		if got := string(tx.Bucket(bucketMeta).Get(keyFormat)); got != "2" {
			t.Errorf("the file has format %s", got)
		}
		return nil
	})
}

func TestAnotherProgramsFileIsRefused(t *testing.T) {
	directory := t.TempDir()
	foreign := filepath.Join(directory, "foreign.db")
	changeFile(t, foreign, func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("theirs"))
		return err
	})
	_, err := Open(foreign, time.Now)
	var format *store.FormatError
	if !errors.As(err, &format) || format.Found != "" {
		t.Errorf("a database of another program: got %v", err)
	}

	text := filepath.Join(directory, "text")
	if err := os.WriteFile(text, make([]byte, 32<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(text, time.Now)
	var damaged *store.DamagedError
	if !errors.As(err, &damaged) || damaged.Path != text {
		t.Errorf("a file that is no database: got %v", err)
	}
}

func TestDirectoryThatCannotBeMadeIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(filepath.Join(file, "data", "store.db"), time.Now)
	var ioErr *store.IOError
	if !errors.As(err, &ioErr) || !errors.Is(err, syscall.ENOTDIR) {
		t.Fatalf("got %v", err)
	}
}

func TestExpiredRepliesLeaveTheFile(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := mustOpen(t, filepath.Join(t.TempDir(), "store.db"), func() time.Time { return now })
	defer mustClose(t, s)
	const replies = pruneAtOnce + 10
	for n := range replies {
		commitReply(t, s, fmt.Sprintf("n%d", n), now.Add(time.Minute))
	}
	now = now.Add(time.Hour)
	commitReply(t, s, "later", now.Add(time.Minute))
	commitReply(t, s, "latest", now.Add(time.Minute))
	for _, bucket := range [][]byte{bucketReplies, bucketExpiry} {
		if got := keys(t, s, bucket); got != 2 {
			t.Errorf("%s holds %d keys, want the 2 that have not expired", bucket, got)
		}
	}
}

func commitReply(t *testing.T, s *Store, nonce string, expires time.Time) {
	t.Helper()
	if _, err := s.Commit(t.Context(), 0, nil, &store.Reply{Nonce: nonce, Expires: expires}); err != nil {
		t.Fatal(err)
	}
}

func keys(t *testing.T, s *Store, bucket []byte) int {
	t.Helper()
	count := 0
	if err := s.db.View(func(tx *bbolt.Tx) error {
		count = tx.Bucket(bucket).Stats().KeyN
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return count
}

func changeFile(t *testing.T, path string, change func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}
