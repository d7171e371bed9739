package provider

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"pgregory.net/rapid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

func at(address string, port, weight int) server { return server{addressHost(address), port, weight} }

func registered(id, address string, port, weight int) lbapi.Server {
	return lbapi.Server{ID: id, Type: lbapi.ServerAddress, Address: address, Port: port, Weight: weight}
}

func TestChangesTouchOnlyTheServersThatChange(t *testing.T) {
	both := []lbapi.Server{registered("t1", "10.0.0.1", 80, 10), registered("t2", "10.0.0.1", 81, 10)}
	for _, test := range []struct {
		name       string
		wanted     map[string]server
		registered []lbapi.Server
		want       []string
	}{
		{"nothing", map[string]server{"a": at("10.0.0.1", 80, 10), "b": at("10.0.0.1", 81, 10)}, both, nil},
		{"names swapped", map[string]server{"b": at("10.0.0.1", 80, 10), "a": at("10.0.0.1", 81, 10)}, both, nil},
		{"a weight", map[string]server{"a": at("10.0.0.1", 80, 0), "b": at("10.0.0.1", 81, 10)}, both, []string{"update t1 weight 0"}},
		{"weights exchanged with ports", map[string]server{"a": at("10.0.0.1", 80, 1), "b": at("10.0.0.1", 81, 2)}, both, []string{"update t1 weight 1", "update t2 weight 2"}},
		{"a port", map[string]server{"a": at("10.0.0.1", 82, 10), "b": at("10.0.0.1", 81, 10)}, both, []string{"update t1 port 82"}},
		{"a port left out", map[string]server{"a": at("10.0.0.1", 0, 10), "b": at("10.0.0.1", 81, 10)}, both, []string{"update t1 port 0"}},
		{"ports moved along", map[string]server{"a": at("10.0.0.1", 81, 10), "b": at("10.0.0.1", 82, 10)}, both, []string{"update t1 port 82"}},
		{"an address", map[string]server{"a": at("10.0.0.9", 80, 10), "b": at("10.0.0.1", 81, 10)}, both, []string{"register 10.0.0.9:80", "deregister t1"}},
		{"one less", map[string]server{"b": at("10.0.0.1", 81, 10)}, both, []string{"deregister t1"}},
		{"one more", map[string]server{"a": at("10.0.0.1", 80, 10)}, nil, []string{"register 10.0.0.1:80"}},
		{"none", nil, both, []string{"deregister t1", "deregister t2"}},
		{"the same address in another form", map[string]server{"a": at("::0001", 80, 10)}, []lbapi.Server{registered("t1", "::1", 80, 10)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, describe(changeTo(test.wanted, test.registered))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func describe(c change) []string {
	var steps []string
	for _, r := range c.register {
		steps = append(steps, fmt.Sprintf("register %s:%d", *r.Address, *r.Port))
	}
	for _, u := range c.update {
		text := "update " + *u.ID
		if u.Port != nil {
			text += fmt.Sprint(" port ", *u.Port)
		}
		if u.Weight != nil {
			text += fmt.Sprint(" weight ", *u.Weight)
		}
		steps = append(steps, text)
	}
	for _, id := range c.deregister {
		steps = append(steps, "deregister "+id)
	}
	return steps
}

// group is a server group that keeps the API's promises: no two servers of one host and port, at any time.
type group map[string]server

func (g group) put(t *rapid.T, id string, s server) {
	for other, taken := range g {
		if other != id && taken.identity() == s.identity() {
			t.Fatalf("server %s has the host and port of %s: a conflict", id, other)
		}
	}
	g[id] = s
}

func TestAChangeReachesWhatIsWantedWithoutConflictOrLoss(t *testing.T) {
	servers := rapid.MapOfN(
		rapid.StringMatching(`[a-e]`),
		rapid.Custom(func(t *rapid.T) server {
			return at(fmt.Sprint("10.0.0.", rapid.IntRange(1, 3).Draw(t, "host")), rapid.IntRange(0, 3).Draw(t, "port"), rapid.IntRange(0, 2).Draw(t, "weight"))
		}), 0, 5)
	distinct := func(all map[string]server) map[string]server {
		seen := map[identity]bool{}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if seen[all[name].identity()] {
				delete(all, name)
				continue
			}
			seen[all[name].identity()] = true
		}
		return all
	}
	rapid.Check(t, func(t *rapid.T) {
		before, wanted := distinct(servers.Draw(t, "before")), distinct(servers.Draw(t, "wanted"))
		is, list := group{}, []lbapi.Server{}
		for name, s := range before {
			is["old-"+name] = s
			list = append(list, registered("old-"+name, s.host.name, s.port, s.weight))
		}
		c := changeTo(wanted, list)
		least := min(len(before), len(wanted))
		for i, r := range c.register {
			is.put(t, "new-"+c.registerNames[i], at(*r.Address, *r.Port, *r.Weight))
		}
		// All updates of one call come into force together.
		for _, u := range c.update {
			s := is[*u.ID]
			if u.Port != nil {
				s.port = *u.Port
			}
			if u.Weight != nil {
				s.weight = *u.Weight
			}
			is[*u.ID] = s
		}
		for id, s := range is {
			is.put(t, id, s)
		}
		for _, id := range c.deregister {
			delete(is, id)
			if len(is) < least {
				t.Fatalf("only %d servers left on the way, from %d to %d", len(is), len(before), len(wanted))
			}
		}
		got, want := slices.Collect(maps.Values(is)), slices.Collect(maps.Values(wanted))
		sorted := cmpopts.SortSlices(func(a, b server) bool { return fmt.Sprint(a) < fmt.Sprint(b) })
		if diff := cmp.Diff(want, got, sorted, cmp.AllowUnexported(server{}, host{})); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		for id, s := range is {
			if old, was := before[id[len("old-"):]]; was && id[:4] == "old-" && old.host != s.host {
				t.Fatalf("server %s moved from %v to %v", id, old.host, s.host)
			}
		}
		// Twice is once.
		list = nil
		for id, s := range is {
			list = append(list, registered(id, s.host.name, s.port, s.weight))
		}
		if again := describe(changeTo(wanted, list)); len(again) > 0 {
			t.Fatalf("a second time it is %v", again)
		}
	})
}

func TestNamesOfAStateAreFoundAgain(t *testing.T) {
	named := map[string]server{"a": at("10.0.0.1", 80, 10), "b": at("10.0.0.2", 0, 10)}
	for _, test := range []struct {
		name       string
		named      map[string]server
		registered []lbapi.Server
		want       map[string]string
	}{
		{"all there", named, []lbapi.Server{registered("t2", "10.0.0.2", 0, 1), registered("t1", "10.0.0.1", 80, 1)}, map[string]string{"a": "t1", "b": "t2"}},
		{"one gone", named, []lbapi.Server{registered("t2", "10.0.0.2", 0, 1)}, map[string]string{"b": "t2"}},
		{"a port changed by others", named, []lbapi.Server{registered("t1", "10.0.0.1", 81, 1), registered("t2", "10.0.0.2", 0, 1)}, map[string]string{"a": "t1", "b": "t2"}},
		{"one more", map[string]server{"a": at("10.0.0.1", 80, 1)}, []lbapi.Server{registered("t1", "10.0.0.1", 80, 1), registered("t3", "fd00::3", 90, 1)}, map[string]string{"a": "t1", "[fd00::3]:90": "t3"}},
		{"imported", nil, []lbapi.Server{registered("t1", "10.0.0.1", 80, 1), registered("t2", "10.0.0.2", 0, 1)}, map[string]string{"10.0.0.1:80": "t1", "10.0.0.2": "t2"}},
		{"a name that is taken", map[string]server{"10.0.0.2:80": at("10.0.0.1", 80, 1)},
			[]lbapi.Server{registered("t1", "10.0.0.1", 80, 1), registered("t2", "10.0.0.2", 80, 1)}, map[string]string{"10.0.0.2:80": "t1", "10.0.0.2:80'": "t2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := map[string]string{}
			for name, s := range nameAll(test.named, test.registered) {
				got[name] = s.ID
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadingKeepsHowThingsWereWritten(t *testing.T) {
	null := serverModel{}
	vm := lbapi.Server{Type: lbapi.ServerVM, InstanceID: "i-1", Address: "10.0.0.5", Weight: 10}
	container := lbapi.Server{Type: lbapi.ServerContainer, InstanceID: "c-1", Weight: 10}
	for _, test := range []struct {
		name   string
		before serverModel
		is     lbapi.Server
		want   serverModel
	}{
		{"no port", null, registered("t", "10.0.0.1", 0, 0), serverModel{Address: types.StringValue("10.0.0.1"), Weight: types.Int64Value(0)}},
		{"port zero", serverModel{Port: types.Int64Value(0)}, registered("t", "10.0.0.1", 0, 1), serverModel{Address: types.StringValue("10.0.0.1"), Port: types.Int64Value(0), Weight: types.Int64Value(1)}},
		{"a port given by others", null, registered("t", "10.0.0.1", 8080, 1), serverModel{Address: types.StringValue("10.0.0.1"), Port: types.Int64Value(8080), Weight: types.Int64Value(1)}},
		{"an address in a long form", serverModel{Address: types.StringValue("0::1")}, registered("t", "::1", 1, 1), serverModel{Address: types.StringValue("0::1"), Port: types.Int64Value(1), Weight: types.Int64Value(1)}},
		{"another address", serverModel{Address: types.StringValue("0::2")}, registered("t", "::1", 1, 1), serverModel{Address: types.StringValue("::1"), Port: types.Int64Value(1), Weight: types.Int64Value(1)}},
		{"an instance shows no address", null, vm, serverModel{InstanceID: types.StringValue("i-1"), Weight: types.Int64Value(10)}},
		{"a container shows what it is", null, container, serverModel{InstanceID: types.StringValue("c-1"), InstanceType: types.StringValue("container"), Weight: types.Int64Value(10)}},
		{"a vm written out", serverModel{InstanceType: types.StringValue("vm")}, vm, serverModel{InstanceID: types.StringValue("i-1"), InstanceType: types.StringValue("vm"), Weight: types.Int64Value(10)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, readServer(test.before, test.is)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
