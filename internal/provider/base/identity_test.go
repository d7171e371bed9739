package base

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

func TestAnImportWithoutAnIDIsRefused(t *testing.T) {
	var resp resource.ImportStateResponse
	(&Resource{IDs: lbapi.ListenerID}).ImportState(t.Context(), resource.ImportStateRequest{ID: ""}, &resp)
	if !resp.Diagnostics.HasError() {
		t.Error("an empty id was taken")
	}
}
