package servergroup

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/member"
)

func finder() base.Finder[lbapi.ServerGroup, attributes] {
	return base.Finder[lbapi.ServerGroup, attributes]{
		IDs: lbapi.ServerGroupID, Plural: "server groups", Placed: true, NameFilter: lbapi.FilterServerGroupName,
		Find: (*client.Client).ServerGroup, List: (*client.Client).ServerGroups,
		Describe:   func(g lbapi.ServerGroup) string { return base.DescribePlaced(g.ID, g.LoadBalancerID) },
		Attributes: shownAttributes,
		Show: func(ctx context.Context, group lbapi.ServerGroup, diags *diag.Diagnostics) attributes {
			shown := attributes{Servers: types.MapUnknown(member.ObjectType())}
			shown.read(ctx, group, diags)
			return shown
		},
		Import: func(ctx context.Context, group lbapi.ServerGroup, diags *diag.Diagnostics) base.Found {
			imported := model{Limits: base.NoLimits()}
			imported.showServers(group)
			imported.read(ctx, group, diags)
			return base.Found{Name: group.Name, Resource: imported}
		},
	}
}

func shownAttributes() map[string]schema.Attribute {
	return base.ShownPlaced("server group", map[string]schema.Attribute{
		"type": base.ShownText("How the group names its servers: `ip` or `instance`."),
		"servers": schema.MapNestedAttribute{
			MarkdownDescription: "The servers of the group by `address:port`, or `address` alone for a server without a port of its own; " +
				"instances by their id in place of the address.",
			Computed: true,
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"address":       base.ShownText("Address of the server; null for an instance."),
				"instance_id":   base.ShownText("Id of the instance that is the server; null for an address."),
				"instance_type": base.ShownText("`container` for an instance that is one; else null."),
				"port":          base.ShownNumber("Port that the server serves on; null means the backend service's."),
				"weight":        base.ShownNumber("Share of the traffic, in proportion to the weights of the others."),
			}},
		},
	})
}
