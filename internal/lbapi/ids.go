package lbapi

import (
	"fmt"
	"regexp"
)

// Prefixes of the ids that the server generates; IDLength lower-case base32 characters follow.
const (
	PrefixLoadBalancer   = "alb-"
	PrefixListener       = "listener-"
	PrefixBackendService = "backend-"
	PrefixServerGroup    = "tg-"
	PrefixServer         = "target-"
)

// IDLength is the number of base32 characters (RFC 4648, section 6, in lower case) after an id's prefix.
const IDLength = 10

// IDForm is the rule for the ids of one kind of object.
type IDForm struct {
	Of     string // the kind, such as "server group"
	Prefix string
}

// The forms of ids. They are never changed. Source: api.md, "Envelope".
var (
	LoadBalancerID   = IDForm{"load balancer", PrefixLoadBalancer}
	ListenerID       = IDForm{"listener", PrefixListener}
	BackendServiceID = IDForm{"backend service", PrefixBackendService}
	ServerGroupID    = IDForm{"server group", PrefixServerGroup}
	ServerID         = IDForm{"server", PrefixServer}
)

var base32Characters = regexp.MustCompile(fmt.Sprintf(`^[a-z2-7]{%d}$`, IDLength))

// Rule returns the rule in words: `the id of a server group, "tg-" and 10 characters of a to z and 2 to 7`.
func (f IDForm) Rule() string {
	return fmt.Sprintf("the id of a %s, %q and %d characters of a to z and 2 to 7", f.Of, f.Prefix, IDLength)
}

// Invalid says why an id is not valid, or returns "". Ids are used in paths, where a colon would begin a verb, so no
// other id is sent.
func (f IDForm) Invalid(id string) string {
	if len(id) == len(f.Prefix)+IDLength && id[:len(f.Prefix)] == f.Prefix && base32Characters.MatchString(id[len(f.Prefix):]) {
		return ""
	}
	return fmt.Sprintf("must be %s, got %q", f.Rule(), id)
}
