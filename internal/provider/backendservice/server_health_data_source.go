package backendservice

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

var _ datasource.DataSourceWithConfigure = (*serverHealthDataSource)(nil)

func newServerHealthDataSource() datasource.DataSource { return &serverHealthDataSource{} }

// serverHealthDataSource shows how a backend service finds its servers, for check blocks.
type serverHealthDataSource struct{ base.DataSource }

type serverHealthModel struct {
	BackendServiceID types.String        `tfsdk:"backend_service_id"`
	Servers          []serverHealthEntry `tfsdk:"servers"`
	HealthyServers   types.Int64         `tfsdk:"healthy_servers"`
}

type serverHealthEntry struct {
	ServerGroupID types.String `tfsdk:"server_group_id"`
	Address       types.String `tfsdk:"address"`
	InstanceID    types.String `tfsdk:"instance_id"`
	Port          types.Int64  `tfsdk:"port"`
	Weight        types.Int64  `tfsdk:"weight"`
	Status        types.String `tfsdk:"status"`
	Reason        types.String `tfsdk:"reason"`
	Detail        types.String `tfsdk:"detail"`
	Sessions      types.Int64  `tfsdk:"sessions"`
	SessionWindow types.Int64  `tfsdk:"session_window"`
}

func (d *serverHealthDataSource) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = base.TypeNameOf("server health")
}

func (d *serverHealthDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	statuses := []string{string(lbapi.Healthy), string(lbapi.Unhealthy), string(lbapi.HealthUnknown), string(lbapi.HealthOff)}
	resp.Schema = schema.Schema{
		MarkdownDescription: "How a backend service finds each server of its group, at the moment. Made for `check` blocks, which warn and do " +
			"not fail; to make an apply wait for servers, use `wait_for_healthy` of `alb_backend_service`. Terraform reads what is in a `check` " +
			"again with every apply, so each plan shows it as read during apply; with `0 to add, 0 to change, 0 to destroy` that is no change. But " +
			"`terraform plan -detailed-exitcode` exits with 2 then, with every plan, `-refresh-only` ones included. Where a job looks for drift by " +
			"that code, put the data source beside the `check` block, which then asserts what was read while planning.",
		Attributes: map[string]schema.Attribute{
			"backend_service_id": schema.StringAttribute{
				MarkdownDescription: "Backend service whose checks are asked.",
				Required:            true,
				Validators:          []validator.String{base.IDRule(lbapi.BackendServiceID)},
			},
			"healthy_servers": base.ShownNumber("How many servers are `healthy`."),
			"servers": schema.ListNestedAttribute{
				MarkdownDescription: "The servers of the backend service's group.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"server_group_id": base.ShownText("Server group that the server is in."),
					"address":         base.ShownText("Address of the server."),
					"instance_id":     base.ShownText("Id of the instance that is the server; null for an address."),
					"port":            base.ShownNumber("Port that takes the server's traffic."),
					"weight":          base.ShownNumber("Weight of the server."),
					"status": base.ShownText(base.DescribeWords("Verdict of the checks", statuses, "") +
						" `unknown` means: not checked yet; `N/A`: checking is off."),
					"reason": base.ShownText("Why the server is unhealthy, in one word, such as `CONNECT_FAILED` or `HTTP_CODE_MISMATCH`; else null."),
					"detail": base.ShownText("Why the server is unhealthy, with the code or the error that was seen; else null."),
					"sessions": base.ShownNumber("Sessions that persistence kept on the server, seen within `session_window`: an estimate, good to " +
						"about 5 %. Null while persistence is off, and from an API that does not count them."),
					"session_window": base.ShownNumber("Time in seconds over which `sessions` counts, and up to a minute more. Null where `sessions` is."),
				}},
			},
		},
	}
}

func (d *serverHealthDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	ctx, cancel := context.WithTimeout(ctx, base.DefaultTimeout)
	defer cancel()
	var model serverHealthModel
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("backend_service_id"), &model.BackendServiceID)...)
	if resp.Diagnostics.HasError() {
		return
	}
	servers, err := d.API.ServerHealth(ctx, model.BackendServiceID.ValueString())
	if client.IsNotFound(err) {
		resp.Diagnostics.AddAttributeError(path.Root("backend_service_id"), "No such backend service", base.ErrorSentence(err))
		return
	}
	if err != nil {
		resp.Diagnostics.AddError("Server health not read", base.ErrorSentence(err))
		return
	}
	model.Servers = make([]serverHealthEntry, len(servers))
	for i, server := range servers {
		model.Servers[i] = serverHealthEntry{
			ServerGroupID: types.StringValue(server.ServerGroupID),
			Address:       types.StringValue(server.Address),
			InstanceID:    base.TextOrNull(server.InstanceID),
			Port:          types.Int64Value(int64(server.Port)),
			Weight:        types.Int64Value(int64(server.Weight)),
			Status:        types.StringValue(string(server.Status)),
			Reason:        base.TextOrNull(string(server.Reason.Reason)),
			Detail:        base.TextOrNull(server.Reason.Detail),
		}
		if server.Sessions != nil {
			model.Servers[i].Sessions = types.Int64Value(int64(server.Sessions.Count))
			model.Servers[i].SessionWindow = types.Int64Value(int64(server.Sessions.Window))
		}
	}
	model.HealthyServers = types.Int64Value(int64(countHealthy(servers)))
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

func countHealthy(servers []lbapi.ServerHealth) int {
	healthy := 0
	for _, server := range servers {
		if server.Status == lbapi.Healthy {
			healthy++
		}
	}
	return healthy
}
