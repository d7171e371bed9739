package control

import (
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// nothing is the result of a call that returns no more than its success.
type nothing struct{}

// find returns the object that the path of the call names, or a refusal.
func find[T any](c *call, objects map[string]*T, kind string) (*T, error) {
	if object := objects[c.object]; object != nil {
		return object, nil
	}
	return nil, refuse(lbapi.NotFound, c.idField, "there is no %s %.100q", kind, c.object)
}

// get is find for a call that takes no parameters.
func get[T any](c *call, objects map[string]*T, kind string) (*T, error) {
	if err := c.onlyPathParameters(); err != nil {
		return nil, err
	}
	return find(c, objects, kind)
}

// getToDelete is get for a call that must not have a body either.
func getToDelete[T any](c *call, objects map[string]*T, kind string) (*T, error) {
	if err := c.noBody(); err != nil {
		return nil, err
	}
	return get(c, objects, kind)
}

// all lists the objects of a kind in a stable order.
func all[T any](objects map[string]*T) []*T {
	return snapshot.Sorted(objects, func(*T) bool { return true })
}

// assign sets a field of an object if the call gives it.
func assign[T any](field, given *T) {
	if given != nil {
		*field = *given
	}
}
