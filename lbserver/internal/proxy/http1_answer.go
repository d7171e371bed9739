package proxy

import (
	"net/http"
	"strconv"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
)

// retryAfterSeconds is how long a 503 asks a client to wait: the default interval of health checks (api.md), after which the
// answer may be another one.
const retryAfterSeconds = 5

// answerFailed answers for a server that could not be reached, or did not answer properly, if a client is left to hear it.
func (x *exchange) answerFailed() (keep bool) {
	if x.failureStatus == 0 || x.failureStatus == statusClientGone {
		return false
	}
	x.stopUpload()
	return x.answer(x.failureStatus, x.failure, true)
}

// answerExhausted answers an OPTIONS or TRACE that may go no further, as its last recipient (RFC 9110, 7.6.2). A TRACE is not
// reflected: what it shows of a load balancer helps its attackers (RFC 9110, 9.3.8 warns of it).
func (x *exchange) answerExhausted() (keep bool) {
	if x.request.Method == http1.MethodOptions {
		return x.answer(http.StatusOK, "this is the load balancer; Max-Forwards let the request go no further", false)
	}
	return x.answer(http.StatusNotImplemented, "the load balancer itself reflects no TRACE, and Max-Forwards let it go no further", false)
}

// answer sends a response of our own: short, plain, dated, with the request's id and never with a Set-Cookie. It reports whether
// the client's connection may carry another request, which takes a request that was read to its end and mayKeep.
func (x *exchange) answer(status int, reason string, mayKeep bool) (keep bool) {
	keep = mayKeep && x.head != nil && x.request.KeepAlive() && !x.upload.started() && x.requestBody.ended && !x.draining()
	x.linger = !keep
	x.failure = reason
	x.status = status

	text := make([]byte, 0, smallBuffer/8)
	text = strconv.AppendInt(text, int64(status), 10)
	text = append(text, ' ')
	text = append(text, http.StatusText(status)...)
	statusLength := len(text)
	text = append(text, ": "...)
	text = append(text, reason...)
	text = append(text, " (request "...)
	text = strconv.AppendUint(text, x.id(), 16)
	text = append(text, ")\n"...)

	out := append(make([]byte, 0, smallBuffer/4), "HTTP/1.1 "...)
	out = append(out, text[:statusLength]...)
	out = append(out, "\r\n"...)
	out = append(out, x.proxy.date.At(x.engine.Now())...)
	out = append(out, "Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(text)), 10)
	if status == http.StatusServiceUnavailable {
		out = append(out, "\r\nRetry-After: "...)
		out = strconv.AppendInt(out, retryAfterSeconds, 10)
	}
	switch {
	case !keep:
		out = append(out, "\r\nConnection: close"...)
	case x.request.Version10:
		out = append(out, "\r\nConnection: keep-alive"...)
	}
	out = append(out, "\r\n\r\n"...)
	if x.request.Method != http1.MethodHead {
		out = append(out, text...)
	}
	x.complete = x.writeClient(out)
	return keep && x.complete
}
