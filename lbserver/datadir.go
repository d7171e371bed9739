package lbserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store/bolt"
)

// storeFile is the store's file in the data directory.
const storeFile = "lbserver.db"

// openStore opens the store in the data directory, or makes a new one, and logs that. A new one is also made beside API keys
// without a store, since the keys may have been put there before the first start. An empty file beside keys is refused: it is
// what remains of a store, for instance after a copy onto a full disk.
func (s *Server) openStore() error {
	path := filepath.Join(s.config.DataDir, storeFile)
	info, err := os.Stat(path)
	isNew, isEmpty := errors.Is(err, fs.ErrNotExist), err == nil && info.Size() == 0
	_, err = os.Stat(filepath.Join(s.config.DataDir, credentialsFile))
	hasKeys := err == nil
	if isEmpty && hasKeys {
		return fmt.Errorf("the store %s is empty, although %s beside it says that it was in use: restore it from a backup, or "+
			"remove the empty file to start with a new store", path, credentialsFile)
	}
	if s.store, err = bolt.Open(path, s.config.Now); err != nil {
		return err
	}
	switch {
	case isNew && hasKeys:
		s.log.Warn("there is no store beside the API keys; a new one was made", "path", path)
	case isNew:
		s.log.Info("a new store was made", "path", path)
	}
	return nil
}
