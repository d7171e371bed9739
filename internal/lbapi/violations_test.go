package lbapi

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func goodBackendService() BackendService {
	return BackendService{
		Name: "web", Protocol: HTTP, Port: 80, Scheduler: WeightedRoundRobin, SessionPersistence: true,
		CookieSameSite: SameSiteNone, ForwardedProto: true, HealthCheck: DefaultHealthCheck(HTTP),
	}
}

func TestBackendServiceViolationsNameTheField(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*BackendService)
		want   []string
	}{
		{"good", func(*BackendService) {}, nil},
		{"good, over TCP", func(b *BackendService) {
			b.Protocol, b.SessionPersistence, b.ForwardedProto, b.ProxyProtocol = TCP, false, false, true
			b.HealthCheck = DefaultHealthCheck(TCP)
		}, nil},
		{"good, without checks", func(b *BackendService) { b.HealthCheck = HealthCheck{} }, nil},
		{"persistence by source address", func(b *BackendService) { b.Scheduler = SourceIP }, []string{"sessionStickiness"}},
		{"persistence by least connections", func(b *BackendService) { b.Scheduler = WeightedLeastConnections }, []string{"sessionStickiness"}},
		{"cookies and headers over TCP", func(b *BackendService) { b.Protocol = TCP }, []string{"sessionStickiness", "httpForwardedProtocol"}},
		{"each forwarded header over TCP", func(b *BackendService) {
			b.Protocol, b.SessionPersistence, b.ForwardedProto = TCP, false, false
			b.ForwardedPort, b.ForwardedHost, b.ForwardedLBIP, b.ForwardedClientPort = true, true, true, true
		}, []string{"httpForwardedPort", "httpForwardedHost", "httpForwardedVip", "httpForwardedClientPort"}},
		{"PROXY protocol over HTTP", func(b *BackendService) { b.ProxyProtocol = true }, []string{"proxyProtocol"}},
		{"a scheduler nobody knows", func(b *BackendService) { b.Scheduler = "Random"; b.SessionPersistence = false }, []string{"algorithm"}},
		{"a listener's protocol", func(b *BackendService) { b.Protocol = HTTPS; b.SessionPersistence = false; b.ForwardedProto = false }, []string{"protocol"}},
		{"two groups", func(b *BackendService) { b.ServerGroupIDs = []string{"tg-1", "tg-2"} }, []string{"targetGroupIds"}},
		{"numbers out of range", func(b *BackendService) { b.Port, b.PersistenceTimeout = 0, 86401 }, []string{"port", "httpCookieExpireSeconds"}},
		{"a SameSite in Terraform's word", func(b *BackendService) { b.CookieSameSite = "none" }, []string{"httpCookieSameSite"}},
		{"no SameSite", func(b *BackendService) { b.CookieSameSite = "" }, []string{"httpCookieSameSite"}},
		{"SameSite without persistence", func(b *BackendService) { b.SessionPersistence = false }, nil},
		{"texts", func(b *BackendService) { b.Name, b.Description = "", strings.Repeat("x", 257) }, []string{"backendName", "description"}},
		{"the check's numbers", func(b *BackendService) {
			b.HealthCheck = HealthCheck{Protocol: TCP, HealthyThreshold: 6, UnhealthyThreshold: 0, Timeout: 1, Interval: 4, Port: -1}
		}, []string{
			"healthCheckSpec.healthyThresholdCount", "healthCheckSpec.unhealthyThresholdCount",
			"healthCheckSpec.checkTimeoutSeconds", "healthCheckSpec.intervalSeconds", "healthCheckSpec.port",
		}},
		{"the check's request", func(b *BackendService) {
			b.HealthCheck.HTTPVersion, b.HealthCheck.Domain, b.HealthCheck.Path, b.HealthCheck.Codes = "HTTP2", "a b", "x", nil
		}, []string{"healthCheckSpec.httpVersion", "healthCheckSpec.httpDomain", "healthCheckSpec.httpPath", "healthCheckSpec.httpCode"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := goodBackendService()
			test.change(&b)
			if diff := cmp.Diff(test.want, fields(b.Violations())); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListenerViolationsNameTheField(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Listener)
		want   []string
	}{
		{"good", func(*Listener) {}, nil},
		{"the widest", func(l *Listener) { l.Port, l.IdleTimeout, l.Status = 65535, 86400, Off }, nil},
		{"numbers", func(l *Listener) { l.Port, l.IdleTimeout = 65536, 0 }, []string{"port", "connectionIdleTimeSeconds"}},
		{"words", func(l *Listener) { l.Protocol, l.Action, l.Status = "Udp", "Drop", "on" }, []string{"protocol", "action", "status"}},
		{"texts", func(l *Listener) { l.Name, l.Description = "a b", "\xff" }, []string{"listenerName", "description"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := Listener{Name: "web", Protocol: HTTP, Port: 80, Action: ActionForward, Status: On, IdleTimeout: 60}
			test.change(&l)
			if diff := cmp.Diff(test.want, fields(l.Violations())); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestServerViolationsNameTheField(t *testing.T) {
	for _, test := range []struct {
		name   string
		server Server
		want   []string
	}{
		{"an address", Server{Type: ServerAddress, Address: "10.0.0.1", Port: 0, Weight: 0}, nil},
		{"an instance", Server{Type: ServerVM, InstanceID: "vm-1", Weight: 100}, nil},
		{"a container", Server{Type: ServerContainer, InstanceID: "c-1", Port: 65535}, nil},
		{"an address that is none", Server{Type: ServerAddress, Address: "x"}, []string{"targetSpecs[0].ipAddress"}},
		{"an address and an instance", Server{Type: ServerAddress, Address: "10.0.0.1", InstanceID: "vm-1"}, []string{"targetSpecs[0].instanceId"}},
		{"an instance without id", Server{Type: ServerVM}, []string{"targetSpecs[0].instanceId"}},
		{"an instance with an address", Server{Type: ServerVM, InstanceID: "vm-1", Address: "10.0.0.1"}, []string{"targetSpecs[0].ipAddress"}},
		{"numbers", Server{Type: ServerAddress, Address: "::1", Port: 65536, Weight: 101}, []string{"targetSpecs[0].port", "targetSpecs[0].weight"}},
		{"a type nobody knows", Server{Type: "pod", InstanceID: "x"}, []string{"targetSpecs[0].type"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, fields(test.server.Violations("targetSpecs[0]"))); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGroupAndLoadBalancerViolationsNameTheField(t *testing.T) {
	group := ServerGroup{Name: "a b", Type: "vm", Description: "\xff"}
	if diff := cmp.Diff([]string{"targetGroupName", "type", "description"}, fields(group.Violations())); diff != "" {
		t.Errorf("group (-want +got):\n%s", diff)
	}
	balancer := LoadBalancer{Name: "", Description: strings.Repeat("x", 257)}
	if diff := cmp.Diff([]string{"loadBalancerName", "description"}, fields(balancer.Violations())); diff != "" {
		t.Errorf("load balancer (-want +got):\n%s", diff)
	}
}

func TestAServersTypeFitsItsGroup(t *testing.T) {
	for server, group := range map[ServerType]ServerGroupType{ServerAddress: GroupOfAddresses, ServerVM: GroupOfInstances, ServerContainer: GroupOfInstances} {
		for _, other := range []ServerGroupType{GroupOfAddresses, GroupOfInstances} {
			if server.FitsGroup(other) != (other == group) {
				t.Errorf("%s in a group of %s: %t", server, other, server.FitsGroup(other))
			}
		}
	}
}

func TestAnHTTPFieldNeedsAnHTTPCheck(t *testing.T) {
	protocol, text, version, list := TCP, "x", HTTP11, []string{"2xx"}
	spec := HealthCheckSpec{Protocol: &protocol, HTTPVersion: &version, Domain: &text, Path: &text, Codes: &list}
	want := []string{"healthCheckSpec.httpVersion", "healthCheckSpec.httpDomain", "healthCheckSpec.httpPath", "healthCheckSpec.httpCode"}
	if diff := cmp.Diff(want, fields(spec.Violations())); diff != "" {
		t.Errorf("TCP (-want +got):\n%s", diff)
	}
	protocol = HTTP
	if found := spec.Violations(); len(found) != 0 {
		t.Errorf("HTTP: %v", found)
	}
	spec.Protocol = nil
	if diff := cmp.Diff([]string{"healthCheckSpec.protocol"}, fields(spec.Violations())); diff != "" {
		t.Errorf("no protocol (-want +got):\n%s", diff)
	}
}

func TestASpecChangesWhatItGivesAndHTTPFieldsWithTheProtocol(t *testing.T) {
	http, tcp, interval, path := HTTP, TCP, 7, "/up"
	check := (&HealthCheckSpec{Protocol: &http, Interval: &interval, Path: &path}).Apply(HealthCheck{})
	want := HealthCheck{
		Protocol: HTTP, HealthyThreshold: 3, UnhealthyThreshold: 3, Timeout: 3, Interval: 7,
		HTTPVersion: HTTP10, Path: "/up", Codes: []string{"2xx", "3xx"},
	}
	if diff := cmp.Diff(want, check); diff != "" {
		t.Errorf("new (-want +got):\n%s", diff)
	}
	timeout := 9
	want.Timeout = 9
	if diff := cmp.Diff(want, (&HealthCheckSpec{Protocol: &http, Timeout: &timeout}).Apply(check)); diff != "" {
		t.Errorf("same protocol (-want +got):\n%s", diff)
	}
	check = (&HealthCheckSpec{Protocol: &tcp}).Apply(check)
	want = HealthCheck{Protocol: TCP, HealthyThreshold: 3, UnhealthyThreshold: 3, Timeout: 3, Interval: 7}
	if diff := cmp.Diff(want, check); diff != "" {
		t.Errorf("another protocol (-want +got):\n%s", diff)
	}
	want = DefaultHealthCheck(HTTP)
	want.Interval = 7
	if diff := cmp.Diff(want, (&HealthCheckSpec{Protocol: &http}).Apply(check)); diff != "" {
		t.Errorf("back again (-want +got):\n%s", diff)
	}
}

func fields(details []Detail) []string {
	var names []string
	for _, detail := range details {
		if detail.Reason == "" {
			names = append(names, detail.Field+" without a reason")
			continue
		}
		names = append(names, detail.Field)
	}
	return slices.Clip(names)
}
