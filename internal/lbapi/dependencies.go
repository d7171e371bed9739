package lbapi

import (
	"fmt"
	"strings"
)

// Vocabulary is the set of names that a rule's message uses: the wire format's or Terraform's.
type Vocabulary int

// The vocabularies.
const (
	Wire Vocabulary = iota
	Terraform
)

// Term is one field in both vocabularies: its JSON path in a call, and its path as a Terraform attribute.
type Term struct{ Wire, Attribute string }

func (t Term) in(v Vocabulary) string {
	if v == Terraform {
		return t.Attribute
	}
	return t.Wire
}

// The terms that the rules between fields use.
var (
	TermProtocol           = Term{"protocol", "protocol"}
	TermScheduler          = Term{"algorithm", "scheduler"}
	TermSessionPersistence = Term{"sessionStickiness", "session_persistence"}
	TermProxyProtocol      = Term{"proxyProtocol", "proxy_protocol"}
	TermCheckProtocol      = Term{"healthCheckSpec.protocol", "health_check.protocol"}
	TermGroupType          = Term{"type", "type"}
	TermServerAddress      = Term{"ipAddress", "address"}
	TermServerInstance     = Term{"instanceId", "instance_id"}
)

// ForwardedHeader is one of the headers that a backend service can add to a request.
type ForwardedHeader struct {
	Word   string // the user's word, an element of forwarded_headers
	Wire   string // the field of the API that turns it on
	Header string // the header that the servers receive
}

// ForwardedHeaders is the table of the forwarded headers.
func ForwardedHeaders() []ForwardedHeader {
	return []ForwardedHeader{
		{"proto", "httpForwardedProtocol", "X-Forwarded-Proto"},
		{"port", "httpForwardedPort", "X-Forwarded-Port"},
		{"host", "httpForwardedHost", "X-Forwarded-Host"},
		{"lbip", "httpForwardedVip", "X-Forwarded-LBIP"},
		{"client_port", "httpForwardedClientPort", "X-Forwarded-Client-Port"},
	}
}

// AttributeForwardedHeaders is the Terraform attribute that turns forwarded headers on.
const AttributeForwardedHeaders = "forwarded_headers"

// Dependency is a rule between two fields: Feature may be used only while On has one of the Allowed values.
type Dependency struct {
	Feature Term
	On      Term
	Allowed []string // wire values of On
	// Switch is set if the feature can be on or off; otherwise it is a value that is given or not.
	Switch  bool
	Because string // what the allowed values do, to end the sentence "only X …"
	word    func(wire string) string
}

// Word returns the user's word for a wire value of On.
func (d Dependency) Word(wire string) string { return d.word(wire) }

// Message says, in a vocabulary, which value (a wire value of On) rules out the feature, and which would allow it.
func (d Dependency) Message(v Vocabulary, value string) string {
	// Not %q: an attribute such as servers["a"].address contains quotes.
	feature, verb, word := `"`+d.Feature.in(v)+`"`, "given", func(wire string) string { return wire }
	if d.Switch {
		verb = "true"
	}
	if v == Terraform {
		feature, verb, word = "Attribute "+feature, "set", d.word
		if d.Switch {
			verb = "enabled"
		}
	}
	allowed := make([]string, len(d.Allowed))
	for i, wire := range d.Allowed {
		allowed[i] = fmt.Sprintf("%q", word(wire))
	}
	return fmt.Sprintf("%s cannot be %s when %q is %q; only %s %s.",
		feature, verb, d.On.in(v), word(value), strings.Join(allowed, " or "), d.Because)
}

// BackendServiceDependencies is the table of rules between the fields of a backend service. Source: product.md, "Rules,
// and where they are judged".
func BackendServiceDependencies() []Dependency {
	scheduler := func(wire string) string { return Schedulers().Word(Scheduler(wire)) }
	protocol := func(wire string) string { return BackendServiceProtocols().Word(Protocol(wire)) }
	rules := []Dependency{
		{
			Feature: TermSessionPersistence, On: TermScheduler, Allowed: []string{string(WeightedRoundRobin)},
			Switch: true, Because: "keeps sessions by cookie", word: scheduler,
		},
		{
			Feature: TermSessionPersistence, On: TermProtocol, Allowed: []string{string(HTTP)},
			Switch: true, Because: "carries cookies", word: protocol,
		},
		{
			Feature: TermProxyProtocol, On: TermProtocol, Allowed: []string{string(TCP)},
			Switch: true, Because: "sends the PROXY protocol", word: protocol,
		},
	}
	for _, header := range ForwardedHeaders() {
		rules = append(rules, Dependency{
			Feature: Term{header.Wire, AttributeForwardedHeaders}, On: TermProtocol, Allowed: []string{string(HTTP)},
			Switch: true, Because: "carries headers", word: protocol,
		})
	}
	return rules
}

// HealthCheckDependencies is the table of rules between the fields of a health check.
func HealthCheckDependencies() []Dependency {
	fields := []Term{
		{"healthCheckSpec.httpVersion", "health_check.http_version"},
		{"healthCheckSpec.httpDomain", "health_check.domain"},
		{"healthCheckSpec.httpPath", "health_check.path"},
		{"healthCheckSpec.httpCode", "health_check.codes"},
	}
	rules := make([]Dependency, len(fields))
	for i, field := range fields {
		rules[i] = Dependency{
			Feature: field, On: TermCheckProtocol, Allowed: []string{string(HTTP)}, Because: "sends a request",
			word: func(wire string) string { return HealthCheckProtocols().Word(Protocol(wire)) },
		}
	}
	return rules
}

// ServerDependencies is the table of rules between a server and the type of its group. The feature is a field of the
// server, the value is the group's type.
func ServerDependencies() []Dependency {
	word := func(wire string) string { return wire }
	return []Dependency{
		{
			Feature: TermServerAddress, On: TermGroupType, Allowed: []string{string(GroupOfAddresses)},
			Because: "holds servers by their address", word: word,
		},
		{
			Feature: TermServerInstance, On: TermGroupType, Allowed: []string{string(GroupOfInstances)},
			Because: "holds servers by their instance", word: word,
		},
	}
}

// ProtocolMismatch says why a listener cannot use a backend service, or returns "" if their protocols fit.
func ProtocolMismatch(v Vocabulary, listener, backendService Protocol) string {
	need := ProtocolBehind(listener)
	if need == backendService {
		return ""
	}
	field, word := "backendId", func(p Protocol) string { return string(p) }
	if v == Terraform {
		field, word = "backend_service_id", ListenerProtocols().Word
	}
	return fmt.Sprintf("%q cannot name a backend service whose \"protocol\" is %q when the listener's \"protocol\" is %q; "+
		"only a backend service with %q can serve it.", field, word(backendService), word(listener), word(need))
}
