package control

import (
	"fmt"
	"strings"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Reasons against parts of the published API that lbserver does not have.
const (
	notSupported    = "is not supported by lbserver"
	notSupportedYet = "is not supported by lbserver yet"
)

// refuse makes a refusal for one reason, which is a whole sentence.
func refuse(status lbapi.ErrorStatus, field, format string, values ...any) *lbapi.Error {
	reason := fmt.Sprintf(format, values...)
	return lbapi.NewError(status, reason, lbapi.Detail{Field: field, Reason: reason})
}

// invalid makes the refusal of a call for its fields, or nil without details.
func invalid(details ...lbapi.Detail) error {
	if len(details) == 0 {
		return nil
	}
	texts := make([]string, len(details))
	for i, detail := range details {
		texts[i] = detail.Field + ": " + detail.Reason
	}
	return lbapi.NewError(lbapi.InvalidArgument, strings.Join(texts, "; "), details...)
}

func detail(field, format string, values ...any) lbapi.Detail {
	return lbapi.Detail{Field: field, Reason: fmt.Sprintf(format, values...)}
}

// inUse makes the refusal to delete an object that others use, each of which it names, or nil if there are none.
func inUse(field, object string, referrers []string) error {
	if len(referrers) == 0 {
		return nil
	}
	reason := "is in use by " + strings.Join(referrers, ", ")
	return lbapi.NewError(lbapi.Conflict, object+" "+reason, lbapi.Detail{Field: field, Reason: reason})
}

// named is how messages name an object: by kind, name and id.
func named(kind, name, id string) string { return fmt.Sprintf("%s %q (%s)", kind, name, id) }

func nameListener(l *lbapi.Listener) string { return named("listener", l.Name, l.ID) }

func nameBackendService(b *lbapi.BackendService) string {
	return named("backend service", b.Name, b.ID)
}

func nameServerGroup(g *lbapi.ServerGroup) string { return named("server group", g.Name, g.ID) }

func nameLoadBalancer(l *lbapi.LoadBalancer) string { return named("load balancer", l.Name, l.ID) }

// each returns the names of all objects of a list.
func each[T any](objects []T, name func(T) string) []string {
	names := make([]string, len(objects))
	for i, object := range objects {
		names[i] = name(object)
	}
	return names
}
