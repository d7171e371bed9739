// Package faultfs is a file system for tests. Its disk loses power: of what was not synced, each piece survives, is lost
// or is torn, in any order, as POSIX allows. And its disk fails: writes and syncs end with errors, after which the page
// cache shows what the disk does not have. A program that must be tested runs as another process on a Mount of it:
// a page fault on a mapped file stops a thread of the Go runtime, which must not be the one that would serve the page.
package faultfs

import (
	"maps"
	"math/rand/v2"
	"sync"
	"syscall"
)

// Disk has two pictures of each file and directory: what is durable, and what is shown to programs. A sync of a file
// makes its content and size durable, a sync of a directory the names in it.
type Disk struct {
	mu         sync.Mutex
	random     *rand.Rand
	root       *inode
	inodes     []*inode // all, by number-1
	off        bool     // the power
	fault      Fault
	operations int
	plan       map[int]Event
}

// inode is a file or a directory.
type inode struct {
	number uint64
	mode   uint32
	content
	entries
}

// Fault is how operations fail.
type Fault struct {
	Write syscall.Errno // of each write and each change of a directory, 0 if they succeed
	Sync  syscall.Errno // of each sync, 0 if they succeed
	// Times is how often operations fail, 0 for always. After a failed sync each piece that it should have written is on
	// the disk or is not, and later syncs don't write it either, as on Linux.
	Times int
	// Evict makes the page cache forget what a failed sync did not write, and show what the disk has.
	Evict bool
	// ForgetNames makes syncs of directories succeed and do nothing, as if the program had left them out.
	ForgetNames bool
}

// Event is what happens at an operation. At a cut or a kill the operation is not carried out.
type Event struct {
	Cut   bool   // the power is cut
	Kill  func() // called to kill the program
	Fault Fault  // operations fail from this one on
}

// New makes an empty disk. All of its random choices follow from the seed.
func New(seed uint64) *Disk {
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // what a test repeats must not be secret
	d := &Disk{random: random, plan: map[int]Event{}}
	d.root = d.newInode(syscall.S_IFDIR | 0o755)
	return d
}

// At plans what happens at an operation, counted from 1 since the disk was mounted. Operations are writes, changes of
// size or of a directory, and syncs.
func (d *Disk) At(operation int, event Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan[operation] = event
}

// Operations is the number of operations since the disk was mounted.
func (d *Disk) Operations() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.operations
}

// Fail makes operations fail from now on. The zero Fault mends the disk.
func (d *Disk) Fail(fault Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = fault
}

// Cut cuts the power: every call to the mounted file system fails until it is mounted again.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut()
}

// IsOff reports whether the power was cut.
func (d *Disk) IsOff() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.off
}

// cut lets survive of each inode what survives. The caller holds mu.
func (d *Disk) cut() {
	if d.off {
		return
	}
	d.off = true
	for _, inode := range d.inodes {
		inode.content.cut(d.random)
		inode.entries.cut(d.random)
	}
}

// powerOn begins to count operations.
func (d *Disk) powerOn() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off, d.fault, d.operations = false, Fault{}, 0
	clear(d.plan)
}

// newInode makes an inode that nothing refers to yet. The caller holds mu, or is the only user.
func (d *Disk) newInode(mode uint32) *inode {
	made := &inode{number: uint64(len(d.inodes) + 1), mode: mode}
	made.entries = entries{shown: map[string]*inode{}, durable: map[string]*inode{}}
	d.inodes = append(d.inodes, made)
	return made
}

// operate begins an operation, which must not be carried out if it returns an error. The caller holds mu.
func (d *Disk) operate(syncs bool) syscall.Errno {
	if d.off {
		return syscall.EIO
	}
	d.operations++
	event := d.plan[d.operations]
	switch {
	case event.Cut || event.Kill != nil:
		if event.Cut {
			d.cut()
		}
		if event.Kill != nil {
			event.Kill()
		}
		return syscall.EIO
	case event.Fault != Fault{}:
		d.fault = event.Fault
	}
	errno := d.fault.Write
	if syncs {
		errno = d.fault.Sync
	}
	return errno
}

// failed counts an operation that failed. The caller holds mu.
func (d *Disk) failed() {
	if d.off || d.fault.Times == 0 {
		return
	}
	if d.fault.Times--; d.fault.Times == 0 {
		d.fault = Fault{}
	}
}

// syncInode makes an inode durable, or fails to. It reports whether the page cache shows something else now. The caller
// holds mu.
func (d *Disk) syncInode(target *inode) (evicted bool, errno syscall.Errno) {
	if errno := d.operate(true); errno != 0 {
		if !d.off && d.fault.Sync == errno {
			evicted = d.fault.Evict
			target.content.failSync(d.random, evicted)
		}
		d.failed()
		return evicted, errno
	}
	target.content.sync()
	if !d.fault.ForgetNames {
		target.entries.sync()
	}
	return false, 0
}

// entries are the names in a directory.
type entries struct {
	shown, durable map[string]*inode
	unsynced       []change
}

// change is one change of a directory. A rename is one: both of its names change or none does.
type change struct {
	remove, put string // empty: none
	target      *inode
}

func (c change) apply(names map[string]*inode) {
	if c.remove != "" {
		delete(names, c.remove)
	}
	if c.put != "" {
		names[c.put] = c.target
	}
}

func (e *entries) change(c change) {
	c.apply(e.shown)
	e.unsynced = append(e.unsynced, c)
}

func (e *entries) sync() {
	for _, change := range e.unsynced {
		change.apply(e.durable)
	}
	e.unsynced = nil
}

func (e *entries) cut(random *rand.Rand) {
	survives := chance(random)
	for _, change := range e.unsynced {
		if survives() {
			change.apply(e.durable)
		}
	}
	e.unsynced, e.shown = nil, maps.Clone(e.durable)
}

// chance decides for a number of pieces whether each survives: often all or none do.
func chance(random *rand.Rand) func() bool {
	mode := random.IntN(4)
	return func() bool { return mode == 1 || mode > 1 && random.IntN(2) == 0 }
}

// Pause does something during which no operation begins.
func (d *Disk) Pause(do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do()
}
