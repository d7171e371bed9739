package loadbalancer

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

// create is the plan as a call gives it. What is unknown, the server chooses.
func (m model) create(ctx context.Context, diags *diag.Diagnostics) lbapi.CreateLoadBalancer {
	spec := lbapi.CreateLoadBalancer{
		Name:             m.Name.ValueStringPointer(),
		Description:      m.Description.ValueStringPointer(),
		DeleteProtection: m.DeletionProtection.ValueBoolPointer(),
	}
	if !m.Address.IsUnknown() {
		spec.PrivateIPAddress = m.Address.ValueStringPointer()
	}
	if !m.SubnetID.IsUnknown() {
		spec.SubnetID = m.SubnetID.ValueStringPointer()
	}
	if !m.AvailabilityZones.IsUnknown() {
		diags.Append(m.AvailabilityZones.ElementsAs(ctx, &spec.Zones, false)...)
	}
	return spec
}

// patch is what the plan changes in place.
func (m model) patch(state model) lbapi.PatchLoadBalancer {
	return lbapi.PatchLoadBalancer{
		Name:             base.Changed(m.Name, state.Name, m.Name.ValueString()),
		Description:      base.Changed(m.Description, state.Description, m.Description.ValueString()),
		DeleteProtection: base.Changed(m.DeletionProtection, state.DeletionProtection, m.DeletionProtection.ValueBool()),
	}
}

// read takes over what the API shows. It shows an empty text or list for what was not given.
func (m *attributes) read(ctx context.Context, balancer lbapi.LoadBalancer, diags *diag.Diagnostics) {
	m.ID = types.StringValue(balancer.ID)
	m.Name = types.StringValue(balancer.Name)
	m.Description = types.StringValue(balancer.Description)
	if !lbapi.SameAddress(m.Address.ValueString(), balancer.PrivateIP.Address) {
		m.Address = types.StringValue(balancer.PrivateIP.Address) // the same address stays as it is written
	}
	m.SubnetID = base.TextOrNull(balancer.SubnetID)
	zones, problems := types.SetValueFrom(ctx, types.StringType, append([]string{}, balancer.Zones...))
	diags.Append(problems...)
	m.AvailabilityZones = zones
	m.DeletionProtection = types.BoolValue(balancer.DeleteProtection)
}
