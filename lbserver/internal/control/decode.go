package control

import (
	"maps"
	"net/http"
	"slices"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/strictjson"
)

// shape says which fields a body may have.
type shape struct {
	// required fields must be given and not be null.
	required []string
	// sibling is the body of a change if this one is of a creation, and the other way round, or nil: a field that only
	// the sibling has is refused with a reason of its own.
	sibling any
	// refused has the reasons against other fields of the published API.
	refused map[string]string
}

// absentFields are the fields of the published API that no body takes (api.md, "Envelope").
func absentFields() []string {
	return []string{
		"agIds", "agInfoSpec", "chargeSpec", "elasticIp", "securityGroupIds", "userTags", "securityPolicyId",
		"sessionStickyTimeout", "connectionDrainingSeconds",
	}
}

// decode reads the body of a call into a wire type. All faults of its form are refused together, each with its path.
func (c *call) decode(into any, shape shape) error {
	if err := c.checkContentType(); err != nil {
		return err
	}
	if err := c.onlyPathParameters(); err != nil {
		return err
	}
	body, details := strictjson.Parse(c.body)
	if body == nil {
		return invalid(details...)
	}
	details = append(details, c.takePathParameters(body)...)
	details = append(details, c.takeRefused(body, into, shape)...)
	details = append(details, body.Bind(into)...)
	for _, name := range shape.required {
		if !body.Given(name) {
			details = append(details, detail(name, "must be given"))
		}
	}
	return invalid(details...)
}

// takePathParameters removes the path's own parameters, which clients repeat, from a body. It returns a fault for each
// that does not agree with the path.
func (c *call) takePathParameters(body *strictjson.Object) []lbapi.Detail {
	var details []lbapi.Detail
	parameters := c.pathParameters()
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if got, given := body.Take(name); given && got != any(parameters[name]) {
			details = append(details, disagrees(name, parameters[name]))
		}
	}
	return details
}

// pathParameters are the names and values in the path of the call.
func (c *call) pathParameters() map[string]string {
	parameters := map[string]string{"regionId": c.server.config.Region}
	if c.object != "" {
		parameters[c.idField] = c.object
	}
	return parameters
}

func disagrees(name, want string) lbapi.Detail {
	return detail(name, "must be %q, as in the path, or be left out", want)
}

// takeRefused removes from a body the fields that are refused for a reason of their own, and returns the faults.
func (c *call) takeRefused(body *strictjson.Object, into any, shape shape) []lbapi.Detail {
	reasons := map[string]string{}
	if shape.sibling != nil {
		reason := "cannot be given to a creation, only to a change"
		if c.request.Method == http.MethodPatch {
			reason = "cannot be changed once the object exists"
		}
		own := strictjson.Fields(into)
		for _, name := range strictjson.Fields(shape.sibling) {
			if !slices.Contains(own, name) {
				reasons[name] = reason
			}
		}
	}
	for _, name := range absentFields() {
		reasons[name] = notSupported
	}
	maps.Copy(reasons, shape.refused)

	var details []lbapi.Detail
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		if _, given := body.Take(name); given {
			details = append(details, detail(name, "%s", reasons[name]))
		}
	}
	return details
}
