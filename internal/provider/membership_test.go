package provider_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

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
			mapped, ok := walk.types["alb_server_group"].AttributeTypes["servers"].(tftypes.Map)
			if !ok {
				t.Fatal("the servers of a group are no map")
			}
			one := object(objectType(t, mapped.ElementType), values{"address": text("10.0.0.1"), "weight": number(10)})
			listed := values{"servers": tftypes.NewValue(mapped, map[string]tftypes.Value{"a": one})}
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
