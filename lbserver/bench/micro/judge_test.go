package main

import (
	"strings"
	"testing"
)

const printed = `goos: linux
pkg: example.com/balance
BenchmarkPick/RoundRobin/100-2         	1	 10.0 ns/op	       0 B/op	       0 allocs/op
BenchmarkPick/RoundRobin/100-2         	1	 30.0 ns/op	       0 B/op	       0 allocs/op
BenchmarkPick/RoundRobin/10000-2       	1	 81.0 ns/op	       0 B/op	       0 allocs/op
BenchmarkPick/IpHash/100-2             	1	 1999 ns/op	       0 B/op	       0 allocs/op
PASS
ok  	example.com/balance	0.5s
`

func TestBarsAreJudgedByTheMedians(t *testing.T) {
	verdicts := judge(parse([]byte(printed)))
	if len(verdicts) != 2 {
		t.Fatalf("got %q, want a verdict on each of two schedulers", verdicts)
	}
	for i, want := range []string{"20 ns at 100 servers, 81 ns at 10000, 4.0 times as long", "1999 ns at 100 servers"} {
		if !strings.Contains(verdicts[i], want) {
			t.Errorf("got %q, want it to contain %q", verdicts[i], want)
		}
	}
	if !strings.HasSuffix(verdicts[0], ": not met.") || !strings.HasSuffix(verdicts[1], ": met.") {
		t.Errorf("got %q, want the first not met and the second met", verdicts)
	}
}
