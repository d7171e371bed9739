package store

import "fmt"

// IOError says that the disk below the store failed, for instance because it is full. It is not known whether the write
// is in the store: resend the call with its nonce.
type IOError struct {
	Op   string // what was tried: "commit revision 7"
	Path string
	Err  error
}

func (e *IOError) Error() string {
	return fmt.Sprintf("%s in the store %s: %v; check that its disk works and has room", e.Op, e.Path, e.Err)
}

func (e *IOError) Unwrap() error { return e.Err }

// LockedError says that another process has the store open.
type LockedError struct{ Path string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("the store %s is in use by another process; stop the other lbserver, or give this one a data directory of its own", e.Path)
}

// FormatError says that the store is written in a format that this program cannot read.
type FormatError struct {
	Path  string
	Found string // as the store has it; empty if it has none
	Known int    // the newest format this program reads
}

func (e *FormatError) Error() string {
	if e.Found == "" {
		return fmt.Sprintf("the file %s is a database, but not one of lbserver's; give another data directory", e.Path)
	}
	return fmt.Sprintf("the store %s has format %s, this lbserver reads formats up to %d; start the newer lbserver that wrote it, or restore the copy made before",
		e.Path, e.Found, e.Known)
}

// DamagedError says that the store's file is not as lbserver wrote it.
type DamagedError struct {
	Path string
	Err  error // what is wrong with it
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the store %s is damaged: %v; restore it from a backup, or move it away to start empty", e.Path, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }
