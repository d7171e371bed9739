package main

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
		if err := os.WriteFile(filepath.Join(proc, process, "statm"), []byte("9999 150 90 7 0 8 0\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(proc, "13"), 0o700); err != nil { // a process that ended between the two reads
		t.Fatal(err)
	}
	got, err := groupUsage(proc, 10)
	want := usage{cpu: 1530 * time.Millisecond, memory: 300 * int64(os.Getpagesize()), own: 120 * int64(os.Getpagesize())}
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
	for round, slowdown := range []float64{1, 3, 1} {
		measured = append(measured, sample{"a", "busy", round, values{cpuPerRequest: 10 * slowdown}})
		if round != 2 {
			measured = append(measured, sample{"b", "busy", round, values{cpuPerRequest: 20 * slowdown}})
		}
	}
	if got := measured.ratio("a", "b", "busy", cpuPerRequest); got != (spread{0.5, 0.5, 0.5, true}) {
		t.Errorf("got %v, want 0.5 in every round", got)
	}
	if got := measured.of("a", "busy", cpuPerRequest); got != (spread{10, 10, 30, true}) {
		t.Errorf("got %v, want the median 10 of 10, 30 and 10", got)
	}
	if got := measured.ratio("a", "b", "busy", latencyP99); got.known {
		t.Errorf("got %v for what was not measured", got)
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

func TestSectionHasALineForEachEntrantPeerAndBar(t *testing.T) {
	of := &row{
		title: "Work", entrants: []string{"a", "b", "c"}, loads: []string{"64", "256"}, metrics: []metric{cpuPerRequest, latencyP99},
		bars: []bar{
			{metric: cpuPerRequest, peer: "b", limit: 0.5},
			{metric: cpuPerRequest, peer: "absent", limit: 0.5},
			{metric: latencyP99, limit: 12, load: "256"},
		},
	}
	var measured results
	for _, load := range of.loads {
		for i, entrant := range of.entrants {
			measured = append(measured, sample{entrant, load, 0, values{cpuPerRequest: float64(10 * (i + 1)), latencyP99: 12.345}})
		}
	}
	whole := section{of, measured}
	want := "| load | of | CPU per request, µs | p99, ms |\n| --- | --- | ---: | ---: |\n| 64 | a | 10.0 | 12.3 |\n"
	if got := markdown(whole.medians(), 2); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 8 {
		t.Errorf("got\n%swant it to start with\n%sand to have 8 lines", got, want)
	}
	want = "| 64 | b | 0.50 (0.50–0.50) | 1.00 (1.00–1.00) |"
	if got := markdown(whole.ratios(), 2); !strings.Contains(got, want) || strings.Count(got, "\n") != 6 {
		t.Errorf("got\n%swant in it\n%s and 6 lines", got, want)
	}
	wantVerdicts := [][]string{
		{"Work, 64", "CPU per request, µs", "0.50 (0.50–0.50)", "≤ 0.50 × b", "met"},
		{"Work, 256", "CPU per request, µs", "0.50 (0.50–0.50)", "≤ 0.50 × b", "met"},
		{"Work, 256", "p99, ms", "12.3 (12.3–12.3)", "≤ 12.0", "**not met**"},
	}
	if diff := cmp.Diff(wantVerdicts, whole.verdicts()); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

func TestRowsTakeTheProxiesThatTheyCanCompare(t *testing.T) {
	chosen, err := readFlags([]string{"-proxies", "haproxy,./variant,nginx"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, row := range allRows(chosen) {
		got[row.name] = row.entrants
	}
	if diff := cmp.Diff([]string{"haproxy", "./variant", "nginx"}, got["cpu"]); diff != "" {
		t.Errorf("cpu (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"haproxy", "./variant", "direct"}, got["paced"]); diff != "" {
		t.Errorf("paced (-want +got):\n%s", diff)
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, arguments := range [][]string{
		{"-connections", "63"}, {"-connections", "64,"}, {"-rounds", "0"}, {"-seconds", "0"}, {"-threads", "0"}, {"-rows", "cpu,"}, {"-proxies", "squid"},
	} {
		if chosen, err := readFlags(arguments); err == nil {
			t.Errorf("%q: got %+v, want an error", arguments, chosen)
		}
	}
	chosen, err := readFlags(nil)
	if err != nil || !slices.Equal(chosen.connections, []int{64, 256}) || !slices.Equal(chosen.proxies, knownProxies()) || len(chosen.rows) < 10 {
		t.Errorf("without flags: got %+v, %v", chosen, err)
	}
}

func TestServersForUploadsReadThemToTheEnd(t *testing.T) {
	servers, err := startDrainingServers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(servers.ports()) != serverCount {
		t.Errorf("%d servers, want %d", len(servers.ports()), serverCount)
	}
	for _, address := range loopback(servers.ports()) {
		response, err := http.Post("http://"+address.String()+"/", "text/plain", strings.NewReader(strings.Repeat("x", largeBody)))
		if err != nil {
			t.Fatal(err)
		}
		if got := response.Header.Get(serverHeader); response.StatusCode != http.StatusOK || got != fmt.Sprint(address.Port()) {
			t.Errorf("%s from server %q, want 200 from %d", response.Status, got, address.Port())
		}
		_ = response.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	if err := servers.close(); err != nil {
		t.Error(err)
	}
}
