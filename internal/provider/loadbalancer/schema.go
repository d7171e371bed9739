package loadbalancer

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

func (r *loadBalancerResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An address that takes traffic, and all that is on it: listeners, backend services and server groups. " +
			"A new lbserver starts with one of its own, `" + lbapi.DefaultLoadBalancerName + "`, so this resource is for those that need another.",
		Attributes: base.ObjectAttributes(ctx, "load balancer", map[string]schema.Attribute{
			"address": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Address (VIP) that the listeners take traffic on, %s; default is the server's choice, for "+
					"lbserver its `--vip`. It must be one of the server's machine. Another one replaces the load balancer.", lbapi.AddressRule),
				Optional:   true,
				Computed:   true,
				Validators: []validator.String{base.TextRule{Rule: lbapi.AddressRule, Invalid: lbapi.InvalidAddress}},
				PlanModifiers: []planmodifier.String{
					stringplanmodifier.UseStateForUnknown(), base.ReplaceUnlessSameAddress(),
				},
			},
			"subnet_id": schema.StringAttribute{
				MarkdownDescription: "Subnet of the load balancer in the cloud; lbserver keeps it and does nothing with it. Another one " +
					"replaces the load balancer.",
				Optional:   true,
				Computed:   true,
				Validators: []validator.String{base.GivenRule()},
				PlanModifiers: []planmodifier.String{
					stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplaceIfConfigured(),
				},
			},
			"availability_zones": schema.SetAttribute{
				MarkdownDescription: "Availability zones of the load balancer in the cloud; lbserver keeps them and does nothing with them. " +
					"Others replace the load balancer.",
				ElementType: types.StringType,
				Optional:    true,
				Computed:    true,
				Validators:  []validator.Set{zonesRule()},
				PlanModifiers: []planmodifier.Set{
					setplanmodifier.UseStateForUnknown(), setplanmodifier.RequiresReplaceIfConfigured(),
				},
			},
			"deletion_protection": schema.BoolAttribute{
				MarkdownDescription: "Whether the load balancer is kept from being deleted, by Terraform or anybody else; default `false`. " +
					"While it is on, a plan that deletes or replaces the load balancer fails. That a `-replace` or `terraform taint` wants a " +
					"replacement, Terraform tells no provider: such an apply fails only when all that is on the load balancer is gone, and with " +
					"`create_before_destroy` it leaves the old load balancer deposed, for which every plan is refused until its protection is " +
					"turned off by the API: see [Troubleshooting](../index.md#troubleshooting). So set this to `false` and apply before a `-replace`. " +
					"`prevent_destroy` in the `lifecycle` block refuses those plans as well.",
				Optional: true,
				Computed: true,
				Default:  booldefault.StaticBool(false),
			},
		}),
	}
}

// zonesRule refuses a zone without a name.
func zonesRule() base.ElementsRule {
	return base.ElementsRule{Rule: "none of them empty", Invalid: func(zones []string) string {
		if slices.Contains(zones, "") {
			return "must not hold an empty zone"
		}
		return ""
	}}
}
