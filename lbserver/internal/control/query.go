package control

import (
	"cmp"
	"errors"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/strictjson"
)

// Paging, from api.md, "Envelope".
const (
	minPageSize     = 10
	maxPageSize     = 100
	defaultPageSize = 20
)

// The operators of a filter.
const (
	operatorEqual = "eq"
	operatorLike  = "like" // the value is part of the field
)

// parameters reads the query of a call, without the path's own parameters, which clients repeat. No parameter may be
// given twice.
func (c *call) parameters() (map[string]string, error) {
	query, err := url.ParseQuery(c.request.URL.RawQuery)
	if err != nil {
		return nil, invalid(detail("query", "must be name=value pairs joined by &: %v", err))
	}
	var details []lbapi.Detail
	parameters := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		want, ofPath := c.pathParameters()[name]
		switch value := query.Get(name); {
		case len(query[name]) > 1:
			details = append(details, detail(name, "is given twice"))
		case !ofPath:
			parameters[name] = value
		case value != want:
			details = append(details, disagrees(name, want))
		}
	}
	return parameters, invalid(bounded(details)...)
}

// onlyPathParameters refuses any parameter for calls that take none.
func (c *call) onlyPathParameters() error {
	parameters, err := c.parameters()
	if err != nil {
		return err
	}
	return invalid(unknownParameters(parameters)...)
}

func unknownParameters(parameters map[string]string) []lbapi.Detail {
	var details []lbapi.Detail
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		details = append(details, detail(name, "is not a parameter of this call"))
	}
	return bounded(details)
}

// bounded keeps the answer short if a query has many faults.
func bounded(details []lbapi.Detail) []lbapi.Detail {
	return details[:min(len(details), strictjson.MaxFaults)]
}

// filters are the filters of a listing: by name, the field of an object that each compares.
type filters[T any] map[string]func(*T) string

// filter is one filter as a call gives it.
type filter struct {
	name     string
	operator string
	values   []string
}

func (f filter) matches(field string) bool {
	return slices.ContainsFunc(f.values, func(value string) bool {
		if f.operator == operatorLike {
			return strings.Contains(field, value)
		}
		return lbapi.SameAddress(field, value)
	})
}

// page is one page of a listing, oldest first, and the number of objects on all pages.
func page[T any](c *call, objects []*T, known filters[T], created func(*T) string) (items []T, total int, err error) {
	parameters, err := c.parameters()
	if err != nil {
		return nil, 0, err
	}
	number, size, paging := takePaging(parameters)
	given, details := takeFilters(parameters, slices.Sorted(maps.Keys(known)))
	details = slices.Concat(paging, details, unknownParameters(parameters))
	if len(details) > 0 {
		return nil, 0, invalid(bounded(details)...)
	}
	objects = slices.DeleteFunc(slices.Clone(objects), func(object *T) bool {
		return slices.ContainsFunc(given, func(f filter) bool { return !f.matches(known[f.name](object)) })
	})
	slices.SortStableFunc(objects, func(a, b *T) int { return cmp.Compare(created(a), created(b)) })

	total = len(objects)
	last := max((total+size-1)/size, 1)
	first := (min(number, last) - 1) * size
	items = []T{} // in JSON a list, never null
	for _, object := range objects[first:min(first+size, total)] {
		items = append(items, *object)
	}
	return items, total, nil
}

// takePaging removes the number and the size of the page from the parameters.
func takePaging(parameters map[string]string) (number, size int, details []lbapi.Detail) {
	take := func(name string, value, least, most int, rule string) int {
		text, given := parameters[name]
		delete(parameters, name)
		if !given {
			return value
		}
		parsed, err := strconv.Atoi(text) // the nearest number if it is out of range
		if (err != nil && !errors.Is(err, strconv.ErrRange)) || parsed < least || parsed > most {
			details = append(details, detail(name, "must be a whole number %s, got %.40q", rule, text))
		}
		return parsed
	}
	number = take("pageNumber", 1, 1, math.MaxInt, "from 1") // a page past the end is the last one
	size = take("pageSize", defaultPageSize, minPageSize, maxPageSize, "from 10 to 100")
	return number, size, details
}

// filterParameter is the name of a parameter of a filter (api.md, "Envelope").
var filterParameter = regexp.MustCompile(`^filters\.([1-9][0-9]{0,3})\.(name|operator|values\.[1-9][0-9]{0,3})$`)

// takeFilters removes the filters from the parameters.
func takeFilters(parameters map[string]string, known []string) ([]filter, []lbapi.Detail) {
	byNumber := map[string]*filter{}
	for _, parameter := range slices.Sorted(maps.Keys(parameters)) {
		parts := filterParameter.FindStringSubmatch(parameter)
		if parts == nil {
			continue
		}
		found := byNumber[parts[1]]
		if found == nil {
			found = &filter{operator: operatorEqual}
			byNumber[parts[1]] = found
		}
		switch value := parameters[parameter]; parts[2] {
		case "name":
			found.name = value
		case "operator":
			found.operator = value
		default:
			found.values = append(found.values, value)
		}
		delete(parameters, parameter)
	}
	var given []filter
	var details []lbapi.Detail
	for _, number := range slices.Sorted(maps.Keys(byNumber)) {
		given = append(given, *byNumber[number])
		details = append(details, byNumber[number].faults("filters."+number, known)...)
	}
	return given, details
}

func (f filter) faults(at string, known []string) []lbapi.Detail {
	var details []lbapi.Detail
	if !slices.Contains(known, f.name) {
		names := "there are no filters here"
		if len(known) > 0 {
			names = "must be one of " + strings.Join(known, ", ")
		}
		details = append(details, detail(at+".name", "%s, got %.100q", names, f.name))
	}
	if f.operator != operatorEqual && f.operator != operatorLike {
		details = append(details, detail(at+".operator", "must be eq or like, got %.40q", f.operator))
	}
	if len(f.values) == 0 {
		details = append(details, detail(at+".values.1", "must be given"))
	}
	return details
}
