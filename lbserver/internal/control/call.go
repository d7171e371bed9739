package control

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// unavailableRetry is the Retry-After of a 503, in seconds.
const unavailableRetry = "1"

// call is one call of the API that is being served. It belongs to its goroutine.
type call struct {
	server  *Server
	request *http.Request
	id      string // the request id
	started time.Time
	body    []byte
	signed  signature.Signed

	idField string // the wire name of the id in the path
	object  string // the id in the path; empty for a collection
	allow   string // for a 405
}

// answer is how a call ends: with a result or a refusal. If a refusal is this server's own fault, the cause is there
// for the log.
type answer struct {
	result  json.RawMessage
	refusal *lbapi.Error
	cause   error
	again   bool // the stored answer of an earlier call with the same nonce
}

func (a answer) status() int {
	if a.refusal != nil {
		return a.refusal.Code
	}
	return http.StatusOK
}

// handler serves the paths that find knows.
func (s *Server) handler(scope signature.Scope, find func(*call) (methods, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c := &call{server: s, request: req, id: uuid.NewString(), started: s.config.Now()}
		answer := c.serveSafely(req.Context(), w, scope, find)
		c.send(w, answer)
		c.log(req.Context(), answer)
	})
}

// serveSafely turns a panic into an answer, so that one faulty call does not take the traffic of all others with it.
func (c *call) serveSafely(
	ctx context.Context, w http.ResponseWriter, scope signature.Scope, find func(*call) (methods, error),
) (a answer) {
	defer func() {
		if value := recover(); value != nil {
			a = c.failed(fmt.Errorf("panic: %v\n%s", value, debug.Stack()))
		}
	}()
	return c.serve(ctx, w, scope, find)
}

func (c *call) serve(
	ctx context.Context, w http.ResponseWriter, scope signature.Scope, find func(*call) (methods, error),
) answer {
	if err := c.server.config.Verifier.VerifyHead(c.request); err != nil {
		return c.failed(unauthenticated(err))
	}
	if err := c.readBody(w); err != nil {
		return c.failed(err)
	}
	if err := c.authenticate(scope); err != nil {
		return c.failed(err)
	}
	methods, err := find(c)
	if err != nil {
		return c.failed(err)
	}
	operation, err := methods.pick(c)
	if err != nil {
		return c.failed(err)
	}
	if operation.write != nil {
		return c.server.write(ctx, c, operation)
	}
	if err := c.noBody(); err != nil {
		return c.failed(err)
	}
	return c.succeeded(operation.read(c))
}

func (c *call) readBody(w http.ResponseWriter) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, c.request.Body, lbapi.MaxBodyBytes))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return refuse(lbapi.PayloadTooLarge, "body", "the body is larger than %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return refuse(lbapi.InvalidArgument, "body", "the body ended too early: %v", err)
	}
	c.body = body
	return nil
}

// authenticate refuses a call whose signature does not satisfy api.md, "Signing".
func (c *call) authenticate(scope signature.Scope) error {
	signed, err := c.server.config.Verifier.Verify(c.request, c.body, scope)
	if err != nil {
		return unauthenticated(err)
	}
	c.signed = signed
	return nil
}

// unauthenticated is the refusal of a call whose signature is not valid.
func unauthenticated(err error) error {
	field := "Authorization"
	var (
		malformed *signature.MalformedError
		unsigned  *signature.UnsignedHeaderError
		date      *signature.DateError
	)
	switch {
	case errors.As(err, &malformed):
		field = malformed.Header
	case errors.As(err, &unsigned):
		field = unsigned.Name
	case errors.As(err, &date):
		field = signature.HeaderDate
	}
	return refuse(lbapi.Unauthenticated, field, "%v", err)
}

// checkContentType refuses a body whose Content-Type is not JSON.
func (c *call) checkContentType() error {
	value := c.request.Header.Get("Content-Type")
	if value == "" {
		return nil
	}
	mediaType, parameters, err := mime.ParseMediaType(value)
	charset := strings.ToLower(parameters["charset"])
	if err != nil || mediaType != "application/json" || (charset != "" && charset != "utf-8") {
		return refuse(lbapi.InvalidArgument, "Content-Type", "the body must be application/json in UTF-8, got %.100q", value)
	}
	return nil
}

// noBody refuses the body of a call that takes none.
func (c *call) noBody() error {
	if len(c.body) == 0 {
		return nil
	}
	return refuse(lbapi.InvalidArgument, "body", "%s takes query parameters only, no body", c.request.Method)
}

// digest is what a resend has in common with the first call, and another call with the same nonce has not.
func (c *call) digest() [sha256.Size]byte {
	path := strings.TrimSuffix(c.request.URL.Path, "/")
	return sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%x", c.request.Method, path, c.signed.BodyDigest))
}

func (c *call) now() *snapshot.Snapshot { return c.server.config.State.Current() }

// succeeded makes the answer of an operation.
func (c *call) succeeded(result any, err error) answer {
	if err != nil {
		return c.failed(err)
	}
	text, err := json.Marshal(result)
	if err != nil {
		return c.failed(fmt.Errorf("encode the result: %w", err))
	}
	return answer{result: text}
}

// failed makes the answer of a call that ended with an error: a refusal is passed on, anything else is a 500 that keeps
// the cause for the log.
func (c *call) failed(err error) answer {
	if refusal, ok := errors.AsType[*lbapi.Error](err); ok {
		return answer{refusal: refusal}
	}
	message := "lbserver failed; its log has the reason under this request id"
	return answer{refusal: lbapi.NewError(lbapi.Internal, message), cause: err}
}

// unavailable makes the answer to a call for which the store could not be read or written.
func unavailable(err error) answer {
	message := "the load balancer's store cannot be read or written; its log has the reason under this request id. " +
		"Mend that, then send the call again"
	return answer{refusal: lbapi.NewError(lbapi.Unavailable, message), cause: err}
}

func (c *call) send(w http.ResponseWriter, a answer) {
	header := w.Header()
	header.Set(lbapi.HeaderRequestID, c.id)
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	// The clock by which the signature was judged, so that a client whose clock differs can see it.
	header.Set("Date", c.server.config.Now().UTC().Format(http.TimeFormat))
	switch a.status() {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", signature.Algorithm)
	case http.StatusMethodNotAllowed:
		header.Set("Allow", c.allow)
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", unavailableRetry)
	}
	w.WriteHeader(a.status())
	envelope := lbapi.Envelope[json.RawMessage]{RequestID: c.id, Result: a.result, Error: a.refusal}
	// A client that has gone away needs no answer; it can resend the call with its nonce.
	_ = json.NewEncoder(w).Encode(envelope)
}

// loggedPath bounds how much of a path the log shows, in bytes; the path of any object is shorter.
const loggedPath = 256

func shortened(path string) string {
	if len(path) <= loggedPath {
		return path
	}
	return path[:loggedPath] + "…"
}

// log writes the one line of a call.
func (c *call) log(ctx context.Context, a answer) {
	level, attributes := slog.LevelInfo, []slog.Attr{
		slog.String("request_id", c.id),
		slog.String("method", c.request.Method),
		slog.String("path", shortened(c.request.URL.Path)),
		slog.Int("status", a.status()),
		slog.Duration("duration", c.server.config.Now().Sub(c.started)),
		slog.String("client", c.request.RemoteAddr),
	}
	if c.signed.AccessKey != "" {
		attributes = append(attributes, slog.String("access_key", c.signed.AccessKey))
	}
	if a.again {
		attributes = append(attributes, slog.Bool("stored_answer", true))
	}
	if a.refusal != nil {
		attributes = append(attributes, slog.String("reason", a.refusal.Message))
	}
	if a.cause != nil {
		level = slog.LevelError
		attributes = append(attributes, slog.Any("error", a.cause))
	}
	c.server.config.Log.LogAttrs(ctx, level, "api call", attributes...)
}
