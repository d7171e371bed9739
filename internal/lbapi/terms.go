package lbapi

import (
	"regexp"
	"strconv"
	"strings"
)

// Terms pairs the fields of one kind of object in both vocabularies. The server names fields by their JSON path in the
// details of an error; the provider translates the path into an attribute with this table.
type Terms []Term

// Attribute returns the Terraform attribute path, such as "health_check.path", for a JSON path of a call. The path of
// one element of a list is treated as the list.
func (t Terms) Attribute(field string) (string, bool) {
	if strings.HasSuffix(field, "]") {
		field = field[:max(strings.LastIndexByte(field, '['), 0)]
	}
	for _, term := range t {
		if term.Wire == field {
			return term.Attribute, true
		}
	}
	return "", false
}

// LoadBalancerTerms is the table of a load balancer's fields.
func LoadBalancerTerms() Terms {
	return Terms{
		{"loadBalancerName", "name"},
		{"description", "description"},
		{"privateIpAddress", "address"},
		{"subnetId", "subnet_id"},
		{"azs", "availability_zones"},
		{FieldDeleteProtection, "deletion_protection"},
	}
}

// ListenerTerms is the table of a listener's fields.
func ListenerTerms() Terms {
	return Terms{
		{"listenerName", "name"},
		{"description", "description"},
		{"loadBalancerId", "load_balancer_id"},
		TermProtocol,
		{FieldPort, "port"},
		{"backendId", "backend_service_id"},
		{"connectionIdleTimeSeconds", "idle_timeout"},
		{"status", "enabled"},
	}
}

// BackendServiceTerms is the table of a backend service's fields.
func BackendServiceTerms() Terms {
	terms := Terms{
		{"backendName", "name"},
		{"description", "description"},
		{"loadBalancerId", "load_balancer_id"},
		TermProtocol,
		{"port", "port"},
		TermScheduler,
		{"targetGroupIds", "server_group_id"},
		TermSessionPersistence,
		{"httpCookieExpireSeconds", "session_persistence.timeout"},
		{"httpCookieSameSite", "session_persistence.same_site"},
		TermProxyProtocol,
		{"healthCheckSpec", "health_check"},
		{"closeHealthCheck", "health_check.enabled"},
		TermCheckProtocol,
		{"healthCheckSpec.healthyThresholdCount", "health_check.healthy_threshold"},
		{"healthCheckSpec.unhealthyThresholdCount", "health_check.unhealthy_threshold"},
		{"healthCheckSpec.checkTimeoutSeconds", "health_check.timeout"},
		{"healthCheckSpec.intervalSeconds", "health_check.interval"},
		{"healthCheckSpec.port", "health_check.port"},
	}
	for _, header := range ForwardedHeaders() {
		terms = append(terms, Term{header.Wire, AttributeForwardedHeaders})
	}
	for _, dependency := range HealthCheckDependencies() {
		terms = append(terms, dependency.Feature)
	}
	return terms
}

// ServerGroupTerms is the table of a server group's own fields.
func ServerGroupTerms() Terms {
	return Terms{
		{"targetGroupName", "name"},
		{"description", "description"},
		{"loadBalancerId", "load_balancer_id"},
		TermGroupType,
	}
}

// ServerTerms is the table of the fields of one server in a group. The attributes are those of an element of "servers"
// and of a server that is its own resource.
func ServerTerms() Terms {
	return Terms{
		{"targetGroupId", "server_group_id"},
		TermServerAddress,
		TermServerInstance,
		{"type", "instance_type"},
		{"port", "port"},
		{"weight", "weight"},
	}
}

var indexedField = regexp.MustCompile(`^(?:targetSpecs|targetUpdateSpecs)\[(\d{1,9})\](?:\.(.+))?$`)

// ServerField parses the JSON path of one server in a call that lists servers: "targetSpecs[2].port" is the field
// "port" of number 2. The field is empty if the path means the server as a whole.
func ServerField(field string) (index int, rest string, ok bool) {
	parts := indexedField.FindStringSubmatch(field)
	if parts == nil {
		return 0, "", false
	}
	index, err := strconv.Atoi(parts[1])
	return index, parts[2], err == nil
}
