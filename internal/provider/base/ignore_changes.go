package base

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// ValidateIgnored judges a plan by the rules of ValidateConfig, which has already accepted the configuration. If
// "ignore_changes" keeps other values of the state, Terraform puts them into the configuration of the plan, and only
// there.
func ValidateIgnored(ctx context.Context, r resource.ResourceWithValidateConfig, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || req.State.Raw.Equal(resp.Plan.Raw) {
		return
	}
	var found resource.ValidateConfigResponse
	r.ValidateConfig(ctx, resource.ValidateConfigRequest{Config: req.Config}, &found)
	for _, one := range found.Diagnostics {
		detail := one.Detail() + " \"ignore_changes\" keeps a value which the configuration does not have."
		if located, ok := one.(diag.DiagnosticWithPath); ok {
			resp.Diagnostics.AddAttributeError(located.Path(), one.Summary(), detail)
		} else {
			resp.Diagnostics.AddError(one.Summary(), detail)
		}
	}
}
