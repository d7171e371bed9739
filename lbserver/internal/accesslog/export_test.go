package accesslog

import "github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"

// AppendText and AppendJSON are the formats, for tests of what lines look like.
func AppendText(line []byte, entry *proxy.Entry) []byte { return appendText(line, entry, new(second)) }

func AppendJSON(line []byte, entry *proxy.Entry) []byte { return appendJSON(line, entry, new(second)) }
