package base

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// DefaultTimeout bounds an operation on one resource, with all its calls and their retries.
const DefaultTimeout = 2 * time.Minute

// Limits holds the timeouts of a resource. They are not the object's own, so data sources don't show them.
type Limits struct {
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// OperationTimeouts returns the timeouts for the helpers that run operations.
func (l Limits) OperationTimeouts() timeouts.Value { return l.Timeouts }

// NoLimits returns the timeouts of a resource whose configuration gives none.
func NoLimits() Limits {
	operations := map[string]attr.Type{"create": types.StringType, "read": types.StringType, "update": types.StringType, "delete": types.StringType}
	return Limits{timeouts.Value{Object: types.ObjectNull(operations)}}
}

// TimeoutAttributes describes the timeouts of a kind in words, with a sentence more about those of a deletion.
func TimeoutAttributes(ctx context.Context, kind, ofDeletion string) schema.Attribute {
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
				limit.Validators = []validator.String{DurationRule()} // the library's own accepts 0, with which nothing can be done
				nested.Attributes[name] = limit
			}
		}
		nested.MarkdownDescription = "How long an operation may take, attempts that are made again included, before it ends with an error."
		return nested
	}
	return attribute
}

// DurationRule judges a text as a duration.
func DurationRule() TextRule {
	return TextRule{"a duration above 0 such as \"30s\"", InvalidDuration}
}

// InvalidDuration is the reason against a duration, or "".
func InvalidDuration(text string) string {
	if d, err := time.ParseDuration(text); err != nil || d <= 0 {
		return fmt.Sprintf("must be a duration above 0 such as \"30s\" or \"1m30s\", got %q", text)
	}
	return ""
}
