package backendservice

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

type healthCheckModel struct {
	Enabled            types.Bool   `tfsdk:"enabled"`
	Protocol           types.String `tfsdk:"protocol"`
	Port               types.Int64  `tfsdk:"port"`
	Interval           types.Int64  `tfsdk:"interval"`
	Timeout            types.Int64  `tfsdk:"timeout"`
	HealthyThreshold   types.Int64  `tfsdk:"healthy_threshold"`
	UnhealthyThreshold types.Int64  `tfsdk:"unhealthy_threshold"`
	HTTPVersion        types.String `tfsdk:"http_version"`
	Path               types.String `tfsdk:"path"`
	Domain             types.String `tfsdk:"domain"`
	Codes              types.Set    `tfsdk:"codes"`
}

func healthCheckTypes() map[string]attr.Type {
	return map[string]attr.Type{
		"enabled": types.BoolType, "protocol": types.StringType, "port": types.Int64Type, "interval": types.Int64Type,
		"timeout": types.Int64Type, "healthy_threshold": types.Int64Type, "unhealthy_threshold": types.Int64Type,
		"http_version": types.StringType, "path": types.StringType, "domain": types.StringType,
		"codes": types.SetType{ElemType: types.StringType},
	}
}

// readHealthCheckModel takes an object apart; false if the object is unknown. Null gives a model of nulls.
func readHealthCheckModel(ctx context.Context, object types.Object, diags *diag.Diagnostics) (healthCheckModel, bool) {
	model := healthCheckModel{Codes: types.SetNull(types.StringType)}
	if object.IsUnknown() {
		return model, false
	}
	if !object.IsNull() {
		diags.Append(object.As(ctx, &model, basetypes.ObjectAsOptions{})...)
	}
	return model, true
}

// protocol is the wire protocol of a check, if it is known; left out, it is the first of the table.
func (m healthCheckModel) protocol() (lbapi.Protocol, bool) {
	if m.Protocol.IsNull() {
		return lbapi.HealthCheckProtocols()[0].Wire, true
	}
	return lbapi.HealthCheckProtocols().Parse(m.Protocol.ValueString())
}

func (m healthCheckModel) dependedOn(string) (string, bool) {
	protocol, known := m.protocol()
	return string(protocol), known
}

// gives reports whether a configuration certainly gives a field that only some checks have.
func (m healthCheckModel) gives(attribute string) bool {
	switch attribute {
	case "health_check.http_version":
		return base.Given(m.HTTPVersion)
	case "health_check.domain":
		return base.Given(m.Domain)
	case "health_check.path":
		return base.Given(m.Path)
	case "health_check.codes":
		return base.Given(m.Codes)
	default:
		return false
	}
}

// withDefaults completes a configuration by the defaults of its protocol. While the protocol is not known, neither are
// the fields that only some checks have.
func (m healthCheckModel) withDefaults(ctx context.Context, diags *diag.Diagnostics) healthCheckModel {
	protocol, known := m.protocol()
	defaults := healthCheckFrom(ctx, lbapi.DefaultHealthCheck(protocol), diags)
	if !known {
		defaults.Protocol = types.StringUnknown()
		defaults.HTTPVersion, defaults.Path, defaults.Codes = types.StringUnknown(), types.StringUnknown(), types.SetUnknown(types.StringType)
	}
	return healthCheckModel{
		Enabled:            orDefault(m.Enabled, defaults.Enabled),
		Protocol:           orDefault(m.Protocol, defaults.Protocol),
		Port:               orDefault(m.Port, defaults.Port),
		Interval:           orDefault(m.Interval, defaults.Interval),
		Timeout:            orDefault(m.Timeout, defaults.Timeout),
		HealthyThreshold:   orDefault(m.HealthyThreshold, defaults.HealthyThreshold),
		UnhealthyThreshold: orDefault(m.UnhealthyThreshold, defaults.UnhealthyThreshold),
		HTTPVersion:        orDefault(m.HTTPVersion, defaults.HTTPVersion),
		Path:               orDefault(m.Path, defaults.Path),
		Domain:             m.Domain,
		Codes:              orDefault(m.Codes, defaults.Codes),
	}
}

func orDefault[T attr.Value](configured, byDefault T) T {
	if configured.IsNull() {
		return byDefault
	}
	return configured
}

// healthCheckFrom is a check as the API shows it, which must be on.
func healthCheckFrom(ctx context.Context, check lbapi.HealthCheck, diags *diag.Diagnostics) healthCheckModel {
	model := healthCheckModel{
		Enabled:            types.BoolValue(true),
		Protocol:           types.StringValue(lbapi.HealthCheckProtocols().Word(check.Protocol)),
		Port:               types.Int64Value(int64(check.Port)),
		Interval:           types.Int64Value(int64(check.Interval)),
		Timeout:            types.Int64Value(int64(check.Timeout)),
		HealthyThreshold:   types.Int64Value(int64(check.HealthyThreshold)),
		UnhealthyThreshold: types.Int64Value(int64(check.UnhealthyThreshold)),
		Codes:              types.SetNull(types.StringType),
	}
	if check.Protocol != lbapi.HTTP {
		return model
	}
	model.HTTPVersion = types.StringValue(lbapi.HTTPVersions().Word(check.HTTPVersion))
	model.Path = types.StringValue(check.Path)
	if check.Domain != "" {
		model.Domain = types.StringValue(check.Domain)
	}
	found, problems := types.SetValueFrom(ctx, types.StringType, check.Codes)
	diags.Append(problems...)
	model.Codes = found
	return model
}

// readHealthCheck is what a state shows of a check. The API does not show the settings of a check that is off, so those of
// the state are kept; after an import they are the defaults.
func readHealthCheck(ctx context.Context, prior types.Object, check lbapi.HealthCheck, diags *diag.Diagnostics) types.Object {
	before, _ := readHealthCheckModel(ctx, prior, diags)
	var now healthCheckModel
	if check.Enabled() {
		now = healthCheckFrom(ctx, check, diags)
		if check.Domain == "" && before.Domain.Equal(types.StringValue("")) {
			now.Domain = before.Domain // written as "", which means none as well
		}
	} else {
		now = before.withDefaults(ctx, diags)
		now.Enabled = types.BoolValue(false)
	}
	return now.object(ctx, diags)
}

func (m healthCheckModel) object(ctx context.Context, diags *diag.Diagnostics) types.Object {
	object, problems := types.ObjectValueFrom(ctx, healthCheckTypes(), m)
	diags.Append(problems...)
	return object
}

// spec is the check as a call gives it, whole.
func (m healthCheckModel) spec(ctx context.Context, diags *diag.Diagnostics) lbapi.HealthCheckSpec {
	protocol, _ := m.protocol()
	spec := lbapi.HealthCheckSpec{
		Protocol:           &protocol,
		HealthyThreshold:   new(int(m.HealthyThreshold.ValueInt64())),
		UnhealthyThreshold: new(int(m.UnhealthyThreshold.ValueInt64())),
		Timeout:            new(int(m.Timeout.ValueInt64())),
		Interval:           new(int(m.Interval.ValueInt64())),
		Port:               new(int(m.Port.ValueInt64())),
	}
	if protocol != lbapi.HTTP {
		return spec
	}
	version, _ := lbapi.HTTPVersions().Parse(m.HTTPVersion.ValueString())
	accepted := []string{}
	diags.Append(m.Codes.ElementsAs(ctx, &accepted, false)...)
	spec.HTTPVersion, spec.Codes = &version, &accepted
	spec.Path, spec.Domain = new(m.Path.ValueString()), new(m.Domain.ValueString())
	return spec
}

// healthCheckDefaults plans a health check from the configuration alone, so that an attribute which is taken out of the
// configuration returns to its default.
type healthCheckDefaults struct{}

func (healthCheckDefaults) Description(context.Context) string {
	return "the defaults depend on the protocol"
}

func (d healthCheckDefaults) MarkdownDescription(ctx context.Context) string {
	return d.Description(ctx)
}

func (healthCheckDefaults) PlanModifyObject(ctx context.Context, req planmodifier.ObjectRequest, resp *planmodifier.ObjectResponse) {
	config, known := readHealthCheckModel(ctx, req.ConfigValue, &resp.Diagnostics)
	if known {
		resp.PlanValue = config.withDefaults(ctx, &resp.Diagnostics).object(ctx, &resp.Diagnostics)
	}
}
