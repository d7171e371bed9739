package listener

import (
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

// model is a listener as the resource holds it.
type model struct {
	attributes
	base.Limits
}

// attributes are those of the listener itself, which data sources show too.
type attributes struct {
	base.PlacedObject
	Protocol         types.String `tfsdk:"protocol"`
	Port             types.Int64  `tfsdk:"port"`
	BackendServiceID types.String `tfsdk:"backend_service_id"`
	IdleTimeout      types.Int64  `tfsdk:"idle_timeout"`
	Enabled          types.Bool   `tfsdk:"enabled"`
}

func (attributes) Attribute(field string) (path.Path, bool) {
	return base.AttributeOf(lbapi.ListenerTerms(), field)
}

// replaces reports whether a plan replaces the listener of a state, by the attributes that cannot change in place.
func (m model) replaces(before model) bool {
	return !m.LoadBalancerID.Equal(before.LoadBalancerID) || !m.Protocol.Equal(before.Protocol) || !m.Port.Equal(before.Port)
}
