package proxy

import (
	"net/netip"
	"time"
)

// AccessLog gets one entry for each request that was answered or given up. It is called on the path of requests: it must not
// block, and must copy what it keeps, since the entry and its bytes are used again.
type AccessLog interface {
	Log(entry *Entry)
}

// Entry is what is known of a request when it is over.
type Entry struct {
	Time     time.Time // when its head was complete or, if it never was, when its first byte came
	Duration time.Duration
	// Shard is a number that few requests share which end at the same time: the event loop's, or a random one.
	Shard     uint
	RequestID uint64 // as in our own error pages, which show it as 16 hexadecimal digits

	ListenerID       string
	BackendServiceID string // empty if the request was refused before it was given to one
	ServerID         string // of the server that had the request last; empty if none was reached
	ServerAddress    netip.AddrPort
	Client           netip.AddrPort // port 0 if a trusted proxy told the address

	// As sent by the client; empty if the head could not be read.
	Method, Target, Host, UserAgent []byte
	Version10                       bool

	Status        int   // none was sent: 499 if the client went away first, else 0
	BytesReceived int64 // from the client: the head, and the body with its chunk framing
	BytesSent     int64 // to the client: likewise
	Retries       int
	// Failure says in words why the request failed or was cut short; empty if it did not.
	Failure string
}
