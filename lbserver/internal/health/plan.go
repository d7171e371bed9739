package health

import (
	"net/netip"
	"strings"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// plan is how one server is checked. Plans can be compared with ==.
type plan struct {
	target target
	pace   pace
}

// target is what is checked: when it changes, earlier results mean nothing.
type target struct {
	address  string // ip:port
	protocol lbapi.Protocol
	version  lbapi.HTTPVersion
	domain   string
	path     string
	codes    string // joined by codeSeparator
}

// pace is how often and how long a check runs, and how many equal results in a row change the verdict.
type pace struct {
	interval, timeout  time.Duration
	healthy, unhealthy int // thresholds
}

const codeSeparator = ", "

// minSpedUpTimeout is the shortest timeout that a speedup gives: with less, tests on a busy machine would take healthy
// servers for unhealthy ones.
const minSpedUpTimeout = time.Second

func planOf(spec *lbapi.HealthCheck, traffic netip.AddrPort, speedup int) plan {
	address := traffic
	if spec.Port != 0 {
		address = netip.AddrPortFrom(traffic.Addr(), uint16(spec.Port))
	}
	return plan{
		target: target{
			address:  address.String(),
			protocol: spec.Protocol,
			version:  spec.HTTPVersion,
			domain:   spec.Domain,
			path:     spec.Path,
			codes:    strings.Join(spec.Codes, codeSeparator),
		},
		pace: pace{
			interval:  time.Duration(spec.Interval) * time.Second / time.Duration(speedup),
			timeout:   max(time.Duration(spec.Timeout)*time.Second/time.Duration(speedup), minSpedUpTimeout),
			healthy:   spec.HealthyThreshold,
			unhealthy: spec.UnhealthyThreshold,
		},
	}
}
