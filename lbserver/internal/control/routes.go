package control

import (
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
)

// The scope of the certificate calls, whose paths name no region (api.md, "Signing" and "Certificates").
const (
	serviceCertificates = "ssl"
	regionNone          = "jdcloud-api"
)

// operation is one call of the API; one of the two functions is set. An error is a refusal if it is a *lbapi.Error, and
// this server's own fault otherwise. Results are encoded as they are.
type operation struct {
	read  func(*call) (any, error)
	write func(*call, *change) (any, error)
}

// methods are the operations on one path by HTTP method.
type methods map[string]operation

// resource is one collection of the API with everything under it.
type resource struct {
	collection methods
	object     methods
	verbs      map[string]methods // appended to an object's id after a colon
	parts      map[string]methods // below an object
	idField    string             // the wire name of the object's id, which clients repeat
	laterVerbs []string           // of the published API, not supported yet
}

// route builds the mux. It routes by path alone, so that a wrong method and an unknown path are answered in the API's
// own envelope.
func (s *Server) route() {
	s.mux = http.NewServeMux()
	for collection, resource := range map[lbapi.Collection]*resource{
		lbapi.LoadBalancers:   loadBalancers(),
		lbapi.Listeners:       listeners(),
		lbapi.BackendServices: backendServices(),
		lbapi.ServerGroups:    serverGroups(),
	} {
		base := "/v1/regions/{region}/" + string(collection)
		handler := s.handler(s.scope(), resource.find)
		for _, pattern := range []string{"", "/{$}", "/{object}", "/{object}/{part}"} {
			s.mux.Handle(base+pattern, handler)
		}
	}
	later := s.handler(s.scope(), notYet)
	s.mux.Handle("/v1/regions/{region}/urlMaps", later)
	s.mux.Handle("/v1/regions/{region}/urlMaps/", later)
	certificates := s.handler(signature.Scope{Region: regionNone, Service: serviceCertificates}, notYet)
	for _, pattern := range []string{"", "/", ":upload", ":updateCert", ":updateName"} {
		s.mux.Handle("/v1/sslCert"+pattern, certificates)
	}
	s.lost = s.handler(s.scope(), nowhere)
	s.mux.Handle("/", s.lost)
}

func (s *Server) scope() signature.Scope {
	return signature.Scope{Region: s.config.Region, Service: lbapi.ServiceLoadBalancer}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	// The mux would redirect to the clean path, outside the API's envelope, and the signature is valid for one path
	// only. It would also answer the * of OPTIONS, which is no path.
	clean := path.Clean(req.URL.Path)
	if clean != req.URL.Path && clean+"/" != req.URL.Path || req.RequestURI == "*" {
		s.lost.ServeHTTP(w, req)
		return
	}
	s.mux.ServeHTTP(w, req)
}

// find returns the operations on a call's path, and keeps in the call which object the path names.
func (r *resource) find(c *call) (methods, error) {
	if region := c.request.PathValue("region"); region != c.server.config.Region {
		return nil, refuse(lbapi.InvalidArgument, "regionId", "this server answers for region %q, not %q",
			c.server.config.Region, region)
	}
	object, verb, hasVerb := strings.Cut(c.request.PathValue("object"), ":")
	c.idField, c.object = r.idField, object
	part := c.request.PathValue("part")
	switch {
	case object == "" && !hasVerb:
		return r.collection, nil
	case object == "":
	case slices.Contains(r.laterVerbs, verb):
		return nil, notYetError(c)
	case hasVerb && part == "":
		if found, ok := r.verbs[verb]; ok {
			return found, nil
		}
	case part != "" && !hasVerb:
		if found, ok := r.parts[part]; ok {
			return found, nil
		}
	case !hasVerb:
		return r.object, nil
	}
	return nowhere(c)
}

// nowhere refuses paths that the API does not have.
func nowhere(c *call) (methods, error) {
	return nil, refuse(lbapi.NotFound, "path", "the API has nothing at %.200q", c.request.URL.Path)
}

// notYet refuses paths of the published API that are not supported yet.
func notYet(c *call) (methods, error) { return nil, notYetError(c) }

func notYetError(c *call) error {
	return refuse(lbapi.InvalidArgument, "path", "%.200q %s", c.request.URL.Path, notSupportedYet)
}

// pick returns the operation of the call's method.
func (m methods) pick(c *call) (operation, error) {
	if found, ok := m[c.request.Method]; ok {
		return found, nil
	}
	c.allow = strings.Join(slices.Sorted(maps.Keys(m)), ", ")
	return operation{}, refuse(lbapi.MethodNotAllowed, "method", "%.20s is not possible at %.200q; %s is",
		c.request.Method, c.request.URL.Path, c.allow)
}
