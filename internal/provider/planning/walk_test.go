package planning

import (
	"context"
	"errors"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

func TestAQuestionIsAskedOnceForEachKey(t *testing.T) {
	var remembered answers[string, int]
	asked := 0
	question := func(context.Context) (int, error) {
		asked++
		return asked, nil
	}
	w := NewWalk(nil)
	for _, test := range []struct {
		key  string
		want int
	}{{"a", 1}, {"a", 1}, {"b", 2}, {"a", 1}} {
		if got, ok := remembered.get(t.Context(), w, test.key, question); !ok || got != test.want {
			t.Errorf("%s: answer %d, %t, want %d", test.key, got, ok, test.want)
		}
	}
}

func TestNothingIsAskedOnceTheAPIHasLeftAQuestionUnanswered(t *testing.T) {
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	for name, test := range map[string]struct {
		ctx   context.Context //nolint:containedctx // of the question
		err   error
		asked int
	}{
		"no such object": {t.Context(), lbapi.NewError(lbapi.NotFound, "there is no such group"), 3},
		"an interrupt":   {interrupted, context.Canceled, 3},
		"no answer":      {t.Context(), errors.New("connection refused"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			w := NewWalk(nil)
			for range 3 {
				if _, ok := Ask(test.ctx, w, func(context.Context) (int, error) { asked++; return 0, test.err }); ok {
					t.Error("there is an answer")
				}
			}
			if asked != test.asked {
				t.Errorf("asked %d times, want %d", asked, test.asked)
			}
		})
	}
}
