package provider_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

// listing is a group's list of servers, by their addresses.
func (p *protocol) listing(addresses ...string) tftypes.Value {
	p.t.Helper()
	mapped, ok := p.types["alb_server_group"].AttributeTypes["servers"].(tftypes.Map)
	if !ok {
		p.t.Fatal("the servers of a group are no map")
	}
	all := map[string]tftypes.Value{}
	for _, address := range addresses {
		all[address] = object(objectType(p.t, mapped.ElementType), values{"address": text(address), "weight": number(10)})
	}
	return tftypes.NewValue(mapped, all)
}

func TestAPlanTellsOfServersThatItsStateDoesNotShow(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	before := speak(t, lb)
	group := before.apply("alb_server_group", applied{}, values{"name": text("web"), "load_balancer_id": text(firstLoadBalancer(t, lb))})
	groupID := text(idOf(t, group.state, before.types["alb_server_group"]))
	for _, address := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
		before.apply("alb_server", applied{}, values{"server_group_id": groupID, "address": text(address), "weight": number(10)})
	}
	tells := func(p *protocol, of applied, config values, want string) {
		t.Helper()
		planned := p.plan("alb_server_group", of, config)
		var got []string
		for _, one := range planned.Diagnostics {
			got = append(got, one.Detail)
		}
		if text := strings.Join(got, "\n"); !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("the plan tells %q, want %q", text, want)
		}
	}
	config := func(servers tftypes.Value) values {
		return values{"name": text("web"), "load_balancer_id": text(firstLoadBalancer(t, lb)), "servers": servers}
	}
	walk := speak(t, lb)
	tells(walk, group, config(walk.listing("10.0.0.2")),
		`(?s)so the apply takes them out:\n\n  - "10.0.0.1" without a port of its own \(target-.{10}\)\n  - "10.0.0.3" without a port of its own \(target-.{10}\)$`)
	tells(walk, group, config(walk.listing("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")), `^$`)
	listed := walk.apply("alb_server_group", group, config(walk.listing("10.0.0.1", "10.0.0.2")))
	tells(walk, listed, config(walk.listing("10.0.0.1")), `^$`) // shown by the plan itself
	tells(walk, listed, config(tftypes.NewValue(walk.listing().Type(), nil)), `no longer lists its servers. The 2 that it has stay in it`)
}

// Terraform orders the update of a group and the deletion of an alb_server in it as it likes. Whichever comes first, a server
// that moved into the list is in the group when both are done.
func TestAServerThatMovedIntoTheListIsThereInEitherOrder(t *testing.T) {
	t.Parallel()
	for name, deletedFirst := range map[string]bool{"the resource goes first": true, "the list comes first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lb := acctest.Start(t)
			before := speak(t, lb)
			open := values{"name": text("web"), "load_balancer_id": text(firstLoadBalancer(t, lb))}
			group := before.apply("alb_server_group", applied{}, open)
			groupID := idOf(t, group.state, before.types["alb_server_group"])
			server := before.apply("alb_server", applied{}, values{
				"server_group_id": text(groupID), "address": text("10.0.0.1"), "weight": number(10),
			})

			walk := speak(t, lb)
			listed := values{"servers": walk.listing("10.0.0.1")}
			maps.Copy(listed, open)
			if deletedFirst {
				walk.destroy("alb_server", server)
			}
			walk.apply("alb_server_group", group, listed)
			if !deletedFirst {
				walk.destroy("alb_server", server)
			}
			found, err := lb.ServerGroup(t.Context(), groupID)
			if err != nil {
				t.Fatal(err)
			}
			var addresses []string
			for _, server := range found.Servers {
				addresses = append(addresses, server.Address)
			}
			if diff := cmp.Diff([]string{"10.0.0.1"}, addresses); diff != "" {
				t.Errorf("servers (-want +got):\n%s", diff)
			}
		})
	}
}
