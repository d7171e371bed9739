package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// serverGroupModel is a server group as the resource holds it.
type serverGroupModel struct {
	serverGroupAttributes
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// serverGroupAttributes are those of the server group itself.
type serverGroupAttributes struct {
	placedModel
	Type    types.String `tfsdk:"type"`
	Servers types.Map    `tfsdk:"servers"`
}

type serverModel struct {
	Address      types.String `tfsdk:"address"`
	InstanceID   types.String `tfsdk:"instance_id"`
	InstanceType types.String `tfsdk:"instance_type"`
	Port         types.Int64  `tfsdk:"port"`
	Weight       types.Int64  `tfsdk:"weight"`
}

func serverType() types.ObjectType {
	return types.ObjectType{AttrTypes: map[string]attr.Type{
		"address": types.StringType, "instance_id": types.StringType, "instance_type": types.StringType,
		"port": types.Int64Type, "weight": types.Int64Type,
	}}
}

// knownServers takes the map apart as far as it is known: servers that are unknown as a whole are left out.
func (m serverGroupAttributes) knownServers(ctx context.Context, diags *diag.Diagnostics) map[string]serverModel {
	servers := make(map[string]serverModel, len(m.Servers.Elements()))
	for name, element := range m.Servers.Elements() {
		object, ok := element.(types.Object)
		if !ok || object.IsUnknown() || object.IsNull() {
			continue
		}
		var one serverModel
		diags.Append(object.As(ctx, &one, basetypes.ObjectAsOptions{})...)
		servers[name] = one
	}
	return servers
}

// host is the server's host; false while it is unknown or missing.
func (m serverModel) host() (host, bool) {
	switch {
	case m.Address.ValueString() != "":
		return addressHost(m.Address.ValueString()), true
	case m.InstanceID.ValueString() != "" && !m.InstanceType.IsUnknown():
		return host{instanceType(m.InstanceType.ValueString()), m.InstanceID.ValueString()}, true
	default:
		return host{}, false
	}
}

// instanceType is what an instance is: a vm, unless it is said.
func instanceType(word string) lbapi.ServerType {
	if word == "" {
		return lbapi.ServerVM
	}
	return lbapi.ServerType(word)
}

// hostAttribute is the attribute that names the server's host.
func (m serverModel) hostAttribute() string {
	if m.Address.IsNull() {
		return lbapi.TermServerInstance.Attribute
	}
	return lbapi.TermServerAddress.Attribute
}

// server is the server in the terms of pair; everything of it is known.
func (m serverModel) server() server {
	where, _ := m.host()
	return server{where, int(m.Port.ValueInt64()), int(m.Weight.ValueInt64())}
}

// named gives the servers of a plan or a state, in which everything is known, in the terms of pair.
func named(servers map[string]serverModel) map[string]server {
	known := make(map[string]server, len(servers))
	for name, one := range servers {
		if _, ok := one.host(); ok {
			known[name] = one.server()
		}
	}
	return known
}

// readServer is what a state shows of a registered server. Before is what it showed until now, or the zero value; where the
// API cannot tell how a thing was written, that stays.
func readServer(before serverModel, is lbapi.Server) serverModel {
	now := serverModel{Weight: types.Int64Value(int64(is.Weight)), Port: types.Int64Value(int64(is.Port))}
	if is.Port == 0 && before.Port.IsNull() {
		now.Port = types.Int64Null()
	}
	switch is.Type {
	case lbapi.ServerAddress:
		now.Address = types.StringValue(is.Address)
		if where, ok := before.host(); ok && where == hostOf(is) {
			now.Address = before.Address
		}
	default:
		now.InstanceID = types.StringValue(is.InstanceID)
		if is.Type != lbapi.ServerVM || !before.InstanceType.IsNull() {
			now.InstanceType = types.StringValue(string(is.Type))
		}
	}
	return now
}

// showServers has read show the servers that a group has, where no configuration says whether it lists them.
func (m *serverGroupAttributes) showServers(group lbapi.ServerGroup) {
	m.Servers = types.MapNull(serverType())
	if len(group.Servers) > 0 {
		m.Servers = types.MapUnknown(serverType())
	}
}

// read takes over what the API shows; of the servers, nothing where m does not list them.
func (m *serverGroupAttributes) read(ctx context.Context, group lbapi.ServerGroup, diags *diag.Diagnostics) {
	m.ID = types.StringValue(group.ID)
	m.Name = types.StringValue(group.Name)
	m.Description = types.StringValue(group.Description)
	m.LoadBalancerID = types.StringValue(group.LoadBalancerID)
	m.Type = types.StringValue(string(group.Type))
	if m.Servers.IsNull() {
		return
	}
	before := m.knownServers(ctx, diags)
	now := make(map[string]serverModel, len(group.Servers))
	for name, is := range nameAll(named(before), group.Servers) {
		now[name] = readServer(before[name], is)
	}
	servers, problems := types.MapValueFrom(ctx, serverType(), now)
	diags.Append(problems...)
	m.Servers = servers
}
