package ids_test

import (
	"bytes"
	"testing"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/ids"
)

func TestIDsAreNeverGivenTwice(t *testing.T) {
	t.Parallel()
	// Seven bytes make an id: the second one is the first again.
	random := append(bytes.Repeat([]byte{1}, 14), bytes.Repeat([]byte{2}, 7)...)
	taken := map[string]*int{}
	source := ids.Source{Random: bytes.NewReader(random)}
	for range 2 {
		id, err := source.New("tg-", ids.In(taken))
		if err != nil || taken[id] != nil {
			t.Fatalf("got %q, %v", id, err)
		}
		taken[id] = new(int)
	}
	if _, err := source.New("tg-", func(string) bool { return false }); err == nil {
		t.Error("an id without randomness")
	}
}
