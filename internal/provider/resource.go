package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
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

// interruptGrace is how long a change that is under way may go on after Terraform was told to stop. On a server that answers it
// takes milliseconds; Terraform itself waits for as long as it takes.
const interruptGrace = 10 * time.Second

// Pauses between two attempts to delete an object that is in use, or to create one whose place is taken: they double from the first
// to the last.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
)

// createPatience bounds the attempts to create an object whose place is taken.
const createPatience = 10 * time.Second

// baseResource is what every resource has: the connection, an identity, and import by id or by identity.
type baseResource struct {
	api *connection
	ids lbapi.IDForm // the form of its ids
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

// finishing is a context for a change that must not be cut off half-way: bounded by a timeout as any other, but outliving an
// interrupt by interruptGrace. A creation whose answer nobody reads would leave an object that no state knows, and one of whose
// two calls the second is not made, an object that Terraform replaces.
func finishing(interruptible context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(interruptible), timeout)
	forget := context.AfterFunc(interruptible, func() {
		grace := time.NewTimer(interruptGrace)
		defer grace.Stop()
		select {
		case <-grace.C:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		forget()
		cancel()
	}
}

// baseModel holds the attributes of every resource, but for its timeouts: those are not the object's, which data sources show too.
type baseModel struct {
	ID          types.String `tfsdk:"id"`
	Name        types.String `tfsdk:"name"`
	Description types.String `tfsdk:"description"`
}

// withBaseAttributes adds the attributes of every resource to those of one.
func withBaseAttributes(ctx context.Context, kind string, attributes map[string]schema.Attribute) map[string]schema.Attribute {
	attributes["id"] = idAttribute(kind)
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
	attributes["timeouts"] = timeoutAttributes(ctx, kind, " While another object uses it, the deletion is tried again until then.")
	return attributes
}

func idAttribute(kind string) schema.Attribute {
	return schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Id of the %s, made by the API.", kind),
		Computed:            true,
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

func timeoutAttributes(ctx context.Context, kind, ofDeletion string) schema.Attribute {
	text := func(operation, more string) string {
		return fmt.Sprintf("Longest time to %s the %s, as a duration above 0 such as `30s` or `5m`; default `2m`.%s", operation, kind, more)
	}
	attribute := timeouts.Attributes(ctx, timeouts.Opts{
		Create: true, CreateDescription: text("create", ""),
		Read: true, ReadDescription: text("read", ""),
		Update: true, UpdateDescription: text("update", ""),
		Delete: true, DeleteDescription: text("delete", ofDeletion),
	})
	if nested, ok := attribute.(schema.SingleNestedAttribute); ok {
		for name, of := range nested.Attributes {
			if limit, ok := of.(schema.StringAttribute); ok {
				limit.Validators = []validator.String{durationRule()} // the library's own takes 0, with which nothing can be done
				nested.Attributes[name] = limit
			}
		}
		nested.MarkdownDescription = "How long an operation may take, attempts that are made again included, before it ends with an error."
		return nested
	}
	return attribute
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
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
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
			if errors.Is(ctx.Err(), context.Canceled) {
				return inUse // an interrupt explains itself
			}
			return fmt.Errorf("%w. It was tried until the delete timeout. When another resource of the configuration moves away from "+
				"this one in the same apply, lifecycle { create_before_destroy = true } here lets it move first", inUse)
		}
	}
}

// createOnceFree creates an object, again and again for a while where another one has its place: under the new key of a for_each
// Terraform may create a server or a listener before it deletes the same one under the old key.
func createOnceFree(ctx context.Context, taken func(error) bool, create func(context.Context) (string, error)) (id string, err error) {
	giveUp := time.Now().Add(createPatience)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		id, err = create(ctx)
		if err == nil || !taken(err) || time.Until(giveUp) < pause {
			return id, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return "", err
		}
	}
}
