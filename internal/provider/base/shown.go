package base

import (
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// DescribePlaced names an object on a load balancer by their ids, for an error that lists candidates.
func DescribePlaced(id, loadBalancerID string) string {
	return fmt.Sprintf("%s on load balancer %s", id, loadBalancerID)
}

// ShownObject adds the attributes that data sources show of every kind to those of one kind.
func ShownObject(word string, attributes map[string]schema.Attribute) map[string]schema.Attribute {
	maps.Copy(attributes, map[string]schema.Attribute{
		"id":          ShownText(fmt.Sprintf("Id of the %s.", word)),
		"name":        ShownText(fmt.Sprintf("Name of the %s.", word)),
		"description": ShownText("Description."),
	})
	return attributes
}

// ShownPlaced adds the attributes that data sources show of every kind on a load balancer to those of one kind.
func ShownPlaced(word string, attributes map[string]schema.Attribute) map[string]schema.Attribute {
	attributes["load_balancer_id"] = ShownText(fmt.Sprintf("Load balancer that the %s is on.", word))
	return ShownObject(word, attributes)
}

// ShownText describes a text that a data source shows.
func ShownText(description string) schema.Attribute {
	return schema.StringAttribute{MarkdownDescription: description, Computed: true}
}

// ShownTexts describes a set of texts that a data source shows.
func ShownTexts(description string) schema.Attribute {
	return schema.SetAttribute{MarkdownDescription: description, Computed: true, ElementType: types.StringType}
}

// ShownNumber describes a number that a data source shows.
func ShownNumber(description string) schema.Attribute {
	return schema.Int64Attribute{MarkdownDescription: description, Computed: true}
}

// ShownBool describes a bool that a data source shows.
func ShownBool(description string) schema.Attribute {
	return schema.BoolAttribute{MarkdownDescription: description, Computed: true}
}

// ShownNested describes a nested object that a data source shows.
func ShownNested(description string, attributes map[string]schema.Attribute) schema.Attribute {
	return schema.SingleNestedAttribute{MarkdownDescription: description, Computed: true, Attributes: attributes}
}
