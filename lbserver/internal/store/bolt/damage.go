package bolt

import (
	"errors"
	"fmt"
	"hash/crc32"
	"runtime/debug"

	"go.etcd.io/bbolt"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// readAll finds damage in the file at the start, instead of in the middle of a change: bbolt checks the checksums of
// its two meta pages, and finds any other broken page only when it reads that page. It takes milliseconds for 10,000
// servers.
func readAll(tx *bbolt.Tx, path string) error {
	for _, name := range buckets() {
		bucket := tx.Bucket(name)
		if bucket == nil {
			return &store.DamagedError{Path: path, Err: fmt.Errorf("its bucket %q is missing", name)}
		}
		if err := bucket.ForEach(func(_, value []byte) error {
			_ = crc32.ChecksumIEEE(value) // a long value has pages of its own
			return nil
		}); err != nil {
			return &store.DamagedError{Path: path, Err: err}
		}
	}
	if len(tx.Bucket(bucketMeta).Get(keyRevision)) != 8 {
		return &store.DamagedError{Path: path, Err: errors.New("its revision is missing")}
	}
	return nil
}

// guard turns a panic of bbolt into an error, and also a fault on a page that can't be read from the disk, since the
// file is mapped into memory: the traffic must not end because of its store.
func guard(path string, work func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			err = &store.DamagedError{Path: path, Err: fmt.Errorf("reading it failed: %v", cause)}
		}
	}()
	return work()
}
