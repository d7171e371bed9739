package lbapi

// FieldPort is the field named by the refusal of a listener whose port is taken.
const FieldPort = "port"

// Listener is a port of a load balancer whose traffic goes to a backend service.
type Listener struct {
	ID               string   `json:"listenerId"`
	Name             string   `json:"listenerName"`
	LoadBalancerID   string   `json:"loadBalancerId"`
	Protocol         Protocol `json:"protocol"`
	Port             int      `json:"port"` // 1–65535
	BackendServiceID string   `json:"backendId"`
	Action           string   `json:"action"`
	Status           Status   `json:"status"`
	IdleTimeout      int      `json:"connectionIdleTimeSeconds"` // 1–86400 s
	Description      string   `json:"description"`
	CreatedTime      string   `json:"createdTime"`
}

// DefaultListener is a listener of a protocol with every optional field at its default.
func DefaultListener(protocol Protocol) Listener {
	return Listener{
		Protocol:    protocol,
		Action:      ActionForward,
		Status:      On,
		IdleTimeout: int(IdleTimeout(protocol).Default),
	}
}

// CreateListener is the body of a creation; a nil field was not given.
type CreateListener struct {
	Name             *string   `json:"listenerName,omitempty"`
	LoadBalancerID   *string   `json:"loadBalancerId,omitempty"`
	Protocol         *Protocol `json:"protocol,omitempty"`
	Port             *int      `json:"port,omitempty"`
	BackendServiceID *string   `json:"backendId,omitempty"`
	Action           *string   `json:"action,omitempty"`
	IdleTimeout      *int      `json:"connectionIdleTimeSeconds,omitempty"`
	Description      *string   `json:"description,omitempty"`
}

// PatchListener is the body of a change; a nil field stays as it is.
type PatchListener struct {
	Name             *string `json:"listenerName,omitempty"`
	BackendServiceID *string `json:"backendId,omitempty"`
	Status           *Status `json:"status,omitempty"`
	IdleTimeout      *int    `json:"connectionIdleTimeSeconds,omitempty"`
	Description      *string `json:"description,omitempty"`
}

// Violations returns what in the listener breaks the rule table.
func (l *Listener) Violations() []Detail {
	var found findings
	found.name("listenerName", l.Name)
	oneOf(&found, "protocol", l.Protocol, ListenerProtocols().Wires())
	found.inRange("port", l.Port, Port)
	oneOf(&found, "action", l.Action, []string{ActionForward})
	oneOf(&found, "status", l.Status, []string{string(On), string(Off)})
	found.inRange("connectionIdleTimeSeconds", l.IdleTimeout, IdleTimeout(l.Protocol))
	found.description("description", l.Description)
	return found
}

// Results of the calls on listeners.
type (
	// ListenerCreated answers a creation.
	ListenerCreated struct {
		ID string `json:"listenerId"`
	}
	// ListenerResult answers a read.
	ListenerResult struct {
		Listener Listener `json:"listener"`
	}
	// ListenerList answers a listing; TotalCount counts over all pages.
	ListenerList struct {
		Listeners  []Listener `json:"listeners"`
		TotalCount int        `json:"totalCount"`
	}
)
