package member

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/provider/planning"
)

func at(address string, port, weight int) Server { return Server{addressHost(address), port, weight} }

func asRegistered(id, address string, port, weight int) lbapi.Server {
	return lbapi.Server{ID: id, Type: lbapi.ServerAddress, Address: address, Port: port, Weight: weight}
}

func TestChangesTouchOnlyTheServersThatChange(t *testing.T) {
	both := []lbapi.Server{asRegistered("t1", "10.0.0.1", 80, 10), asRegistered("t2", "10.0.0.1", 81, 10)}
	for _, test := range []struct {
		name       string
		wanted     map[string]Server
		registered []lbapi.Server
		want       []string
	}{
		{"nothing", map[string]Server{"a": at("10.0.0.1", 80, 10), "b": at("10.0.0.1", 81, 10)}, both, nil},
		{"names swapped", map[string]Server{"b": at("10.0.0.1", 80, 10), "a": at("10.0.0.1", 81, 10)}, both, nil},
		{"a weight", map[string]Server{"a": at("10.0.0.1", 80, 0), "b": at("10.0.0.1", 81, 10)}, both, []string{"update t1 weight 0"}},
		{"weights exchanged with ports", map[string]Server{"a": at("10.0.0.1", 80, 1), "b": at("10.0.0.1", 81, 2)}, both, []string{"update t1 weight 1", "update t2 weight 2"}},
		{"a port", map[string]Server{"a": at("10.0.0.1", 82, 10), "b": at("10.0.0.1", 81, 10)}, both, []string{"update t1 port 82"}},
		{"a port left out", map[string]Server{"a": at("10.0.0.1", 0, 10), "b": at("10.0.0.1", 81, 10)}, both, []string{"update t1 port 0"}},
		{"ports moved along", map[string]Server{"a": at("10.0.0.1", 81, 10), "b": at("10.0.0.1", 82, 10)}, both, []string{"update t1 port 82"}},
		{"an address", map[string]Server{"a": at("10.0.0.9", 80, 10), "b": at("10.0.0.1", 81, 10)}, both, []string{"register 10.0.0.9:80", "deregister t1"}},
		{"one less", map[string]Server{"b": at("10.0.0.1", 81, 10)}, both, []string{"deregister t1"}},
		{"one more", map[string]Server{"a": at("10.0.0.1", 80, 10)}, nil, []string{"register 10.0.0.1:80"}},
		{"none", nil, both, []string{"deregister t1", "deregister t2"}},
		{"the same address in another form", map[string]Server{"a": at("::0001", 80, 10)}, []lbapi.Server{asRegistered("t1", "::1", 80, 10)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, describe(ChangeTo(test.wanted, test.registered))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func describe(c Change) []string {
	var steps []string
	for _, r := range c.Register {
		steps = append(steps, fmt.Sprintf("register %s:%d", *r.Address, *r.Port))
	}
	for _, u := range c.Update {
		text := "update " + *u.ID
		if u.Port != nil {
			text += fmt.Sprint(" port ", *u.Port)
		}
		if u.Weight != nil {
			text += fmt.Sprint(" weight ", *u.Weight)
		}
		steps = append(steps, text)
	}
	for _, id := range c.Deregister {
		steps = append(steps, "deregister "+id)
	}
	return steps
}

// group is a server group that keeps the API's promises: no two servers of one host and port, at any time.
type group map[string]Server

func (g group) put(t *rapid.T, id string, s Server) {
	for other, taken := range g {
		if other != id && taken.Identity() == s.Identity() {
			t.Fatalf("server %s has the host and port of %s: a conflict", id, other)
		}
	}
	g[id] = s
}

func TestAChangeReachesWhatIsWantedWithoutConflictOrLoss(t *testing.T) {
	servers := rapid.MapOfN(
		rapid.StringMatching(`[a-e]`),
		rapid.Custom(func(t *rapid.T) Server {
			return at(fmt.Sprint("10.0.0.", rapid.IntRange(1, 3).Draw(t, "host")), rapid.IntRange(0, 3).Draw(t, "port"), rapid.IntRange(0, 2).Draw(t, "weight"))
		}), 0, 5)
	distinct := func(all map[string]Server) map[string]Server {
		seen := map[planning.ServerIdentity]bool{}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if seen[all[name].Identity()] {
				delete(all, name)
				continue
			}
			seen[all[name].Identity()] = true
		}
		return all
	}
	rapid.Check(t, func(t *rapid.T) {
		before, wanted := distinct(servers.Draw(t, "before")), distinct(servers.Draw(t, "wanted"))
		is, list := group{}, []lbapi.Server{}
		for name, s := range before {
			is["old-"+name] = s
			list = append(list, asRegistered("old-"+name, s.Name, s.Port, s.Weight))
		}
		c := ChangeTo(wanted, list)
		least := min(len(before), len(wanted))
		for i, r := range c.Register {
			is.put(t, "new-"+c.RegisterNames[i], at(*r.Address, *r.Port, *r.Weight))
		}
		// All updates of one call come into force together.
		for _, u := range c.Update {
			s := is[*u.ID]
			if u.Port != nil {
				s.Port = *u.Port
			}
			if u.Weight != nil {
				s.Weight = *u.Weight
			}
			is[*u.ID] = s
		}
		for id, s := range is {
			is.put(t, id, s)
		}
		for _, id := range c.Deregister {
			delete(is, id)
			if len(is) < least {
				t.Fatalf("only %d servers left on the way, from %d to %d", len(is), len(before), len(wanted))
			}
		}
		got, want := slices.Collect(maps.Values(is)), slices.Collect(maps.Values(wanted))
		sorted := cmpopts.SortSlices(func(a, b Server) bool { return fmt.Sprint(a) < fmt.Sprint(b) })
		if diff := cmp.Diff(want, got, sorted); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		for id, s := range is {
			if old, was := before[id[len("old-"):]]; was && id[:4] == "old-" && old.Host != s.Host {
				t.Fatalf("server %s moved from %v to %v", id, old.Host, s.Host)
			}
		}
		// Twice is once.
		list = nil
		for id, s := range is {
			list = append(list, asRegistered(id, s.Name, s.Port, s.Weight))
		}
		if again := describe(ChangeTo(wanted, list)); len(again) > 0 {
			t.Fatalf("a second time it is %v", again)
		}
	})
}

func TestNamesOfAStateAreFoundAgain(t *testing.T) {
	named := map[string]Server{"a": at("10.0.0.1", 80, 10), "b": at("10.0.0.2", 0, 10)}
	for _, test := range []struct {
		name       string
		named      map[string]Server
		registered []lbapi.Server
		want       map[string]string
	}{
		{"all there", named, []lbapi.Server{asRegistered("t2", "10.0.0.2", 0, 1), asRegistered("t1", "10.0.0.1", 80, 1)}, map[string]string{"a": "t1", "b": "t2"}},
		{"one gone", named, []lbapi.Server{asRegistered("t2", "10.0.0.2", 0, 1)}, map[string]string{"b": "t2"}},
		{"a port changed by others", named, []lbapi.Server{asRegistered("t1", "10.0.0.1", 81, 1), asRegistered("t2", "10.0.0.2", 0, 1)}, map[string]string{"a": "t1", "b": "t2"}},
		{"one more", map[string]Server{"a": at("10.0.0.1", 80, 1)}, []lbapi.Server{asRegistered("t1", "10.0.0.1", 80, 1), asRegistered("t3", "fd00::3", 90, 1)}, map[string]string{"a": "t1", "[fd00::3]:90": "t3"}},
		{"imported", nil, []lbapi.Server{asRegistered("t1", "10.0.0.1", 80, 1), asRegistered("t2", "10.0.0.2", 0, 1)}, map[string]string{"10.0.0.1:80": "t1", "10.0.0.2": "t2"}},
		{"a name that is taken", map[string]Server{"10.0.0.2:80": at("10.0.0.1", 80, 1)},
			[]lbapi.Server{asRegistered("t1", "10.0.0.1", 80, 1), asRegistered("t2", "10.0.0.2", 80, 1)}, map[string]string{"10.0.0.2:80": "t1", "10.0.0.2:80'": "t2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := map[string]string{}
			for name, s := range NameAll(test.named, test.registered) {
				got[name] = s.ID
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
