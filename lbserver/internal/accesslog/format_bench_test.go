package accesslog_test

import (
	"testing"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/accesslog"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
)

func BenchmarkAppendText(b *testing.B) { benchmarkAppend(b, accesslog.Appender(accesslog.Text)) }

func BenchmarkAppendJSON(b *testing.B) { benchmarkAppend(b, accesslog.Appender(accesslog.JSON)) }

func benchmarkAppend(b *testing.B, appendEntry func([]byte, *proxy.Entry) []byte) {
	b.Helper()
	entry, line := sample(), []byte(nil)
	b.ReportAllocs()
	for b.Loop() {
		line = appendEntry(line[:0], entry)
	}
}
