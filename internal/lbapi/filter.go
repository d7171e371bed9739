package lbapi

import (
	"fmt"
	"net/url"
)

// Filter narrows a listing to objects whose field equals one of the values, or contains one of them. Several filters
// must all match.
type Filter struct {
	Field  FilterField
	Like   bool // the field contains a value, instead of equaling it
	Values []string
}

// FilterField is the name of a field in a filter.
type FilterField string

// The fields by which listings can be narrowed.
const (
	FilterLoadBalancerID     FilterField = "loadBalancerId"
	FilterLoadBalancerName   FilterField = "loadBalancerNames"
	FilterListenerName       FilterField = "listenerNames"
	FilterBackendServiceName FilterField = "backendNames"
	FilterServerGroupName    FilterField = "targetGroupNames"
	FilterServerID           FilterField = "targetIds"
)

// AddFilters adds filters to the query of a listing, numbered from 1.
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
