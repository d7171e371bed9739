package servergroup

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/member"
)

func (r *serverGroupResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	groupTypes := []string{string(lbapi.GroupOfAddresses), string(lbapi.GroupOfInstances)}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Servers that backend services send traffic to; many backend services may share one group.",
		Attributes: base.PlacedAttributes(ctx, "server group", map[string]schema.Attribute{
			"type": schema.StringAttribute{
				MarkdownDescription: base.DescribeWords("How the group names its servers: by address or by instance", groupTypes, groupTypes[0]) +
					" Another one replaces the group.",
				Optional:      true,
				Computed:      true,
				Default:       stringdefault.StaticString(groupTypes[0]),
				Validators:    []validator.String{base.WordRule(groupTypes)},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"servers": schema.MapNestedAttribute{
				MarkdownDescription: "The servers of the group, all of them: one that is registered by other means is removed, and `{}` means " +
					"none. Left out, which servers there are is not this resource's concern but that of [alb_server](server.md) resources " +
					"or of others; those that are there stay. The keys are names of your own choice, which the API does not know; a " +
					"server is known by its address or instance and its port, so a new key for the same server changes nothing. After an " +
					"import the keys are `address:port`, or `address` alone for a server without a port of its own. A plan that takes the requests " +
					"from a server warns of how many sessions were seen on it recently.",
				Optional:     true,
				NestedObject: schema.NestedAttributeObject{Attributes: member.AttributeSchema()},
			},
		}),
	}
}
