// Package lbapi defines the control API in Go: wire types, paths, errors, and the table of rules that both the provider
// and lbserver apply. It does no I/O and imports nothing of this project.
//
// Go names use the field's words (backend service, server group, scheduler, session persistence); the names of the wire
// format (backend, targetGroup, algorithm, sessionStickiness) appear only in struct tags and in the Term table.
package lbapi

import (
	"net/url"
	"time"
)

// Service names of the signing scope.
const (
	ServiceLoadBalancer = "lb"
)

// MaxBodyBytes is the largest request body that the server reads; it answers a larger one with 413.
const MaxBodyBytes = 1 << 20

// HeaderRequestID is the response header with the request id.
const HeaderRequestID = "X-Jdcloud-Request-Id"

// Collection is one of the API's collections, by its name in the path.
type Collection string

// The collections that lbserver has.
const (
	LoadBalancers   Collection = "loadBalancers"
	Listeners       Collection = "listeners"
	BackendServices Collection = "backends"
	ServerGroups    Collection = "targetGroups"
)

// Verbs on a server group, appended to its id after a colon.
const (
	VerbRegisterServers   = "registerTargets"
	VerbDeregisterServers = "deregisterTargets"
	VerbUpdateServers     = "updateTargets"
	VerbDescribeServers   = "describeTargets"
)

// Path returns the collection's path in a region, with its trailing slash.
func (c Collection) Path(region string) string {
	return "/v1/regions/" + url.PathEscape(region) + "/" + string(c) + "/"
}

// ObjectPath returns the path of one object, without a trailing slash.
func (c Collection) ObjectPath(region, id string) string {
	return c.Path(region) + url.PathEscape(id)
}

// VerbPath returns the path of a verb on one object.
func (c Collection) VerbPath(region, id, verb string) string {
	return c.ObjectPath(region, id) + ":" + verb
}

// HealthPath returns the path of the health of one backend service's servers.
func HealthPath(region, backendServiceID string) string {
	return BackendServices.ObjectPath(region, backendServiceID) + "/health"
}

// Timestamp is a time as createdTime has it: RFC 3339, in UTC.
func Timestamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// DefaultLoadBalancerName is the name of the load balancer that a new lbserver starts with.
const DefaultLoadBalancerName = "alb-default"
