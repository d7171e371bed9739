package member

import (
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/planning"
)

// Leaving returns the registered servers that lose their requests because a group lists them no longer, or lists them
// with another port or without a weight. Before is what the group listed until now.
func Leaving(wanted, before map[string]Model, registered []lbapi.Server) (leaving []planning.LeavingServer) {
	names := map[string]string{}
	for name, is := range NameAll(Named(before), registered) {
		names[is.ID] = name
	}
	found, strangers := Pair(Named(wanted), registered)
	for _, is := range strangers {
		leaving = append(leaving, planning.LeavingServer{Server: is, At: path.Root("servers"), Name: names[is.ID], What: planning.LeavesGroup})
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		at := func(attribute string) path.Path { return ListedPath(name, attribute) }
		if is, leaves := wanted[name].Leaving(found[name], name, at); leaves {
			leaving = append(leaving, is)
		}
	}
	return leaving
}

// ListedPath is the path of an attribute of a server that its group lists.
func ListedPath(name, attribute string) path.Path {
	return path.Root("servers").AtMapKey(name).AtName(attribute)
}

// Leaving reports whether a plan for a registered server takes the requests away from where the server is.
func (m Model) Leaving(is lbapi.Server, name string, at func(attribute string) path.Path) (leaving planning.LeavingServer, leaves bool) {
	switch port := int(m.Port.ValueInt64()); {
	case !m.Weight.IsUnknown() && m.Weight.ValueInt64() == 0:
		return planning.LeavingServer{Server: is, At: at("weight"), Name: name, What: planning.GetsNothing}, true
	case !m.Port.IsUnknown() && port != is.Port:
		return planning.LeavingServer{Server: is, At: at("port"), Name: name, What: planning.ChangesPort, NewPort: port}, true
	default:
		return planning.LeavingServer{}, false
	}
}
