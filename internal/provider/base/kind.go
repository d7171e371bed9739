// Package base holds what all kinds of objects have in common: the connection to the API, identity and import,
// placement on a load balancer, timeouts, validators, and how refusals of the API become diagnostics. Out of a kind's
// description of itself it makes data sources and a list resource, and it runs what is the same in every create, read,
// update and delete. It knows no kind by name.
package base

import (
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// ProviderType begins the name of every resource and data source.
const ProviderType = "alb"

// Kind is what one kind of object contributes to the provider.
type Kind struct {
	Resources     []func() resource.Resource
	DataSources   []func() datasource.DataSource
	ListResources []func() list.ListResource
	Functions     []func() function.Function
}

// KindOf returns a kind with a resource, the two data sources that find one object and all of them, and a list
// resource.
func KindOf[Object, Shown any](finder Finder[Object, Shown], newResource func() resource.Resource) Kind {
	return Kind{
		Resources:     []func() resource.Resource{newResource},
		DataSources:   []func() datasource.DataSource{newObjectDataSource(finder), newListDataSource(finder)},
		ListResources: []func() list.ListResource{newListResource(finder)},
	}
}

// CompleteResource is what the resource of every kind implements. The framework looks for each interface by itself, so
// a method that was forgotten is found only by an assertion.
type CompleteResource interface {
	resource.ResourceWithConfigure
	resource.ResourceWithIdentity
	resource.ResourceWithImportState
	resource.ResourceWithModifyPlan
}

// TypeNameOf is the type name of a kind in words: alb_server_group of "server group".
func TypeNameOf(words string) string { return ProviderType + "_" + strings.ReplaceAll(words, " ", "_") }
