// Package client calls the control API over HTTP. It signs and sends requests, repeats them if that is safe, and
// returns values or typed errors. It knows nothing of Terraform, and its only state is its connection pool.
package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
)

// Pauses between attempts: they double from the first to the last, unless the server says how long to wait.
const (
	defaultFirstWait = 250 * time.Millisecond
	defaultLastWait  = 10 * time.Second
)

// Config says which API to call and how. Endpoint, Region, AccessKey, SecretKey and RequestTimeout are required.
type Config struct {
	// Endpoint is the base of every URL: scheme, host and port, such as "http://127.0.0.1:9080".
	Endpoint  string
	Region    string
	AccessKey string
	SecretKey string
	// RequestTimeout bounds one attempt, from dialing to the last byte of the answer.
	RequestTimeout time.Duration
	// MaxRetries is how often a call is repeated after an attempt that may be repeated, 0 or more.
	MaxRetries int
	UserAgent  string
	// Log is called with every attempt, by many goroutines at once; nil logs nothing.
	Log func(context.Context, Attempt)

	// FirstWait and LastWait bound the pause between two attempts; zero means 250 ms and 10 s.
	FirstWait, LastWait time.Duration
	// Now is the clock that dates signatures; nil means time.Now.
	Now func() time.Time
}

// Attempt is one exchange with the API, for logging. It contains neither headers nor bodies, so no secret.
type Attempt struct {
	Operation string // what the call is for, such as `create listener "web"`
	Method    string
	URL       string
	Number    int // from 1
	Status    int // the HTTP status, 0 without an answer
	RequestID string
	Duration  time.Duration
	Err       error // why the attempt failed, nil if it did not
}

// Client calls the API of one region. It is safe for concurrent use.
type Client struct {
	config      Config
	endpoint    *url.URL
	credentials signature.Credentials
	http        *http.Client
	// unusable is set if the last call that ended found the API unreachable or failing, after all its attempts. Reads
	// are then tried only once, so that a hundred resources don't wait for it one after another.
	unusable atomic.Bool
}

// New makes a client. It sends nothing.
func New(config Config) (*Client, error) {
	endpoint, err := ParseEndpoint(config.Endpoint)
	if err != nil {
		return nil, err
	}
	if config.Region == "" || config.AccessKey == "" || config.SecretKey == "" {
		return nil, errors.New("a client needs a region, an access key and a secret key")
	}
	if config.RequestTimeout <= 0 || config.MaxRetries < 0 {
		return nil, fmt.Errorf("a client needs a request timeout above 0 and retries of 0 or more, got %s and %d",
			config.RequestTimeout, config.MaxRetries)
	}
	if config.FirstWait == 0 {
		config.FirstWait = defaultFirstWait
	}
	if config.LastWait == 0 {
		config.LastWait = defaultLastWait
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Client{
		config:      config,
		endpoint:    endpoint,
		credentials: signature.Credentials{AccessKey: config.AccessKey, SecretKey: config.SecretKey},
		http: &http.Client{
			Transport: newTransport(),
			Timeout:   config.RequestTimeout,
			// The API never redirects; a server that does is not the API, and a signature is valid for one URL only.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close closes the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Endpoint returns the base of every URL that the client calls.
func (c *Client) Endpoint() string { return c.endpoint.String() }

// Region returns the region that the client calls.
func (c *Client) Region() string { return c.config.Region }

// ParseEndpoint parses an endpoint: an http or https URL that ends with the host and port. Its error is worded to
// follow the name of the setting, and never repeats a password.
func ParseEndpoint(text string) (*url.URL, error) {
	const form = `must be a URL such as "http://127.0.0.1:9080" or "https://lb.example.com"`
	// Checked before parsing: the parser rejects an address such as 127.0.0.1:9080 with a message about colons.
	if scheme, _, _ := strings.Cut(strings.ToLower(text), "://"); scheme != "http" && scheme != "https" {
		return nil, errors.New(form + `, and this one does not start with "http://" or "https://"`)
	}
	endpoint, err := url.Parse(text)
	switch {
	case err != nil:
		// The parser's own message may quote a password.
		return nil, errors.New(form + ", and this one cannot be read as a URL")
	case endpoint.Hostname() == "":
		return nil, errors.New(form + ", and this one names no host")
	case endpoint.User != nil:
		return nil, errors.New(form + ", without a user name or password; requests are signed with the access and the secret key")
	case endpoint.Path != "" && endpoint.Path != "/", endpoint.RawQuery != "", endpoint.Fragment != "", endpoint.ForceQuery:
		return nil, errors.New(form + ", with nothing after the host and port")
	}
	endpoint.Path = ""
	return endpoint, nil
}

func newNonce() string { return uuid.NewString() }
