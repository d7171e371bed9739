package bolt

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// A test binary that finds this in its environment is a child of one of the tests below and not a test.
const childEnvironment = "BOLT_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnvironment) {
	case "write", "write without sync":
		exitWith(writeUntilKilled(os.Args[1], os.Args[2], os.Getenv(childEnvironment) != "write"))
	case "fill":
		exitWith(fillTheDisk(os.Args[1]))
	default:
		os.Exit(m.Run())
	}
}

func exitWith(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(t *testing.T, role string, arguments ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], arguments...)
	command.Env = append(os.Environ(), childEnvironment+"="+role)
	command.Stderr = os.Stderr
	return command
}

// count reads how often from the environment; the short default is for every run of the tests, CI sets the numbers it
// wants.
func count(t *testing.T, variable string, short int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return short
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return number
}

// STORE_KILLS kills after STORE_KILL_WRITES acknowledged writes each.
func TestEveryAcknowledgedWriteSurvivesKill(t *testing.T) {
	kills, writes := count(t, "STORE_KILLS", 3), count(t, "STORE_KILL_WRITES", 200)
	path := filepath.Join(t.TempDir(), "store.db")
	acknowledged := map[string]bool{}
	for life := range kills {
		for _, id := range writesUntilKilled(t, path, strconv.Itoa(life), writes) {
			acknowledged[id] = true
		}
		expectAll(t, path, acknowledged, (life+1)*crashWriters)
	}
	if len(acknowledged) < kills*writes {
		t.Errorf("only %d writes were acknowledged, want at least %d", len(acknowledged), kills*writes)
	}
	t.Logf("%d kills, %d acknowledged writes", kills, len(acknowledged))
}

// writesUntilKilled kills a writing child after some acknowledgements and returns all that it still gave.
func writesUntilKilled(t *testing.T, path, life string, writes int) []string {
	t.Helper()
	command := child(t, "write", path, life)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	reader := bufio.NewReader(output)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("reading acknowledgements: %v", err)
			}
			break
		}
		acknowledged = append(acknowledged, strings.TrimSuffix(line, "\n"))
		if len(acknowledged) == writes {
			if err := command.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := command.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child ended by itself after %d writes: %v", len(acknowledged), err)
	}
	return acknowledged
}

// expectAll opens the store as a restart would and looks for every acknowledged write with its reply. A write in flight
// at a kill may be there too: one for each writer of each life.
func expectAll(t *testing.T, path string, acknowledged map[string]bool, inFlight int) {
	t.Helper()
	for _, fault := range faults(t, path, acknowledged, inFlight) {
		t.Error(fault)
	}
}

// faults lists what expectAll finds wrong.
func faults(t *testing.T, path string, acknowledged map[string]bool, inFlight int) (found []string) {
	t.Helper()
	wrong := func(format string, arguments ...any) { found = append(found, fmt.Sprintf(format, arguments...)) }
	s, err := Open(path, time.Now)
	if err != nil {
		wrong("open: %v", err)
		return found
	}
	defer mustClose(t, s)
	state, err := s.Load(t.Context())
	if err != nil {
		wrong("load: %v", err)
		return found
	}
	there := map[string]bool{}
	for _, record := range state.Records {
		if want := crashRecord(record.ID); !bytes.Equal(record.Value, want.Value) {
			wrong("record %s was torn", record.ID)
		}
		there[record.ID] = true
	}
	for id := range acknowledged {
		if !there[id] {
			wrong("acknowledged write %s is lost", id)
		}
		if reply, err := s.Reply(t.Context(), id); err != nil || string(reply.Body) != id {
			wrong("the reply of acknowledged write %s: %v, %v", id, reply, err)
		}
	}
	if more := len(there) - len(acknowledged); more > inFlight {
		wrong("%d writes more than were acknowledged, at most %d were in flight", more, inFlight)
	}
	if state.Revision != uint64(len(there)) {
		wrong("revision %d after %d writes of one record", state.Revision, len(there))
	}
	return found
}

const crashWriters = 4

// crashRecord has a value of the size of an object, by which a torn write is found.
func crashRecord(id string) store.Record {
	value, err := json.Marshal(map[string]string{"id": id, "pad": strings.Repeat(id+" ", 40)})
	if err != nil {
		panic(err) // a map of strings always encodes
	}
	return store.Record{Kind: store.Listener, ID: id, Value: value}
}

// writeUntilKilled commits from several goroutines, as one call of the API each, and prints the id of each write once
// it is acknowledged.
func writeUntilKilled(path, life string, noSync bool) error {
	s, err := Open(path, time.Now)
	if err != nil {
		return err
	}
	s.db.NoSync = noSync
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	state, err := s.Load(ctx)
	if err != nil {
		return err
	}
	var lock sync.Mutex // over revision: a call judges and commits under it
	revision := state.Revision
	failed := make(chan error, crashWriters)
	for writer := range crashWriters {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%s-%d-%d", life, writer, n)
				lock.Lock()
				stored, err := writeOnce(ctx, s, &revision, id)
				lock.Unlock()
				if err != nil {
					failed <- err
					return
				}
				if stored {
					fmt.Println(id)
				}
			}
		}()
	}
	return <-failed
}

// writeOnce makes one call of the API. After an error of the store it finds out by the nonce whether the call was made,
// as a client does.
func writeOnce(ctx context.Context, s *Store, revision *uint64, id string) (stored bool, err error) {
	reply := &store.Reply{Nonce: id, Body: []byte(id), Expires: time.Now().Add(time.Hour)}
	next, failure := s.Commit(ctx, *revision, []store.Record{crashRecord(id)}, reply)
	if failure == nil {
		*revision = next
		return true, nil
	}
	for range 100 {
		state, err := s.Load(ctx)
		if err == nil {
			*revision = state.Revision
			if _, err = s.Reply(ctx, id); err == nil || errors.Is(err, store.ErrNoReply) {
				return err == nil, nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	return false, failure
}

func TestFullDiskIsAnErrorAndLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if output, err := child(t, "fill", path).Output(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}

// fillTheDisk limits the size of this process's files, which the store meets as it meets a full disk, and gives way
// again.
func fillTheDisk(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	s, err := Open(path, time.Now)
	if err != nil {
		return err
	}
	revision, err := s.Commit(ctx, 0, []store.Record{crashRecord("before")}, nil)
	if err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	full := syscall.Rlimit{Cur: 64 << 10, Max: limit.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		return err
	}
	large := store.Record{Kind: store.Listener, ID: "large", Value: make([]byte, 4<<20)}
	_, err = s.Commit(ctx, revision, []store.Record{large}, nil)
	var ioErr *store.IOError
	if !errors.As(err, &ioErr) || !strings.Contains(ioErr.Op, "commit revision 2") {
		return fmt.Errorf("commit on a full disk: got %w, want an IOError that names the commit", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if _, err := s.Commit(ctx, revision, []store.Record{crashRecord("after")}, nil); err != nil {
		return fmt.Errorf("commit once there is room again: %w", err)
	}
	state, err := s.Load(ctx)
	if err != nil {
		return err
	}
	if len(state.Records) != 2 || state.Records[0].ID != "after" || state.Records[1].ID != "before" {
		return fmt.Errorf("the store holds %d records, want after and before", len(state.Records))
	}
	return s.Close()
}
