package servergroup

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/alb-project/terraform-provider-alb/internal/provider/member"
)

// warnOfUnlisted warns of the servers that a group loses when it begins to list its servers: the state does not show
// those that it has, so the plan cannot either.
func (r *serverGroupResource) warnOfUnlisted(ctx context.Context, plan model, diags *diag.Diagnostics) {
	wanted := member.Named(plan.knownServers(ctx, diags))
	if len(wanted) < len(plan.Servers.Elements()) {
		return // one that is not known yet may be one of those in the group
	}
	group, err := r.API.ServerGroup(ctx, plan.ID.ValueString())
	if err != nil {
		// The plan goes on: it is only a warning that is lost.
		tflog.Debug(ctx, "Did not look for servers that the list lacks: the server group could not be read", map[string]any{"error": err.Error()})
		return
	}
	_, strangers := member.Pair(wanted, group.Servers)
	if len(strangers) == 0 {
		return
	}
	lines := make([]string, len(strangers))
	for i, stranger := range strangers {
		lines[i] = fmt.Sprintf("\n  - %s (%s)", member.Registered(stranger).Describe(), stranger.ID)
	}
	diags.AddAttributeWarning(path.Root("servers"), "Servers that the list lacks are removed", fmt.Sprintf(
		"Server group %q (%s) did not list its servers until now. These are in it and not in the list, so the apply takes them out:\n%s",
		group.Name, group.ID, strings.Join(lines, "")))
}
