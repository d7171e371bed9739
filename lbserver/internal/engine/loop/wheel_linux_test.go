package loop

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// alarm notes the tick at which its timer ended.
type alarm struct {
	timer
	wheel  *wheel
	wanted int64
	ended  int64
}

func (a *alarm) expire() {
	if a.wheel.tick < a.wanted { // beyond the reach of the wheel
		a.wheel.insert(&a.timer, a.wanted)
		return
	}
	a.ended = a.wheel.tick
}

// Timers end at their tick, whatever is set, removed and skipped, and next never passes one.
func TestTimersEndAtTheirTick(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &wheel{next: math.MaxInt64}
		var now int64
		var waiting []*alarm
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				a := &alarm{wheel: w, wanted: now + rapid.Int64Range(1, 3*wheelSize).Draw(t, "in")}
				a.owner = a
				w.insert(&a.timer, a.wanted)
				waiting = append(waiting, a)
			case 2:
				if len(waiting) > 0 {
					at := rapid.IntRange(0, len(waiting)-1).Draw(t, "which")
					w.remove(&waiting[at].timer)
					waiting = append(waiting[:at], waiting[at+1:]...)
				}
			default:
				now += rapid.Int64Range(0, 4*wheelSize).Draw(t, "by") // the machine may stand still
				w.advance(now)
			}
			left := waiting[:0]
			for _, a := range waiting {
				switch {
				case a.ended == 0 && a.wanted <= now:
					t.Fatalf("a timer for %d has not ended at %d", a.wanted, now)
				case a.ended != 0 && a.ended != a.wanted:
					t.Fatalf("a timer for %d ended at %d", a.wanted, a.ended)
				case a.ended == 0:
					left = append(left, a)
					if w.next > a.tick {
						t.Fatalf("the next tick is %d, behind a timer's at %d", w.next, a.tick)
					}
				}
			}
			waiting = left
			if w.count != len(waiting) {
				t.Fatalf("%d timers counted, %d wait", w.count, len(waiting))
			}
		}
	})
}
