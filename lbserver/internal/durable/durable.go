// Package durable makes changes to files that survive a power cut. A file's content is durable once the file is synced,
// its name only once the directory is; both are needed for a file that somebody was told of.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes a file of this user's only (mode 0600), or replaces it as a whole: a crash leaves the old content or
// the new.
func WriteFile(path string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return SyncDirectory(filepath.Dir(path))
}

// MakeDirectory makes a directory of this user's only (mode 0700) and its parents, if they are missing, and makes their
// names durable. That of a directory that is there may not be durable: the process that made it may have been killed.
func MakeDirectory(path string) error {
	names, there := []string{path}, path
	for ; ; there = filepath.Dir(there) {
		_, err := os.Stat(there)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		names = append(names, filepath.Dir(there))
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	for _, name := range names {
		err := SyncDirectory(filepath.Dir(name))
		if name == there && errors.Is(err, fs.ErrPermission) {
			continue // this user did not make it
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// SyncDirectory makes the names in a directory durable.
func SyncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}
