package accesslog

import "github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"

// Appender returns the function that appends lines of a format, for tests of their text.
func Appender(of Format) func(line []byte, entry *proxy.Entry) []byte {
	appendEntry, kept := formats()[of], new(second)
	return func(line []byte, entry *proxy.Entry) []byte { return appendEntry(line, entry, kept) }
}
