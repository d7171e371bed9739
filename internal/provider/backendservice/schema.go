package backendservice

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
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

func (r *backendServiceResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	rules := lbapi.BackendServiceDependencies()
	scheduler := lbapi.Schedulers().Words()[0]
	resp.Schema = schema.Schema{
		MarkdownDescription: "How traffic is given to the servers of a group: by which scheduler, with or without session " +
			"persistence, and to which servers, by their health. Where `port` or `protocol` of a backend service that a " +
			"listener uses may change, give it `lifecycle { create_before_destroy = true }`, so that the listener moves to the new one first. " +
			"Without it, the deletion of the old one waits for the delete timeout and fails, because the listener still uses it. The same goes " +
			"for a new key of `for_each`, for which a `moved` block is the better way: then nothing is replaced.",
		Attributes: base.PlacedAttributes(ctx, "backend service", map[string]schema.Attribute{
			"protocol": schema.StringAttribute{
				MarkdownDescription: base.DescribeWords("Protocol that the servers are spoken to in", lbapi.BackendServiceProtocols().Words(), "") +
					" Another one replaces the backend service. " + base.ServedProtocol,
				Required:      true,
				Validators:    []validator.String{base.WordRule(lbapi.BackendServiceProtocols().Words())},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"port": schema.Int64Attribute{
				CustomType: base.WholeNumber{},
				MarkdownDescription: base.DescribeRange("Port of the servers that name none of their own", lbapi.Port, base.WithoutDefault) +
					" Another one replaces the backend service.",
				Required:      true,
				Validators:    []validator.Int64{base.RangeRule{Range: lbapi.Port}},
				PlanModifiers: []planmodifier.Int64{int64planmodifier.RequiresReplace()},
			},
			"scheduler": schema.StringAttribute{
				MarkdownDescription: base.DescribeWords("How a server is chosen", lbapi.Schedulers().Words(), scheduler),
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(scheduler),
				Validators:          []validator.String{base.WordRule(lbapi.Schedulers().Words())},
			},
			"session_persistence": schema.SingleNestedAttribute{
				MarkdownDescription: "Keeps a client on its server by a cookie. Off where it is left out. " +
					base.DescribeRules(lbapi.TermSessionPersistence.Attribute, rules) +
					" A plan that turns it off warns of how many sessions were seen recently.",
				Optional:   true,
				Attributes: sessionPersistenceAttributes(),
			},
			"server_group_id": schema.StringAttribute{
				MarkdownDescription: "Server group that takes the traffic, on the same load balancer. Without one, clients are told that " +
					"the service is unavailable. A plan warns where a backend service of another `protocol` uses the group too.",
				Optional:   true,
				Validators: []validator.String{base.IDRule(lbapi.ServerGroupID)},
			},
			lbapi.AttributeForwardedHeaders: schema.SetAttribute{
				MarkdownDescription: describeForwardedHeaders() + " " + base.DescribeRules(lbapi.AttributeForwardedHeaders, rules),
				ElementType:         types.StringType,
				Optional:            true,
				Validators:          []validator.Set{forwardedHeadersRule()},
			},
			"proxy_protocol": schema.BoolAttribute{
				MarkdownDescription: "Whether each connection to a server begins with a PROXY protocol line (version 1) that names the " +
					"client; default `false`. " + base.DescribeRules(lbapi.TermProxyProtocol.Attribute, rules),
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
				CustomType: base.WholeNumber{},
				MarkdownDescription: "How many servers must be healthy before a creation or an update of the backend service is done, " +
					healthyServers.String() + "; default is not to wait. The wait ends with the create or update timeout, as an error that " +
					"lists each server with the reason that its checks give; what was made stays in the state. After a failed update the next apply waits " +
					"again. After a failed creation the backend service is tainted: the next apply replaces it and waits for the new one, unless " +
					"`terraform untaint` keeps it, and nothing waits then. A change of the server group alone waits for nothing. Only with a " +
					"`server_group_id` and with `health_check` enabled. Where the servers are [alb_server](server.md) resources, name them in `depends_on`.",
				Optional:   true,
				Validators: []validator.Int64{base.RangeRule{Range: healthyServers}},
			},
		}),
	}
}

func sessionPersistenceAttributes() map[string]schema.Attribute {
	sameSites := lbapi.SameSites().Words()
	return map[string]schema.Attribute{
		"enabled": schema.BoolAttribute{
			MarkdownDescription: "Whether it is on; default `true`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(true),
		},
		"timeout": schema.Int64Attribute{
			CustomType:          base.WholeNumber{},
			MarkdownDescription: base.DescribeRange("How long a client is kept on its server after its last request, or up to a tenth less", lbapi.PersistenceTimeout, base.WithDefault),
			Optional:            true,
			Computed:            true,
			Default:             int64default.StaticInt64(lbapi.PersistenceTimeout.Default),
			Validators:          []validator.Int64{base.RangeRule{Range: lbapi.PersistenceTimeout}},
		},
		"same_site": schema.StringAttribute{
			MarkdownDescription: base.DescribeWords("On which requests that other sites cause browsers send the cookie", sameSites, sameSites[0]) +
				" `lax` means only if somebody follows a link, `strict` never, and `none` always, as pages that are embedded in other sites " +
				"need. Browsers take `none` on HTTPS alone: on requests that are not, the cookie is `lax`. An addition of lbserver; " +
				"leave it out for another API.",
			Optional:   true,
			Validators: []validator.String{base.WordRule(sameSites)},
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

func forwardedHeadersRule() base.ElementsRule {
	headers := lbapi.ForwardedHeaders()
	words := make([]string, len(headers))
	for i, header := range headers {
		words[i] = header.Word
	}
	return base.ElementsRule{Rule: "any of " + base.Quoted(words), Invalid: func(given []string) string {
		for _, word := range given {
			if !slices.Contains(words, word) {
				return fmt.Sprintf("may hold %s, and has %q", base.Quoted(words), word)
			}
		}
		return ""
	}}
}
