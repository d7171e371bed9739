// Package member holds what a server is as a member of a server group: how configurations write it, what identifies it,
// and how written servers are matched with registered ones. The API has no place for the names that users give to
// servers, so a server is known by its host and port. Two kinds stand on this package: the server group, which may list
// its servers, and the server that is a resource of its own.
package member

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/planning"
)

// Host is what a server is, apart from the port it serves on: an address or an instance.
type Host struct {
	Type lbapi.ServerType
	Name string // the instance's id, or the address in its shortest form
}

// Server is one server of a group as a user wants it. Its host and port identify it: no two of a group share both.
type Server struct {
	Host
	Port, Weight int
}

// Identity is what identifies the server within its group.
func (s Server) Identity() planning.ServerIdentity {
	return planning.ServerIdentity{Type: s.Type, Host: s.Name, Port: s.Port}
}

// Key is the key under which a server appears that the user has not named: "10.0.0.5:8080", or "10.0.0.5" if it has no
// port of its own.
func (s Server) Key() string {
	if s.Port == 0 {
		return s.Name
	}
	return net.JoinHostPort(s.Name, strconv.Itoa(s.Port))
}

// Describe names the server in a message.
func (s Server) Describe() string {
	if s.Port == 0 {
		return fmt.Sprintf("%q without a port of its own", s.Name)
	}
	return fmt.Sprintf("%q with port %d", s.Name, s.Port)
}

func addressHost(address string) Host {
	return Host{lbapi.ServerAddress, lbapi.ShortestAddress(address)}
}

func hostOf(s lbapi.Server) Host {
	if s.Type == lbapi.ServerAddress {
		return addressHost(s.Address)
	}
	return Host{s.Type, s.InstanceID}
}

// Registered is a registered server in the same terms as a wanted one.
func Registered(s lbapi.Server) Server { return Server{hostOf(s), s.Port, s.Weight} }

// Identities are the identities of servers, by their names.
func Identities(servers map[string]Server) map[string]planning.ServerIdentity {
	all := make(map[string]planning.ServerIdentity, len(servers))
	for name, one := range servers {
		all[name] = one.Identity()
	}
	return all
}

// Pair finds the registered server behind each named one. A server with the same host and port comes first; of those
// left over, one on the same host is the server whose port changed. Registered servers without a name are returned as
// strangers.
func Pair(named map[string]Server, registered []lbapi.Server) (found map[string]lbapi.Server, strangers []lbapi.Server) {
	found = make(map[string]lbapi.Server, len(named))
	at := make(map[planning.ServerIdentity]lbapi.Server, len(registered))
	for _, s := range registered {
		at[Registered(s).Identity()] = s
	}
	names := slices.SortedFunc(maps.Keys(named), func(a, b string) int {
		return cmp.Or(cmp.Compare(named[a].Port, named[b].Port), cmp.Compare(a, b))
	})
	var missing []string
	for _, name := range names {
		s, ok := at[named[name].Identity()]
		if !ok {
			missing = append(missing, name)
			continue
		}
		found[name] = s
		delete(at, named[name].Identity())
	}
	strangers = slices.SortedFunc(maps.Values(at), func(a, b lbapi.Server) int {
		return cmp.Or(cmp.Compare(Registered(a).Key(), Registered(b).Key()), cmp.Compare(a.Port, b.Port), cmp.Compare(a.ID, b.ID))
	})
	for _, name := range missing {
		i := slices.IndexFunc(strangers, func(s lbapi.Server) bool { return hostOf(s) == named[name].Host })
		if i >= 0 {
			found[name] = strangers[i]
			strangers = slices.Delete(strangers, i, i+1)
		}
	}
	return found, strangers
}

// Change is what makes the registered servers those that are wanted.
type Change struct {
	Register      []lbapi.RegisterServer
	RegisterNames []string // the users' names, in the order of Register
	Update        []lbapi.UpdateServer
	UpdateNames   []string // in the order of Update
	Deregister    []string // ids
}

// ChangeTo computes the change. Registering, updating and deregistering, in this order, never meets a server of the
// same host and port: a server that has them already is paired first, so only free places are taken.
func ChangeTo(wanted map[string]Server, registered []lbapi.Server) Change {
	var c Change
	found, strangers := Pair(wanted, registered)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		want := wanted[name]
		is, ok := found[name]
		if !ok {
			c.Register = append(c.Register, Registration(want))
			c.RegisterNames = append(c.RegisterNames, name)
			continue
		}
		if update, differs := UpdateTo(want, is); differs {
			c.Update = append(c.Update, update)
			c.UpdateNames = append(c.UpdateNames, name)
		}
	}
	for _, s := range strangers {
		c.Deregister = append(c.Deregister, s.ID)
	}
	return c
}

// UpdateTo is what makes a registered server of the same host the one that is wanted; differs is false if nothing does.
func UpdateTo(want Server, is lbapi.Server) (update lbapi.UpdateServer, differs bool) {
	update.ID = &is.ID
	if is.Port != want.Port {
		update.Port = &want.Port
	}
	if is.Weight != want.Weight {
		update.Weight = &want.Weight
	}
	return update, update.Port != nil || update.Weight != nil
}

// Registration is the registration of a server.
func Registration(s Server) lbapi.RegisterServer {
	spec := lbapi.RegisterServer{Type: &s.Type, Port: &s.Port, Weight: &s.Weight}
	if s.Type == lbapi.ServerAddress {
		spec.Address = &s.Name
	} else {
		spec.InstanceID = &s.Name
	}
	return spec
}

// NameAll gives each registered server a name: the state's, by Pair, or its Key.
func NameAll(named map[string]Server, registered []lbapi.Server) map[string]lbapi.Server {
	all, strangers := Pair(named, registered)
	for _, s := range strangers {
		name := Registered(s).Key()
		for _, taken := all[name]; taken; _, taken = all[name] {
			name += "'" // the user gave this name to another server
		}
		all[name] = s
	}
	return all
}
