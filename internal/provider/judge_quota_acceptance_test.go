package provider_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

// groups are so many empty server groups, by count, with further lines.
func groups(number int, lines string) string {
	return fmt.Sprintf("resource \"alb_server_group\" \"many\" {\n  count = %d\n  name = \"many\"\n  %s\n}\n", number, lines)
}

func TestPlansThatPassAQuotaSaySo(t *testing.T) {
	t.Parallel()
	lb, f := acctest.Start(t, func(config *lbserver.Config) {
		config.Quotas = lbserver.Quotas{LoadBalancers: 2, Listeners: 1, BackendServices: 2, ServerGroups: 3, Servers: 2}
	}), newFolder(t)
	proxy := acctest.StartFaultProxy(t, lb.Endpoint())
	with := func(resources string) string {
		return strings.Replace(lb.Configuration(resources), lb.Endpoint(), proxy.Endpoint, 1)
	}
	balancers, err := lb.LoadBalancers(t.Context())
	if err != nil || len(balancers) != 1 {
		t.Fatalf("load balancers are %+v, %v", balancers, err)
	}
	here := fmt.Sprintf("Load balancer %q has ", balancers[0].ID)
	const unless = " The API will refuse what passes the quota, unless others are deleted first"
	servers := func(number int) string {
		var list []string
		for i := range number {
			list = append(list, fmt.Sprintf("s%d = { address = \"10.0.0.%d\" }", i, i+1))
		}
		return "servers = { " + strings.Join(list, ", ") + " }"
	}
	service := func(number, port int) string {
		return fmt.Sprintf("resource \"alb_backend_service\" \"many\" {\n  count = %d\n  name = \"many\"\n  protocol = \"http\"\n  port = %d\n}\n", number, port)
	}

	quiet(t, "three groups of three", f.plan(with(groups(3, servers(2)))))
	warns(t, "four groups of three", f.plan(with(groups(4, ""))),
		here+"0 of 3 server groups, and with this one the plan makes 4 more."+unless, 0)
	warns(t, "a third server", f.plan(with(groups(1, servers(3)))),
		fmt.Sprintf("The server group lists 3 servers, and each group on load balancer %q may have 2.", balancers[0].ID), 0)
	warns(t, "a third load balancer", f.plan(with("resource \"alb_load_balancer\" \"more\" {\n  count = 2\n  name = \"more\"\n}\n")),
		fmt.Sprintf("Region %q has 1 of 2 load balancers, and with this one the plan makes 2 more.", lb.Region())+unless, 0)

	single := func(number int) string {
		return fmt.Sprintf("resource \"alb_server\" \"many\" {\n  count = %d\n  server_group_id = alb_server_group.many[0].id\n"+
			"  address = \"10.0.0.${count.index + 1}\"\n}\n", number)
	}
	f.run(with(groups(2, "")+service(2, 80)+single(1)), "apply", "-auto-approve")
	quiet(t, "two servers of two", f.plan(with(groups(2, "")+service(2, 80)+single(2))))
	warns(t, "three servers of two", f.plan(with(groups(2, "")+service(2, 80)+single(3))),
		"has 1 of 2 servers, and with this one the plan makes 2 more."+unless, 0)
	quiet(t, "the server gone", f.run(with(groups(2, "")+service(2, 80)), "apply", "-auto-approve"))
	quiet(t, "nothing changed", f.plan(with(groups(2, "")+service(2, 80))))
	quiet(t, "all replaced", f.plan(with(groups(2, "")+service(2, 81))))
	quiet(t, "one less", f.plan(with(groups(1, "")+service(2, 80))))
	warns(t, "another two groups", f.plan(with(groups(4, "")+service(2, 80))),
		here+"2 of 3 server groups, and with this one the plan makes 2 more."+unless, 0)
	quiet(t, "up to the quota, applied", f.run(with(groups(3, "")+service(2, 80)), "apply", "-auto-approve"))

	proxy.On("^GET .*/loadBalancers/", math.MaxInt, func(e *acctest.Exchange) {
		answer := e.Ask()
		answer.Body = regexp.MustCompile(`,"quotas?":.*`).ReplaceAll(answer.Body, []byte("}}"))
		answer.Header.Del("Content-Length")
		e.Deliver(answer)
	})
	quiet(t, "an API that does not tell", f.plan(with(groups(9, servers(9))+service(9, 80))))
}

func TestPlansThatShareAServerGroupAmongProtocolsSaySo(t *testing.T) {
	t.Parallel()
	lb, f := acctest.Start(t), newFolder(t)
	balancers, err := lb.LoadBalancers(t.Context())
	if err != nil || len(balancers) != 1 {
		t.Fatalf("load balancers are %+v, %v", balancers, err)
	}
	groupType := lbapi.GroupOfAddresses
	group, err := lb.CreateServerGroup(t.Context(), lbapi.CreateServerGroup{
		Name: new("shared"), LoadBalancerID: &balancers[0].ID, Type: &groupType,
	})
	if err != nil {
		t.Fatal(err)
	}
	service := func(name, protocol, groupID string) string {
		return fmt.Sprintf("resource \"alb_backend_service\" %q {\n  name = %q\n  protocol = %q\n  port = 80\n  server_group_id = %q\n}\n",
			name, name, protocol, groupID)
	}
	want := "Server group " + group + " is also used by backend service"
	quiet(t, "one protocol, both planned", f.plan(lb.Configuration(service("a", "http", group)+service("b", "http", group))))
	warns(t, "two protocols, both planned", f.plan(lb.Configuration(service("a", "http", group)+service("b", "tcp", group))), want, 0)

	f.run(lb.Configuration(service("a", "http", group)), "apply", "-auto-approve")
	warns(t, "two protocols, one there", f.plan(lb.Configuration(service("a", "http", group)+service("b", "tcp", group))),
		want+" \"a\" ("+onlyBackendService(t, lb)+"), whose \"protocol\" is \"http\", and this one's is \"tcp\"", 0)
	quiet(t, "replaced by the other protocol", f.plan(lb.Configuration(service("a", "tcp", group))))
	quiet(t, "a group of its own", f.plan(lb.Configuration(service("a", "http", group)+service("b", "tcp", "tg-aaaaaaaaaa"))))
}
