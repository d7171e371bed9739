package servergroup

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/member"
)

// model is a server group as the resource holds it.
type model struct {
	attributes
	base.Limits
}

// attributes are those of the server group itself, which data sources show too.
type attributes struct {
	base.PlacedObject
	Type    types.String `tfsdk:"type"`
	Servers types.Map    `tfsdk:"servers"`
}

func (attributes) Attribute(field string) (path.Path, bool) {
	return base.AttributeOf(lbapi.ServerGroupTerms(), field)
}

// replaces reports whether a plan replaces the server group of a state, by the attributes that cannot change in place.
func (m model) replaces(before model) bool {
	return !m.LoadBalancerID.Equal(before.LoadBalancerID) || !m.Type.Equal(before.Type)
}

// knownServers takes the map apart as far as it is known: servers that are unknown as a whole are left out.
func (m attributes) knownServers(ctx context.Context, diags *diag.Diagnostics) map[string]member.Model {
	servers := make(map[string]member.Model, len(m.Servers.Elements()))
	for name, element := range m.Servers.Elements() {
		object, ok := element.(types.Object)
		if !ok || object.IsUnknown() || object.IsNull() {
			continue
		}
		var one member.Model
		diags.Append(object.As(ctx, &one, basetypes.ObjectAsOptions{})...)
		servers[name] = one
	}
	return servers
}

// create is the plan as a call gives it, without the servers.
func (m model) create() lbapi.CreateServerGroup {
	groupType := lbapi.ServerGroupType(m.Type.ValueString())
	return lbapi.CreateServerGroup{
		Name:           m.Name.ValueStringPointer(),
		LoadBalancerID: m.LoadBalancerID.ValueStringPointer(),
		Type:           &groupType,
		Description:    m.Description.ValueStringPointer(),
	}
}

// patch is what the plan changes in place, without the servers.
func (m model) patch(state model) lbapi.PatchServerGroup {
	return lbapi.PatchServerGroup{
		Name:        base.Changed(m.Name, state.Name, m.Name.ValueString()),
		Description: base.Changed(m.Description, state.Description, m.Description.ValueString()),
	}
}

// showServers makes read show the servers that a group has, if no configuration says whether it lists them.
func (m *attributes) showServers(group lbapi.ServerGroup) {
	m.Servers = types.MapNull(member.ObjectType())
	if len(group.Servers) > 0 {
		m.Servers = types.MapUnknown(member.ObjectType())
	}
}

// read takes over what the API shows; of the servers, nothing if m does not list them.
func (m *attributes) read(ctx context.Context, group lbapi.ServerGroup, diags *diag.Diagnostics) {
	m.ID = types.StringValue(group.ID)
	m.Name = types.StringValue(group.Name)
	m.Description = types.StringValue(group.Description)
	m.LoadBalancerID = types.StringValue(group.LoadBalancerID)
	m.Type = types.StringValue(string(group.Type))
	if m.Servers.IsNull() {
		return
	}
	before := m.knownServers(ctx, diags)
	now := make(map[string]member.Model, len(group.Servers))
	for name, is := range member.NameAll(member.Named(before), group.Servers) {
		now[name] = member.Read(before[name], is)
	}
	servers, problems := types.MapValueFrom(ctx, member.ObjectType(), now)
	diags.Append(problems...)
	m.Servers = servers
}
