package health_test

import (
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/health"
)

// BenchmarkTenThousandServers checks 10,000 servers over real connections at a speedup of 2 and reports what that
// costs: cores, scaled to an interval of 5 s, must stay below 0.5. The figure includes the answering side, which runs
// in the same process.
func BenchmarkTenThousandServers(b *testing.B) {
	for _, protocol := range []lbapi.Protocol{lbapi.TCP, lbapi.HTTP} {
		b.Run(string(protocol), func(b *testing.B) {
			answer := func(net.Conn) {}
			if protocol == lbapi.HTTP {
				answer = func(connection net.Conn) {
					var request [1024]byte
					_, _ = connection.Read(request[:])
					_, _ = connection.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
				}
			}
			// Several listeners, so that no backlog overflows and slows the checks down.
			const servers, listeners = 10_000, 50
			addresses := make([]netip.AddrPort, servers)
			for i := range addresses {
				if i < listeners {
					addresses[i] = serve(b, answer)
				} else {
					addresses[i] = addresses[i%listeners]
				}
			}
			check := lbapi.DefaultHealthCheck(protocol)
			check.Timeout = 10
			const benchSpeedup = 2
			f := newFleet(b, health.Options{Speedup: benchSpeedup}, check, addresses...)
			defer f.checker.Close()
			time.Sleep(2 * time.Second)

			passed, failed := f.counts()
			startCPU, start := cpuTime(b), time.Now()
			for b.Loop() {
				time.Sleep(time.Second)
			}
			took, cpu := time.Since(start).Seconds(), (cpuTime(b) - startCPU).Seconds()
			passedNow, failedNow := f.counts()
			checks := float64(passedNow - passed + failedNow - failed)
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			b.ReportMetric(cpu/checks*1e6, "cpu-µs/check")
			b.ReportMetric(cpu/checks*servers/5, "cores-at-5s")
			b.ReportMetric(checks/took, "checks/s")
			b.ReportMetric(float64(failedNow-failed), "failed")
			b.ReportMetric(float64(memory.Sys)/servers/1024, "KiB/server")
		})
	}
}

func (f *fleet) counts() (passed, failed uint64) {
	for _, endpoint := range f.registry.Services()[0].Eligible().Endpoints {
		passed += endpoint.Counters.ChecksPassed.Load()
		failed += endpoint.Counters.ChecksFailed.Load()
	}
	return passed, failed
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
