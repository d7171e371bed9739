package lbapi

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestRulesBetweenFieldsSpeakBothVocabularies(t *testing.T) {
	find := func(rules []Dependency, feature, on string) Dependency {
		for _, rule := range rules {
			if rule.Feature.Wire == feature && rule.On.Wire == on {
				return rule
			}
		}
		t.Fatalf("no rule for %s on %s", feature, on)
		return Dependency{}
	}
	backend, check, servers := BackendServiceDependencies(), HealthCheckDependencies(), ServerDependencies()
	for _, test := range []struct {
		rule            Dependency
		value           string
		terraform, wire string
	}{
		{
			find(backend, "sessionStickiness", "algorithm"), "IpHash",
			`Attribute "session_persistence" cannot be enabled when "scheduler" is "source_ip"; only "weighted_round_robin" keeps sessions by cookie.`,
			`"sessionStickiness" cannot be true when "algorithm" is "IpHash"; only "RoundRobin" keeps sessions by cookie.`,
		},
		{
			find(backend, "sessionStickiness", "protocol"), "Tcp",
			`Attribute "session_persistence" cannot be enabled when "protocol" is "tcp"; only "http" carries cookies.`,
			`"sessionStickiness" cannot be true when "protocol" is "Tcp"; only "Http" carries cookies.`,
		},
		{
			find(backend, "proxyProtocol", "protocol"), "Http",
			`Attribute "proxy_protocol" cannot be enabled when "protocol" is "http"; only "tcp" sends the PROXY protocol.`,
			`"proxyProtocol" cannot be true when "protocol" is "Http"; only "Tcp" sends the PROXY protocol.`,
		},
		{
			find(backend, "httpForwardedVip", "protocol"), "Tcp",
			`Attribute "forwarded_headers" cannot be enabled when "protocol" is "tcp"; only "http" carries headers.`,
			`"httpForwardedVip" cannot be true when "protocol" is "Tcp"; only "Http" carries headers.`,
		},
		{
			find(check, "healthCheckSpec.httpPath", "healthCheckSpec.protocol"), "Tcp",
			`Attribute "health_check.path" cannot be set when "health_check.protocol" is "tcp"; only "http" sends a request.`,
			`"healthCheckSpec.httpPath" cannot be given when "healthCheckSpec.protocol" is "Tcp"; only "Http" sends a request.`,
		},
		{
			find(servers, "instanceId", "type"), "ip",
			`Attribute "instance_id" cannot be set when "type" is "ip"; only "instance" holds servers by their instance.`,
			`"instanceId" cannot be given when "type" is "ip"; only "instance" holds servers by their instance.`,
		},
	} {
		if got := test.rule.Message(Terraform, test.value); got != test.terraform {
			t.Errorf("Terraform:\ngot  %s\nwant %s", got, test.terraform)
		}
		if got := test.rule.Message(Wire, test.value); got != test.wire {
			t.Errorf("wire:\ngot  %s\nwant %s", got, test.wire)
		}
	}
}

func TestAListenerNeedsABackendServiceOfItsKind(t *testing.T) {
	for _, test := range []struct {
		listener, backendService Protocol
		fits                     bool
	}{
		{HTTP, HTTP, true}, {HTTPS, HTTP, true}, {TCP, TCP, true}, {TLS, TCP, true},
		{HTTP, TCP, false}, {HTTPS, TCP, false}, {TCP, HTTP, false}, {TLS, HTTP, false},
	} {
		reason := ProtocolMismatch(Terraform, test.listener, test.backendService)
		if (reason == "") != test.fits {
			t.Errorf("%s before %s: %q", test.listener, test.backendService, reason)
		}
	}
	want := `"backendId" cannot name a backend service whose "protocol" is "Tcp" when the listener's "protocol" is "Https"; ` +
		`only a backend service with "Http" can serve it.`
	if got := ProtocolMismatch(Wire, HTTPS, TCP); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWordsGoBothWays(t *testing.T) {
	both(t, Schedulers())
	both(t, ListenerProtocols())
	both(t, BackendServiceProtocols())
	both(t, HealthCheckProtocols())
	both(t, HTTPVersions())
}

func both[T ~string](t *testing.T, words Words[T]) {
	t.Helper()
	for i, word := range words.Words() {
		wire, ok := words.Parse(word)
		if !ok || words.Word(wire) != word || !words.Has(wire) || words.Wires()[i] != string(wire) {
			t.Errorf("%q does not come back as itself", word)
		}
		if _, ok := words.Parse(string(wire)); ok {
			t.Errorf("the wire value %q is taken for a word", wire)
		}
	}
	if _, ok := words.Parse(""); ok || words.Has("") || words.Word("x") != "x" {
		t.Error("a value outside of the table is taken for one of it")
	}
}

// Every field that a call can give must have an attribute, otherwise the API's error about it could not be shown at
// one. The exceptions are fields that no configuration contains.
func TestEveryFieldOfACallHasAnAttribute(t *testing.T) {
	for _, test := range []struct {
		call  any
		terms Terms
		at    string
		none  string
	}{
		{CreateLoadBalancer{}, LoadBalancerTerms(), "", "type"},
		{PatchLoadBalancer{}, LoadBalancerTerms(), "", ""},
		{CreateListener{}, ListenerTerms(), "", "action"},
		{PatchListener{}, ListenerTerms(), "", ""},
		{CreateBackendService{}, BackendServiceTerms(), "", ""},
		{PatchBackendService{}, BackendServiceTerms(), "", ""},
		{HealthCheckSpec{}, BackendServiceTerms(), "healthCheckSpec.", ""},
		{CreateServerGroup{}, ServerGroupTerms(), "", ""},
		{RegisterServer{}, ServerTerms(), "", ""},
	} {
		call := reflect.TypeOf(test.call)
		for member := range call.Fields() {
			field, _, _ := strings.Cut(member.Tag.Get("json"), ",")
			if attribute, ok := test.terms.Attribute(test.at + field); ok == (field == test.none) || ok && attribute == "" {
				t.Errorf("%s.%s: attribute %q, %t", call.Name(), field, attribute, ok)
			}
		}
	}
	if attribute, ok := BackendServiceTerms().Attribute("targetGroupIds[1]"); !ok || attribute != "server_group_id" {
		t.Errorf("an element of a list: %q, %t", attribute, ok)
	}
	for _, odd := range []string{"", "]", "[0]", "nothing"} {
		if attribute, ok := ListenerTerms().Attribute(odd); ok {
			t.Errorf("%q has the attribute %q", odd, attribute)
		}
	}
}

func TestServerFieldTakesPathsApart(t *testing.T) {
	for field, want := range map[string]string{
		"targetSpecs[0].port": "0 port true", "targetUpdateSpecs[12].weight": "12 weight true", "targetSpecs[3]": "3  true",
		"targetSpecs": "0  false", "targetSpecs[-1].port": "0  false", "targetSpecs[99999999999999999999].port": "0  false",
		"targetIds[0]": "0  false", "xtargetSpecs[0].port": "0  false", "targetSpecs[0]port": "0  false",
	} {
		index, rest, ok := ServerField(field)
		if got := fmt.Sprint(index, " ", rest, " ", ok); got != want {
			t.Errorf("ServerField(%q) = %s, want %s", field, got, want)
		}
	}
}

func TestErrorsTellEveryDetailOnce(t *testing.T) {
	err := NewError(InvalidArgument, "port must be 1 to 65535, got 0", Detail{"port", "must be 1 to 65535, got 0"}, Detail{"protocol", "must be given"})
	if got, want := err.Error(), "port must be 1 to 65535, got 0; protocol: must be given"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var found *Error
	if !errors.As(fmt.Errorf("create: %w", err), &found) || found.Code != 400 {
		t.Errorf("found %+v", found)
	}
}

func TestEveryStatusHasItsHTTPStatus(t *testing.T) {
	for status, want := range map[ErrorStatus]int{
		InvalidArgument: 400, Unauthenticated: 401, PermissionDenied: 403, NotFound: 404, MethodNotAllowed: 405, Conflict: 409,
		PayloadTooLarge: 413, QuotaExceeded: 429, TooManyRequests: 429, Internal: 500, Unavailable: 503, "": 500,
	} {
		if got := status.HTTPStatus(); got != want {
			t.Errorf("%s is HTTP %d, want %d", status, got, want)
		}
	}
}

func TestPathsAreThoseOfTheAPI(t *testing.T) {
	for got, want := range map[string]string{
		Listeners.Path("local"):                                          "/v1/regions/local/listeners/",
		BackendServices.ObjectPath("local", "backend-1"):                 "/v1/regions/local/backends/backend-1",
		ServerGroups.VerbPath("cn-north-1", "tg-1", VerbRegisterServers): "/v1/regions/cn-north-1/targetGroups/tg-1:registerTargets",
		HealthPath("local", "backend-1"):                                 "/v1/regions/local/backends/backend-1/health",
		LoadBalancers.ObjectPath("a/b", "../x?y#z"):                      "/v1/regions/a%2Fb/loadBalancers/..%2Fx%3Fy%23z",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
