package provider_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

// described is one resource of a kind, and the same after a change in place.
type described struct {
	kind         string
	config, then values
}

// oneOfEach makes one resource of each kind; each may need those before it.
func oneOfEach(p *protocol, port int) (all []described, made []applied) {
	id := func(i int) string { return idOf(p.t, made[i].state, p.types[all[i].kind]) }
	balancer := func() values { return values{"load_balancer_id": text(id(0))} }
	with := func(base, more values) values {
		maps.Copy(base, more)
		return base
	}
	for _, next := range []func() described{
		func() described {
			return described{"alb_load_balancer", values{"name": text("own")}, values{"name": text("renamed")}}
		},
		func() described {
			return described{"alb_server_group", with(balancer(), values{"name": text("web")}), with(balancer(), values{"name": text("renamed")})}
		},
		func() described {
			server := func(weight int) values {
				return values{"server_group_id": text(id(1)), "address": text("10.0.0.1"), "weight": number(weight)}
			}
			return described{"alb_server", server(1), server(0)}
		},
		func() described {
			service := func(name string) values {
				return with(balancer(), values{"name": text(name), "protocol": text("http"), "port": number(80)})
			}
			return described{"alb_backend_service", service("web"), service("renamed")}
		},
		func() described {
			listener := func(name string) values {
				return with(balancer(), values{
					"name": text(name), "protocol": text("http"), "port": number(port), "backend_service_id": text(id(3)),
				})
			}
			return described{"alb_listener", listener("web"), listener("renamed")}
		},
	} {
		one := next()
		all = append(all, one)
		made = append(made, p.apply(one.kind, applied{}, one.config))
	}
	return all, made
}

func TestEveryResourceTellsItsIdentityAndIsImportedByIt(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	p := speak(t, lb)
	all, made := oneOfEach(p, lb.FreePort())
	for i, one := range all {
		of := p.identity[one.kind]
		want := map[string]string{"id": idOf(t, made[i].state, p.types[one.kind])}
		if one.kind == "alb_server" {
			want["server_group_id"] = idOf(t, made[1].state, p.types["alb_server_group"])
		}
		tells := func(when string, identity *tfprotov6.ResourceIdentityData) {
			t.Helper()
			if identity == nil {
				t.Fatalf("%s, %s: no identity", one.kind, when)
			}
			if diff := cmp.Diff(want, shown(t, identity.IdentityData, of)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", one.kind, when, diff)
			}
		}
		tells("created", made[i].identity)
		tells("read", p.read(one.kind, made[i]).NewIdentity)
		tells("read from a state without", p.read(one.kind, applied{state: made[i].state, private: made[i].private}).NewIdentity)
		updated := p.apply(one.kind, made[i], one.then)
		tells("updated", updated.identity)

		imported, err := p.server.ImportResourceState(t.Context(), importByIdentity(one.kind, made[i].identity))
		p.good(err, imported.Diagnostics)
		found := imported.ImportedResources[0]
		read := p.read(one.kind, applied{found.State, found.Identity, found.Private})
		tells("imported", read.NewIdentity)
		got, was := shown(t, read.NewState, p.types[one.kind]), shown(t, updated.state, p.types[one.kind])
		if diff := cmp.Diff(was, got); diff != "" {
			t.Errorf("%s, imported by its identity (-as it was +got):\n%s", one.kind, diff)
		}
	}
}

func TestAnIdentityOfAnotherFormIsRefused(t *testing.T) {
	t.Parallel()
	p := speak(t, acctest.Start(t))
	for kind, identity := range map[string]values{
		"alb_listener":     {"id": text("listener-a2b3c4d5e6:x")},
		"alb_server_group": {"id": text("backend-a2b3c4d5e6")},
		"alb_server":       {"id": text("target-a2b3c4d5e6"), "server_group_id": text("web")},
	} {
		given := &tfprotov6.ResourceIdentityData{IdentityData: dynamic(t, object(p.identity[kind], identity))}
		imported, err := p.server.ImportResourceState(t.Context(), importByIdentity(kind, given))
		if err != nil {
			t.Fatal(err)
		}
		if found := failures(imported.Diagnostics); len(found) != 1 {
			t.Errorf("%s: errors %q, want one", kind, found)
		}
	}
}

func TestTerraformImportsByIdentity(t *testing.T) {
	t.Parallel()
	acctest.Needs(t, "1.12.0", "1.12.0") // which import by identity
	lb := acctest.Start(t)
	group, servers := groupOf(t, lb, "10.0.0.1")
	imports := func(address, identity string) string {
		return fmt.Sprintf("import {\n  to = %s\n  identity = {\n    %s\n  }\n}\n", address, identity)
	}
	acctest.Run(t, acctest.Step{
		Config: lb.Configuration(openGroup + ownServer("a", "address = \"10.0.0.1\"") +
			imports("alb_server_group.web", fmt.Sprintf("id = %q", group)) +
			imports("alb_server.a", fmt.Sprintf("id = %q\n    server_group_id = %q", servers[0], group))),
		Plan: []plancheck.PlanCheck{
			plancheck.ExpectResourceAction("alb_server_group.web", plancheck.ResourceActionUpdate), // it does not list its servers any more
			plancheck.ExpectResourceAction("alb_server.a", kept),
		},
		State: []statecheck.StateCheck{
			statecheck.ExpectIdentity("alb_server_group.web", map[string]knownvalue.Check{"id": knownvalue.StringExact(group)}),
			statecheck.ExpectIdentity("alb_server.a", map[string]knownvalue.Check{
				"id": knownvalue.StringExact(servers[0]), "server_group_id": knownvalue.StringExact(group),
			}),
		},
	})
}
