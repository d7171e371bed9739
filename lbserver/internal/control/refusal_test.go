package control

import (
	"fmt"
	"strings"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// refusalCase is a call that is refused for one reason. In path and body $ALB, $ALB2, $GROUP, $VMS, $SERVICE, $OTHER,
// $LISTENER and $SERVER stand for ids.
type refusalCase struct {
	name, method, path, body string
	status                   lbapi.ErrorStatus
	field, reason            string
}

const (
	bad      = lbapi.InvalidArgument
	conflict = lbapi.Conflict
	missing  = lbapi.NotFound
	later    = "is not supported by lbserver yet"
)

func post(name, path, body string, status lbapi.ErrorStatus, field, reason string) refusalCase {
	return refusalCase{name, "POST", path, body, status, field, reason}
}

func patch(name, path, body string, status lbapi.ErrorStatus, field, reason string) refusalCase {
	return refusalCase{name, "PATCH", path, body, status, field, reason}
}

// listener is the body of a good creation with one more field, which may be one of its own: then that one is left out
// of the rest.
func listener(field string) string {
	return merged(`"listenerName":"l"|"loadBalancerId":"$ALB"|"protocol":"Http"|"port":81|"backendId":"$SERVICE"`, field)
}

func service(field string) string {
	return merged(`"backendName":"b"|"loadBalancerId":"$ALB"|"protocol":"Http"|"port":81|"healthCheckSpec":{"protocol":"Tcp"}`, field)
}

func check(fields string) string { return service(`"healthCheckSpec":{` + fields + `}`) }

func merged(fields, field string) string {
	name, _, _ := strings.Cut(field, ":")
	body := []string{}
	for each := range strings.SplitSeq(fields, "|") {
		if !strings.HasPrefix(each, name+":") {
			body = append(body, each)
		}
	}
	return "{" + strings.Join(append(body, field), ",") + "}"
}

func servers(specs string) string { return `{"targetSpecs":[` + specs + `]}` }

func listenerCases() []refusalCase {
	const path = "listeners/"
	return []refusalCase{
		post("no name", path, listener(`"listenerName":null`), bad, "listenerName", "must be given"),
		post("name with a space", path, listener(`"listenerName":"a b"`), bad, "listenerName", "letters"),
		post("name of 33", path, listener(`"listenerName":"`+strings.Repeat("x", 33)+`"`), bad, "listenerName", "33"),
		post("no load balancer", path, listener(`"loadBalancerId":null`), bad, "loadBalancerId", "must be given"),
		post("unknown load balancer", path, listener(`"loadBalancerId":"alb-x"`), bad, "loadBalancerId", "there is no load balancer"),
		post("no protocol", path, listener(`"protocol":null`), bad, "protocol", "must be given"),
		post("Https", path, listener(`"protocol":"Https"`), bad, "protocol", later),
		post("Tcp", path, listener(`"protocol":"Tcp"`), bad, "protocol", later),
		post("Tls", path, listener(`"protocol":"Tls"`), bad, "protocol", later),
		post("Udp", path, listener(`"protocol":"Udp"`), bad, "protocol", `"Udp" is not supported`),
		post("protocol in small letters", path, listener(`"protocol":"http"`), bad, "protocol", "must be one of"),
		post("port 0", path, listener(`"port":0`), bad, "port", "1 to 65535"),
		post("port 65536", path, listener(`"port":65536`), bad, "port", "1 to 65535"),
		post("port as text", path, listener(`"port":"80"`), bad, "port", "must be a number"),
		post("port taken", path, listener(`"port":80`), conflict, "port", `held by listener "web" ($LISTENER)`),
		post("port taken on the same VIP", path, `{"listenerName":"l","loadBalancerId":"$ALB2","protocol":"Http","port":80,"backendId":"$OTHER"}`,
			conflict, "port", `held by listener "web" ($LISTENER)`),
		post("no backend service", path, listener(`"backendId":null`), bad, "backendId", "must be given"),
		post("unknown backend service", path, listener(`"backendId":"backend-x"`), bad, "backendId", "there is no backend service"),
		post("backend service of another load balancer", path, listener(`"backendId":"$OTHER"`), bad, "backendId", "must be on the listener's"),
		post("action", path, listener(`"action":"Redirect"`), bad, "action", "must be one of"),
		post("idle timeout 0", path, listener(`"connectionIdleTimeSeconds":0`), bad, "connectionIdleTimeSeconds", "1 to 86400"),
		post("idle timeout 86401", path, listener(`"connectionIdleTimeSeconds":86401`), bad, "connectionIdleTimeSeconds", "1 to 86400"),
		post("description of 257", path, listener(`"description":"`+strings.Repeat("x", 257)+`"`), bad, "description", "256"),
		post("status", path, listener(`"status":"Off"`), bad, "status", "cannot be given to a creation"),
		post("URL map", path, listener(`"urlMapId":"urlmap-x"`), bad, "urlMapId", later),
		post("certificates", path, listener(`"certificateSpecs":[{}]`), bad, "certificateSpecs", later),
		post("HSTS", path, listener(`"hstsEnable":false`), bad, "hstsEnable", later),
		post("HSTS age", path, listener(`"hstsMaxAge":1`), bad, "hstsMaxAge", later),
		post("limitation", path, listener(`"limitation":{"qps":-1}`), bad, "limitation", later),
		post("a field of other clouds", path, listener(`"securityPolicyId":"x"`), bad, "securityPolicyId", "is not supported by lbserver"),
		post("a field nobody knows", path, listener(`"bakendId":"x"`), bad, "bakendId", "is not a field"),
		post("a field in other letters", path, listener(`"Port":81`), bad, "Port", "is not a field"),
		post("a field twice", path, `{"port":81,`+listener(`"port":82`)[1:], bad, "port", "is given twice"),
		post("another region in the body", path, listener(`"regionId":"cn-north-1"`), bad, "regionId", `must be "local"`),

		patch("unknown", "listeners/listener-x", `{}`, missing, "listenerId", "there is no listener"),
		patch("protocol", "listeners/$LISTENER", `{"protocol":"Http"}`, bad, "protocol", "cannot be changed"),
		patch("port", "listeners/$LISTENER", `{"port":80}`, bad, "port", "cannot be changed"),
		patch("load balancer", "listeners/$LISTENER", `{"loadBalancerId":"$ALB"}`, bad, "loadBalancerId", "cannot be changed"),
		patch("status", "listeners/$LISTENER", `{"status":"on"}`, bad, "status", "must be one of"),
		patch("name", "listeners/$LISTENER", `{"listenerName":""}`, bad, "listenerName", "has 0 characters"),
		patch("another id in the body", "listeners/$LISTENER", `{"listenerId":"listener-x"}`, bad, "listenerId", "as in the path"),
		patch("an id that is no text", "listeners/$LISTENER", `{"listenerId":["$LISTENER"]}`, bad, "listenerId", "as in the path"),
		patch("unknown backend service", "listeners/$LISTENER", `{"backendId":""}`, bad, "backendId", "there is no backend service"),
		patch("backend service of another load balancer", "listeners/$LISTENER", `{"backendId":"$OTHER"}`, bad, "backendId", "must be on the listener's"),
		patch("limitation", "listeners/$LISTENER", `{"limitation":{}}`, bad, "limitation", later),
		post("SNI certificates", "listeners/$LISTENER:addListenerCertificates", `{}`, bad, "path", later),
	}
}

func backendServiceCases() []refusalCase {
	const path, object = "backends/", "backends/$SERVICE"
	const checkPath = `"protocol":"Http","httpPath":`
	return []refusalCase{
		post("no health check", path, service(`"healthCheckSpec":null`), bad, "healthCheckSpec", "must be given"),
		post("protocol Tcp", path, service(`"protocol":"Tcp"`), bad, "protocol", later),
		post("protocol Https", path, service(`"protocol":"Https"`), bad, "protocol", "must be one of"),
		post("port 0", path, service(`"port":0`), bad, "port", "1 to 65535"),
		post("algorithm", path, service(`"algorithm":"Random"`), bad, "algorithm", "must be one of"),
		post("unknown group", path, service(`"targetGroupIds":["tg-x"]`), bad, "targetGroupIds", "there is no server group"),
		post("group of another load balancer", path, `{"backendName":"b","loadBalancerId":"$ALB2","protocol":"Http","port":1,"targetGroupIds":["$GROUP"],"healthCheckSpec":{"protocol":"Tcp"}}`,
			bad, "targetGroupIds", "must be on the backend service's"),
		post("two groups", path, service(`"targetGroupIds":["$GROUP","$VMS"]`), bad, "targetGroupIds", "more than one"),
		post("persistence with source IP", path, service(`"algorithm":"IpHash","sessionStickiness":true`), bad, "sessionStickiness", "RoundRobin"),
		post("persistence with least connections", path, service(`"algorithm":"LeastConn","sessionStickiness":true`), bad, "sessionStickiness", "RoundRobin"),
		post("persistence timeout", path, service(`"httpCookieExpireSeconds":86401`), bad, "httpCookieExpireSeconds", "0 to 86400"),
		post("persistence timeout below", path, service(`"httpCookieExpireSeconds":-1`), bad, "httpCookieExpireSeconds", "0 to 86400"),
		post("SameSite in another case", path, service(`"httpCookieSameSite":"lax"`), bad, "httpCookieSameSite", "must be one of"),
		post("empty SameSite", path, service(`"httpCookieSameSite":""`), bad, "httpCookieSameSite", "must be one of"),
		post("PROXY protocol", path, service(`"proxyProtocol":true`), bad, "proxyProtocol", "Tcp"),
		post("sticky timeout of other clouds", path, service(`"sessionStickyTimeout":1`), bad, "sessionStickyTimeout", "is not supported by lbserver"),
		post("draining of other clouds", path, service(`"connectionDrainingSeconds":1`), bad, "connectionDrainingSeconds", "is not supported by lbserver"),
		post("closeHealthCheck", path, service(`"closeHealthCheck":true`), bad, "closeHealthCheck", "cannot be given to a creation"),
		post("check without protocol", path, check(`"port":1`), bad, "healthCheckSpec.protocol", "must be given"),
		post("check with an empty protocol", path, check(`"protocol":""`), bad, "healthCheckSpec.protocol", "must not be empty"),
		post("check protocol", path, check(`"protocol":"Udp"`), bad, "healthCheckSpec.protocol", "must be one of"),
		post("check threshold", path, check(`"protocol":"Tcp","healthyThresholdCount":0`), bad, "healthCheckSpec.healthyThresholdCount", "1 to 5"),
		post("check unhealthy threshold", path, check(`"protocol":"Tcp","unhealthyThresholdCount":6`), bad, "healthCheckSpec.unhealthyThresholdCount", "1 to 5"),
		post("check timeout", path, check(`"protocol":"Tcp","checkTimeoutSeconds":1`), bad, "healthCheckSpec.checkTimeoutSeconds", "2 to 60"),
		post("check interval", path, check(`"protocol":"Tcp","intervalSeconds":301`), bad, "healthCheckSpec.intervalSeconds", "5 to 300"),
		post("check port", path, check(`"protocol":"Tcp","port":65536`), bad, "healthCheckSpec.port", "0 to 65535"),
		post("check path with Tcp", path, check(`"protocol":"Tcp","httpPath":"/"`), bad, "healthCheckSpec.httpPath", "Http"),
		post("check domain with Tcp", path, check(`"protocol":"Tcp","httpDomain":"a"`), bad, "healthCheckSpec.httpDomain", "Http"),
		post("check version with Tcp", path, check(`"protocol":"Tcp","httpVersion":"HTTP1.1"`), bad, "healthCheckSpec.httpVersion", "Http"),
		post("check codes with Tcp", path, check(`"protocol":"Tcp","httpCode":["2xx"]`), bad, "healthCheckSpec.httpCode", "Http"),
		post("check version", path, check(`"protocol":"Http","httpVersion":"HTTP2"`), bad, "healthCheckSpec.httpVersion", "must be one of"),
		post("check path", path, check(checkPath+`"x"`), bad, "healthCheckSpec.httpPath", `start with "/"`),
		post("check path with a bare %", path, check(checkPath+`"/%zz"`), bad, "healthCheckSpec.httpPath", "hex digits"),
		post("check path of 1001", path, check(checkPath+`"/`+strings.Repeat("x", 1000)+`"`), bad, "healthCheckSpec.httpPath", "1000"),
		post("check path with a line end", path, check(checkPath+`"/\r\nX: y"`), bad, "healthCheckSpec.httpPath", "visible"),
		post("check domain", path, check(`"protocol":"Http","httpDomain":"a b"`), bad, "healthCheckSpec.httpDomain", "host name"),
		post("check code", path, check(`"protocol":"Http","httpCode":["5xx"]`), bad, "healthCheckSpec.httpCode", "5xx"),
		post("no check codes", path, check(`"protocol":"Http","httpCode":[]`), bad, "healthCheckSpec.httpCode", "at least one"),
		post("unknown field of a check", path, check(`"protocol":"Http","path":"/"`), bad, "healthCheckSpec.path", "is not a field"),

		patch("unknown", "backends/backend-x", `{}`, missing, "backendId", "there is no backend service"),
		patch("protocol", object, `{"protocol":"Http"}`, bad, "protocol", "cannot be changed"),
		patch("persistence onto source IP", object, `{"sessionStickiness":true,"algorithm":"IpHash"}`, bad, "sessionStickiness", "RoundRobin"),
		patch("source IP under persistence", "backends/$STICKY", `{"algorithm":"IpHash"}`, bad, "sessionStickiness", "RoundRobin"),
		patch("SameSite", object, `{"httpCookieSameSite":"Any"}`, bad, "httpCookieSameSite", "must be one of"),
		patch("check off and on", object, `{"closeHealthCheck":true,"healthCheckSpec":{"protocol":"Tcp"}}`, bad, "closeHealthCheck", "together"),
		patch("check without protocol", object, `{"healthCheckSpec":{"port":1}}`, bad, "healthCheckSpec.protocol", "must be given"),
		{"in use", "DELETE", object, "", conflict, "backendId", `listener "web" ($LISTENER)`},
		{"unknown part", "GET", object + "/weather", "", missing, "path", "nothing at"},
		{"health of an unknown one", "GET", "backends/backend-x/health", "", missing, "backendId", "there is no backend service"},
	}
}

func serverGroupCases() []refusalCase {
	const group, vms = "targetGroups/$GROUP", "targetGroups/$VMS"
	const register, deregister, update = group + ":registerTargets", group + ":deregisterTargets", group + ":updateTargets"
	address := func(address string) string { return servers(`{"type":"ip","ipAddress":"` + address + `"}`) }
	return []refusalCase{
		post("type", "targetGroups/", `{"targetGroupName":"g","loadBalancerId":"$ALB","type":"vm"}`, bad, "type", "must be one of"),
		patch("type", group, `{"type":"ip"}`, bad, "type", "cannot be changed"),
		{"in use", "DELETE", group, "", conflict, "targetGroupId", `backend service "web" ($SERVICE)`},
		post("unknown group", "targetGroups/tg-x:registerTargets", address("10.0.0.9"), missing, "targetGroupId", "there is no server group"),
		post("no list", register, `{}`, bad, "targetSpecs", "must be given"),
		post("empty list", register, servers(``), bad, "targetSpecs", "at least one"),
		post("null in the list", register, servers(`null`), bad, "targetSpecs[0]", "must not be null"),
		post("no type", register, servers(`{"ipAddress":"10.0.0.9"}`), bad, "targetSpecs[0].type", "must be given"),
		post("no address", register, servers(`{"type":"ip"}`), bad, "targetSpecs[0].ipAddress", "an IPv4 or IPv6 address"),
		post("a host name", register, address("example.com"), bad, "targetSpecs[0].ipAddress", "an IPv4 or IPv6 address"),
		post("an instance in a group of addresses", register, servers(`{"type":"vm","instanceId":"vm-1"}`), bad, "targetSpecs[0].type", "does not go into"),
		post("an address in a group of instances", vms+":registerTargets", address("10.0.0.9"), bad, "targetSpecs[0].type", "does not go into"),
		post("address and instance", register, servers(`{"type":"ip","ipAddress":"10.0.0.9","instanceId":"vm-1"}`), bad, "targetSpecs[0].instanceId", "must not be given"),
		post("another network", register, address("8.8.8.8"), bad, "targetSpecs[0].ipAddress", "10.0.0.0/8"),
		post("link-local", register, address("169.254.169.254"), bad, "targetSpecs[0].ipAddress", "link-local"),
		post("link-local in other clothes", register, address("::ffff:169.254.169.254"), bad, "targetSpecs[0].ipAddress", "link-local"),
		post("link-local of IPv6", register, address("fe80::1"), bad, "targetSpecs[0].ipAddress", "link-local"),
		post("port", register, servers(`{"type":"ip","ipAddress":"10.0.0.9","port":65536}`), bad, "targetSpecs[0].port", "0 to 65535"),
		post("weight", register, servers(`{"type":"ip","ipAddress":"10.0.0.9","weight":101}`), bad, "targetSpecs[0].weight", "0 to 100"),
		post("all or nothing", register, servers(`{"type":"ip","ipAddress":"10.0.0.9"},{"type":"ip","ipAddress":"8.8.8.8"}`), bad, "targetSpecs[1].ipAddress", "10.0.0.0/8"),
		post("there already", register, address("10.0.0.1"), conflict, "targetSpecs[0]", "as server $SERVER"),
		post("there already in other clothes", register, address("::ffff:10.0.0.1"), conflict, "targetSpecs[0]", "as server $SERVER"),
		post("twice in a call", register, servers(`{"type":"ip","ipAddress":"10.0.0.9"},{"type":"ip","ipAddress":"10.0.0.9"}`), conflict, "targetSpecs[1]", "another server of this call"),
		post("no instance", vms+":registerTargets", servers(`{"type":"vm"}`), bad, "targetSpecs[0].instanceId", "must be given"),
		post("instance with an address", vms+":registerTargets", servers(`{"type":"vm","instanceId":"vm-1","ipAddress":"10.0.0.5"}`), bad, "targetSpecs[0].ipAddress", "only when"),
		post("unknown instance", vms+":registerTargets", servers(`{"type":"vm","instanceId":"vm-9"}`), bad, "targetSpecs[0].instanceId", "no instance"),
		post("instance of another type", vms+":registerTargets", servers(`{"type":"container","instanceId":"vm-1"}`), bad, "targetSpecs[0].type", `as a "vm"`),
		post("instance twice", vms+":registerTargets", servers(`{"type":"vm","instanceId":"vm-1","port":1},{"type":"vm","instanceId":"vm-1","port":1}`), conflict, "targetSpecs[1]", "vm-1"),

		post("update of an unknown one", update, `{"targetUpdateSpecs":[{"targetId":"target-x","weight":1}]}`, bad, "targetUpdateSpecs[0].targetId", "has no server"),
		post("update without id", update, `{"targetUpdateSpecs":[{"weight":1}]}`, bad, "targetUpdateSpecs[0].targetId", "must be given"),
		post("update twice", update, `{"targetUpdateSpecs":[{"targetId":"$SERVER","weight":1},{"targetId":"$SERVER","weight":2}]}`, bad, "targetUpdateSpecs[1].targetId", "a second time"),
		post("update of the weight", update, `{"targetUpdateSpecs":[{"targetId":"$SERVER","weight":-1}]}`, bad, "targetUpdateSpecs[0].weight", "0 to 100"),
		post("update onto another's port", update, `{"targetUpdateSpecs":[{"targetId":"$SERVER","port":81}]}`, conflict, "targetUpdateSpecs[0].port", "10.0.0.1"),
		post("update of the address", update, `{"targetUpdateSpecs":[{"targetId":"$SERVER","ipAddress":"10.0.0.2"}]}`, bad, "targetUpdateSpecs[0].ipAddress", "is not a field"),
		post("empty update", update, `{"targetUpdateSpecs":[]}`, bad, "targetUpdateSpecs", "at least one"),
		post("deregister an unknown one", deregister, `{"targetIds":["$SERVER","target-x"]}`, bad, "targetIds[1]", "has no server"),
		post("deregister nothing", deregister, `{"targetIds":[]}`, bad, "targetIds", "at least one"),
		post("unknown verb", group+":fireTargets", `{}`, missing, "path", "nothing at"),
	}
}

func loadBalancerCases() []refusalCase {
	body := func(field string) string { return merged(`"loadBalancerName":"x"`, field) }
	return []refusalCase{
		post("no name", "loadBalancers/", `{}`, bad, "loadBalancerName", "must be given"),
		post("type", "loadBalancers/", body(`"type":"nlb"`), bad, "type", `must be "alb"`),
		post("VIP", "loadBalancers/", body(`"privateIpAddress":"example.com"`), bad, "privateIpAddress", "an IPv4 or IPv6 address"),
		post("multicast VIP", "loadBalancers/", body(`"privateIpAddress":"224.0.0.1"`), bad, "privateIpAddress", "one host"),
		post("elastic IP", "loadBalancers/", body(`"elasticIp":{"x":1}`), bad, "elasticIp", "is not supported by lbserver"),
		patch("VIP", "loadBalancers/$ALB", `{"privateIpAddress":"127.0.0.3"}`, bad, "privateIpAddress", "cannot be changed"),
		{"in use by a group", "DELETE", "loadBalancers/$ALB3", "", conflict, "loadBalancerId", `server group "alone"`},
		{"unknown", "GET", "loadBalancers/alb-x", "", missing, "loadBalancerId", "there is no load balancer"},
		{"URL maps", "GET", "urlMaps/", "", bad, "path", later},
		{"a rule", "POST", "urlMaps/urlmap-x:addRules", "{}", bad, "path", later},
	}
}

// Every refusal names its field and its reason, and changes nothing.
func TestRefusals(t *testing.T) {
	a := newAPI(t)
	group, service, listener := a.fixture()
	vms := a.create("targetGroups", `{"targetGroupName":"vms","loadBalancerId":"$ALB"}`)
	sticky := a.create("backends", `{"backendName":"sticky","loadBalancerId":"$ALB","protocol":"Http","port":1,"sessionStickiness":true,"healthCheckSpec":{"protocol":"Tcp"}}`)
	second := a.create("loadBalancers", `{"loadBalancerName":"second"}`)
	third := a.create("loadBalancers", `{"loadBalancerName":"third","privateIpAddress":"127.0.0.3"}`)
	a.create("targetGroups", `{"targetGroupName":"alone","loadBalancerId":"`+third+`"}`)
	other := a.create("backends", `{"backendName":"other","loadBalancerId":"`+second+`","protocol":"Http","port":1,"healthCheckSpec":{"protocol":"Tcp"}}`)
	registered := a.must("POST", base+"targetGroups/"+group+":registerTargets",
		servers(`{"type":"ip","ipAddress":"10.0.0.1"},{"type":"ip","ipAddress":"10.0.0.1","port":81}`))
	ids, _ := registered["targetIds"].([]any)
	// The longer names come first: one is the beginning of another.
	fill := strings.NewReplacer("$ALB2", second, "$ALB3", third, "$ALB", a.alb, "$GROUP", group, "$VMS", vms, "$SERVICE", service,
		"$STICKY", sticky, "$OTHER", other, "$LISTENER", listener, "$SERVER", fmt.Sprint(ids[0]))
	before := a.state.Current()
	for kind, cases := range map[string][]refusalCase{
		"load balancer": loadBalancerCases(), "listener": listenerCases(),
		"backend service": backendServiceCases(), "server group": serverGroupCases(),
	} {
		for _, test := range cases {
			t.Run(kind+"/"+test.method+"/"+test.name, func(t *testing.T) {
				got := a.call(test.method, base+fill.Replace(test.path), fill.Replace(test.body))
				got.expect(t, test.status, test.field, fill.Replace(test.reason))
			})
		}
	}
	if a.state.Current() != before {
		t.Error("a refused call changed something")
	}
	a.expectStored()
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	a := newAPI(t)
	_, _, _ = a.fixture()
	form := a.call("POST", base+"listeners/", `{"port":"80","x":1,"regionId":"other","limitation":{}}`)
	expectDetails(t, form, "regionId", "limitation", "port", "x", "listenerName", "loadBalancerId", "protocol", "backendId")
	rules := a.call("POST", base+"backends/", `{"backendName":"","loadBalancerId":"$ALB","protocol":"Http","port":0,
		"sessionStickiness":true,"algorithm":"IpHash","healthCheckSpec":{"protocol":"Http","port":-1}}`)
	expectDetails(t, rules, "backendName", "port", "sessionStickiness", "healthCheckSpec.port")
}

func expectDetails(t *testing.T, got response, fields ...string) {
	t.Helper()
	if got.Error == nil {
		t.Fatal("succeeded")
	}
	names := map[string]bool{}
	for _, detail := range got.Error.Details {
		names[detail.Field] = true
		if !strings.Contains(got.Error.Message, detail.Field) || !strings.Contains(got.Error.Message, detail.Reason) {
			t.Errorf("the message %q is silent about %v", got.Error.Message, detail)
		}
	}
	for _, field := range fields {
		if !names[field] {
			t.Errorf("nothing about %s in %v", field, got.Error.Details)
		}
	}
	if len(names) != len(fields) {
		t.Errorf("details %v, want one for each of %v", got.Error.Details, fields)
	}
}

func TestInUseNamesEveryReferrer(t *testing.T) {
	a := newAPI(t)
	group, service, listener := a.fixture()
	second := a.create("listeners", `{"listenerName":"second","loadBalancerId":"$ALB","protocol":"Http","port":81,"backendId":"`+service+`"}`)
	got := a.call("DELETE", base+"backends/"+service, "")
	if got.Error == nil || got.Error.Status != lbapi.Conflict || len(got.Error.Details) != 1 {
		t.Fatalf("got %+v", got.Error)
	}
	for _, name := range []string{`"web" (` + listener + ")", `"second" (` + second + ")"} {
		if !strings.Contains(got.Error.Message, name) {
			t.Errorf("%q does not name %s", got.Error.Message, name)
		}
	}
	whole := a.call("DELETE", base+"loadBalancers/"+a.alb, "")
	for _, id := range []string{group, service, listener, second} {
		if whole.Error == nil || !strings.Contains(whole.Error.Message, id) {
			t.Errorf("%v does not name %s", whole.Error, id)
		}
	}
}

func TestQuotas(t *testing.T) {
	a := newAPI(t, func(c *Config) {
		c.Quotas = Quotas{LoadBalancers: 2, Listeners: 1, BackendServices: 1, ServerGroups: 1, Servers: 2}
	})
	group, service, _ := a.fixture()
	a.create("loadBalancers", `{"loadBalancerName":"second"}`)
	const quota = lbapi.QuotaExceeded
	a.call("POST", base+"loadBalancers", `{"loadBalancerName":"third"}`).expect(t, quota, "loadBalancerName", "2 of 2 load balancers")
	a.call("POST", base+"listeners", `{"listenerName":"l","loadBalancerId":"$ALB","protocol":"Http","port":81,"backendId":"`+service+`"}`).
		expect(t, quota, "loadBalancerId", "1 of 1 listeners")
	a.call("POST", base+"backends", `{"backendName":"b","loadBalancerId":"$ALB","protocol":"Http","port":81,"healthCheckSpec":{"protocol":"Tcp"}}`).
		expect(t, quota, "loadBalancerId", "1 of 1 backend services")
	a.call("POST", base+"targetGroups", `{"targetGroupName":"g","loadBalancerId":"$ALB"}`).
		expect(t, quota, "loadBalancerId", "1 of 1 server groups")
	register := base + "targetGroups/" + group + ":registerTargets"
	a.call("POST", register, servers(`{"type":"ip","ipAddress":"10.0.0.1"},{"type":"ip","ipAddress":"10.0.0.2"},{"type":"ip","ipAddress":"10.0.0.3"}`)).
		expect(t, quota, "targetSpecs", "0 of 2 servers")
	a.must("POST", register, servers(`{"type":"ip","ipAddress":"10.0.0.1"},{"type":"ip","ipAddress":"10.0.0.2"}`))
}

func TestQuotasCanBeRead(t *testing.T) {
	a := newAPI(t)
	a.fixture()
	second := a.create("loadBalancers", `{"loadBalancerName":"second"}`)
	quota := func(used, limit float64) map[string]any { return map[string]any{"used": used, "limit": limit} }
	for id, used := range map[string]float64{a.alb: 1, second: 0} {
		got := a.must("GET", base+"loadBalancers/"+id, "")
		expectFields(t, got["quotas"], map[string]any{
			"listeners": quota(used, 20), "backends": quota(used, 20), "targetGroups": quota(used, 20), "targetsPerGroup": 100.0,
		})
	}
	list := a.must("GET", base+"loadBalancers?filters.1.name=loadBalancerIds&filters.1.values.1="+second, "")
	expectFields(t, list["quota"], quota(2, 5))
}
