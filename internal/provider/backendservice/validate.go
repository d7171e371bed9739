package backendservice

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

// ValidateConfig judges the rules between attributes.
func (r *backendServiceResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	base.AddDependencyViolations(&resp.Diagnostics, lbapi.BackendServiceDependencies(), base.AttributePath, config.uses, config.dependedOn)

	check, known := readHealthCheckModel(ctx, config.HealthCheck, &resp.Diagnostics)
	config.validateWait(check, known, &resp.Diagnostics)
	if known {
		base.AddDependencyViolations(&resp.Diagnostics, lbapi.HealthCheckDependencies(), base.AttributePath, check.gives, check.dependedOn)
	}
}

// uses reports whether a configuration certainly uses a feature.
func (m model) uses(attribute string) bool {
	switch attribute {
	case lbapi.TermSessionPersistence.Attribute:
		if m.SessionPersistence.IsNull() || m.SessionPersistence.IsUnknown() {
			return false
		}
		enabled, ok := m.SessionPersistence.Attributes()["enabled"].(types.Bool)
		return ok && !enabled.IsUnknown() && (enabled.IsNull() || enabled.ValueBool())
	case lbapi.TermProxyProtocol.Attribute:
		return m.ProxyProtocol.ValueBool()
	case lbapi.AttributeForwardedHeaders:
		return len(m.ForwardedHeaders.Elements()) > 0
	default:
		return false
	}
}

// dependedOn returns the wire value of an attribute on which features depend; false if it is not known.
func (m model) dependedOn(attribute string) (string, bool) {
	if attribute == lbapi.TermScheduler.Attribute {
		if m.Scheduler.IsNull() {
			return string(lbapi.Schedulers()[0].Wire), true
		}
		scheduler, known := lbapi.Schedulers().Parse(m.Scheduler.ValueString())
		return string(scheduler), known
	}
	protocol, known := lbapi.BackendServiceProtocols().Parse(m.Protocol.ValueString())
	return string(protocol), known
}
