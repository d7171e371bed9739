package lbserver_test

import (
	"net/netip"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

// An IPv4-mapped address in the configuration is the IPv4 address that it stands for.
func TestMappedAddressesOfTheConfigurationAreIPv4(t *testing.T) {
	t.Parallel()
	config := testConfig(t)
	config.VIP = netip.MustParseAddr("::ffff:127.0.0.1")
	config.AllowedNetworks = []netip.Prefix{netip.MustParsePrefix("::ffff:127.0.0.0/104")}
	b := start(t, config)
	shown := must(b.LoadBalancer(t.Context(), b.loadBalancerID))(t)
	if shown.PrivateIP.Address != "127.0.0.1" {
		t.Errorf("the load balancer's address is %s", shown.PrivateIP.Address)
	}
	s := b.site([]lbapi.RegisterServer{spec(t, webServers(t, 1)[0], 1)}, nil)
	s.waitForHealth(lbapi.Healthy, 1)
	if got := newVisitor(t, false).get(s.url); got.server != "a" {
		t.Errorf("answered with %s", got.Status)
	}
}

func TestAMissingNetworkIsRefused(t *testing.T) {
	t.Parallel()
	config := testConfig(t)
	config.AllowedNetworks = []netip.Prefix{{}}
	if server, err := lbserver.New(config); err == nil {
		_ = server.Close()
		t.Error("it starts with the zero network")
	}
}
