package provider

import (
	"cmp"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// host is what a server is, apart from the port it serves on: an address or an instance.
type host struct {
	kind lbapi.ServerType
	name string // the instance's id, or the address in its shortest form
}

// server is one server of a group as a user wants it. The API has no place for the user's name of it, so a server is known by
// its host and port: no two of a group share both.
type server struct {
	host
	port, weight int
}

func (s server) identity() identity { return identity{s.host, s.port} }

type identity struct {
	host host
	port int
}

// name is the key under which a server appears that the user has not named: "10.0.0.5:8080", or "10.0.0.5" where it has no
// port of its own.
func (s server) name() string {
	if s.port == 0 {
		return s.host.name
	}
	return net.JoinHostPort(s.host.name, strconv.Itoa(s.port))
}

func addressHost(address string) host {
	if parsed, err := netip.ParseAddr(address); err == nil {
		address = parsed.Unmap().String()
	}
	return host{lbapi.ServerAddress, address}
}

func hostOf(s lbapi.Server) host {
	if s.Type == lbapi.ServerAddress {
		return addressHost(s.Address)
	}
	return host{s.Type, s.InstanceID}
}

func serverOf(s lbapi.Server) server { return server{hostOf(s), s.Port, s.Weight} }

// pair finds the registered server behind each named one. A server with the same host and port comes first; then those that
// are left over on the same host are the ones whose port changed. Servers without a name are returned last.
func pair(named map[string]server, registered []lbapi.Server) (found map[string]lbapi.Server, strangers []lbapi.Server) {
	found = make(map[string]lbapi.Server, len(named))
	at := make(map[identity]lbapi.Server, len(registered))
	for _, s := range registered {
		at[serverOf(s).identity()] = s
	}
	names := slices.SortedFunc(maps.Keys(named), func(a, b string) int {
		return cmp.Or(cmp.Compare(named[a].port, named[b].port), cmp.Compare(a, b))
	})
	var missing []string
	for _, name := range names {
		s, ok := at[named[name].identity()]
		if !ok {
			missing = append(missing, name)
			continue
		}
		found[name] = s
		delete(at, named[name].identity())
	}
	strangers = slices.SortedFunc(maps.Values(at), func(a, b lbapi.Server) int {
		return cmp.Or(cmp.Compare(serverOf(a).name(), serverOf(b).name()), cmp.Compare(a.Port, b.Port), cmp.Compare(a.ID, b.ID))
	})
	for _, name := range missing {
		i := slices.IndexFunc(strangers, func(s lbapi.Server) bool { return hostOf(s) == named[name].host })
		if i >= 0 {
			found[name] = strangers[i]
			strangers = slices.Delete(strangers, i, i+1)
		}
	}
	return found, strangers
}

// change is what makes the registered servers those that are wanted.
type change struct {
	register      []lbapi.RegisterServer
	registerNames []string // the users' names, in step with register
	update        []lbapi.UpdateServer
	updateNames   []string // in step with update
	deregister    []string // ids
}

// changeTo computes the change. Registering, updating and deregistering, in this order, never meets a server of the same
// host and port: whoever has them already is paired first, so only free places are taken.
func changeTo(wanted map[string]server, registered []lbapi.Server) change {
	var c change
	found, strangers := pair(wanted, registered)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		want := wanted[name]
		is, ok := found[name]
		if !ok {
			c.register = append(c.register, registration(want))
			c.registerNames = append(c.registerNames, name)
			continue
		}
		if update, differs := updateTo(want, is); differs {
			c.update = append(c.update, update)
			c.updateNames = append(c.updateNames, name)
		}
	}
	for _, s := range strangers {
		c.deregister = append(c.deregister, s.ID)
	}
	return c
}

// updateTo is what makes a registered server of the same host the one that is wanted, if anything.
func updateTo(want server, is lbapi.Server) (update lbapi.UpdateServer, differs bool) {
	update.ID = &is.ID
	if is.Port != want.port {
		update.Port = &want.port
	}
	if is.Weight != want.weight {
		update.Weight = &want.weight
	}
	return update, update.Port != nil || update.Weight != nil
}

func registration(s server) lbapi.RegisterServer {
	spec := lbapi.RegisterServer{Type: &s.kind, Port: &s.port, Weight: &s.weight}
	if s.kind == lbapi.ServerAddress {
		spec.Address = &s.host.name
	} else {
		spec.InstanceID = &s.host.name
	}
	return spec
}

// nameAll gives every registered server a name: the state's, by pair, or one made of its host and port.
func nameAll(named map[string]server, registered []lbapi.Server) map[string]lbapi.Server {
	all, strangers := pair(named, registered)
	for _, s := range strangers {
		name := serverOf(s).name()
		for _, taken := all[name]; taken; _, taken = all[name] {
			name += "'" // the user gave this name to another server
		}
		all[name] = s
	}
	return all
}
