package provider_test

import (
	"os"
	"testing"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
)

func TestMain(m *testing.M) { os.Exit(acctest.Main(m)) }
