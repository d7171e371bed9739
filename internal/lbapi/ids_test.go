package lbapi_test

import (
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

func TestIDsAreJudgedByTheirForm(t *testing.T) {
	for id, good := range map[string]bool{
		"tg-a2b3c4d5e6": true, "tg-aaaaaaaaaa": true, "tg-zzzzz77777": true,
		"": false, "tg-": false, "tg-a2b3c4d5e": false, "tg-a2b3c4d5e6f": false, "tg-A2B3C4D5E6": false, "tg-a2b3c4d5e1": false,
		"tg-a2b3c4d5e6:describeTargets": false, "tg-a2b3c4d5e6/": false, "tg-a2b3c4d5e6\n": false, "backend-a2b3c4d5e6": false, "../aaaaaaaaaa": false,
	} {
		reason := lbapi.ServerGroupID.Invalid(id)
		if (reason == "") != good {
			t.Errorf("%q: %q", id, reason)
		}
		if reason != "" && !strings.HasPrefix(reason, `must be the id of a server group, "tg-" and 10 characters`) {
			t.Errorf("%q: %q does not tell the rule", id, reason)
		}
	}
}
