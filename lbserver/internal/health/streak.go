package health

import "github.com/alb-project/terraform-provider-alb/internal/lbapi"

// streak turns results into a status. The first result decides alone; after that, the status changes once as many
// opposite results in a row arrive as the threshold of that direction says.
type streak struct {
	decided  bool
	opposite int // latest results in a row that contradict the status
}

// observe takes one result and returns the status that follows from current.
func (s *streak) observe(current lbapi.HealthStatus, passed bool, pace *pace) lbapi.HealthStatus {
	result, threshold := lbapi.Unhealthy, pace.unhealthy
	if passed {
		result, threshold = lbapi.Healthy, pace.healthy
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
