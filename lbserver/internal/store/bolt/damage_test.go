package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// usedStore makes a store that has seen some traffic, and returns its file: a tree of several levels, values that go on
// in pages of their own, free pages, replies.
func usedStore(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	s := mustOpen(t, path, time.Now)
	s.db.NoSync = true // no power is cut here
	random := rand.New(rand.NewPCG(1, 2))
	var revision uint64
	for n := range 80 {
		record := store.Record{Kind: store.ServerGroup, ID: fmt.Sprintf("tg-%08d", random.IntN(40))}
		if n%7 > 0 {
			record.Value = fmt.Appendf(nil, `{"number":%d,"text":%q}`, n, strings.Repeat("x", 50+random.IntN(1<<(6+n%8))))
		}
		reply := &store.Reply{Nonce: fmt.Sprintf("nonce-%d", n), Body: []byte("{}"), Expires: time.Now().Add(time.Hour)}
		var err error
		if revision, err = s.Commit(t.Context(), revision, []store.Record{record}, reply); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, s)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// expectNoCrash uses a damaged file as lbserver does. What bbolt can't tell from a whole file may go well; all else
// must be an error that names the file and what to do.
func expectNoCrash(t *testing.T, what string, content []byte) (refused bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db") // another one each time: bbolt keeps its lock where it panics
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	expect := func(err error) {
		t.Helper()
		var (
			damaged *store.DamagedError
			format  *store.FormatError // the one digit of the format may become another
		)
		if errors.As(err, &damaged) && damaged.Path == path && strings.Contains(err.Error(), "restore it from a backup") || errors.As(err, &format) {
			refused = true
			return
		}
		t.Errorf("%s: got %v; want a DamagedError that names the file", what, err)
	}
	s, err := Open(path, time.Now)
	if err != nil {
		expect(err)
		return refused
	}
	state, err := s.Load(t.Context())
	if err != nil {
		expect(err)
	}
	record := store.Record{Kind: store.Listener, ID: "listener-1", Value: bytes.Repeat([]byte("y"), 9000)}
	if _, err := s.Commit(t.Context(), state.Revision, []store.Record{record}, nil); err != nil {
		expect(err)
	}
	_ = s.Close() // what a broken one still says is of no use
	return refused
}

func TestTruncatedStoreIsRefused(t *testing.T) {
	whole := usedStore(t)
	for length := 1; length < len(whole); length += 509 { // a prime: all places within a page
		what := fmt.Sprintf("cut to %d of %d bytes", length, len(whole))
		if !expectNoCrash(t, what, whole[:length]) && length < 2*os.Getpagesize() {
			t.Errorf("%s: it is taken", what)
		}
	}
}

func TestDamagedPageCrashesNothing(t *testing.T) {
	whole := usedStore(t)
	random := rand.New(rand.NewPCG(3, 4))
	noise := func(content []byte) {
		for i := range content {
			content[i] = byte(random.Uint32())
		}
	}
	size, refused, tried := os.Getpagesize(), 0, 0
	for page := range len(whole) / size {
		for i, change := range []func(page []byte){
			func(page []byte) { clear(page) },
			func(page []byte) { copy(page, bytes.Repeat([]byte{0xff}, size)) },
			noise,
			func(page []byte) { noise(page[size/2:]) },
			func(page []byte) { copy(page, whole[random.IntN(len(whole)/size)*size:]) },
			func(page []byte) { noise(page[:16]) }, // its head
			func(page []byte) { page[random.IntN(48)] ^= 1 << random.IntN(8) },
			func(page []byte) { at := random.IntN(size - 8); noise(page[at : at+8]) },
		} {
			content := bytes.Clone(whole)
			change(content[page*size : (page+1)*size])
			tried++
			if expectNoCrash(t, fmt.Sprintf("page %d, damage %d", page, i), content) {
				refused++
			}
		}
	}
	t.Logf("%d of %d damaged files were refused", refused, tried)
	if refused == 0 {
		t.Error("this test shows nothing")
	}
}

// The traffic of an lbserver does not end with its disk.
func TestFileThatIsCutWhileItIsOpenIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path, usedStore(t), 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, path, time.Now)
	defer mustClose(t, s)
	if err := os.Truncate(path, int64(2*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	var damaged *store.DamagedError
	if _, err := s.Load(t.Context()); !errors.As(err, &damaged) || damaged.Path != path {
		t.Errorf("Load: got %v", err)
	}
	for range 2 {
		if _, err := s.Commit(t.Context(), 80, nil, &store.Reply{Nonce: "after"}); !errors.As(err, &damaged) {
			t.Errorf("Commit: got %v", err)
		}
	}
}
