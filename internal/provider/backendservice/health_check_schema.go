package backendservice

import (
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

func healthCheckAttributes() map[string]schema.Attribute {
	number := func(what string, allowed lbapi.Range) schema.Attribute {
		return schema.Int64Attribute{
			CustomType:          base.WholeNumber{},
			MarkdownDescription: base.DescribeRange(what, allowed, base.WithDefault),
			Optional:            true, Computed: true,
			Validators: []validator.Int64{base.RangeRule{Range: allowed}},
		}
	}
	httpOnly := func(attribute string) string {
		return " " + base.DescribeRules("health_check."+attribute, lbapi.HealthCheckDependencies())
	}
	protocols, versions := lbapi.HealthCheckProtocols().Words(), lbapi.HTTPVersions().Words()
	return map[string]schema.Attribute{
		"enabled": schema.BoolAttribute{
			MarkdownDescription: "Whether servers are checked; default `true`. Without checks every server counts as available.",
			Optional:            true, Computed: true,
		},
		"protocol": schema.StringAttribute{
			MarkdownDescription: base.DescribeWords("What is checked: that a connection is taken, or that a request is answered", protocols, protocols[0]),
			Optional:            true, Computed: true,
			Validators: []validator.String{base.WordRule(protocols)},
		},
		"port":                number("Port that is checked", lbapi.CheckPort),
		"interval":            number("Time from one check of a server to the next", lbapi.CheckInterval),
		"timeout":             number("Time after which a check without an answer has failed", lbapi.CheckTimeout),
		"healthy_threshold":   number("Successes after which an unhealthy server is healthy again (one suffices until it has been healthy once)", lbapi.Threshold),
		"unhealthy_threshold": number("Failures after which a healthy server is unhealthy", lbapi.Threshold),
		"http_version": schema.StringAttribute{
			MarkdownDescription: base.DescribeWords("HTTP version of the request", versions, versions[0]) + httpOnly("http_version"),
			Optional:            true, Computed: true,
			Validators: []validator.String{base.WordRule(versions)},
		},
		"path": schema.StringAttribute{
			MarkdownDescription: fmt.Sprintf("Path of the request: it %s; default `%s`.", lbapi.CheckPathRule, lbapi.DefaultCheckPath) + httpOnly("path"),
			Optional:            true, Computed: true,
			Validators: []validator.String{base.TextRule{Rule: lbapi.CheckPathRule, Invalid: lbapi.InvalidCheckPath}},
		},
		"domain": schema.StringAttribute{
			MarkdownDescription: fmt.Sprintf("`Host` of the request, %s. Left out, a request of version `1.0` has none, "+
				"and one of `1.1`, which must have one (RFC 9112), has the server's address and port.", lbapi.CheckDomainRule) + httpOnly("domain"),
			Optional:   true,
			Validators: []validator.String{base.TextRule{Rule: lbapi.CheckDomainRule, Invalid: lbapi.InvalidCheckDomain}},
		},
		"codes": schema.SetAttribute{
			MarkdownDescription: fmt.Sprintf("Status codes that mean healthy, each %s; default %s.", lbapi.CheckCodeRule,
				strings.ReplaceAll(base.Codes(lbapi.DefaultCheckCodes()), " or ", " and ")) + httpOnly("codes"),
			ElementType: types.StringType,
			Optional:    true, Computed: true,
			Validators: []validator.Set{base.ElementsRule{Rule: lbapi.CheckCodeRule, Invalid: lbapi.InvalidCheckCodes}},
		},
	}
}
