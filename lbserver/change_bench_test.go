package lbserver_test

import (
	"fmt"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// The time from a call that changes one weight to its answer, which comes when the change is stored and live, in a
// configuration of 1,000 listeners and 10,000 servers.
func BenchmarkChangeAmongThousandListeners(b *testing.B) {
	const listeners, serversEach = 1000, 10
	config := testConfig(b)
	config.Quotas.Listeners, config.Quotas.BackendServices, config.Quotas.ServerGroups = listeners, listeners, listeners
	balancer := start(b, config)
	ctx := b.Context()
	var groupID string
	for range listeners {
		servers := make([]lbapi.RegisterServer, serversEach)
		for i := range servers {
			servers[i] = lbapi.RegisterServer{
				Type: new(lbapi.ServerAddress), Address: new(fmt.Sprintf("127.0.1.%d", i)), Port: new(9), Weight: new(i),
			}
		}
		made := balancer.site(servers, nil)
		off := lbapi.PatchBackendService{CloseHealthCheck: new(true)}
		if err := balancer.PatchBackendService(ctx, made.backendServiceID, off); err != nil {
			b.Fatal(err)
		}
		groupID = made.serverGroupID
	}
	group := must(balancer.ServerGroup(ctx, groupID))(b)
	weight := 0
	for b.Loop() {
		weight = weight%100 + 1
		update := []lbapi.UpdateServer{{ID: &group.Servers[0].ID, Weight: &weight}}
		if err := balancer.UpdateServers(ctx, groupID, update); err != nil {
			b.Fatal(err)
		}
	}
}
