package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// defaultTimeout bounds an operation on one resource, with all its calls and their retries.
const defaultTimeout = 2 * time.Minute

// Pauses between two attempts to delete an object that is in use: they double from the first to the last.
const (
	firstDeletePause = 250 * time.Millisecond
	lastDeletePause  = 5 * time.Second
)

// baseResource is what every resource has: the connection and import by id.
type baseResource struct {
	api *connection
}

// Configure takes the connection over from the provider. While Terraform only validates there is none.
func (r *baseResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	if req.ProviderData == nil {
		return
	}
	api, ok := req.ProviderData.(*connection)
	if !ok {
		resp.Diagnostics.AddError("Provider fault", fmt.Sprintf("The resource was given a %T as its connection; please report this.", req.ProviderData))
		return
	}
	r.api = api
}

// ImportState takes the id; Read does the rest.
func (r *baseResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if reason := givenRule().invalid(req.ID); reason != "" {
		resp.Diagnostics.AddAttributeError(path.Root("id"), "Invalid id", sentence("id", reason))
		return
	}
	resource.ImportStatePassthroughID(ctx, path.Root("id"), req, resp)
}

// baseModel holds the attributes of every resource, but for its timeouts: those are not the object's, which data sources show too.
type baseModel struct {
	ID          types.String `tfsdk:"id"`
	Name        types.String `tfsdk:"name"`
	Description types.String `tfsdk:"description"`
}

// withBaseAttributes adds the attributes of every resource to those of one.
func withBaseAttributes(ctx context.Context, kind string, attributes map[string]schema.Attribute) map[string]schema.Attribute {
	attributes["id"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Id of the %s, made by the API.", kind),
		Computed:            true,
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
	attributes["name"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Name of the %s: %s. It need not be unique.", kind, lbapi.NameRule),
		Required:            true,
		Validators:          []validator.String{stringRule{lbapi.NameRule, lbapi.InvalidName}},
	}
	attributes["description"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Description, %s; default empty.", lbapi.DescriptionRule),
		Optional:            true,
		Computed:            true,
		Default:             stringdefault.StaticString(""),
		Validators:          []validator.String{stringRule{lbapi.DescriptionRule, lbapi.InvalidDescription}},
	}
	text := func(operation, more string) string {
		return fmt.Sprintf("Longest time to %s the %s, as a duration such as `30s` or `5m`; default `2m`.%s", operation, kind, more)
	}
	attributes["timeouts"] = timeouts.Attributes(ctx, timeouts.Opts{
		Create: true, CreateDescription: text("create", ""),
		Read: true, ReadDescription: text("read", ""),
		Update: true, UpdateDescription: text("update", ""),
		Delete: true, DeleteDescription: text("delete", " While another object uses it, the deletion is tried again until then."),
	})
	return attributes
}

// changed is the wire value of an attribute that the plan changes, or nil: leave it.
func changed[T any](plan, state attr.Value, value T) *T {
	if plan.Equal(state) {
		return nil
	}
	return &value
}

// delete removes an object of any kind within its delete timeout.
func (r *baseResource) delete(
	ctx context.Context, state baseModel, limits timeouts.Value, kind string, remove func(context.Context, string) error,
	diags *diag.Diagnostics,
) {
	timeout, found := limits.Delete(ctx, defaultTimeout)
	diags.Append(found...)
	if diags.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := deleteUnused(ctx, func(ctx context.Context) error { return remove(ctx, state.ID.ValueString()) })
	if err != nil {
		diags.AddError(kind+" not deleted", stopped(capitalized(err.Error())))
	}
}

// deleteUnused deletes an object, again and again while another one uses it, until the context ends; then the error is the
// refusal, which names who uses it. An object that is already gone is deleted.
func deleteUnused(ctx context.Context, remove func(context.Context) error) error {
	var inUse error
	for pause := firstDeletePause; ; pause = min(2*pause, lastDeletePause) {
		err := remove(ctx)
		switch {
		case err == nil, client.IsNotFound(err):
			return nil
		case client.IsProtected(err):
			return err
		case client.IsConflict(err):
			inUse = err
		case inUse == nil || ctx.Err() == nil:
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w. It was tried until the delete timeout. When another resource of the configuration moves away from "+
				"this one in the same apply, lifecycle { create_before_destroy = true } here lets it move first", inUse)
		}
	}
}
