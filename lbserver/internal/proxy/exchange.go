package proxy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/http1"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
)

// Timeouts of the data plane. The idle timeout, which also bounds each read and write of a body on the client's side, is
// the listener's.
const (
	// defaultHeadTimeout is what a client has from the first byte of a request head to its end (product: 408 after 10 s).
	defaultHeadTimeout = 10 * time.Second
	// connectTimeout bounds one attempt to connect to a server; a healthy one on the same network answers in milliseconds,
	// and a lost SYN is repeated after 1 and 3 s. HAProxy's manual recommends the same 5 s.
	connectTimeout = 5 * time.Second
	// connectBudget bounds all attempts to connect for one request.
	connectBudget = 10 * time.Second
	// defaultResponseTimeout bounds the wait for a response head, and for each further read and write on the server's side:
	// nginx's default (proxy_read_timeout), and the idle timeout that listeners start with.
	defaultResponseTimeout = 60 * time.Second
	// lingerTimeout and lingerLimit bound how long, and for how many bytes, a connection closed early drains what its
	// client still sends, so that the client can read its answer.
	lingerTimeout = 2 * time.Second
	lingerLimit   = 1 << 20
	// lastPieceTimeout is what a server that has answered has left to take the last piece of a request body, 64 KiB at most.
	lastPieceTimeout = time.Second
	// maxInterim bounds the 1xx responses before a final one.
	maxInterim = 32
)

// exchange is one request and its response. It is straight-line code over its connections and its environment, holds all
// buffers that a request needs, and is used again for another request, of any connection.
type exchange struct {
	environment
	proxy    *Proxy
	c        *connection
	settings *settings

	// head is the request's head as received. It lies in the connection's input until that is needed for the body; then
	// headBuffer is what it lies in.
	head       []byte
	headBuffer []byte
	// out is the request as sent to the server (head, and what of the body came with it), then the response likewise; nil
	// for a request without a body that has been sent, which can be made again.
	out         []byte
	requestBody body
	besideEnded func() // returns when what runs beside the exchange has ended; nil where there was nothing

	eligible *service.Eligible
	endpoint *service.Endpoint // has, or had, the request
	counted  bool              // endpoint's InFlight counts the request
	tried    []int             // indices of eligible.Servers that could not be reached
	server   serverConnection
	// writeBroken tells that the server did not take the whole request.
	writeBroken bool
	continued   bool // the server has sent 100
	early       bool // the server answered before it was sent the whole request
	sticky      stickiness

	input        window // from the server
	responseBody body

	begun     time.Time // when the head was complete; until then, when its first byte came
	requestID uint64    // 0 for none yet
	status    int       // sent to the client; 0 for none yet
	received  int64
	sent      int64
	retries   int
	// failure says in words what went wrong, failureStatus which status to answer with; 0 means that nobody is left to answer.
	failure       string
	failureStatus int
	complete      bool // the client got a whole response
	linger        bool // the client may still be sending
	resent        bool // after a stale connection

	// What few requests need is at the end, and the heads, of which most use the first few fields.
	request http1.Request
	upload  upload
	// forwarded is the field lines that tell the server of the client's connection.
	forwarded []byte
	scratch   persistence.Scratch
	response  http1.Response
	entry     Entry
}

// exchanges is a free list of exchanges.
type exchanges struct{ pool sync.Pool }

func (e *exchanges) get() *exchange {
	if x, ok := e.pool.Get().(*exchange); ok {
		return x
	}
	return new(exchange)
}

func (e *exchanges) put(x *exchange) { e.pool.Put(x) }

// run carries one request on c, of which the first bytes are there, and reports whether another may follow.
func (x *exchange) run(p *Proxy, c *connection) (keep bool) {
	x.begin(p, c)
	keep = x.carry()
	x.finish(c.listener.Counters)
	if !keep && x.linger {
		if c.input.bytes == nil {
			c.input.bytes = p.buffers.get(smallBuffer)
		}
		c.stream.Linger(c.input.bytes, lingerLimit, lingerTimeout, x.now())
	}
	x.reset()
	return keep
}

// carry reads the request, has it answered and lets go of the server, whose connection may have been kept.
func (x *exchange) carry() (keep bool) {
	counters := x.c.listener.Counters
	if !x.readHead() {
		if x.status != 0 {
			counters.Requests.Add(1)
		}
		return false
	}
	counters.Requests.Add(1)
	counters.InFlight.Add(1)
	defer counters.InFlight.Add(-1)
	keep = x.forward()
	x.joinUpload()
	x.dropServer()
	return keep
}

func (x *exchange) begin(p *Proxy, c *connection) {
	x.environment, x.proxy, x.c = c.environment, p, c
	x.settings = c.listener.settings.Load()
	x.request.Reset()
	x.begun = x.now()
}

// finish counts and logs the request.
func (x *exchange) finish(counters *Counters) {
	counters.BytesReceived.Add(uint64(x.received))
	counters.BytesSent.Add(uint64(x.sent))
	if x.status != 0 {
		counters.countResponse(x.status)
	}
	if !x.complete && x.head != nil {
		counters.Aborted.Add(1)
	}
	if x.retries > 0 {
		counters.Retries.Add(uint64(x.retries))
	}
	if x.proxy.accessLog != nil {
		x.logAccess()
	}
}

func (x *exchange) logAccess() {
	x.entry = Entry{
		Time: x.begun, Duration: x.now().Sub(x.begun), Lane: x.lane(), RequestID: x.id(),
		ListenerID: x.c.listener.ID, Client: x.c.client,
		Status: x.status, BytesReceived: x.received, BytesSent: x.sent, Retries: x.retries, Failure: x.failure,
	}
	if x.head != nil {
		x.entry.Method = x.request.MethodText(x.head)
		x.entry.Target = x.request.Target(x.head)
		x.entry.Host = x.request.Host(x.head)
		x.entry.UserAgent = x.request.Field(x.head, "user-agent")
		x.entry.Version10 = x.request.Version10
	}
	if x.eligible != nil {
		x.entry.BackendServiceID = x.eligible.Object.ID
	}
	if x.endpoint != nil {
		x.entry.ServerID, x.entry.ServerAddress = x.endpoint.ID, x.endpoint.Address
	}
	x.proxy.accessLog.Log(&x.entry)
	x.entry = Entry{} // it refers to buffers
}

// reset gives back what the exchange holds, and forgets the request.
func (x *exchange) reset() {
	pool := &x.proxy.buffers
	if x.headBuffer != nil {
		pool.put(x.headBuffer)
	}
	x.releaseOut()
	x.input.release(pool)
	x.environment, x.proxy, x.c, x.settings = nil, nil, nil, nil
	x.head, x.headBuffer = nil, nil
	x.requestBody, x.responseBody = body{}, body{}
	if x.upload.started() {
		x.upload.reset()
	}
	x.besideEnded = nil
	x.eligible, x.endpoint, x.tried = nil, nil, x.tried[:0]
	x.sticky = stickiness{}
	x.requestID, x.failure = 0, ""
	x.status, x.failureStatus, x.received, x.sent, x.retries = 0, 0, 0, 0, 0
	x.complete, x.linger, x.resent, x.writeBroken, x.continued, x.early = false, false, false, false, false, false
}

// id names the request in error pages and logs. It is made when it is asked for, which most requests never do; it has 16
// hexadecimal digits.
func (x *exchange) id() uint64 {
	if x.requestID == 0 {
		x.requestID = rand.Uint64() | 1<<63 //nolint:gosec // a name, not a secret
	}
	return x.requestID
}

// readHead reads the request head. Where it can't, the client has been answered or is gone.
func (x *exchange) readHead() bool {
	in := &x.c.input
	for whole := true; ; whole = false {
		n, err := x.request.Parse(in.unread())
		if err != nil {
			x.received = int64(len(in.unread()))
			x.refuse(err)
			return false
		}
		if n > 0 {
			if !whole {
				x.begun = x.now()
			}
			x.head = in.unread()[:n]
			x.received = int64(n)
			in.use(n)
			x.requestBody = newBody(x.request.Framing, x.request.ContentLength())
			return true
		}
		if in.full() {
			x.growInput(in)
		}
		x.c.stream.ReadWithin(max(x.proxy.headTimeout-x.now().Sub(x.begun), time.Millisecond), x.now())
		if err := in.fill(x.c.stream); err != nil {
			x.received = int64(len(in.unread()))
			if errors.Is(err, os.ErrDeadlineExceeded) {
				x.answer(408, fmt.Sprintf("the request head did not arrive within %s", x.proxy.headTimeout), false)
				return false
			}
			x.failure = "the client closed the connection before the end of its request head"
			return false
		}
	}
}

// growInput makes room behind the unread bytes of a head.
func (x *exchange) growInput(in *window) {
	if in.start > 0 {
		in.compact()
		return
	}
	in.resize(&x.proxy.buffers, largeBuffer)
}

// refuse answers a request that breaks a rule of HTTP.
func (x *exchange) refuse(err error) {
	var broken *http1.Error
	if !errors.As(err, &broken) {
		broken = &http1.Error{Status: 400, Reason: err.Error()}
	}
	x.answer(broken.Status, broken.Reason, false)
}

// forward gives the request to a server and the response to the client, and reports whether the client's connection may
// carry another request.
func (x *exchange) forward() (keep bool) {
	if x.request.ForwardsExhausted() {
		return x.answerExhausted()
	}
	if x.settings.service != nil {
		x.eligible = x.settings.service.Eligible()
	}
	if x.eligible == nil || len(x.eligible.Servers) == 0 {
		return x.answer(503, "no server is available", true)
	}
	x.readStickiness()
	if err := x.render(); err != nil {
		x.refuse(err)
		return false
	}
	preferred := x.sticky.index
	for trust := x.trust(); ; trust = trustNone {
		if !x.reachServer(preferred, trust) {
			return x.answerFailed()
		}
		switch x.converse() {
		case conversationAnswered:
			return x.deliver()
		case conversationStale:
			// The server closed a kept connection when it got the request, or before: it has not acted on it. The server
			// itself is tried again, since closing an idle connection says nothing of its health.
			preferred = x.leaveServer()
			x.resent = true
			x.retries++
		default:
			return x.answerFailed()
		}
	}
}

// trust is what the request can do with: one that may be sent again risks more.
func (x *exchange) trust() trust {
	if x.repeatable() {
		return trustKept
	}
	return trustChecked
}

// repeatable tells that the request may be sent again when its fate is unknown (RFC 9110, 9.2.2) and that no byte of its
// body would be lost.
func (x *exchange) repeatable() bool {
	return !x.resent && !x.upload.started() && x.requestBody.ended && x.request.Method.Idempotent()
}

// render makes the request as the server gets it, with what of its body is there.
func (x *exchange) render() error {
	x.forwarded = x.c.appendForwarded(x.forwarded[:0], x.eligible.Config)
	rewrite := http1.RequestRewrite{
		CookieName:    x.eligible.CookieName,
		ClientAddress: x.clientAddress().WithZone(""), // it says nothing to others
		Forwarded:     x.forwarded,
		ForwardedHost: x.eligible.Object.ForwardedHost,
	}
	if x.request.Host(x.head) == nil {
		rewrite.DefaultHost = x.c.localAddress()
	}
	x.out = x.request.AppendTo(x.emptyOut(), x.head, &rewrite)
	var err error
	before := x.out
	x.out, err = x.requestBody.appendAvailable(x.out, &x.c.input)
	x.received += int64(len(x.out) - len(before))
	return err
}

// emptyOut is out for something new.
func (x *exchange) emptyOut() []byte {
	if x.out == nil {
		x.out = x.proxy.buffers.get(mediumBuffer)
	}
	return x.out[:0]
}

func (x *exchange) releaseOut() {
	if x.out != nil {
		x.proxy.buffers.put(x.out)
		x.out = nil
	}
}

// draining tells that the client's connection is to be closed after this response.
func (x *exchange) draining() bool { return x.c.listener.draining.Load() }

// clientAddress is what schedulers hash.
func (x *exchange) clientAddress() netip.Addr { return x.c.client.Addr() }

// writeClient writes bytes to the client. Where it fails, the client is gone.
func (x *exchange) writeClient(p []byte) bool {
	if len(p) == 0 {
		return true
	}
	x.c.stream.WriteWithin(x.settings.idleTimeout, x.now())
	return x.wrote(x.c.stream.Write(p))
}

// sendClient is writeClient for the last bytes before the connection is left to the next request.
func (x *exchange) sendClient(p []byte) bool {
	x.c.stream.WriteWithin(x.settings.idleTimeout, x.now())
	return x.wrote(x.c.stream.Send(p))
}

func (x *exchange) wrote(n int, err error) bool {
	x.sent += int64(n)
	if err != nil {
		x.failure = "the client went away or stopped reading before the end of the response"
		x.breakOff()
	}
	return err == nil
}
