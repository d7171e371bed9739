package proxy

import (
	"net/netip"
	"strconv"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
)

// origin is where a request comes from, as far as this load balancer believes it: what a trusted proxy says of its client, and
// otherwise what the connection shows.
type origin struct {
	// client is the client's address. Its port is 0 if the address is a trusted proxy's word, which tells no port.
	client netip.AddrPort
	// https says that the client's scheme is https, by the word of a trusted proxy.
	https bool
	// kept are the fields of a trusted proxy that the server gets instead of ours.
	kept http1.ForwardedFields
}

// findOrigin reads where the request comes from, once its head is there.
func (x *exchange) findOrigin() {
	if !x.session.trusted {
		return
	}
	if address := x.request.ForwardedClient(x.head, x.proxy.trusts); address.IsValid() {
		x.origin.client = netip.AddrPortFrom(address, 0)
	}
	x.origin.https = x.request.ForwardedHTTPS(x.head)
	x.origin.kept = x.request.ForwardedFields()
}

// appendForwarded appends the X-Forwarded-* field lines that the backend service asks for and no trusted proxy has sent.
func (x *exchange) appendForwarded(dst []byte) []byte {
	object, kept := x.attempt.Eligible.Object, x.origin.kept
	if object.ForwardedProto && kept&http1.ForwardedProto == 0 {
		dst = append(dst, "X-Forwarded-Proto: http\r\n"...)
	}
	if object.ForwardedPort && kept&http1.ForwardedPort == 0 {
		dst = append(dst, "X-Forwarded-Port: "...)
		dst = strconv.AppendUint(dst, uint64(x.session.listener.address.Port()), 10)
		dst = append(dst, "\r\n"...)
	}
	if object.ForwardedLBIP {
		dst = append(dst, "X-Forwarded-LBIP: "...)
		dst = x.session.localAddress().Addr().AppendTo(dst)
		dst = append(dst, "\r\n"...)
	}
	if port := x.origin.client.Port(); object.ForwardedClientPort && port != 0 {
		dst = append(dst, "X-Forwarded-Client-Port: "...)
		dst = strconv.AppendUint(dst, uint64(port), 10)
		dst = append(dst, "\r\n"...)
	}
	return dst
}
