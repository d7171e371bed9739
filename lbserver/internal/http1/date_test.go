package http1

import (
	"net/http"
	"testing"
	"time"
)

func TestDateLineFollowsTheClock(t *testing.T) {
	t.Parallel()
	var line DateLine
	zone := time.FixedZone("east", 3*60*60)
	begin := time.Date(2026, time.November, 30, 23, 59, 58, 0, zone)
	for _, after := range []time.Duration{0, 999 * time.Millisecond, time.Second, 2 * time.Second, -time.Hour, 365 * 24 * time.Hour} {
		now := begin.Add(after)
		want := "Date: " + now.UTC().Format(http.TimeFormat) + "\r\n"
		if got := string(line.At(now)); got != want {
			t.Errorf("after %s: %q, want %q", after, got, want)
		}
	}
}

func TestDateLineIsMadeOnceASecond(t *testing.T) {
	var line DateLine
	now := time.Unix(1, 0)
	line.At(now)
	if allocations := testing.AllocsPerRun(100, func() { line.At(now.Add(time.Millisecond)) }); allocations != 0 {
		t.Errorf("%v allocations a response, want none", allocations)
	}
}
