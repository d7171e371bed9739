package base

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// ReplaceUnlessSameAddress replaces the resource for another address, not for another way to write the same one.
func ReplaceUnlessSameAddress() planmodifier.String {
	return ReplaceUnless("another way to write the same address", lbapi.SameAddress)
}

// ReplaceUnless replaces the resource for another value unless both mean the same; the empty text stands for null.
func ReplaceUnless(description string, same func(before, after string) bool) planmodifier.String {
	description = "replaces the resource, unless the change is " + description
	return stringplanmodifier.RequiresReplaceIf(
		func(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
			resp.RequiresReplace = req.PlanValue.IsUnknown() || !same(req.StateValue.ValueString(), req.PlanValue.ValueString())
		}, description, description)
}
