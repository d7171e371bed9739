package lbapi

import (
	"fmt"
	"net/url"
)

// Filter narrows a listing to objects whose field is one of the values, or contains one of them. Filters of one listing are
// and-ed.
type Filter struct {
	Field  FilterField
	Like   bool // the field contains a value, instead of being it
	Values []string
}

// FilterField is the name by which a filter knows a field.
type FilterField string

// The fields that listings are narrowed by.
const (
	FilterLoadBalancerID     FilterField = "loadBalancerId"
	FilterLoadBalancerName   FilterField = "loadBalancerNames"
	FilterListenerName       FilterField = "listenerNames"
	FilterBackendServiceName FilterField = "backendNames"
	FilterServerGroupName    FilterField = "targetGroupNames"
	FilterServerID           FilterField = "targetIds"
)

// AddFilters puts filters into the query of a listing; it numbers them from 1.
func AddFilters(query url.Values, filters []Filter) {
	for i, filter := range filters {
		at := fmt.Sprintf("filters.%d.", i+1)
		query.Set(at+"name", string(filter.Field))
		if filter.Like {
			query.Set(at+"operator", "like")
		}
		for j, value := range filter.Values {
			query.Set(fmt.Sprintf("%svalues.%d", at, j+1), value)
		}
	}
}
