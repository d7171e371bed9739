// Package client calls the control API: it signs, sends, resends where that is safe, and turns what comes back into values
// or typed errors. It knows nothing of Terraform and keeps no state but its pool of connections.
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

// Waits between attempts: they double from the first to the last, unless the server says how long to wait.
const (
	defaultFirstWait = 250 * time.Millisecond
	defaultLastWait  = 10 * time.Second
)

// Config says which API is called and how. Endpoint, Region, AccessKey, SecretKey and RequestTimeout must be given.
type Config struct {
	// Endpoint is the base of every URL: scheme, host and port, such as "http://127.0.0.1:9080".
	Endpoint  string
	Region    string
	AccessKey string
	SecretKey string
	// RequestTimeout bounds one attempt, from dialing to the last byte of the answer.
	RequestTimeout time.Duration
	// MaxRetries is how often a call is sent again after an attempt that may be repeated, 0 or more.
	MaxRetries int
	UserAgent  string
	// Log is told of every attempt; nil to stay silent. It may be called by many goroutines at once.
	Log func(context.Context, Attempt)

	// FirstWait and LastWait bound the pause between two attempts; zero means 250 ms and 10 s.
	FirstWait, LastWait time.Duration
	// Now is the clock that dates signatures; nil means time.Now.
	Now func() time.Time
}

// Attempt is one exchange with the API, as a log shows it. It holds neither headers nor bodies, so no secret.
type Attempt struct {
	Operation string // what the call is for, such as `create listener "web"`
	Method    string
	URL       string
	Number    int // from 1
	Status    int // the HTTP status, 0 without an answer
	RequestID string
	Duration  time.Duration
	Err       error // why the attempt failed, nil when it did not
}

// Client calls the API of one region. It may be used by many goroutines at once.
type Client struct {
	config      Config
	endpoint    *url.URL
	credentials signature.Credentials
	http        *http.Client
	// unusable says that the last call that ended found the API out of reach or out of order, after all its attempts. Reads
	// are then tried once only, so that a hundred resources don't wait one after the other for what is not there.
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
			// The API never redirects; whoever does is not the API, and a signature is good for one URL only.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close closes the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Endpoint is the base of every URL that the client calls.
func (c *Client) Endpoint() string { return c.endpoint.String() }

// Region is the region that the client calls.
func (c *Client) Region() string { return c.config.Region }

// ParseEndpoint reads an endpoint: an http or https URL of a host, with nothing behind it. Its error says what is wrong in
// words that can follow the name of the setting, and never repeats a password.
func ParseEndpoint(text string) (*url.URL, error) {
	const form = `must be a URL such as "http://127.0.0.1:9080" or "https://lb.example.com"`
	// Before it is parsed: to the parser an address such as 127.0.0.1:9080 is no URL at all.
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
