package member

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
)

// AttributeSchema describes the attributes of a server in a server group that lists it.
func AttributeSchema() map[string]schema.Attribute {
	instanceTypes := []string{string(lbapi.ServerVM), string(lbapi.ServerContainer)}
	rules := lbapi.ServerDependencies()
	return map[string]schema.Attribute{
		"address": schema.StringAttribute{
			MarkdownDescription: fmt.Sprintf("Address of the server, %s in the load balancer's network. ", lbapi.AddressRule) +
				base.DescribeRules(lbapi.TermServerAddress.Attribute, rules),
			Optional:   true,
			Validators: []validator.String{base.TextRule{Rule: lbapi.AddressRule, Invalid: lbapi.InvalidAddress}},
		},
		"instance_id": schema.StringAttribute{
			MarkdownDescription: "Id of the instance that is the server. " + base.DescribeRules(lbapi.TermServerInstance.Attribute, rules),
			Optional:            true,
			Validators:          []validator.String{base.GivenRule()},
		},
		"instance_type": schema.StringAttribute{
			MarkdownDescription: base.DescribeWords("What the instance is", instanceTypes, instanceTypes[0]) + " Only with `instance_id`.",
			Optional:            true,
			Validators:          []validator.String{base.WordRule(instanceTypes)},
		},
		"port": schema.Int64Attribute{
			CustomType:          base.WholeNumber{},
			MarkdownDescription: base.DescribeRange("Port that the server serves on", lbapi.ServerPort, base.WithoutDefault) + " Left out, it means the same.",
			Optional:            true,
			Validators:          []validator.Int64{base.RangeRule{Range: lbapi.ServerPort}},
		},
		"weight": schema.Int64Attribute{
			CustomType:          base.WholeNumber{},
			MarkdownDescription: base.DescribeRange("Share of the traffic, in proportion to the weights of the others", lbapi.Weight, base.WithDefault),
			Optional:            true,
			Computed:            true,
			Default:             int64default.StaticInt64(lbapi.Weight.Default),
			Validators:          []validator.Int64{base.RangeRule{Range: lbapi.Weight}},
		},
	}
}
