package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// statLine is a line of /proc/PID/stat: process, name, group, utime and stime in ticks, resident pages.
func statLine(process int, name string, group, user, system, pages int) string {
	return fmt.Sprintf("%d (%s) S 1 %d %d 0 -1 4194560 5 6 7 8 %d %d 9 10 20 0 2 0 1234 5678 %d 184467", process, name, group, group,
		user, system, pages)
}

func TestUsageIsThatOfTheWholeGroupAndNobodyElse(t *testing.T) {
	proc := t.TempDir()
	for process, line := range map[string]string{
		"10": statLine(10, "nginx: master", 10, 1, 2, 100),
		"11": statLine(11, "tricky) S 1 (", 10, 100, 50, 200),
		"12": statLine(12, "other", 12, 7777, 7777, 7777),
	} {
		if err := os.Mkdir(filepath.Join(proc, process), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, process, "stat"), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(proc, "13"), 0o700); err != nil { // ended between the two looks
		t.Fatal(err)
	}
	got, err := groupUsage(proc, 10)
	want := usage{cpu: 1530 * time.Millisecond, memory: 300 * int64(os.Getpagesize())}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if _, err := groupUsage(proc, 99); err == nil {
		t.Error("a group without processes has no usage, and got one")
	}
}

func TestStatThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"", "10", "10 (nginx", "10 (nginx) S 1", strings.Replace(statLine(1, "x", 1, 1, 1, 1), " 1234 ", " ", 1)[:60]} {
		if got, group, err := parseStat([]byte(text)); err == nil {
			t.Errorf("%q: got %+v of group %d, want an error", text, got, group)
		}
	}
}

func TestOnlyACleanRunCounts(t *testing.T) {
	const clean = `{"requests":1000,"duration_us":2000000,"p50_us":900,"p99_us":4000,"socket_errors":0,"bad_statuses":0}`
	got, err := parseLoad([]byte("Running 2s test\n\nSUMMARY " + clean + "\n"))
	if err != nil || got.rate() != 500 || got.Median != 900 || got.P99 != 4000 {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, out := range map[string]string{
		"nothing":           "unable to connect",
		"cut off":           "\nSUMMARY " + clean[:20] + "\n",
		"no request":        "\nSUMMARY " + strings.Replace(clean, "1000", "0", 1) + "\n",
		"a socket error":    "\nSUMMARY " + strings.Replace(clean, `socket_errors":0`, `socket_errors":1`, 1) + "\n",
		"a failed response": "\nSUMMARY " + strings.Replace(clean, `bad_statuses":0`, `bad_statuses":1`, 1) + "\n",
	} {
		if got, err := parseLoad([]byte(out)); err == nil {
			t.Errorf("%s: got %+v, want an error", name, got)
		}
	}
}

func TestRatioComparesRunsOfTheSameRound(t *testing.T) {
	var measured results
	// The machine is three times slower in round 1, and the peer misses round 2: neither may show in the ratio.
	for round, slowdown := range []int{1, 3, 1} {
		measured = append(measured, sample{proxy: "a", connections: 64, round: round, cpu: time.Duration(slowdown) * time.Second, load: load{Requests: 1000}})
		if round != 2 {
			measured = append(measured, sample{proxy: "b", connections: 64, round: round, cpu: time.Duration(2*slowdown) * time.Second, load: load{Requests: 1000}})
		}
	}
	if middle, low, high := measured.ratio("a", "b", 64, sample.perRequest); middle != 0.5 || low != 0.5 || high != 0.5 {
		t.Errorf("got %v (%v–%v), want 0.5 in every round", middle, low, high)
	}
	if got := measured.median("a", 64, sample.perRequest); got != 1000 {
		t.Errorf("median: got %v µs, want 1000", got)
	}
}

func TestMedianHasAsManyValuesBelowAsAbove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 20).Draw(t, "values")
		before := slices.Clone(values)
		middle := median(values)
		below, above := 0, 0
		for _, value := range values {
			if value < middle {
				below++
			}
			if value > middle {
				above++
			}
		}
		if below > len(values)/2 || above > len(values)/2 || math.IsNaN(middle) {
			t.Errorf("median %v of %v", middle, values)
		}
		if !slices.Equal(before, values) {
			t.Errorf("the values were changed from %v to %v", before, values)
		}
	})
}

func TestTablesHaveARowForEachProxyAndPeer(t *testing.T) {
	proxies, connections := []string{"a", "b", "c"}, []int{64, 256}
	var measured results
	for _, count := range connections {
		for i, proxy := range proxies {
			measured = append(measured, sample{
				proxy: proxy, connections: count, cpu: time.Duration(i+1) * time.Second, memory: 3 << 20,
				load: load{Requests: 100000, Duration: 1e6, Median: 1500, P99: 12345},
			})
		}
	}
	want := "| connections | proxy | CPU per request, µs | requests/s | p50, ms | p99, ms | memory, MiB |\n" +
		"| ---: | --- | ---: | ---: | ---: | ---: | ---: |\n" +
		"| 64 | a | 10.0 | 100000 | 1.50 | 12.3 | 3.00 |\n"
	if got := markdown(measured.medians(proxies, connections)); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 8 {
		t.Errorf("got\n%swant it to start with\n%sand to have 8 lines", got, want)
	}
	want = "| 64 | b | 0.50 (0.50–0.50) | 1.00 (1.00–1.00) |"
	if got := markdown(measured.ratios(proxies, connections)); !strings.Contains(got, want) || strings.Count(got, "\n") != 6 {
		t.Errorf("got\n%swant in it\n%s and 6 lines", got, want)
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, arguments := range [][]string{{"-connections", "63"}, {"-connections", "64,"}, {"-rounds", "0"}, {"-seconds", "0"}, {"-threads", "0"}} {
		if chosen, err := readFlags(arguments); err == nil {
			t.Errorf("%q: got %+v, want an error", arguments, chosen)
		}
	}
	chosen, err := readFlags(nil)
	if err != nil || !slices.Equal(chosen.connections, []int{64, 256}) || !slices.Equal(chosen.proxies, []string{"lbserver", "haproxy", "nginx"}) {
		t.Errorf("without flags: got %+v, %v", chosen, err)
	}
}
