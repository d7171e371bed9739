package provider_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// onlyChanges is a check that a plan shows changes of these attributes of a resource, and of no other: "servers.a" is an
// attribute "servers", element "a".
type onlyChanges struct {
	address    string
	attributes []string
}

// CheckPlan implements plancheck.PlanCheck.
func (c onlyChanges) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	for _, one := range req.Plan.ResourceChanges {
		if one.Address != c.address {
			continue
		}
		got := differences("", one.Change.Before, one.Change.After)
		slices.Sort(got)
		if diff := cmp.Diff(c.attributes, got); diff != "" {
			resp.Error = fmt.Errorf("changes of %s (-want +got):\n%s", c.address, diff)
		}
		return
	}
	resp.Error = fmt.Errorf("the plan does not have %s", c.address)
}

// differences gives the paths at which two values of a plan differ, no deeper than the element that is only in one.
func differences(at string, before, after any) (paths []string) {
	was, wasMap := before.(map[string]any)
	is, isMap := after.(map[string]any)
	if !wasMap || !isMap {
		if !cmp.Equal(before, after) {
			paths = append(paths, at)
		}
		return paths
	}
	keys := map[string]bool{}
	for key := range was {
		keys[key] = true
	}
	for key := range is {
		keys[key] = true
	}
	for key := range keys {
		inner := key
		if at != "" {
			inner = at + "." + key
		}
		paths = append(paths, differences(inner, was[key], is[key])...)
	}
	return paths
}
