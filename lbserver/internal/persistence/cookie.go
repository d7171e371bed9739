// Package persistence makes and reads the cookie that keeps a client on its server.
//
// The value is the base64url text, without padding, of
//
//	key id (1 byte) ‖ nonce (12) ‖ AES-256-GCM{ second of issue (5, big endian) ‖ server id } ‖ tag (16)
//
// with the backend service's id as associated data. A client can neither read which server it is on nor forge a value,
// and a value of one backend service is not accepted by another.
package persistence

import (
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

const (
	// MaxServerIDLength is the longest server id, in bytes, that a value can carry. The API's ids have 17.
	MaxServerIDLength = 64
	// MaxFutureSkew is how far the clock of the node that issued a value may be ahead of ours.
	MaxFutureSkew = 60 * time.Second

	secondSize = 5 // bytes of a Unix time, enough for 34,000 years
	nonceSize  = 12
	tagSize    = 16

	overhead     = 1 + nonceSize + secondSize + tagSize
	maxSealed    = overhead + MaxServerIDLength
	minValueSize = (overhead*8 + 5) / 6
	maxValueSize = (maxSealed*8 + 5) / 6
)

// ErrInvalid means that no node with our keys made this value for this backend service, or that its time of issue is in
// the future by more than MaxFutureSkew.
var ErrInvalid = errors.New("session persistence cookie is not valid")

// ErrExpired means that a value is genuine but older than the persistence timeout.
var ErrExpired = errors.New("session persistence cookie has expired")

// encoding is strict: otherwise several values of the last character would decode alike.
var encoding = base64.RawURLEncoding.Strict()

// Cookie makes and reads the cookie values of one backend service. It is immutable and safe for concurrent use; a
// change of the timeout or the keys needs a new Cookie.
type Cookie struct {
	name           string
	backendService []byte
	timeout        time.Duration
	keys           [2]sealer // current, previous; the second may be empty
}

type sealer struct {
	id   byte
	aead cipher.AEAD
}

// New returns the cookie of a backend service. timeout is the persistence timeout, 0 to 86,400 seconds; 0 means a
// session cookie, which lives as long as the browser. New fails for the zero Keys, which anyone could use to forge
// cookies.
func New(keys Keys, backendServiceID string, timeout time.Duration) (*Cookie, error) {
	if keys.current.secret == nil {
		return nil, fmt.Errorf("prepare the session persistence cookie of backend service %s: there are no keys yet", backendServiceID)
	}
	c := &Cookie{name: lbapi.CookieName(backendServiceID), backendService: []byte(backendServiceID), timeout: timeout}
	for i, key := range []key{keys.current, keys.previous} {
		if i > 0 && key.secret == nil {
			break
		}
		aead, err := key.aead(backendServiceID)
		if err != nil {
			return nil, fmt.Errorf("prepare the session persistence key of backend service %s: %w", backendServiceID, err)
		}
		c.keys[i] = sealer{key.id, aead}
	}
	return c, nil
}

// Name returns the cookie's name; see lbapi.CookieName.
func (c *Cookie) Name() string { return c.name }

// Seal appends to dst a new value that names the server (an id of 1 to MaxServerIDLength bytes).
func (c *Cookie) Seal(dst []byte, serverID string, issued time.Time) []byte {
	var second [8]byte
	binary.BigEndian.PutUint64(second[:], uint64(issued.Unix()))
	plain := append(make([]byte, 0, secondSize+len(serverID)), second[8-secondSize:]...)
	plain = append(plain, serverID...)

	sealed := append(make([]byte, 0, overhead+len(serverID)), c.keys[0].id)
	sealed = c.keys[0].aead.Seal(sealed, nil, plain, c.backendService)
	return encoding.AppendEncode(dst, sealed)
}

// Scratch is the working memory of Open. It can be reused, by one Open at a time.
type Scratch struct {
	sealed [maxSealed]byte
	plain  [secondSize + MaxServerIDLength]byte
}

// Open reads a value that a client sent, of any length and content, and judges its age at the time now. The server id
// that it returns is a slice of scratch. The error is ErrInvalid or ErrExpired, unwrapped. Open allocates nothing.
func (c *Cookie) Open(scratch *Scratch, value []byte, now time.Time) (serverID []byte, issued time.Time, err error) {
	if len(value) <= minValueSize || len(value) > maxValueSize {
		return nil, time.Time{}, ErrInvalid
	}
	n, err := encoding.Decode(scratch.sealed[:], value)
	// The decoder skips line ends, which would give one value many forms.
	if err != nil || encoding.EncodedLen(n) != len(value) {
		return nil, time.Time{}, ErrInvalid
	}
	aead := c.find(scratch.sealed[0])
	if aead == nil {
		return nil, time.Time{}, ErrInvalid
	}
	plain, err := aead.Open(scratch.plain[:0], nil, scratch.sealed[1:n], c.backendService)
	if err != nil || len(plain) <= secondSize {
		return nil, time.Time{}, ErrInvalid
	}

	var second [8]byte
	copy(second[8-secondSize:], plain)
	issued = time.Unix(int64(binary.BigEndian.Uint64(second[:])), 0)
	if c.timeout > 0 {
		// Both are whole seconds, as the client counts Max-Age.
		age := time.Duration(now.Unix()-issued.Unix()) * time.Second
		if age < -MaxFutureSkew {
			return nil, time.Time{}, ErrInvalid
		}
		if age > c.timeout {
			return nil, time.Time{}, ErrExpired
		}
	}
	return plain[secondSize:], issued, nil
}

func (c *Cookie) find(id byte) cipher.AEAD {
	for _, key := range c.keys {
		if key.aead != nil && key.id == id {
			return key.aead
		}
	}
	return nil
}
