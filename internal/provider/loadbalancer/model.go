package loadbalancer

import (
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

// model is a load balancer as the resource holds it.
type model struct {
	attributes
	base.Limits
}

// attributes are those of the load balancer itself, which data sources show too.
type attributes struct {
	base.Object
	Address            types.String `tfsdk:"address"`
	SubnetID           types.String `tfsdk:"subnet_id"`
	AvailabilityZones  types.Set    `tfsdk:"availability_zones"`
	DeletionProtection types.Bool   `tfsdk:"deletion_protection"`
}

func (attributes) Attribute(field string) (path.Path, bool) {
	return base.AttributeOf(lbapi.LoadBalancerTerms(), field)
}

// replaces reports whether a plan replaces the load balancer of a state, by the attributes that cannot change in place.
func (m model) replaces(before model) bool {
	return !lbapi.SameAddress(m.Address.ValueString(), before.Address.ValueString()) ||
		!m.SubnetID.Equal(before.SubnetID) || !m.AvailabilityZones.Equal(before.AvailabilityZones)
}
