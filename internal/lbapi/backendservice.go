package lbapi

// BackendService defines how requests are distributed to the servers of a group.
type BackendService struct {
	ID             string    `json:"backendId"`
	Name           string    `json:"backendName"`
	LoadBalancerID string    `json:"loadBalancerId"`
	Protocol       Protocol  `json:"protocol"`
	Port           int       `json:"port"` // 1–65535; for servers without a port of their own
	Scheduler      Scheduler `json:"algorithm"`
	ServerGroupIDs []string  `json:"targetGroupIds"` // at most one
	// SessionPersistence keeps a client on its server with a cookie; only with HTTP and WeightedRoundRobin.
	SessionPersistence bool `json:"sessionStickiness"`
	// PersistenceTimeout is in seconds, 0–86400; 0 means as long as the browser lives.
	PersistenceTimeout int `json:"httpCookieExpireSeconds"`
	// CookieSameSite is an addition of lbserver; empty from an API that doesn't have it.
	CookieSameSite      SameSite    `json:"httpCookieSameSite"`
	ForwardedProto      bool        `json:"httpForwardedProtocol"`
	ForwardedPort       bool        `json:"httpForwardedPort"`
	ForwardedHost       bool        `json:"httpForwardedHost"`
	ForwardedLBIP       bool        `json:"httpForwardedVip"`
	ForwardedClientPort bool        `json:"httpForwardedClientPort"`
	ProxyProtocol       bool        `json:"proxyProtocol"`
	HealthCheck         HealthCheck `json:"healthCheck"`
	Description         string      `json:"description"`
	CreatedTime         string      `json:"createdTime"`
}

// DefaultBackendService is a backend service with every optional field at its default. It has no health check:
// DefaultHealthCheck makes one.
func DefaultBackendService() BackendService {
	return BackendService{
		Scheduler:          Schedulers()[0].Wire,
		ServerGroupIDs:     []string{},
		PersistenceTimeout: int(PersistenceTimeout.Default),
		CookieSameSite:     SameSites()[0].Wire,
	}
}

// CreateBackendService is the body of a creation; a nil field was not given.
type CreateBackendService struct {
	Name                *string          `json:"backendName,omitempty"`
	LoadBalancerID      *string          `json:"loadBalancerId,omitempty"`
	Protocol            *Protocol        `json:"protocol,omitempty"`
	Port                *int             `json:"port,omitempty"`
	Scheduler           *Scheduler       `json:"algorithm,omitempty"`
	ServerGroupIDs      *[]string        `json:"targetGroupIds,omitempty"`
	SessionPersistence  *bool            `json:"sessionStickiness,omitempty"`
	PersistenceTimeout  *int             `json:"httpCookieExpireSeconds,omitempty"`
	CookieSameSite      *SameSite        `json:"httpCookieSameSite,omitempty"` // only lbserver's API has it
	ForwardedProto      *bool            `json:"httpForwardedProtocol,omitempty"`
	ForwardedPort       *bool            `json:"httpForwardedPort,omitempty"`
	ForwardedHost       *bool            `json:"httpForwardedHost,omitempty"`
	ForwardedLBIP       *bool            `json:"httpForwardedVip,omitempty"`
	ForwardedClientPort *bool            `json:"httpForwardedClientPort,omitempty"`
	ProxyProtocol       *bool            `json:"proxyProtocol,omitempty"`
	HealthCheck         *HealthCheckSpec `json:"healthCheckSpec,omitempty"`
	Description         *string          `json:"description,omitempty"`
}

// PatchBackendService is the body of a change; a nil field stays as it is.
type PatchBackendService struct {
	Name                *string          `json:"backendName,omitempty"`
	Scheduler           *Scheduler       `json:"algorithm,omitempty"`
	ServerGroupIDs      *[]string        `json:"targetGroupIds,omitempty"` // empty: detach
	SessionPersistence  *bool            `json:"sessionStickiness,omitempty"`
	PersistenceTimeout  *int             `json:"httpCookieExpireSeconds,omitempty"`
	CookieSameSite      *SameSite        `json:"httpCookieSameSite,omitempty"` // only lbserver's API has it
	ForwardedProto      *bool            `json:"httpForwardedProtocol,omitempty"`
	ForwardedPort       *bool            `json:"httpForwardedPort,omitempty"`
	ForwardedHost       *bool            `json:"httpForwardedHost,omitempty"`
	ForwardedLBIP       *bool            `json:"httpForwardedVip,omitempty"`
	ForwardedClientPort *bool            `json:"httpForwardedClientPort,omitempty"`
	ProxyProtocol       *bool            `json:"proxyProtocol,omitempty"`
	HealthCheck         *HealthCheckSpec `json:"healthCheckSpec,omitempty"`
	// CloseHealthCheck turns checking off, and on again as it was; a HealthCheck turns it on too.
	CloseHealthCheck *bool   `json:"closeHealthCheck,omitempty"`
	Description      *string `json:"description,omitempty"`
}

// Violations returns what in the backend service breaks the rule table.
func (b *BackendService) Violations() []Detail {
	var found findings
	found.name("backendName", b.Name)
	oneOf(&found, "protocol", b.Protocol, BackendServiceProtocols().Wires())
	found.inRange("port", b.Port, Port)
	oneOf(&found, "algorithm", b.Scheduler, Schedulers().Wires())
	if len(b.ServerGroupIDs) > 1 {
		found.add("targetGroupIds", "holds more than one server group; a backend service uses at most one")
	}
	found.inRange("httpCookieExpireSeconds", b.PersistenceTimeout, PersistenceTimeout)
	oneOf(&found, "httpCookieSameSite", b.CookieSameSite, SameSites().Wires())
	for _, dependency := range BackendServiceDependencies() {
		found.dependency(dependency, b.uses(dependency.Feature.Wire), b.value(dependency.On.Wire))
	}
	found = append(found, b.HealthCheck.ruleViolations()...)
	found.description("description", b.Description)
	return found
}

// ForwardedHeader returns the switch of a forwarded header.
func (b *BackendService) ForwardedHeader(header ForwardedHeader) *bool {
	switch header.Wire {
	case "httpForwardedProtocol":
		return &b.ForwardedProto
	case "httpForwardedPort":
		return &b.ForwardedPort
	case "httpForwardedHost":
		return &b.ForwardedHost
	case "httpForwardedVip":
		return &b.ForwardedLBIP
	case "httpForwardedClientPort":
		return &b.ForwardedClientPort
	default:
		return new(bool)
	}
}

// uses reports whether the feature behind a wire field is on.
func (b *BackendService) uses(field string) bool {
	switch field {
	case TermSessionPersistence.Wire:
		return b.SessionPersistence
	case TermProxyProtocol.Wire:
		return b.ProxyProtocol
	default:
		return *b.ForwardedHeader(ForwardedHeader{Wire: field})
	}
}

// value returns the wire value of the field on which a feature depends.
func (b *BackendService) value(field string) string {
	if field == TermScheduler.Wire {
		return string(b.Scheduler)
	}
	return string(b.Protocol)
}

// ServerHealth is the verdict of one backend service on one server.
type ServerHealth struct {
	ServerGroupID string          `json:"targetGroupId"`
	InstanceID    string          `json:"instanceId,omitempty"`
	Address       string          `json:"ipAddress"`
	Type          ServerType      `json:"type"`
	Port          int             `json:"port"`
	Weight        int             `json:"weight"`
	Status        HealthStatus    `json:"status"`
	Reason        UnhealthyReason `json:"unhealthReason,omitzero"`
	// Sessions is an addition of lbserver; nil while session persistence is off, and from an API that doesn't count
	// sessions.
	Sessions *SessionCount `json:"sessions,omitempty"`
}

// SessionCount is how many sessions persistence has recently kept on a server. It is an estimate.
type SessionCount struct {
	Count int `json:"count"` // seen within the window
	// Window is in seconds. A count reaches back that far, and up to a minute more.
	Window int `json:"windowSeconds"`
}

// HealthStatus is a verdict.
type HealthStatus string

// The verdicts; unknown and N/A are additions of lbserver.
const (
	Healthy       HealthStatus = "healthy"
	Unhealthy     HealthStatus = "unhealthy"
	HealthUnknown HealthStatus = "unknown" // before the first verdict
	HealthOff     HealthStatus = "N/A"     // checking is off
)

// UnhealthyReason says why a check failed.
type UnhealthyReason struct {
	Reason CheckFailure `json:"reason"`
	// Detail describes the failure, with the code or the error seen.
	Detail string `json:"detail"`
}

// CheckFailure is the kind of a health check's failure.
type CheckFailure string

// The kinds of failure that the API knows.
const (
	ConnectFailed          CheckFailure = "CONNECT_FAILED"
	ConnectTimeout         CheckFailure = "CONNECT_TIMEOUT"
	ConnectInterrupt       CheckFailure = "CONNECT_INTERRUPT"
	RequestFailed          CheckFailure = "REQUEST_FAILED"
	RequestTimeout         CheckFailure = "REQUEST_TIMEOUT"
	ReceiveResponseFailed  CheckFailure = "RECEIVE_RESPONSE_FAILED"
	ReceiveResponseTimeout CheckFailure = "RECEIVE_RESPONSE_TIMEOUT"
	HTTPCodeMismatch       CheckFailure = "HTTP_CODE_MISMATCH"
	ResponseFormatError    CheckFailure = "RESPONSE_FORMAT_ERROR"
)

// Results of the calls on backend services.
type (
	// BackendServiceCreated answers a creation.
	BackendServiceCreated struct {
		ID string `json:"backendId"`
	}
	// BackendServiceResult answers a read.
	BackendServiceResult struct {
		BackendService BackendService `json:"backend"`
	}
	// BackendServiceList answers a listing; TotalCount counts over all pages.
	BackendServiceList struct {
		BackendServices []BackendService `json:"backends"`
		TotalCount      int              `json:"totalCount"`
	}
	// ServerHealthList answers a read of the health of a backend service's servers.
	ServerHealthList struct {
		Servers    []ServerHealth `json:"targetHealths"`
		TotalCount int            `json:"totalCount"`
	}
)
