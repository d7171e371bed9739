package member

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

// Model is a server as configurations, plans and states hold it.
type Model struct {
	Address      types.String `tfsdk:"address"`
	InstanceID   types.String `tfsdk:"instance_id"`
	InstanceType types.String `tfsdk:"instance_type"`
	Port         types.Int64  `tfsdk:"port"`
	Weight       types.Int64  `tfsdk:"weight"`
}

// ObjectType is the type of a server in the map of those that a group lists.
func ObjectType() types.ObjectType {
	return types.ObjectType{AttrTypes: map[string]attr.Type{
		"address": types.StringType, "instance_id": types.StringType, "instance_type": types.StringType,
		"port": types.Int64Type, "weight": types.Int64Type,
	}}
}

// Host is the server's host; false while it is unknown or missing.
func (m Model) Host() (Host, bool) {
	switch {
	case m.Address.ValueString() != "":
		return addressHost(m.Address.ValueString()), true
	case m.InstanceID.ValueString() != "" && !m.InstanceType.IsUnknown():
		return Host{InstanceType(m.InstanceType.ValueString()), m.InstanceID.ValueString()}, true
	default:
		return Host{}, false
	}
}

// InstanceType is what an instance is by the word of a configuration: a vm if there is none.
func InstanceType(word string) lbapi.ServerType {
	if word == "" {
		return lbapi.ServerVM
	}
	return lbapi.ServerType(word)
}

// HostAttribute is the attribute that names the server's host.
func (m Model) HostAttribute() string {
	if m.Address.IsNull() {
		return lbapi.TermServerInstance.Attribute
	}
	return lbapi.TermServerAddress.Attribute
}

// Server is the server in the terms of Pair; all its values must be known.
func (m Model) Server() Server {
	host, _ := m.Host()
	return Server{host, int(m.Port.ValueInt64()), int(m.Weight.ValueInt64())}
}

// Named returns the servers of a plan or a state in the terms of Pair, without those whose host is not known yet.
func Named(servers map[string]Model) map[string]Server {
	known := make(map[string]Server, len(servers))
	for name, one := range servers {
		if _, ok := one.Host(); ok {
			known[name] = one.Server()
		}
	}
	return known
}

// Read is what a state shows of a registered server. Before is what it showed until now, or the zero value: if the API
// shows the same value in another form, the form of before stays.
func Read(before Model, is lbapi.Server) Model {
	now := Model{Weight: types.Int64Value(int64(is.Weight)), Port: types.Int64Value(int64(is.Port))}
	if is.Port == 0 && before.Port.IsNull() {
		now.Port = types.Int64Null()
	}
	switch is.Type {
	case lbapi.ServerAddress:
		now.Address = types.StringValue(is.Address)
		if host, ok := before.Host(); ok && host == hostOf(is) {
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

// ValidateInstanceType refuses the type of an instance for a server that is no instance.
func (m Model) ValidateInstanceType(at path.Path, diags *diag.Diagnostics) {
	if base.Given(m.InstanceType) && m.InstanceID.IsNull() {
		diags.AddAttributeError(at, "Invalid combination",
			fmt.Sprintf("Attribute \"%s\" says what an instance is, and the server has no \"instance_id\".", at))
	}
}
