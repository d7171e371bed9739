package lbapi

import (
	"strconv"
	"strings"
)

// HealthCheck is how a backend service checks its servers. In an answer, Protocol is empty while checking is off.
type HealthCheck struct {
	Protocol           Protocol    `json:"protocol"`
	HealthyThreshold   int         `json:"healthyThresholdCount"`   // 1–5 checks in a row
	UnhealthyThreshold int         `json:"unhealthyThresholdCount"` // 1–5 checks in a row
	Timeout            int         `json:"checkTimeoutSeconds"`     // 2–60 s
	Interval           int         `json:"intervalSeconds"`         // 5–300 s
	Port               int         `json:"port"`                    // 0–65535; 0 = the server's own traffic port
	HTTPVersion        HTTPVersion `json:"httpVersion,omitempty"`
	Domain             string      `json:"httpDomain,omitempty"` // Host field; empty = none
	Path               string      `json:"httpPath,omitempty"`
	Codes              []string    `json:"httpCode,omitempty"`
	// Off says that the server keeps the check but does not run it. It is never on the wire: answers show a check that is off
	// as the zero HealthCheck.
	Off bool `json:"-"`
}

// Enabled reports whether checking is on.
func (h *HealthCheck) Enabled() bool { return h.Protocol != "" && !h.Off }

// HealthCheckSpec is a health check as given in a call; a nil field was not given.
type HealthCheckSpec struct {
	Protocol           *Protocol    `json:"protocol,omitempty"`
	HealthyThreshold   *int         `json:"healthyThresholdCount,omitempty"`
	UnhealthyThreshold *int         `json:"unhealthyThresholdCount,omitempty"`
	Timeout            *int         `json:"checkTimeoutSeconds,omitempty"`
	Interval           *int         `json:"intervalSeconds,omitempty"`
	Port               *int         `json:"port,omitempty"`
	HTTPVersion        *HTTPVersion `json:"httpVersion,omitempty"`
	Domain             *string      `json:"httpDomain,omitempty"`
	Path               *string      `json:"httpPath,omitempty"`
	Codes              *[]string    `json:"httpCode,omitempty"`
}

// Apply lays the spec over a health check and turns it on. Fields that are not given stay as they are, except the HTTP fields
// if the protocol changes. The zero HealthCheck, which is the one to give for a creation, starts from the defaults.
func (s *HealthCheckSpec) Apply(to HealthCheck) HealthCheck {
	protocol := to.Protocol
	if s.Protocol != nil {
		protocol = *s.Protocol
	}
	switch defaults := DefaultHealthCheck(protocol); {
	case to.Protocol == "":
		to = defaults
	case protocol != to.Protocol:
		to.Protocol = protocol
		to.HTTPVersion, to.Domain, to.Path, to.Codes = defaults.HTTPVersion, defaults.Domain, defaults.Path, defaults.Codes
	}
	set(&to.HealthyThreshold, s.HealthyThreshold)
	set(&to.UnhealthyThreshold, s.UnhealthyThreshold)
	set(&to.Timeout, s.Timeout)
	set(&to.Interval, s.Interval)
	set(&to.Port, s.Port)
	set(&to.HTTPVersion, s.HTTPVersion)
	set(&to.Domain, s.Domain)
	set(&to.Path, s.Path)
	set(&to.Codes, s.Codes)
	to.Off = false
	return to
}

// Violations returns what only the spec can show: a missing protocol, and HTTP fields given for another protocol.
func (s *HealthCheckSpec) Violations() []Detail {
	var found findings
	if s.Protocol == nil {
		found.add("healthCheckSpec.protocol", "must be given")
		return found
	}
	if *s.Protocol == "" {
		// A read shows "" while checking is off, but giving it does not turn checking off.
		found.add("healthCheckSpec.protocol", "must not be empty; closeHealthCheck turns checking off")
		return found
	}
	given := map[string]bool{
		"healthCheckSpec.httpVersion": s.HTTPVersion != nil,
		"healthCheckSpec.httpDomain":  s.Domain != nil,
		"healthCheckSpec.httpPath":    s.Path != nil,
		"healthCheckSpec.httpCode":    s.Codes != nil,
	}
	for _, dependency := range HealthCheckDependencies() {
		found.dependency(dependency, given[dependency.Feature.Wire], string(*s.Protocol))
	}
	return found
}

// DefaultHealthCheck returns the check of a protocol with every value at its default.
func DefaultHealthCheck(protocol Protocol) HealthCheck {
	check := HealthCheck{
		Protocol:           protocol,
		HealthyThreshold:   int(Threshold.Default),
		UnhealthyThreshold: int(Threshold.Default),
		Timeout:            int(CheckTimeout.Default),
		Interval:           int(CheckInterval.Default),
		Port:               int(CheckPort.Default),
	}
	if protocol == HTTP {
		check.HTTPVersion = HTTPVersions()[0].Wire
		check.Path = DefaultCheckPath
		check.Codes = DefaultCheckCodes()
	}
	return check
}

func (h *HealthCheck) ruleViolations() []Detail {
	if !h.Enabled() {
		return nil
	}
	const at = "healthCheckSpec."
	var found findings
	oneOf(&found, at+"protocol", h.Protocol, HealthCheckProtocols().Wires())
	found.inRange(at+"healthyThresholdCount", h.HealthyThreshold, Threshold)
	found.inRange(at+"unhealthyThresholdCount", h.UnhealthyThreshold, Threshold)
	found.inRange(at+"checkTimeoutSeconds", h.Timeout, CheckTimeout)
	found.inRange(at+"intervalSeconds", h.Interval, CheckInterval)
	found.inRange(at+"port", h.Port, CheckPort)
	if h.Protocol != HTTP {
		return found
	}
	oneOf(&found, at+"httpVersion", h.HTTPVersion, HTTPVersions().Wires())
	found.addReason(at+"httpDomain", InvalidCheckDomain(h.Domain))
	found.addReason(at+"httpPath", InvalidCheckPath(h.Path))
	found.addReason(at+"httpCode", InvalidCheckCodes(h.Codes))
	return found
}

// CodeRange is an inclusive range of HTTP status codes.
type CodeRange struct{ First, Last int }

// Limits of the status codes that a health check may accept.
const (
	minCheckCode = 200
	maxCheckCode = 499
)

// ParseCode parses one entry of a health check's codes: "200", "200-299" or "2xx". It returns false for anything else
// and for codes outside 200–499.
func ParseCode(text string) (CodeRange, bool) {
	if len(text) == 3 && strings.HasSuffix(text, "xx") && text[0] >= '2' && text[0] <= '4' {
		first := int(text[0]-'0') * 100
		return CodeRange{first, first + 99}, true
	}
	firstText, lastText, isRange := strings.Cut(text, "-")
	if !isRange {
		lastText = firstText
	}
	first, okFirst := statusCode(firstText)
	last, okLast := statusCode(lastText)
	if !okFirst || !okLast || first > last {
		return CodeRange{}, false
	}
	return CodeRange{first, last}, true
}

func statusCode(text string) (int, bool) {
	if len(text) != 3 {
		return 0, false
	}
	code, err := strconv.Atoi(text)
	return code, err == nil && code >= minCheckCode && code <= maxCheckCode
}

func set[T any](field *T, given *T) {
	if given != nil {
		*field = *given
	}
}
