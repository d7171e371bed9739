// Package storetest is the contract of store.Store as tests that every implementation runs.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// Open opens the store that lives at place, a directory of the test's own that is empty at first. Opened again after
// Close it must have all it had.
type Open func(place string, now func() time.Time) (store.Store, error)

// Run runs the contract.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Open){
		"NewStoreIsEmptyAtRevisionZero":          newStoreIsEmpty,
		"CommittedRecordsAreLoaded":              committedRecordsAreLoaded,
		"StaleCommitChangesNothing":              staleCommitChangesNothing,
		"ReplyIsStoredWithItsRecords":            replyIsStoredWithItsRecords,
		"ReplyAloneKeepsTheRevision":             replyAloneKeepsTheRevision,
		"RepliesExpire":                          repliesExpire,
		"LoadedStateIsTheCallersOwn":             loadedStateIsTheCallersOwn,
		"CancelledCallsDoNothing":                cancelledCallsDoNothing,
		"ConcurrentCommitsLoseNothing":           concurrentCommitsLoseNothing,
		"WaitReturnsThePastRevisionAtOnce":       waitReturnsThePastRevisionAtOnce,
		"WaitEndsWithACommit":                    waitEndsWithACommit,
		"WaitEndsWithItsContext":                 waitEndsWithItsContext,
		"WaitMissesNoCommit":                     waitMissesNoCommit,
		"AnyHistoryReadsBackAfterOpeningItAgain": anyHistoryReadsBack,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func start() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func opened(t *testing.T, open Open, now func() time.Time) store.Store {
	t.Helper()
	s, err := open(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func put(id, value string) store.Record {
	return store.Record{Kind: store.Listener, ID: id, Value: []byte(value)}
}

func reply(nonce string, expires time.Time) *store.Reply {
	return &store.Reply{
		Nonce: nonce, Digest: [32]byte{1, 2, 3}, Body: []byte(`{"requestId":"r"}`), Expires: expires,
	}
}

func mustCommit(t *testing.T, s store.Store, base uint64, records []store.Record, reply *store.Reply) uint64 {
	t.Helper()
	revision, err := s.Commit(t.Context(), base, records, reply)
	if err != nil {
		t.Fatalf("commit on revision %d: %v", base, err)
	}
	return revision
}

func expectState(t *testing.T, s store.Store, want store.State) {
	t.Helper()
	got, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byKey := cmpopts.SortSlices(func(a, b store.Record) bool {
		return string(a.Kind)+"/"+a.ID < string(b.Kind)+"/"+b.ID
	})
	if diff := cmp.Diff(want, got, byKey, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("state (-want +got):\n%s", diff)
	}
}

func expectNoReply(t *testing.T, s store.Store, nonce string) {
	t.Helper()
	if got, err := s.Reply(t.Context(), nonce); !errors.Is(err, store.ErrNoReply) {
		t.Errorf("reply of %s: got %v, %v; want ErrNoReply", nonce, got, err)
	}
}

func newStoreIsEmpty(t *testing.T, open Open) {
	s := opened(t, open, start)
	expectState(t, s, store.State{})
	expectNoReply(t, s, "n")
}

func committedRecordsAreLoaded(t *testing.T, open Open) {
	s := opened(t, open, start)
	group := store.Record{Kind: store.ServerGroup, ID: "a", Value: []byte("group")}
	first := mustCommit(t, s, 0, []store.Record{put("a", "1"), put("b", "2"), group}, nil)
	second := mustCommit(t, s, first, []store.Record{
		put("b", "3"), {Kind: store.Listener, ID: "a"}, {Kind: store.Listener, ID: "never there"},
	}, nil)
	if first == 0 || second <= first {
		t.Errorf("revisions %d, %d do not rise", first, second)
	}
	expectState(t, s, store.State{Revision: second, Records: []store.Record{put("b", "3"), group}})
}

func staleCommitChangesNothing(t *testing.T, open Open) {
	s := opened(t, open, start)
	revision := mustCommit(t, s, 0, []store.Record{put("a", "1")}, nil)
	for _, base := range []uint64{0, revision + 1} {
		for _, records := range [][]store.Record{{put("a", "2"), put("b", "2")}, nil} {
			_, err := s.Commit(t.Context(), base, records, reply("n", start().Add(time.Hour)))
			if !errors.Is(err, store.ErrStale) {
				t.Errorf("commit of %d records on revision %d: got %v, want ErrStale", len(records), base, err)
			}
		}
	}
	expectState(t, s, store.State{Revision: revision, Records: []store.Record{put("a", "1")}})
	expectNoReply(t, s, "n")
}

func replyIsStoredWithItsRecords(t *testing.T, open Open) {
	s := opened(t, open, start)
	want := reply("n", start().Add(time.Hour))
	mustCommit(t, s, 0, []store.Record{put("a", "1")}, want)
	got, err := s.Reply(t.Context(), "n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	expectNoReply(t, s, "another")
}

func replyAloneKeepsTheRevision(t *testing.T, open Open) {
	s := opened(t, open, start)
	revision := mustCommit(t, s, 0, []store.Record{put("a", "1")}, nil)
	want := reply("n", start().Add(time.Hour))
	if again := mustCommit(t, s, revision, nil, want); again != revision {
		t.Errorf("the revision went from %d to %d without a change", revision, again)
	}
	expectState(t, s, store.State{Revision: revision, Records: []store.Record{put("a", "1")}})
	if got, err := s.Reply(t.Context(), "n"); err != nil || !cmp.Equal(want, got) {
		t.Errorf("reply: got %v, %v", got, err)
	}
}

func repliesExpire(t *testing.T, open Open) {
	now := start()
	s := opened(t, open, func() time.Time { return now })
	revision := mustCommit(t, s, 0, []store.Record{put("a", "1")}, reply("early", now.Add(time.Minute)))
	mustCommit(t, s, revision, nil, reply("late", now.Add(time.Hour)))
	mustCommit(t, s, revision, nil, reply("renewed", now.Add(time.Minute)))
	mustCommit(t, s, revision, nil, reply("renewed", now.Add(time.Hour)))

	now = now.Add(time.Minute)
	for range 2 { // a commit may forget the expired ones in passing
		expectNoReply(t, s, "early")
		for _, nonce := range []string{"late", "renewed"} {
			if _, err := s.Reply(t.Context(), nonce); err != nil {
				t.Errorf("reply of %s, which has not expired: %v", nonce, err)
			}
		}
		mustCommit(t, s, revision, nil, reply("new", now.Add(time.Hour)))
	}
}

func loadedStateIsTheCallersOwn(t *testing.T, open Open) {
	s := opened(t, open, start)
	revision := mustCommit(t, s, 0, []store.Record{put("a", "1")}, nil)
	state, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state.Records[0].Value[0] = 'x'
	expectState(t, s, store.State{Revision: revision, Records: []store.Record{put("a", "1")}})
}

func cancelledCallsDoNothing(t *testing.T, open Open) {
	s := opened(t, open, start)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Commit(ctx, 0, []store.Record{put("a", "1")}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("commit: got %v, want the context's error", err)
	}
	if _, err := s.Load(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("load: got %v, want the context's error", err)
	}
	if _, err := s.Reply(ctx, "n"); !errors.Is(err, context.Canceled) {
		t.Errorf("reply: got %v, want the context's error", err)
	}
	expectState(t, s, store.State{})
}

func concurrentCommitsLoseNothing(t *testing.T, open Open) {
	const writers, writes = 4, 10
	s := opened(t, open, start)
	var group sync.WaitGroup
	for writer := range writers {
		group.Go(func() {
			for n := range writes {
				if err := commitSoon(t.Context(), s, put(fmt.Sprintf("%d-%d", writer, n), "v")); err != nil {
					t.Errorf("writer %d, write %d: %v", writer, n, err)
					return
				}
			}
		})
	}
	group.Wait()
	state, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(state.Records) != writers*writes {
		t.Errorf("%d records after %d acknowledged commits", len(state.Records), writers*writes)
	}
}

func waitReturnsThePastRevisionAtOnce(t *testing.T, open Open) {
	s := opened(t, open, start)
	first := mustCommit(t, s, 0, []store.Record{put("a", "1")}, nil)
	second := mustCommit(t, s, first, []store.Record{put("a", "2")}, nil)
	for _, after := range []uint64{0, first} {
		if got, err := s.Wait(t.Context(), after); got != second || err != nil {
			t.Errorf("past revision %d: got %d, %v, want %d", after, got, err, second)
		}
	}
}

// A stored reply is no revision: nobody is woken by it.
func waitEndsWithACommit(t *testing.T, open Open) {
	const waiting = 3
	s := opened(t, open, start)
	got := make(chan uint64, waiting)
	var group sync.WaitGroup
	for range waiting {
		group.Go(func() {
			revision, err := s.Wait(t.Context(), 0)
			if err != nil {
				t.Error(err)
			}
			got <- revision
		})
	}
	mustCommit(t, s, 0, nil, reply("n", start().Add(time.Hour)))
	select {
	case revision := <-got:
		t.Errorf("a reply without records ended the wait, at revision %d", revision)
	case <-time.After(20 * time.Millisecond):
	}
	want := mustCommit(t, s, 0, []store.Record{put("a", "1")}, nil)
	group.Wait()
	for range waiting {
		if revision := <-got; revision != want {
			t.Errorf("the wait ended at revision %d, want %d", revision, want)
		}
	}
}

func waitEndsWithItsContext(t *testing.T, open Open) {
	s := opened(t, open, start)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.Wait(ctx, 0)
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	mustCommit(t, s, 0, []store.Record{put("a", "1")}, nil)
	if _, err := s.Wait(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("past the revision, with a context that has ended: got %v, want the context's error", err)
	}
}

// Whoever waits for one revision after another sees the last one, however close together they come.
func waitMissesNoCommit(t *testing.T, open Open) {
	const last = "50"
	s := opened(t, open, start)
	var group sync.WaitGroup
	group.Go(func() {
		var base uint64
		for n := 0; fmt.Sprint(n-1) != last; n++ {
			var err error
			if base, err = s.Commit(t.Context(), base, []store.Record{put("a", fmt.Sprint(n))}, nil); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var seen uint64
	for value := ""; value != last; {
		revision, err := s.Wait(t.Context(), seen)
		if err != nil {
			t.Fatal(err)
		}
		if revision <= seen {
			t.Fatalf("waited past revision %d and got %d", seen, revision)
		}
		state, err := s.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen, value = state.Revision, string(state.Records[0].Value)
	}
	group.Wait()
}

// commitSoon commits on whatever revision the store turns out to have.
func commitSoon(ctx context.Context, s store.Store, record store.Record) error {
	for {
		state, err := s.Load(ctx)
		if err != nil {
			return err
		}
		if _, err := s.Commit(ctx, state.Revision, []store.Record{record}, nil); !errors.Is(err, store.ErrStale) {
			return err
		}
	}
}

func anyHistoryReadsBack(t *testing.T, open Open) {
	rapid.Check(t, func(rt *rapid.T) {
		place := t.TempDir()
		want := map[string]store.Record{}
		var revision uint64
		for range rapid.IntRange(1, 3).Draw(rt, "lives") {
			s, err := open(place, start)
			if err != nil {
				rt.Fatal(err)
			}
			for range rapid.IntRange(0, 4).Draw(rt, "commits") {
				records := drawRecords(rt)
				if revision, err = s.Commit(t.Context(), revision, records, nil); err != nil {
					rt.Fatal(err)
				}
				apply(want, records)
			}
			state, err := s.Load(t.Context())
			if err != nil {
				rt.Fatal(err)
			}
			got := map[string]store.Record{}
			apply(got, state.Records)
			if diff := cmp.Diff(want, got); diff != "" || state.Revision != revision {
				rt.Fatalf("revision %d, want %d; records (-want +got):\n%s", state.Revision, revision, diff)
			}
			if err := s.Close(); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

func drawRecords(t *rapid.T) []store.Record {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) store.Record {
		return store.Record{
			Kind:  rapid.SampledFrom([]store.Kind{store.Listener, store.BackendService}).Draw(t, "kind"),
			ID:    rapid.SampledFrom([]string{"a", "b", "c/d"}).Draw(t, "id"),
			Value: rapid.SampledFrom([][]byte{nil, []byte("1"), []byte("22")}).Draw(t, "value"),
		}
	}), 0, 3).Draw(t, "records")
}

func apply(state map[string]store.Record, records []store.Record) {
	for _, record := range records {
		key := string(record.Kind) + "/" + record.ID
		if record.Value == nil {
			delete(state, key)
		} else {
			state[key] = record
		}
	}
}
