package control

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/status"
)

func TestNewStoreHasTheFirstLoadBalancer(t *testing.T) {
	a := newAPI(t)
	list := a.must("GET", base+"loadBalancers/", "")
	items, _ := list["loadBalancers"].([]any)
	if len(items) != 1 || list["totalCount"] != 1.0 {
		t.Fatalf("got %v", list)
	}
	expectFields(t, items[0], map[string]any{
		"loadBalancerId": a.alb, "loadBalancerName": "alb-default", "type": "alb", "deleteProtection": false,
		"privateIp": map[string]any{"privateIpAddress": "127.0.0.1"}, "createdTime": "2026-11-22T12:00:00Z", "azs": []any{},
	})
	if len(a.alb) != len("alb-")+10 || strings.Trim(a.alb[4:], "abcdefghijklmnopqrstuvwxyz234567") != "" {
		t.Errorf("id %q is not alb- and 10 lower-case base32 characters", a.alb)
	}
}

func TestLoadBalancerLives(t *testing.T) {
	a := newAPI(t)
	id := a.create("loadBalancers", `{"loadBalancerName":"第二","subnetId":"s","azs":["z1","z2"],"privateIpAddress":"127.0.0.2","description":"d","deleteProtection":true}`)
	path := base + "loadBalancers/" + id
	want := map[string]any{
		"loadBalancerId": id, "loadBalancerName": "第二", "type": "alb", "subnetId": "s", "azs": []any{"z1", "z2"},
		"privateIp": map[string]any{"privateIpAddress": "127.0.0.2"}, "description": "d", "deleteProtection": true,
	}
	expectFields(t, a.must("GET", path, "")["loadBalancer"], want)
	a.call("DELETE", path, "").expect(t, lbapi.Conflict, "deleteProtection", "is protected")
	a.must("PATCH", path, `{"deleteProtection":false,"description":""}`)
	want["deleteProtection"], want["description"] = false, ""
	expectFields(t, a.must("GET", path, "")["loadBalancer"], want)
	a.must("DELETE", path, "")
	a.call("GET", path, "").expect(t, lbapi.NotFound, "loadBalancerId", "there is no load balancer")
	a.expectStored()
}

func TestListenerLives(t *testing.T) {
	a := newAPI(t)
	_, service, id := a.fixture()
	path := base + "listeners/" + id
	want := map[string]any{
		"listenerId": id, "listenerName": "web", "loadBalancerId": a.alb, "protocol": "Http", "port": 80.0, "backendId": service,
		"action": "Forward", "status": "On", "connectionIdleTimeSeconds": 60.0, "description": "",
	}
	expectFields(t, a.must("GET", path, "")["listener"], want)
	other := a.create("backends", `{"backendName":"other","loadBalancerId":"$ALB","protocol":"Http","port":1,"healthCheckSpec":{"protocol":"Tcp"}}`)
	a.must("PATCH", path, `{"status":"Off","connectionIdleTimeSeconds":86400,"backendId":"`+other+`","description":null,
		"regionId":"local","listenerId":"`+id+`"}`)
	want["status"], want["connectionIdleTimeSeconds"], want["backendId"] = "Off", 86400.0, other
	expectFields(t, a.must("GET", path, "")["listener"], want)
	a.must("DELETE", path+"?regionId=local&listenerId="+id, "")
	a.call("DELETE", path, "").expect(t, lbapi.NotFound, "listenerId", "there is no listener")
	a.expectStored()
}

func TestBackendServiceLives(t *testing.T) {
	a := newAPI(t)
	group, id, _ := a.fixture()
	path := base + "backends/" + id
	check := map[string]any{
		"protocol": "Http", "healthyThresholdCount": 3.0, "unhealthyThresholdCount": 3.0, "checkTimeoutSeconds": 3.0,
		"intervalSeconds": 5.0, "port": 0.0, "httpVersion": "HTTP1.0", "httpPath": "/", "httpCode": []any{"2xx", "3xx"},
	}
	want := map[string]any{
		"backendId": id, "backendName": "web", "protocol": "Http", "port": 8080.0, "algorithm": "RoundRobin",
		"targetGroupIds": []any{group}, "sessionStickiness": false, "httpCookieExpireSeconds": 0.0, "httpCookieSameSite": "Lax",
		"httpForwardedProtocol": false, "httpForwardedPort": false, "httpForwardedHost": false, "httpForwardedVip": false,
		"httpForwardedClientPort": false, "proxyProtocol": false, "healthCheck": check,
	}
	expectFields(t, a.must("GET", path, "")["backend"], want)

	a.must("PATCH", path, `{"sessionStickiness":true,"httpCookieExpireSeconds":60,"httpCookieSameSite":"None","httpForwardedProtocol":true,"httpForwardedPort":true,
		"httpForwardedHost":true,"httpForwardedVip":true,"httpForwardedClientPort":true,"targetGroupIds":[]}`)
	for _, name := range []string{"sessionStickiness", "httpForwardedProtocol", "httpForwardedPort", "httpForwardedHost", "httpForwardedVip", "httpForwardedClientPort"} {
		want[name] = true
	}
	want["httpCookieExpireSeconds"], want["httpCookieSameSite"], want["targetGroupIds"] = 60.0, "None", []any{}
	expectFields(t, a.must("GET", path, "")["backend"], want)

	// One call may turn persistence off and leave the scheduler that allowed it.
	a.must("PATCH", path, `{"sessionStickiness":false,"httpCookieExpireSeconds":0,"algorithm":"IpHash"}`)
	want["sessionStickiness"], want["httpCookieExpireSeconds"], want["algorithm"] = false, 0.0, "IpHash"
	expectFields(t, a.must("GET", path, "")["backend"], want)
	a.expectStored()
}

func TestHealthCheckGoesOffAndOn(t *testing.T) {
	a := newAPI(t)
	_, id, _ := a.fixture()
	path := base + "backends/" + id
	check := func() map[string]any {
		backend, _ := a.must("GET", path, "")["backend"].(map[string]any)
		found, _ := backend["healthCheck"].(map[string]any)
		return found
	}
	for _, step := range []struct {
		body string
		want map[string]any
	}{
		{`{"closeHealthCheck":false,"healthCheckSpec":{"protocol":"Http","httpPath":"/a"}}`, map[string]any{"protocol": "Http", "httpPath": "/a"}},
		{`{"closeHealthCheck":false}`, map[string]any{"protocol": "Http", "httpPath": "/a"}},
		{`{"closeHealthCheck":true}`, map[string]any{"protocol": "", "intervalSeconds": 0.0}},
		{`{"description":"no word of the check"}`, map[string]any{"protocol": ""}},
		{`{"closeHealthCheck":null}`, map[string]any{"protocol": ""}},
		{`{"closeHealthCheck":false}`, map[string]any{"protocol": "Http", "httpPath": "/a", "intervalSeconds": 5.0}},
		{`{"closeHealthCheck":true}`, map[string]any{"protocol": ""}},
		{`{"healthCheckSpec":{"protocol":"Http","httpCode":["200-299"]}}`, map[string]any{"protocol": "Http", "httpPath": "/a", "httpCode": []any{"200-299"}}},
		{`{"closeHealthCheck":true}`, map[string]any{"protocol": ""}},
		{`{"healthCheckSpec":{"protocol":"Tcp"}}`, map[string]any{"protocol": "Tcp"}},
	} {
		a.must("PATCH", path, step.body)
		got := check()
		expectFields(t, got, step.want)
		if _, shown := got["httpPath"]; shown != (step.want["protocol"] == "Http") {
			t.Errorf("after %s the check is %v", step.body, got)
		}
		a.expectStored()
	}
}

// A check that was turned off before the store kept it can't come back.
func TestACheckThatIsNotThereIsNotTurnedOn(t *testing.T) {
	a := newAPI(t)
	_, id, _ := a.fixture()
	object := *a.state.Current().BackendServices[id]
	object.HealthCheck = lbapi.HealthCheck{}
	edit := a.state.Current().Edit()
	snapshot.Put(edit, &object)
	_, records, err := edit.Done()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.store.Commit(t.Context(), a.state.Current().Revision, records, nil); err != nil {
		t.Fatal(err)
	}
	path := base + "backends/" + id
	a.call("PATCH", path, `{"closeHealthCheck":false}`).expect(t, lbapi.InvalidArgument, "closeHealthCheck", "there is no health check to turn on again")
	a.must("PATCH", path, `{"closeHealthCheck":true}`)
	a.call("PATCH", path, `{"closeHealthCheck":false}`).expect(t, lbapi.InvalidArgument, "closeHealthCheck", "there is no health check to turn on again")
	a.must("PATCH", path, `{"healthCheckSpec":{"protocol":"Tcp"}}`)
	a.must("PATCH", path, `{"closeHealthCheck":false}`)
}

func TestServersComeChangeAndGo(t *testing.T) {
	a := newAPI(t)
	group, _, _ := a.fixture()
	path := base + "targetGroups/" + group
	registered := a.must("POST", path+":registerTargets", `{"targetSpecs":[
		{"type":"ip","ipAddress":"10.0.0.1"},{"type":"ip","ipAddress":"10.0.0.1","port":81,"weight":0},
		{"type":"ip","ipAddress":"fd00::1","port":65535,"weight":100}]}`)
	ids, _ := registered["targetIds"].([]any)
	if len(ids) != 3 {
		t.Fatalf("got %v", registered)
	}
	server := func(id any, address string, port, weight float64) map[string]any {
		return map[string]any{"targetId": id, "targetGroupId": group, "type": "ip", "ipAddress": address, "port": port, "weight": weight}
	}
	expect := func(want ...any) {
		t.Helper()
		described := a.must("GET", path+":describeTargets", "")
		if diff := cmp.Diff(map[string]any{"targets": want, "totalCount": float64(len(want))}, described); diff != "" {
			t.Errorf("described (-want +got):\n%s", diff)
		}
		shown, _ := a.must("GET", path, "")["targetGroup"].(map[string]any)
		if diff := cmp.Diff(want, shown["targets"]); diff != "" {
			t.Errorf("in the group (-want +got):\n%s", diff)
		}
	}
	expect(server(ids[0], "10.0.0.1", 0, 10), server(ids[1], "10.0.0.1", 81, 0), server(ids[2], "fd00::1", 65535, 100))

	// A swap of two ports is no duplicate: the result of the whole call counts.
	second, _ := ids[1].(string)
	first, _ := ids[0].(string)
	a.must("POST", path+"%3AupdateTargets", `{"targetGroupId":"`+group+`","targetUpdateSpecs":[
		{"targetId":"`+first+`","port":81},{"targetId":"`+second+`","port":0,"weight":7}]}`)
	expect(server(ids[0], "10.0.0.1", 81, 10), server(ids[1], "10.0.0.1", 0, 7), server(ids[2], "fd00::1", 65535, 100))

	a.must("POST", path+":deregisterTargets", `{"targetIds":["`+second+`","`+first+`"]}`)
	expect(server(ids[2], "fd00::1", 65535, 100))
	a.expectStored()
}

func TestInstancesShowTheirAddresses(t *testing.T) {
	a := newAPI(t)
	group := a.create("targetGroups", `{"targetGroupName":"vms","loadBalancerId":"$ALB"}`)
	path := base + "targetGroups/" + group
	a.must("POST", path+":registerTargets", `{"targetSpecs":[{"type":"vm","instanceId":"vm-1"},{"type":"container","instanceId":"c-1"}]}`)
	targets, _ := a.must("GET", path+":describeTargets", "")["targets"].([]any)
	if len(targets) != 2 {
		t.Fatalf("got %v", targets)
	}
	expectFields(t, targets[0], map[string]any{"type": "vm", "instanceId": "vm-1", "ipAddress": "10.0.0.5"})
	expectFields(t, targets[1], map[string]any{"type": "container", "instanceId": "c-1", "ipAddress": "10.0.0.7"})
	for _, stored := range a.state.Current().ServerGroups[group].Servers {
		if stored.Address != "" {
			t.Errorf("the address %s of instance %s is stored; it may change without a call", stored.Address, stored.InstanceID)
		}
	}
}

func TestServerHealthIsTheNodes(t *testing.T) {
	a := newAPI(t)
	group, service, _ := a.fixture()
	registered := a.must("POST", base+"targetGroups/"+group+":registerTargets",
		`{"targetSpecs":[{"type":"ip","ipAddress":"10.0.0.1"},{"type":"ip","ipAddress":"10.0.0.2","port":81,"weight":5}]}`)
	ids, _ := registered["targetIds"].([]any)
	first, _ := ids[0].(string)
	a.node.servers = []status.Server{{
		Object: &lbapi.Server{ID: first}, Status: lbapi.Unhealthy, Sessions: new(int),
		Reason: lbapi.UnhealthyReason{Reason: lbapi.ConnectFailed, Detail: "connection refused"},
	}}
	got := a.must("GET", base+"backends/"+service+"/health", "")
	want := map[string]any{"totalCount": 2.0, "targetHealths": []any{
		map[string]any{
			"targetGroupId": group, "ipAddress": "10.0.0.1", "type": "ip", "port": 8080.0, "weight": 10.0, "status": "unhealthy",
			"unhealthReason": map[string]any{"reason": "CONNECT_FAILED", "detail": "connection refused"},
			"sessions":       map[string]any{"count": 0.0, "windowSeconds": 300.0},
		},
		map[string]any{"targetGroupId": group, "ipAddress": "10.0.0.2", "type": "ip", "port": 81.0, "weight": 5.0, "status": "unknown"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	a.must("PATCH", base+"backends/"+service, `{"closeHealthCheck":true,"targetGroupIds":[]}`)
	got = a.must("GET", base+"backends/"+service+"/health", "")
	if diff := cmp.Diff(map[string]any{"totalCount": 0.0, "targetHealths": []any{}}, got); diff != "" {
		t.Errorf("without a group (-want +got):\n%s", diff)
	}
}

func TestAChangeToTheSameChangesNothing(t *testing.T) {
	a := newAPI(t)
	group, service, listener := a.fixture()
	before := a.state.Current()
	a.must("PATCH", base+"listeners/"+listener, `{"listenerName":"web","status":"On"}`)
	a.must("PATCH", base+"backends/"+service, `{"targetGroupIds":["`+group+`"],"healthCheckSpec":{"protocol":"Http"}}`)
	a.must("PATCH", base+"targetGroups/"+group, `{}`)
	a.must("PATCH", base+"loadBalancers/"+a.alb, `{"loadBalancerName":"alb-default"}`)
	if a.state.Current() != before {
		t.Errorf("revision went from %d to %d", before.Revision, a.state.Current().Revision)
	}
}

func TestAnEmptyListIsAListAndNeverNull(t *testing.T) {
	a := newAPI(t)
	balancer := a.create("loadBalancers", `{"loadBalancerName":"second"}`)
	expectFields(t, a.must("GET", base+"loadBalancers/"+balancer, "")["loadBalancer"], map[string]any{"azs": []any{}})
	group := a.create("targetGroups", `{"targetGroupName":"empty","loadBalancerId":"`+a.alb+`"}`)
	expectFields(t, a.must("GET", base+"targetGroups/"+group, "")["targetGroup"], map[string]any{"targets": []any{}})
}

// An IPv4-mapped address names the same host as the IPv4 address, and listings show and find it by either.
func TestAddressesAreShownInTheirShortestForm(t *testing.T) {
	a := newAPI(t)
	balancer := a.create("loadBalancers", `{"loadBalancerName":"mapped","privateIpAddress":"::ffff:127.0.0.7"}`)
	expectFields(t, a.must("GET", base+"loadBalancers/"+balancer, "")["loadBalancer"], map[string]any{
		"privateIp": map[string]any{"privateIpAddress": "127.0.0.7"},
	})
	group := a.create("targetGroups", `{"targetGroupName":"servers","loadBalancerId":"$ALB","type":"ip"}`)
	path := base + "targetGroups/" + group
	a.must("POST", path+":registerTargets", servers(`{"type":"ip","ipAddress":"::ffff:10.0.0.8"},{"type":"ip","ipAddress":"FD00:0::8"}`))
	for text, want := range map[string]string{
		"10.0.0.8": "10.0.0.8", "::ffff:10.0.0.8": "10.0.0.8", "fd00::8": "fd00::8", "fd00:0:0::8": "fd00::8",
	} {
		described := a.must("GET", path+":describeTargets?filters.1.name=ipAddress&filters.1.values.1="+text, "")
		targets, _ := described["targets"].([]any)
		if len(targets) != 1 {
			t.Fatalf("%d servers have the address %s", len(targets), text)
		}
		expectFields(t, targets[0], map[string]any{"ipAddress": want})
	}
}
