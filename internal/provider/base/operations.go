package base

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/provider/planning"
)

// Model is a resource of one kind as plans and states hold it. It embeds Limits.
type Model interface {
	// Identity returns what identifies the object to Terraform.
	Identity() any
	// Attribute finds the attribute that a field of a call was made from; false if there is none.
	Attribute(field string) (path.Path, bool)
	// OperationTimeouts returns what the configuration says of the timeouts.
	OperationTimeouts() timeouts.Value
}

// PlannedChange takes a plan apart. It returns false if there is nothing to judge, or nothing to judge it by: the plan
// changes nothing, the provider is not configured, or there are errors already. replaces reports whether the plan
// replaces the object, by the attributes that cannot change in place.
func PlannedChange[M Model](
	ctx context.Context, r *Resource, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, replaces func(after, before M) bool,
) (change planning.Change[M], ok bool) {
	if r.API == nil || resp.Diagnostics.HasError() || req.State.Raw.Equal(resp.Plan.Raw) {
		return change, false
	}
	created, deleted := req.State.Raw.IsNull(), req.Plan.Raw.IsNull()
	if !created {
		resp.Diagnostics.Append(req.State.Get(ctx, &change.Before)...)
	}
	if !deleted {
		resp.Diagnostics.Append(resp.Plan.Get(ctx, &change.After)...)
	}
	if resp.Diagnostics.HasError() {
		return change, false
	}
	switch {
	case created:
		change.Action = planning.Create
	case deleted:
		change.Action = planning.Delete
	case replaces(change.After, change.Before):
		change.Action = planning.Replace
	default:
		change.Action = planning.Update
	}
	return change, true
}

// Create runs create with the plan, within the create timeout. The context outlives an interrupt by a grace, so that a
// creation which is under way is finished.
func Create[M Model](
	ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse, create func(ctx context.Context, plan M),
) {
	var plan M
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.OperationTimeouts().Create(ctx, DefaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := finishing(ctx, timeout)
	defer cancel()
	create(ctx, plan)
}

// SaveCreated puts an object that the API has just created into the state, with its identity.
func SaveCreated(ctx context.Context, resp *resource.CreateResponse, created Model) {
	resp.Diagnostics.Append(resp.State.Set(ctx, created)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, created.Identity())...)
}

// Read makes the state what the API shows, within the read timeout. find finds the object; if the API has it no longer,
// the resource leaves the state. take puts what was found into the state.
func Read[M Model, Object any](
	ctx context.Context, r *Resource, req resource.ReadRequest, resp *resource.ReadResponse,
	find func(ctx context.Context, state M) (Object, error), take func(state *M, object Object),
) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := state.OperationTimeouts().Read(ctx, DefaultTimeout)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, state.Identity())...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	object, err := find(ctx, state)
	if client.IsNotFound(err) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		r.API.addReadError(&resp.Diagnostics, capitalized(r.IDs.Of)+" not read", err, state.Attribute)
		return
	}
	take(&state, object)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	}
}

// Update runs update with the plan and the state, within the update timeout. If update reports that the object is as
// the plan wants it, the plan becomes the state, with what update has changed in it.
func Update[M Model](
	ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse,
	update func(ctx context.Context, plan *M, state M, diags *diag.Diagnostics) (updated bool),
) {
	var plan, state M
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := plan.OperationTimeouts().Update(ctx, DefaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if update(ctx, &plan, state, &resp.Diagnostics) {
		resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
		resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.Identity())...)
	}
}

// SendPatch sends what a plan changes of an object, and reports whether the API has taken it. A change of nothing is
// not sent.
func SendPatch[Patch comparable](
	ctx context.Context, r *Resource, id types.String, patch Patch, send func(context.Context, string, Patch) error,
	attribute AttributeFinder, diags *diag.Diagnostics,
) (taken bool) {
	var nothing Patch
	if patch == nothing {
		return true
	}
	err := send(ctx, id.ValueString(), patch)
	if err != nil {
		AddCallError(diags, capitalized(r.IDs.Of)+" not updated", err, attribute)
	}
	return err == nil
}

// Changed is the wire value of an attribute that the plan changes; nil, which leaves it alone, if the plan doesn't.
func Changed[T any](plan, state attr.Value, value T) *T {
	if plan.Equal(state) {
		return nil
	}
	return &value
}

// Delete runs remove with the state, within the delete timeout.
func Delete[M Model](
	ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse,
	remove func(ctx context.Context, state M, diags *diag.Diagnostics),
) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := state.OperationTimeouts().Delete(ctx, DefaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	remove(ctx, state, &resp.Diagnostics)
}

// DeleteUnused deletes an object by its id, and tries again until the context ends while another object uses it.
func (r *Resource) DeleteUnused(ctx context.Context, id types.String, remove func(context.Context, string) error, diags *diag.Diagnostics) {
	err := retryWhileInUse(ctx, func(ctx context.Context) error { return remove(ctx, id.ValueString()) })
	if err != nil {
		diags.AddError(capitalized(r.IDs.Of)+" not deleted", ErrorSentence(err))
	}
}
