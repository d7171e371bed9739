package acctest

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// Every acceptance test relies on the runner to fail for these.
func TestWhatFailsAStep(t *testing.T) {
	t.Parallel()
	lb := Start(t)
	group := lb.Configuration("resource \"alb_server_group\" \"web\" {\n  name = \"web\"\n}\n")
	describe := func(state *State) error {
		return lb.PatchServerGroup(t.Context(), state.ID("alb_server_group.web"), lbapi.PatchServerGroup{Description: new("by others")})
	}
	for name, test := range map[string]struct {
		step Step
		want string
	}{
		"a second plan with a change": {
			Step{Config: "resource \"terraform_data\" \"now\" {\n  input = timestamp()\n}\n"}, "the second plan is not empty",
		},
		"a resource that differs from its state": {Step{Config: group, Check: describe}, "the second plan is not empty"},
		"a first plan with a change":             {Step{Config: group, PlanOnly: true}, "the second plan is not empty"},
		"an error": {
			Step{Config: strings.Replace(group, "\"web\"\n}", "\"\"\n}", 1)}, "must be 1 to 32 letters",
		},
		"a check":                   {Step{Config: group, Check: func(*State) error { return errors.New("refused") }}, "refused"},
		"no error where one is due": {Step{Config: group, ExpectError: regexp.MustCompile("x")}, "terraform succeeded"},
		"another error than is due": {
			Step{Config: strings.Replace(group, "\"web\"\n}", "\"\"\n}", 1), ExpectError: regexp.MustCompile("teapot")}, "matches \"teapot\"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &runner{t: t, folder: NewWorkspace(t, "")}
			if err := r.take(test.step); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
			r.destroyRest()
		})
	}
}
