package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Schema describes the resource.
func (r *backendServiceResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	rules := lbapi.BackendServiceDependencies()
	scheduler := lbapi.Schedulers().Words()[0]
	resp.Schema = schema.Schema{
		MarkdownDescription: "How traffic is given to the servers of a group: by which scheduler, with or without session " +
			"persistence, and to which servers, by their health. Where `port` or `protocol` of a backend service that a " +
			"listener uses may change, give it `lifecycle { create_before_destroy = true }`, so that the listener moves to the new one first. " +
			"Without it, the deletion of the old one waits for the delete timeout and fails, because the listener still uses it. The same goes " +
			"for a new key of `for_each`, for which a `moved` block is the better way: then nothing is replaced.",
		Attributes: withPlacedAttributes(ctx, "backend service", map[string]schema.Attribute{
			"protocol": schema.StringAttribute{
				MarkdownDescription: describeWords("Protocol that the servers are spoken to in", lbapi.BackendServiceProtocols().Words(), "") +
					" Another one replaces the backend service. " + servedProtocol,
				Required:      true,
				Validators:    []validator.String{wordRule(lbapi.BackendServiceProtocols().Words())},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"port": schema.Int64Attribute{
				CustomType: wholeNumber{},
				MarkdownDescription: describeRange("Port of the servers that name none of their own", lbapi.Port, withoutDefault) +
					" Another one replaces the backend service.",
				Required:      true,
				Validators:    []validator.Int64{int64Rule{lbapi.Port}},
				PlanModifiers: []planmodifier.Int64{int64planmodifier.RequiresReplace()},
			},
			"scheduler": schema.StringAttribute{
				MarkdownDescription: describeWords("How a server is chosen", lbapi.Schedulers().Words(), scheduler),
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(scheduler),
				Validators:          []validator.String{wordRule(lbapi.Schedulers().Words())},
			},
			"session_persistence": schema.SingleNestedAttribute{
				MarkdownDescription: "Keeps a client on its server by a cookie. Off where it is left out. " +
					describeRules(lbapi.TermSessionPersistence.Attribute, rules) +
					" A plan that turns it off warns of how many sessions were seen of late.",
				Optional:   true,
				Attributes: sessionPersistenceAttributes(),
			},
			"server_group_id": schema.StringAttribute{
				MarkdownDescription: "Server group that takes the traffic, on the same load balancer. Without one, clients are told that " +
					"the service is unavailable. A plan warns where a backend service of another `protocol` uses the group too.",
				Optional:   true,
				Validators: []validator.String{idRule(lbapi.ServerGroupID)},
			},
			lbapi.AttributeForwardedHeaders: schema.SetAttribute{
				MarkdownDescription: describeForwardedHeaders() + " " + describeRules(lbapi.AttributeForwardedHeaders, rules),
				ElementType:         types.StringType,
				Optional:            true,
				Validators:          []validator.Set{forwardedHeadersRule()},
			},
			"proxy_protocol": schema.BoolAttribute{
				MarkdownDescription: "Whether each connection to a server begins with a PROXY protocol line (version 1) that names the " +
					"client; default `false`. " + describeRules(lbapi.TermProxyProtocol.Attribute, rules),
				Optional: true,
				Computed: true,
				Default:  booldefault.StaticBool(false),
			},
			"health_check": schema.SingleNestedAttribute{
				MarkdownDescription: "How the health of the servers is checked. Where it is left out: a `tcp` check with the defaults.",
				Optional:            true,
				Computed:            true,
				Attributes:          healthCheckAttributes(),
				PlanModifiers:       []planmodifier.Object{healthCheckDefaults{}},
			},
			"wait_for_healthy": schema.Int64Attribute{
				CustomType: wholeNumber{},
				MarkdownDescription: "How many servers must be healthy before a creation or an update of the backend service is done, " +
					healthyServers.String() + "; default is not to wait. The wait ends with the create or update timeout, as an error that " +
					"lists each server with the reason that its checks give; what was made stays in the state. After a failed update the next apply waits " +
					"again. After a failed creation the backend service is tainted: the next apply replaces it and waits for the new one, unless " +
					"`terraform untaint` keeps it, and nothing waits then. A change of the server group alone waits for nothing. Only with a " +
					"`server_group_id` and with `health_check` enabled. Where the servers are [alb_server](server.md) resources, name them in `depends_on`.",
				Optional:   true,
				Validators: []validator.Int64{int64Rule{healthyServers}},
			},
		}),
	}
}

func sessionPersistenceAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"enabled": schema.BoolAttribute{
			MarkdownDescription: "Whether it is on; default `true`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(true),
		},
		"timeout": schema.Int64Attribute{
			CustomType:          wholeNumber{},
			MarkdownDescription: describeRange("How long a client is kept on its server after its last request", lbapi.PersistenceTimeout, withDefault),
			Optional:            true,
			Computed:            true,
			Default:             int64default.StaticInt64(lbapi.PersistenceTimeout.Default),
			Validators:          []validator.Int64{int64Rule{lbapi.PersistenceTimeout}},
		},
	}
}

func healthCheckAttributes() map[string]schema.Attribute {
	number := func(what string, allowed lbapi.Range) schema.Attribute {
		return schema.Int64Attribute{
			CustomType:          wholeNumber{},
			MarkdownDescription: describeRange(what, allowed, withDefault),
			Optional:            true, Computed: true,
			Validators: []validator.Int64{int64Rule{allowed}},
		}
	}
	httpOnly := func(attribute string) string {
		return " " + describeRules("health_check."+attribute, lbapi.HealthCheckDependencies())
	}
	protocols, versions := lbapi.HealthCheckProtocols().Words(), lbapi.HTTPVersions().Words()
	return map[string]schema.Attribute{
		"enabled": schema.BoolAttribute{
			MarkdownDescription: "Whether servers are checked; default `true`. Without checks every server counts as available.",
			Optional:            true, Computed: true,
		},
		"protocol": schema.StringAttribute{
			MarkdownDescription: describeWords("What is checked: that a connection is taken, or that a request is answered", protocols, protocols[0]),
			Optional:            true, Computed: true,
			Validators: []validator.String{wordRule(protocols)},
		},
		"port":                number("Port that is checked", lbapi.CheckPort),
		"interval":            number("Time from one check of a server to the next", lbapi.CheckInterval),
		"timeout":             number("Time after which a check without an answer has failed", lbapi.CheckTimeout),
		"healthy_threshold":   number("Successes after which an unhealthy server is healthy again", lbapi.Threshold),
		"unhealthy_threshold": number("Failures after which a healthy server is unhealthy", lbapi.Threshold),
		"http_version": schema.StringAttribute{
			MarkdownDescription: describeWords("HTTP version of the request", versions, versions[0]) + httpOnly("http_version"),
			Optional:            true, Computed: true,
			Validators: []validator.String{wordRule(versions)},
		},
		"path": schema.StringAttribute{
			MarkdownDescription: fmt.Sprintf("Path of the request: it %s; default `%s`.", lbapi.CheckPathRule, lbapi.DefaultCheckPath) + httpOnly("path"),
			Optional:            true, Computed: true,
			Validators: []validator.String{stringRule{lbapi.CheckPathRule, lbapi.InvalidCheckPath}},
		},
		"domain": schema.StringAttribute{
			MarkdownDescription: fmt.Sprintf("`Host` of the request, %s. Left out, a request of version `1.0` has none, "+
				"and one of `1.1`, which must have one (RFC 9112), has the server's address and port.", lbapi.CheckDomainRule) + httpOnly("domain"),
			Optional:   true,
			Validators: []validator.String{stringRule{lbapi.CheckDomainRule, lbapi.InvalidCheckDomain}},
		},
		"codes": schema.SetAttribute{
			MarkdownDescription: fmt.Sprintf("Status codes that mean healthy, each %s; default %s.", lbapi.CheckCodeRule,
				strings.ReplaceAll(codes(lbapi.DefaultCheckCodes()), " or ", " and ")) + httpOnly("codes"),
			ElementType: types.StringType,
			Optional:    true, Computed: true,
			Validators: []validator.Set{elementsRule{lbapi.CheckCodeRule, lbapi.InvalidCheckCodes}},
		},
	}
}

func describeForwardedHeaders() string {
	headers := lbapi.ForwardedHeaders()
	parts := make([]string, len(headers))
	for i, header := range headers {
		parts[i] = fmt.Sprintf("`%s` (`%s`)", header.Word, header.Header)
	}
	return "Headers that tell the servers about the client's request: any of " + strings.Join(parts, ", ") + "; default none."
}

func forwardedHeadersRule() elementsRule {
	headers := lbapi.ForwardedHeaders()
	words := make([]string, len(headers))
	for i, header := range headers {
		words[i] = header.Word
	}
	return elementsRule{"any of " + quoted(words), func(given []string) string {
		for _, word := range given {
			if !slices.Contains(words, word) {
				return fmt.Sprintf("may hold %s, and has %q", quoted(words), word)
			}
		}
		return ""
	}}
}

// ValidateConfig judges the rules between fields.
func (r *backendServiceResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config backendServiceModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	dependencyViolations(&resp.Diagnostics, lbapi.BackendServiceDependencies(), attributePath, config.uses, config.dependedOn)

	check, known := readHealthCheckModel(ctx, config.HealthCheck, &resp.Diagnostics)
	config.validateWait(check, known, &resp.Diagnostics)
	if known {
		dependencyViolations(&resp.Diagnostics, lbapi.HealthCheckDependencies(), attributePath, check.gives, check.dependedOn)
	}
}

// uses reports whether a configuration certainly uses a feature.
func (m backendServiceModel) uses(attribute string) bool {
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

// dependedOn gives the wire value of a field that features depend on, if the configuration tells it.
func (m backendServiceModel) dependedOn(attribute string) (string, bool) {
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
