package provider_test

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

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
	tells(walk, listed, config(tftypes.NewValue(walk.listing().Type(), nil)), `does not list its servers. The 2 that it has stay in it`)
}

// Terraform plans a group and the deletion of an alb_server in it in any order, and destroys before it updates: a server that
// stays would be out of its group meanwhile. Whichever is planned second says so.
func TestAServerThatMovedIntoTheListIsNotDestroyed(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	before := speak(t, lb)
	open := values{"name": text("web"), "load_balancer_id": text(firstLoadBalancer(t, lb))}
	group := before.apply("alb_server_group", applied{}, open)
	groupID := idOf(t, group.state, before.types["alb_server_group"])
	servers := map[string]applied{}
	for _, address := range []string{"10.0.0.1", "10.0.0.2"} {
		servers[address] = before.apply("alb_server", applied{}, values{
			"server_group_id": text(groupID), "address": text(address), "weight": number(10),
		})
	}
	refusal := fmt.Sprintf("A server that stays would leave its group: Server group %q lists server %q in \"servers\", and the plan destroys the "+
		"alb_server that stood for it", groupID, idOf(t, servers["10.0.0.1"].state, before.types["alb_server"]))
	for name, deletedFirst := range map[string]bool{"the resource comes first": true, "the list comes first": false} {
		walk := speak(t, lb)
		listed := values{"servers": walk.listing("10.0.0.1")}
		maps.Copy(listed, open)
		var said []string
		list := func() { said = append(said, failures(walk.plan("alb_server_group", group, listed).Diagnostics)...) }
		destroy := func() {
			for _, address := range []string{"10.0.0.1", "10.0.0.2"} { // the second stays nowhere
				said = append(said, failures(walk.planDestruction("alb_server", servers[address]).Diagnostics)...)
			}
		}
		if deletedFirst {
			destroy()
			list()
		} else {
			list()
			destroy()
		}
		if len(said) != 1 || !strings.HasPrefix(said[0], refusal) {
			t.Errorf("%s: %q, want one error that begins with %q", name, said, refusal)
		}
	}
}
