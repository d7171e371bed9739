package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// pageSize is the largest page that the API returns.
const pageSize = 100

// list reads all pages of the listing at a path, narrowed by filters. It may miss objects that come and go meanwhile,
// like any paged listing.
func list[P, T any](
	ctx context.Context, c *Client, operation, path string, filters []lbapi.Filter, open func(P) ([]T, int),
) ([]T, error) {
	var all []T
	for page := 1; ; page++ {
		query := url.Values{"pageNumber": {strconv.Itoa(page)}, "pageSize": {strconv.Itoa(pageSize)}}
		lbapi.AddFilters(query, filters)
		answer, err := do[P](ctx, c, request{
			operation: operation,
			method:    http.MethodGet,
			path:      path,
			query:     query,
		})
		if err != nil {
			return nil, err
		}
		items, total := open(answer)
		all = append(all, items...)
		// A page after the end would repeat the last one.
		if len(items) == 0 || page*pageSize >= total {
			return all, nil
		}
	}
}
