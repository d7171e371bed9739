package health

import "github.com/alb-project/terraform-provider-alb/internal/lbapi"

// streak turns results into a status. The first result decides alone, and until there has been a success, one suffices: a
// server that was not up yet at its first check need not prove itself as one that went down must. After that, the status
// changes once as many opposite results in a row arrive as the threshold of that direction says.
type streak struct {
	decided   bool
	succeeded bool // a check has passed
	opposite  int  // latest results in a row that contradict the status
}

// observe takes one result and returns the status that follows from current.
func (s *streak) observe(current lbapi.HealthStatus, passed bool, pace *pace) lbapi.HealthStatus {
	result, threshold := lbapi.Unhealthy, pace.unhealthy
	if passed {
		result, threshold = lbapi.Healthy, pace.healthy
		if !s.succeeded {
			threshold = 1
		}
		s.succeeded = true
	}
	if result == current {
		s.decided, s.opposite = true, 0
		return current
	}
	s.opposite++
	if s.decided && s.opposite < threshold {
		return current
	}
	s.decided, s.opposite = true, 0
	return result
}
