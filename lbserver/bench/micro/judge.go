package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// times are the nanoseconds of each run of each benchmark, by its name without the number of processors.
type times map[string][]float64

// parse reads what `go test -bench` prints.
func parse(raw []byte) times {
	found := times{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != "ns/op" {
			continue
		}
		value, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			continue
		}
		name := fields[0]
		if end := strings.LastIndexByte(name, '-'); end > 0 {
			name = name[:end]
		}
		found[name] = append(found[name], value)
	}
	return found
}

func (t times) median(name string) (nanoseconds float64, known bool) {
	runs := slices.Sorted(slices.Values(t[name]))
	if len(runs) == 0 {
		return 0, false
	}
	return (runs[(len(runs)-1)/2] + runs[len(runs)/2]) / 2, true
}

// The bars for choosing a server. A time that grows with the logarithm of the number of servers is twice as long at
// 10,000 as at 100, and data that no longer fits into the processor's caches may double it once more.
const (
	fewServers, manyServers = 100, 10_000
	cacheAllowance          = 2
	sourceIPBar             = 2000 // ns at 100 servers
)

// judge says for each bar whether it is met.
func judge(measured times) []string {
	var verdicts []string
	allowed := cacheAllowance * math.Log(manyServers) / math.Log(fewServers)
	for _, scheduler := range []struct{ title, benchmark string }{
		{"Weighted round robin", "BenchmarkPick/RoundRobin"}, {"Weighted least connections", "BenchmarkLeastConnections/tournament"},
	} {
		few, knowFew := measured.median(fmt.Sprintf("%s/%d", scheduler.benchmark, fewServers))
		many, knowMany := measured.median(fmt.Sprintf("%s/%d", scheduler.benchmark, manyServers))
		if knowFew && knowMany {
			verdicts = append(verdicts, fmt.Sprintf("%s: %.0f ns at %d servers, %.0f ns at %d, %.1f times as long; at most logarithmic, that is %.0f × with "+
				"an allowance for caches: %s.", scheduler.title, few, fewServers, many, manyServers, many/few, allowed, met(many/few <= allowed)))
		}
	}
	if took, known := measured.median(fmt.Sprintf("BenchmarkPick/IpHash/%d", fewServers)); known {
		verdicts = append(verdicts, fmt.Sprintf("Source IP: %.0f ns at %d servers; at most %d: %s.", took, fewServers, sourceIPBar, met(took <= sourceIPBar)))
	}
	return verdicts
}

func met(is bool) string {
	if is {
		return "met"
	}
	return "not met"
}
