package health_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/health"
)

// steady removes the jitter, for tests that count intervals.
func steady() float64 { return 0.5 }

// tcpCheck returns a check every 10 s with a timeout of 3 s, down after 2 failures and up after 3 successes.
func tcpCheck() lbapi.HealthCheck {
	check := lbapi.DefaultHealthCheck(lbapi.TCP)
	check.Interval, check.UnhealthyThreshold, check.HealthyThreshold = 10, 2, 3
	return check
}

func TestFirstResultDecidesAtOnceAndAlone(t *testing.T) {
	for script, want := range map[string]lbapi.HealthStatus{".": lbapi.Healthy, "x": lbapi.Unhealthy} {
		t.Run(script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, health.Options{Dial: newNetwork(inTurn(script)).dial}, tcpCheck(), address(0))
				defer f.checker.Close()
				synctest.Wait()
				f.requireStatus(want, "without any time passed")
			})
		})
	}
}

func TestThresholdsCountResultsInARow(t *testing.T) {
	// The key has one letter a check ("." passes, "x" fails), the value the status after each: h healthy, u unhealthy.
	for script, want := range map[string]string{
		".x.x.x.xx.": "hhhhhhhhuu",
		".xx..x...":  "hhuuuuuuh",
		"x...xx...":  "uhhhhuuuh",
		"xxx.xx..":   "uuuhhuuu",
		"....":       "hhhh",
		"xxxx":       "uuuu",
	} {
		t.Run(script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, health.Options{Dial: newNetwork(inTurn(script)).dial, Random: steady}, tcpCheck(), address(0))
				defer f.checker.Close()
				got := ""
				for range script {
					synctest.Wait()
					got += string(f.verdict(0).Status[:1])
					time.Sleep(10 * time.Second)
				}
				if got != want {
					t.Errorf("%s, want %s", got, want)
				}
			})
		})
	}
}

func TestOneSuccessSufficesUntilAServerHasBeenHealthy(t *testing.T) {
	for name, test := range map[string]struct {
		change   func(f *fleet)
		settled  int // checks until the change
		scripted string
		want     lbapi.HealthStatus // after one more check, which passes
	}{
		"never healthy":              {func(*fleet) {}, 2, "xx.", lbapi.Healthy},
		"healthy before":             {func(*fleet) {}, 4, "x.xx.", lbapi.Unhealthy},
		"never healthy, weight":      {func(f *fleet) { f.servers[0].Weight++ }, 2, "xx.", lbapi.Healthy},
		"healthy before, weight":     {func(f *fleet) { f.servers[0].Weight++ }, 4, "x.xx.", lbapi.Unhealthy},
		"never healthy, thresholds":  {func(f *fleet) { f.check.HealthyThreshold = 5 }, 2, "xx.", lbapi.Healthy},
		"healthy before, thresholds": {func(f *fleet) { f.check.HealthyThreshold = 5 }, 4, "x.xx.", lbapi.Unhealthy},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, health.Options{Dial: newNetwork(inTurn(test.scripted)).dial, Random: steady}, tcpCheck(), address(0))
				defer f.checker.Close()
				time.Sleep(time.Duration(test.settled-1)*10*time.Second + time.Second)
				f.requireStatus(lbapi.Unhealthy, "before the change")
				test.change(f)
				f.apply()
				time.Sleep(10 * time.Second)
				f.requireStatus(test.want, "after one success")
			})
		})
	}
}

// A check of something else knows nothing of what was healthy before.
func TestOneSuccessSufficesAgainForAChangedTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(func(server string, attempt int) error {
			if server == "10.0.0.0:8080" && attempt == 0 {
				return errRefused
			}
			return nil
		})
		f := newFleet(t, health.Options{Dial: n.dial, Random: steady}, tcpCheck(), address(0))
		defer f.checker.Close()
		synctest.Wait()
		f.requireStatus(lbapi.Healthy, "on the traffic port")
		f.check.Port = 8080
		f.apply()
		synctest.Wait()
		f.requireStatus(lbapi.Unhealthy, "after the first result of the new port")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		f.requireStatus(lbapi.Healthy, "after its first success")
	})
}

func TestVerdictSaysSinceWhenAndWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		n := newNetwork(func(_ string, attempt int) error {
			return []error{nil, errRefused, errRefused, errHang, errHang}[min(attempt, 4)]
		})
		f := newFleet(t, health.Options{Dial: n.dial, Random: steady}, tcpCheck(), address(0))
		defer f.checker.Close()
		time.Sleep(21 * time.Second)
		refused := f.verdict(0)
		time.Sleep(13 * time.Second)
		silent := f.verdict(0)
		if refused.Reason != (lbapi.UnhealthyReason{Reason: lbapi.ConnectFailed, Detail: "connecting to 10.0.0.0:80: connection refused"}) {
			t.Errorf("after refusals: %+v", refused)
		}
		if silent.Reason != (lbapi.UnhealthyReason{Reason: lbapi.ConnectTimeout, Detail: "no connection to 10.0.0.0:80 within 3s"}) {
			t.Errorf("after silence: %+v", silent)
		}
		for _, verdict := range []time.Duration{refused.Since.Sub(start), silent.Since.Sub(start)} {
			if verdict != 20*time.Second {
				t.Errorf("unhealthy since %v from the start, want 20s", verdict)
			}
		}
	})
}

func TestIntervalsAreJitteredByFivePercent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(inTurn("."))
		f := newFleet(t, health.Options{Dial: n.dial}, tcpCheck(), address(0))
		defer f.checker.Close()
		time.Sleep(time.Hour)
		times := n.times(address(0).String())
		least, most := math.Inf(1), 0.0
		for i := range times[1:] {
			gap := times[i+1].Sub(times[i]).Seconds()
			least, most = min(least, gap), max(most, gap)
		}
		if least < 9.5 || least > 9.6 || most > 10.5 || most < 10.4 {
			t.Errorf("%d intervals from %.3f s to %.3f s, want 9.5 to 10.5", len(times)-1, least, most)
		}
	})
}

func TestFirstChecksOfManyAreSpreadOverASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const servers = 4_000
		all := newNetwork(inTurn("."))
		f := newFleet(t, health.Options{Dial: all.dial}, tcpCheck())
		defer f.checker.Close()
		for i := range servers {
			f.servers = append(f.servers, lbapi.Server{
				ID: fmt.Sprintf("target-%05d", i), Type: lbapi.ServerAddress, Address: address(i).Addr().String(), Port: 80,
			})
		}
		start := time.Now()
		f.apply()
		time.Sleep(time.Second)
		synctest.Wait()
		tenths := make([]int, 11)
		for i := range servers {
			times := all.times(address(i).String())
			if len(times) == 0 {
				t.Fatalf("server %d is unchecked after a second", i)
			}
			tenths[times[0].Sub(start)/(100*time.Millisecond)]++
		}
		for tenth, count := range tenths[:10] {
			if count < servers/20 || count > servers/5 {
				t.Errorf("%d first checks in tenth %d of the second: %v", count, tenth, tenths)
			}
		}
	})
}

func TestChecksOfDifferentServersDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(func(server string, _ int) error {
			if server == address(1).String() {
				return nil
			}
			return errHang
		})
		f := newFleet(t, health.Options{Dial: n.dial}, tcpCheck(), address(0), address(1), address(2))
		defer f.checker.Close()
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		if got := f.verdict(1).Status; got != lbapi.Healthy {
			t.Errorf("the good server is %s while others hang", got)
		}
	})
}

func TestPaceChangeKeepsVerdictAndCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(inTurn(".x"))
		f := newFleet(t, health.Options{Dial: n.dial, Random: steady}, tcpCheck(), address(0))
		defer f.checker.Close()
		time.Sleep(11 * time.Second) // one failure of the two it takes
		f.check.Interval = 5
		f.check.HealthyThreshold = 1
		f.apply()
		synctest.Wait()
		if got := len(n.times(address(0).String())); got != 2 {
			t.Fatalf("%d checks right after the change, want the 2 from before", got)
		}
		f.requireStatus(lbapi.Healthy, "right after the change")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		f.requireStatus(lbapi.Unhealthy, "after the second failure")
	})
}

func TestChangesOfOthersDoNotDisturbACheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(inTurn("."))
		f := newFleet(t, health.Options{Dial: n.dial, Random: steady}, tcpCheck(), address(0), address(1))
		defer f.checker.Close()
		for range 99 {
			time.Sleep(100 * time.Millisecond)
			f.servers[1].Weight++
			f.servers[1].Port = 1 + f.servers[1].Port%100
			f.servers[0].Weight = 1 + f.servers[1].Weight%50
			f.apply()
		}
		synctest.Wait()
		if got := len(n.times(address(0).String())); got != 1 {
			t.Errorf("%d checks of the undisturbed server in 9.9 s, want 1", got)
		}
	})
}

func TestChangedTargetIsDecidedByItsFirstResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(func(server string, _ int) error {
			if server == "10.0.0.0:8080" {
				time.Sleep(time.Second)
				return nil
			}
			return errRefused
		})
		f := newFleet(t, health.Options{Dial: n.dial}, tcpCheck(), address(0))
		defer f.checker.Close()
		synctest.Wait()
		f.requireStatus(lbapi.Unhealthy, "on the traffic port")
		f.check.Port = 8080
		f.apply()
		synctest.Wait()
		f.requireStatus(lbapi.Unhealthy, "before the first result of the new port")
		time.Sleep(time.Second)
		synctest.Wait()
		f.requireStatus(lbapi.Healthy, "after it")
	})
}

func TestCheckingOffMakesServersAvailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(inTurn("x"))
		const delay = time.Millisecond // in which the verdict before the first result can be seen
		dial := func(ctx context.Context, network, address string) (net.Conn, error) {
			time.Sleep(delay)
			return n.dial(ctx, network, address)
		}
		f := newFleet(t, health.Options{Dial: dial}, tcpCheck(), address(0))
		defer f.checker.Close()
		time.Sleep(2 * delay)
		if got := len(f.registry.Services()[0].Eligible().Servers); got != 0 {
			t.Fatalf("%d eligible servers while unhealthy", got)
		}
		on := f.check
		f.check = lbapi.HealthCheck{}
		f.apply()
		f.requireStatus(lbapi.HealthOff, "off")
		if got := len(f.registry.Services()[0].Eligible().Servers); got != 1 {
			t.Errorf("%d eligible servers with checking off", got)
		}
		time.Sleep(time.Minute)
		if got := len(n.times(address(0).String())); got != 1 {
			t.Errorf("%d checks, want the one from before", got)
		}
		f.check = on
		f.apply()
		f.requireStatus(lbapi.HealthUnknown, "on again")
		time.Sleep(2 * delay)
		f.requireStatus(lbapi.Unhealthy, "checked again")
	})
}

func TestRemovedServerIsNotCheckedAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(inTurn("."))
		f := newFleet(t, health.Options{Dial: n.dial}, tcpCheck(), address(0), address(1))
		defer f.checker.Close()
		time.Sleep(time.Second)
		f.servers = f.servers[1:]
		f.apply()
		before := len(n.times(address(0).String()))
		time.Sleep(time.Minute)
		if got := len(n.times(address(0).String())); got != before {
			t.Errorf("%d checks of the removed server after its removal", got-before)
		}
		if got := len(n.times(address(1).String())); got < 5 {
			t.Errorf("%d checks of the other in a minute", got)
		}
	})
}

func TestSpeedupDividesIntervalsAndTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(inTurn("."))
		n.answer = func(_ string, attempt int) error {
			if attempt < 10 {
				return nil
			}
			return errHang
		}
		f := newFleet(t, health.Options{Dial: n.dial, Random: steady, Speedup: 100}, tcpCheck(), address(0))
		defer f.checker.Close()
		time.Sleep(950 * time.Millisecond)
		if got := len(n.times(address(0).String())); got != 10 {
			t.Errorf("%d checks in 0.95 s, want 10", got)
		}
		time.Sleep(2190 * time.Millisecond)
		synctest.Wait()
		f.requireStatus(lbapi.Unhealthy, "after two timeouts of 1 s, which no speed-up shortens further")
	})
}

func TestCloseCutsOffChecksAndKeepsVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(func(_ string, attempt int) error { return []error{nil, errHang}[min(attempt, 1)] })
		check := tcpCheck()
		check.UnhealthyThreshold = 1
		f := newFleet(t, health.Options{Dial: n.dial, Random: steady}, check, address(0))
		time.Sleep(11 * time.Second) // in the middle of the second check
		start := time.Now()
		f.checker.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("Close took %v", took)
		}
		f.requireStatus(lbapi.Healthy, "closed")
		f.apply()
		time.Sleep(time.Minute)
		if got := len(n.times(address(0).String())); got != 2 {
			t.Errorf("%d checks, want the 2 from before Close", got)
		}
		f.checker.Close()
	})
}

func TestExhaustionOfThisMachineKeepsVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exhausted := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EMFILE}
		n := newNetwork(func(_ string, attempt int) error {
			if attempt == 0 {
				return nil
			}
			return exhausted
		})
		f := newFleet(t, health.Options{Dial: n.dial}, tcpCheck(), address(0))
		defer f.checker.Close()
		time.Sleep(time.Hour)
		f.requireStatus(lbapi.Healthy, "after an hour without descriptors")
	})
}

// A machine with no source address for the server has not run out of ports: it can't reach the server.
func TestAServerWithoutARouteIsUnhealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(func(_ string, attempt int) error {
			if attempt == 0 {
				return nil
			}
			return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EADDRNOTAVAIL}
		})
		f := newFleet(t, health.Options{Dial: n.dial}, tcpCheck(), address(0))
		defer f.checker.Close()
		time.Sleep(time.Hour)
		f.requireStatus(lbapi.Unhealthy, "after an hour without a way to it")
	})
}

func TestChecksAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, health.Options{Dial: newNetwork(inTurn("..x")).dial, Random: steady}, tcpCheck(), address(0))
		defer f.checker.Close()
		time.Sleep(45 * time.Second)
		counters := &f.registry.Services()[0].Eligible().Endpoints[0].Counters
		if passed, failed := counters.ChecksPassed.Load(), counters.ChecksFailed.Load(); passed != 2 || failed != 3 {
			t.Errorf("%d passed, %d failed; want 2 and 3", passed, failed)
		}
	})
}
