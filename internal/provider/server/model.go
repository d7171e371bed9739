package server

import (
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/base"
	"github.com/alb-project/terraform-provider-alb/internal/provider/member"
)

// model is a server as a resource of its own holds it.
type model struct {
	attributes
	base.Limits
}

// attributes are those of the server itself.
type attributes struct {
	ID            types.String `tfsdk:"id"`
	ServerGroupID types.String `tfsdk:"server_group_id"`
	member.Model
}

// replaces reports whether a plan certainly replaces the server of a state.
func (m model) replaces(state model) bool {
	before, _ := state.Host()
	after, known := m.Host()
	return !m.ServerGroupID.Equal(state.ServerGroupID) || known && before != after
}

// Attribute finds the attribute of a field in a call for this one server.
func (m attributes) Attribute(field string) (path.Path, bool) {
	terms := lbapi.ServerTerms()
	if attribute, ok := terms.Attribute(field); ok {
		return path.Root(attribute), true
	}
	_, rest, ok := lbapi.ServerField(field)
	attribute, known := terms.Attribute(rest)
	switch {
	case !ok || rest != "" && !known:
		return path.Empty(), false
	case rest == "" || attribute == "instance_type" && m.InstanceType.IsNull(): // the server as a whole, or what it is
		return path.Root(m.HostAttribute()), true
	default:
		return path.Root(attribute), true
	}
}

// reportMismatch reports a server that is named in another way than the type of its group requires.
func (m attributes) reportMismatch(groupID string, groupType lbapi.ServerGroupType, diags *diag.Diagnostics) {
	for _, rule := range lbapi.ServerDependencies() {
		if rule.Feature.Attribute == m.HostAttribute() && !slices.Contains(rule.Allowed, string(groupType)) {
			diags.AddAttributeError(path.Root(m.HostAttribute()), "Invalid combination",
				fmt.Sprintf("%s The type is that of server group %q.", rule.Message(lbapi.Terraform, string(groupType)), groupID))
		}
	}
}
