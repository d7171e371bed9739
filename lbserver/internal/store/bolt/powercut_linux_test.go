package bolt

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/faultfs"
)

const (
	// cutsOfOneDisk is how many power cuts one disk goes through; then a new, empty one follows.
	cutsOfOneDisk = 8
	// opening is about how many operations of the disk make or open a store.
	opening = 25
	// shortly is about how many operations make a commit.
	shortly = 10
	// inALife is the number of operations before most of the power cuts.
	inALife = 300
)

// STORE_CUTS cuts the power so often. STORE_CUT_SEED repeats the choices of a run that failed.
func TestEveryAcknowledgedWriteSurvivesAPowerCut(t *testing.T) {
	cuts, seed := count(t, "STORE_CUTS", 2*cutsOfOneDisk), count(t, "STORE_CUT_SEED", int(time.Now().Unix()))
	acknowledged := 0
	for done := 0; done < cuts; done += cutsOfOneDisk {
		m := newMachine(t, seed+done/cutsOfOneDisk, "write")
		for range min(cutsOfOneDisk, cuts-done) {
			for _, fault := range m.life() {
				t.Errorf("cut %d of the disk: %s", m.cuts, fault)
			}
			if t.Failed() {
				t.Fatalf("to try the same again: STORE_CUT_SEED=%d STORE_CUTS=%d", m.seed, cutsOfOneDisk)
			}
		}
		acknowledged += len(m.acknowledged)
	}
	t.Logf("%d power cuts, %d acknowledged writes", cuts, acknowledged)
	if acknowledged < cuts {
		t.Errorf("only %d writes were acknowledged: this test shows nothing", acknowledged)
	}
}

// The test above must find what it looks for.
func TestAPowerCutIsNoticedWithoutSyncs(t *testing.T) {
	for name, test := range map[string]struct {
		role string
		disk faultfs.Fault
	}{
		"of the file":        {"write without sync", faultfs.Fault{}},
		"of its directories": {"write", faultfs.Fault{ForgetNames: true}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range 20 {
				m := newMachine(t, seed, test.role)
				m.always = test.disk
				for range 2 {
					if len(m.life()) > 0 {
						return
					}
				}
			}
			t.Error("every acknowledged write survived although not everything was synced")
		})
	}
}

// machine is a computer with one disk, on which a program writes to a store.
type machine struct {
	t            *testing.T
	seed         int
	random       *rand.Rand
	disk         *faultfs.Disk
	role         string
	always       faultfs.Fault // of the disk
	cuts         int
	processes    int
	acknowledged map[string]bool
}

func newMachine(t *testing.T, seed int, role string) *machine {
	t.Helper()
	return &machine{
		t: t, seed: seed, random: rand.New(rand.NewPCG(uint64(seed), 1)), disk: faultfs.New(uint64(seed)), role: role,
		acknowledged: map[string]bool{},
	}
}

// storeFile is in a directory that the store makes.
const storeFile = "data/store.db"

// life is the time until the next power cut. It returns what is wrong after it.
func (m *machine) life() []string {
	m.t.Helper()
	m.cuts++
	mount := m.disk.Mount(m.t)
	defer mount.Unmount()
	var process *os.Process // under the disk's lock: it is killed in the middle of an operation
	kill := func() { _ = process.Kill() }
	m.disk.Fail(m.always)
	m.plan(kill)
	for !m.disk.IsOff() {
		m.run(filepath.Join(mount.Directory, storeFile), &process)
	}
	return m.inspect()
}

// plan chooses when the power is cut, and what happens shortly before that: nothing, the program is killed, or syncs
// fail.
func (m *machine) plan(kill func()) {
	at := 1 + m.random.IntN(opening)
	if m.random.IntN(2) == 0 {
		at += m.random.IntN(inALife)
	}
	if m.random.IntN(3) == 0 && m.always == (faultfs.Fault{}) {
		failing := faultfs.Fault{Sync: syscall.EIO, Times: 1 + m.random.IntN(2), Evict: m.random.IntN(2) == 0}
		m.disk.At(at, faultfs.Event{Fault: failing})
		at += 1 + m.random.IntN(shortly)
	}
	if m.random.IntN(3) == 0 {
		m.disk.At(at, faultfs.Event{Kill: kill})
		at += 1 + m.random.IntN(shortly)
	}
	m.disk.At(at, faultfs.Event{Cut: true, Kill: kill})
}

// run runs the program until it is killed or gives up.
func (m *machine) run(path string, process **os.Process) {
	m.t.Helper()
	m.processes++
	command := child(m.t, m.role, path, strconv.Itoa(m.processes))
	var complaint strings.Builder
	command.Stderr = &complaint
	output, err := command.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	m.disk.Pause(func() { err = command.Start(); *process = command.Process })
	if err != nil {
		m.t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		m.acknowledged[lines.Text()] = true
	}
	_ = command.Wait() // it was killed, or met a failed sync
	if m.processes > 20*cutsOfOneDisk {
		m.t.Fatalf("seed %d: the program ends too soon: %s", m.seed, complaint.String())
	}
}

// inspect looks at the disk, and prepares it for the next life.
func (m *machine) inspect() []string {
	m.t.Helper()
	directory, err := os.MkdirTemp(m.t.TempDir(), "")
	if err == nil {
		err = m.disk.CopyTo(directory)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	path := filepath.Join(directory, storeFile)
	found := faults(m.t, path, m.acknowledged, m.processes*crashWriters)
	if len(found) == 0 && m.random.IntN(4) == 0 {
		m.makeOld(path)
	}
	if err := os.RemoveAll(directory); err != nil {
		m.t.Fatal(err)
	}
	return found
}

// makeOld gives the store an older format, so that the next life begins with an upgrade.
func (m *machine) makeOld(path string) {
	m.t.Helper()
	changeFile(m.t, path, func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyFormat, []byte("1")) })
	text, err := os.ReadFile(path)
	if err == nil {
		err = m.disk.Replace(storeFile, text)
	}
	if err != nil && !os.IsNotExist(err) { // the disk may have no store yet
		m.t.Fatal(fmt.Errorf("make the store old: %w", err))
	}
}
