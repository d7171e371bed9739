package lbapi

// Words pairs each value of an enumeration on the wire with the word that Terraform's users write for it.
type Words[T ~string] []Word[T]

// Word is one such pair.
type Word[T ~string] struct {
	Wire T
	Word string
}

// Word returns the user's word for a wire value, or the wire value itself if it is not in the table.
func (w Words[T]) Word(wire T) string {
	for _, pair := range w {
		if pair.Wire == wire {
			return pair.Word
		}
	}
	return string(wire)
}

// Parse returns the wire value for a user's word.
func (w Words[T]) Parse(word string) (T, bool) {
	for _, pair := range w {
		if pair.Word == word {
			return pair.Wire, true
		}
	}
	return "", false
}

// Has reports whether a wire value is in the table.
func (w Words[T]) Has(wire T) bool {
	for _, pair := range w {
		if pair.Wire == wire {
			return true
		}
	}
	return false
}

// Words lists the users' words, in the order of the table.
func (w Words[T]) Words() []string {
	words := make([]string, len(w))
	for i, pair := range w {
		words[i] = pair.Word
	}
	return words
}

// Wires lists the wire values, in the order of the table.
func (w Words[T]) Wires() []string {
	wires := make([]string, len(w))
	for i, pair := range w {
		wires[i] = string(pair.Wire)
	}
	return wires
}

// Scheduler is how a backend service chooses a server.
type Scheduler string

// The schedulers.
const (
	WeightedRoundRobin       Scheduler = "RoundRobin"
	SourceIP                 Scheduler = "IpHash"
	WeightedLeastConnections Scheduler = "LeastConn"
)

// Schedulers is the table of schedulers; the first is the default.
func Schedulers() Words[Scheduler] {
	return Words[Scheduler]{
		{WeightedRoundRobin, "weighted_round_robin"},
		{SourceIP, "source_ip"},
		{WeightedLeastConnections, "weighted_least_connections"},
	}
}

// Protocol is the protocol of a listener, a backend service or a health check.
type Protocol string

// The protocols of the published API that this one supports.
const (
	HTTP  Protocol = "Http"
	HTTPS Protocol = "Https"
	TCP   Protocol = "Tcp"
	TLS   Protocol = "Tls"
)

// ListenerProtocols is the table of a listener's protocols.
func ListenerProtocols() Words[Protocol] {
	return Words[Protocol]{{HTTP, "http"}, {HTTPS, "https"}, {TCP, "tcp"}, {TLS, "tls"}}
}

// BackendServiceProtocols is the table of a backend service's protocols.
func BackendServiceProtocols() Words[Protocol] {
	return Words[Protocol]{{HTTP, "http"}, {TCP, "tcp"}}
}

// HealthCheckProtocols is the table of a health check's protocols.
func HealthCheckProtocols() Words[Protocol] {
	return Words[Protocol]{{TCP, "tcp"}, {HTTP, "http"}}
}

// ProtocolBehind returns the protocol that a backend service must have for a listener of protocol p to use it.
func ProtocolBehind(p Protocol) Protocol {
	if p == HTTP || p == HTTPS {
		return HTTP
	}
	return TCP
}

// HTTPVersion is the version that an HTTP health check speaks.
type HTTPVersion string

// The versions of an HTTP health check.
const (
	HTTP10 HTTPVersion = "HTTP1.0"
	HTTP11 HTTPVersion = "HTTP1.1"
)

// HTTPVersions is the table of those versions; the first is the default.
func HTTPVersions() Words[HTTPVersion] {
	return Words[HTTPVersion]{{HTTP10, "1.0"}, {HTTP11, "1.1"}}
}

// SameSite is which pages of other sites send a persistence cookie.
type SameSite string

// The values of SameSite, as the cookie has them.
const (
	SameSiteLax    SameSite = "Lax"
	SameSiteStrict SameSite = "Strict"
	SameSiteNone   SameSite = "None"
)

// SameSites is the table of those values; the first is the default.
func SameSites() Words[SameSite] {
	return Words[SameSite]{{SameSiteLax, "lax"}, {SameSiteStrict, "strict"}, {SameSiteNone, "none"}}
}

// Status is whether a listener has its port open.
type Status string

// The states of a listener.
const (
	On  Status = "On"
	Off Status = "Off"
)

// ServerGroupType is how the servers of a group are named.
type ServerGroupType string

// The types of a server group.
const (
	GroupOfInstances ServerGroupType = "instance"
	GroupOfAddresses ServerGroupType = "ip"
)

// ServerType is what a server of a group is.
type ServerType string

// The types of a server: an instance that the inventory resolves, or an address.
const (
	ServerVM        ServerType = "vm"
	ServerContainer ServerType = "container"
	ServerAddress   ServerType = "ip"
)

// FitsGroup reports whether a server of type t may be in a group of type g.
func (t ServerType) FitsGroup(g ServerGroupType) bool {
	return (t == ServerAddress) == (g == GroupOfAddresses)
}

// ActionForward is the one action a listener has.
const ActionForward = "Forward"

// LoadBalancerType is the one type of load balancer there is.
const LoadBalancerType = "alb"
