package logqueue_test

import (
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/logqueue"
)

func TestALimitLetsOneRecordThroughASecond(t *testing.T) {
	var limit logqueue.Limit
	start := time.Now()
	for _, test := range []struct {
		at      time.Duration
		leftOut uint64
		ok      bool
	}{
		{0, 0, true}, {0, 0, false}, {999 * time.Millisecond, 0, false}, {time.Second, 2, true}, {1500 * time.Millisecond, 0, false}, {3 * time.Second, 1, true},
	} {
		if leftOut, ok := limit.Pass(start.Add(test.at)); leftOut != test.leftOut || ok != test.ok {
			t.Errorf("after %s: %d left out, passes %t; want %d, %t", test.at, leftOut, ok, test.leftOut, test.ok)
		}
	}
}
