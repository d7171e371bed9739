package listener

import (
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

// create is the plan as a call gives it, in which everything is known.
func (m model) create() lbapi.CreateListener {
	protocol, _ := lbapi.ListenerProtocols().Parse(m.Protocol.ValueString())
	return lbapi.CreateListener{
		Name:             m.Name.ValueStringPointer(),
		LoadBalancerID:   m.LoadBalancerID.ValueStringPointer(),
		Protocol:         &protocol,
		Port:             new(int(m.Port.ValueInt64())),
		BackendServiceID: m.BackendServiceID.ValueStringPointer(),
		IdleTimeout:      new(int(m.IdleTimeout.ValueInt64())),
		Description:      m.Description.ValueStringPointer(),
	}
}

// patch is what the plan changes in place.
func (m model) patch(state model) lbapi.PatchListener {
	status := lbapi.Off
	if m.Enabled.ValueBool() {
		status = lbapi.On
	}
	return lbapi.PatchListener{
		Name:             base.Changed(m.Name, state.Name, m.Name.ValueString()),
		Description:      base.Changed(m.Description, state.Description, m.Description.ValueString()),
		BackendServiceID: base.Changed(m.BackendServiceID, state.BackendServiceID, m.BackendServiceID.ValueString()),
		IdleTimeout:      base.Changed(m.IdleTimeout, state.IdleTimeout, int(m.IdleTimeout.ValueInt64())),
		Status:           base.Changed(m.Enabled, state.Enabled, status),
	}
}

// read takes over what the API shows.
func (m *attributes) read(listener lbapi.Listener) {
	m.ID = types.StringValue(listener.ID)
	m.Name = types.StringValue(listener.Name)
	m.Description = types.StringValue(listener.Description)
	m.LoadBalancerID = types.StringValue(listener.LoadBalancerID)
	m.Protocol = types.StringValue(lbapi.ListenerProtocols().Word(listener.Protocol))
	m.Port = types.Int64Value(int64(listener.Port))
	m.BackendServiceID = types.StringValue(listener.BackendServiceID)
	m.IdleTimeout = types.Int64Value(int64(listener.IdleTimeout))
	m.Enabled = types.BoolValue(listener.Status == lbapi.On)
}
