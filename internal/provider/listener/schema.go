package listener

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

func (r *listenerResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	idle := lbapi.IdleTimeout(lbapi.HTTP)
	resp.Schema = schema.Schema{
		MarkdownDescription: "A port of a load balancer. Its traffic goes to a backend service; many listeners may share one.",
		Attributes: base.PlacedAttributes(ctx, "listener", map[string]schema.Attribute{
			"protocol": schema.StringAttribute{
				MarkdownDescription: base.DescribeWords("Protocol that clients speak", lbapi.ListenerProtocols().Words(), "") +
					" It must go with that of the backend service: `http` and `https` with `http`, `tcp` and `tls` with `tcp`. " +
					"Another one replaces the listener. " + base.ServedProtocol + " There is no attribute for the certificate of `https` and `tls` yet.",
				Required:      true,
				Validators:    []validator.String{base.WordRule(lbapi.ListenerProtocols().Words())},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"port": schema.Int64Attribute{
				CustomType: base.WholeNumber{},
				MarkdownDescription: base.DescribeRange("Port on the load balancer's address that clients connect to", lbapi.Port, base.WithoutDefault) +
					" It must be free on its load balancer. Another one replaces the listener.",
				Required:      true,
				Validators:    []validator.Int64{base.RangeRule{Range: lbapi.Port}},
				PlanModifiers: []planmodifier.Int64{int64planmodifier.RequiresReplace()},
			},
			"backend_service_id": schema.StringAttribute{
				MarkdownDescription: "Backend service that takes the traffic, on the same load balancer.",
				Required:            true,
				Validators:          []validator.String{base.IDRule(lbapi.BackendServiceID)},
			},
			"idle_timeout": schema.Int64Attribute{
				CustomType: base.WholeNumber{},
				MarkdownDescription: fmt.Sprintf("Time after which a client's connection without traffic is closed, %s; default `%d` for "+
					"`http` and `https`, `%d` for `tcp` and `tls`. Also how long a server may take to answer (then `504`), and how long both sides may be silent within a request. "+
					"A change holds for a connection from its next request on.", idle, idle.Default, lbapi.IdleTimeout(lbapi.TCP).Default),
				Optional:      true,
				Computed:      true,
				Validators:    []validator.Int64{base.RangeRule{Range: idle}},
				PlanModifiers: []planmodifier.Int64{idleTimeoutDefault{}},
			},
			"enabled": schema.BoolAttribute{
				MarkdownDescription: "Whether the port is open; default `true`. A listener that is off keeps its place, and its port closed.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(true),
			},
		}),
	}
}

// idleTimeoutDefault plans the protocol's idle timeout if the configuration gives none.
type idleTimeoutDefault struct{}

func (idleTimeoutDefault) Description(context.Context) string {
	return "the default depends on the protocol"
}

func (d idleTimeoutDefault) MarkdownDescription(ctx context.Context) string {
	return d.Description(ctx)
}

func (idleTimeoutDefault) PlanModifyInt64(ctx context.Context, req planmodifier.Int64Request, resp *planmodifier.Int64Response) {
	if !req.ConfigValue.IsNull() {
		return
	}
	var word types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("protocol"), &word)...)
	resp.PlanValue = types.Int64Unknown()
	if protocol, ok := lbapi.ListenerProtocols().Parse(word.ValueString()); ok {
		resp.PlanValue = types.Int64Value(lbapi.IdleTimeout(protocol).Default)
	}
}
