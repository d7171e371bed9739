package control

import (
	"net/http"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/ids"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

func listeners() *resource {
	return &resource{
		idField: "listenerId",
		collection: methods{
			http.MethodGet:  {read: listListeners},
			http.MethodPost: {write: createListener},
		},
		object: methods{
			http.MethodGet:    {read: readListener},
			http.MethodPatch:  {write: patchListener},
			http.MethodDelete: {write: deleteListener},
		},
		laterVerbs: []string{"addListenerCertificates", "updateListenerCertificates", "deleteListenerCertificates"},
	}
}

// laterListenerFields are the fields of a listener that are not supported yet.
func laterListenerFields() map[string]string {
	return map[string]string{
		"urlMapId": notSupportedYet, "certificateSpecs": notSupportedYet, "hstsEnable": notSupportedYet,
		"hstsMaxAge": notSupportedYet, "limitation": notSupportedYet,
	}
}

func listListeners(c *call) (any, error) {
	items, total, err := page(c, all(c.now().Listeners), filters[lbapi.Listener]{
		"listenerIds":    func(l *lbapi.Listener) string { return l.ID },
		"listenerNames":  func(l *lbapi.Listener) string { return l.Name },
		"loadBalancerId": func(l *lbapi.Listener) string { return l.LoadBalancerID },
		"urlMapIds":      func(*lbapi.Listener) string { return "" }, // there are no URL maps yet
	}, func(l *lbapi.Listener) string { return l.CreatedTime })
	return lbapi.ListenerList{Listeners: items, TotalCount: total}, err
}

func readListener(c *call) (any, error) {
	object, err := get(c, c.now().Listeners, "listener")
	if err != nil {
		return nil, err
	}
	return lbapi.ListenerResult{Listener: *object}, nil
}

func createListener(c *call, change *change) (any, error) {
	var body lbapi.CreateListener
	err := c.decode(&body, shape{
		required: []string{"listenerName", "loadBalancerId", "protocol", "port", "backendId"},
		sibling:  lbapi.PatchListener{},
		refused:  laterListenerFields(),
	})
	if err != nil {
		return nil, err
	}
	object := lbapi.DefaultListener(*body.Protocol)
	object.Name, object.LoadBalancerID, object.Port = *body.Name, *body.LoadBalancerID, *body.Port
	object.BackendServiceID, object.CreatedTime = *body.BackendServiceID, lbapi.Timestamp(c.started)
	assign(&object.Action, body.Action)
	assign(&object.IdleTimeout, body.IdleTimeout)
	assign(&object.Description, body.Description)
	if err := invalidProtocol(object.Protocol, lbapi.ListenerProtocols()); err != nil {
		return nil, err
	}
	if err := invalid(object.Violations()...); err != nil {
		return nil, err
	}
	loadBalancer, err := change.loadBalancer(object.LoadBalancerID)
	if err != nil {
		return nil, err
	}
	if err := change.judgeListener(&object); err != nil {
		return nil, err
	}
	if err := change.portIsFree(&object, loadBalancer); err != nil {
		return nil, err
	}
	if err := c.server.config.Quotas.listeners(change.base, loadBalancer).room("loadBalancerId", 1); err != nil {
		return nil, err
	}
	object.ID, err = c.server.ids.New(lbapi.PrefixListener, ids.In(change.base.Listeners))
	if err != nil {
		return nil, err
	}
	snapshot.Put(change.edit, &object)
	return lbapi.ListenerCreated{ID: object.ID}, nil
}

func patchListener(c *call, change *change) (any, error) {
	old, err := find(c, change.base.Listeners, "listener")
	if err != nil {
		return nil, err
	}
	var body lbapi.PatchListener
	if err := c.decode(&body, shape{sibling: lbapi.CreateListener{}, refused: laterListenerFields()}); err != nil {
		return nil, err
	}
	object := *old
	assign(&object.Name, body.Name)
	assign(&object.BackendServiceID, body.BackendServiceID)
	assign(&object.Status, body.Status)
	assign(&object.IdleTimeout, body.IdleTimeout)
	assign(&object.Description, body.Description)
	if err := invalid(object.Violations()...); err != nil {
		return nil, err
	}
	if err := change.judgeListener(&object); err != nil {
		return nil, err
	}
	snapshot.Put(change.edit, &object)
	return nothing{}, nil
}

func deleteListener(c *call, change *change) (any, error) {
	object, err := getToDelete(c, change.base.Listeners, "listener")
	if err != nil {
		return nil, err
	}
	snapshot.Delete[lbapi.Listener](change.edit, object.ID)
	return nothing{}, nil
}

// invalidProtocol refuses the protocols that this server does not serve, or not yet; known are the protocols that the
// API has for this kind of object.
func invalidProtocol(protocol lbapi.Protocol, known lbapi.Words[lbapi.Protocol]) error {
	switch {
	case protocol == "Udp":
		return invalid(detail("protocol", "%q %s", protocol, notSupported))
	case protocol != lbapi.HTTP && known.Has(protocol):
		return invalid(detail("protocol", "%q %s", protocol, notSupportedYet))
	default:
		return nil // the rule table judges anything else
	}
}

// judgeListener judges a listener by the backend service that it refers to.
func (c *change) judgeListener(object *lbapi.Listener) error {
	target := c.base.BackendServices[object.BackendServiceID]
	if target == nil {
		return invalid(detail("backendId", "there is no backend service %.100q", object.BackendServiceID))
	}
	if target.LoadBalancerID != object.LoadBalancerID {
		return invalid(detail("backendId", "%s is on load balancer %s; it must be on the listener's, %s",
			nameBackendService(target), target.LoadBalancerID, object.LoadBalancerID))
	}
	if reason := lbapi.ProtocolMismatch(lbapi.Wire, object.Protocol, target.Protocol); reason != "" {
		return refuse(lbapi.Conflict, "backendId", "%s", reason)
	}
	return nil
}

// portIsFree refuses a port that another listener has, on this load balancer or on another one with the same VIP: the
// sockets would share the traffic.
func (c *change) portIsFree(object *lbapi.Listener, loadBalancer *lbapi.LoadBalancer) error {
	taken := snapshot.Sorted(c.base.Listeners, func(l *lbapi.Listener) bool {
		return l.Port == object.Port && l.ID != object.ID &&
			overlap(c.base.LoadBalancers[l.LoadBalancerID], loadBalancer)
	})
	if len(taken) == 0 {
		return nil
	}
	return refuse(lbapi.Conflict, "port", "port %d on %s is held by %s of load balancer %s",
		object.Port, loadBalancer.PrivateIP.Address, nameListener(taken[0]), taken[0].LoadBalancerID)
}

// overlap reports whether a socket of one load balancer could take traffic of the other.
func overlap(a, b *lbapi.LoadBalancer) bool {
	if a == nil || a.ID == b.ID {
		return a != nil
	}
	first, errFirst := lbapi.ParseAddress(a.PrivateIP.Address)
	second, errSecond := lbapi.ParseAddress(b.PrivateIP.Address)
	if errFirst != nil || errSecond != nil {
		return false
	}
	return first == second || first.IsUnspecified() || second.IsUnspecified()
}
