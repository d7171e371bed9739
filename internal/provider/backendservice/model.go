package backendservice

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

// model is a backend service as the resource holds it.
type model struct {
	attributes
	WaitForHealthy types.Int64 `tfsdk:"wait_for_healthy"`
	base.Limits
}

// attributes are those of the backend service itself, which data sources show too.
type attributes struct {
	base.PlacedObject
	Protocol           types.String `tfsdk:"protocol"`
	Port               types.Int64  `tfsdk:"port"`
	Scheduler          types.String `tfsdk:"scheduler"`
	SessionPersistence types.Object `tfsdk:"session_persistence"`
	ServerGroupID      types.String `tfsdk:"server_group_id"`
	ForwardedHeaders   types.Set    `tfsdk:"forwarded_headers"`
	ProxyProtocol      types.Bool   `tfsdk:"proxy_protocol"`
	HealthCheck        types.Object `tfsdk:"health_check"`
}

type sessionPersistenceModel struct {
	Enabled  types.Bool   `tfsdk:"enabled"`
	Timeout  types.Int64  `tfsdk:"timeout"`
	SameSite types.String `tfsdk:"same_site"`
}

func sessionPersistenceTypes() map[string]attr.Type {
	return map[string]attr.Type{"enabled": types.BoolType, "timeout": types.Int64Type, "same_site": types.StringType}
}

func (attributes) Attribute(field string) (path.Path, bool) {
	return base.AttributeOf(lbapi.BackendServiceTerms(), field)
}

// replaces reports whether a plan replaces the backend service of a state, by the attributes that cannot change in
// place.
func (m model) replaces(before model) bool {
	return !m.LoadBalancerID.Equal(before.LoadBalancerID) || !m.Protocol.Equal(before.Protocol) || !m.Port.Equal(before.Port)
}

// sameSite is the SameSite that a configuration or a state gives the cookie; null, which means the default, if it gives none.
func (m attributes) sameSite() types.String {
	sameSite, ok := m.SessionPersistence.Attributes()["same_site"].(types.String)
	if !ok {
		return types.StringNull()
	}
	return sameSite
}

// persists reports whether session persistence is certainly on.
func (m model) persists() bool {
	enabled, ok := m.SessionPersistence.Attributes()["enabled"].(types.Bool)
	return ok && enabled.ValueBool()
}
