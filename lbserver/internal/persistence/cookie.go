// Package persistence makes and reads the cookie by which a client stays on its server.
//
// The value is the base64url text, without padding, of
//
//	key id (1 byte) ‖ nonce (12) ‖ AES-256-GCM{ second of issue (5, big endian) ‖ server id } ‖ tag (16)
//
// with the backend service's id as associated data. A client can neither read which server it is on nor make a value of
// its own, and a value of one backend service is worth nothing to another.
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
	// MaxServerIDLength is the longest server id in bytes that a value can carry. The API's ids have 17.
	MaxServerIDLength = 64
	// MaxFutureSkew is how far ahead of ours the clock of the node that issued a value may be.
	MaxFutureSkew = 60 * time.Second

	secondSize = 5 // bytes of a Unix time, enough for 34,000 years
	nonceSize  = 12
	tagSize    = 16

	overhead     = 1 + nonceSize + secondSize + tagSize
	maxSealed    = overhead + MaxServerIDLength
	minValueSize = (overhead*8 + 5) / 6
	maxValueSize = (maxSealed*8 + 5) / 6
)

// ErrInvalid says that a value is not one that a node with our keys made for this backend service, or that it comes from
// the future by more than MaxFutureSkew.
var ErrInvalid = errors.New("session persistence cookie is not valid")

// ErrExpired says that a value is genuine but older than the persistence timeout.
var ErrExpired = errors.New("session persistence cookie has expired")

// encoding is strict, because otherwise the last character has values that decode alike.
var encoding = base64.RawURLEncoding.Strict()

// Cookie makes and reads the values of one backend service. It is immutable and safe for concurrent use; a change of the
// timeout or the keys takes a new one.
type Cookie struct {
	name           string
	backendService []byte
	timeout        time.Duration
	keys           [2]sealer // current, previous; the latter may be empty
}

type sealer struct {
	id   byte
	aead cipher.AEAD
}

// New returns the cookie of a backend service. timeout is the persistence timeout, 0 to 86,400 seconds; 0 means as long as
// the browser lives. It fails on the zero Keys, whose cookies everybody could make.
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

// Seal appends a fresh value that names the server (1 to MaxServerIDLength bytes of id) to dst.
func (c *Cookie) Seal(dst []byte, serverID string, issued time.Time) []byte {
	var second [8]byte
	binary.BigEndian.PutUint64(second[:], uint64(issued.Unix()))
	plain := append(make([]byte, 0, secondSize+len(serverID)), second[8-secondSize:]...)
	plain = append(plain, serverID...)

	sealed := append(make([]byte, 0, overhead+len(serverID)), c.keys[0].id)
	sealed = c.keys[0].aead.Seal(sealed, nil, plain, c.backendService)
	return encoding.AppendEncode(dst, sealed)
}

// Scratch is the memory that Open works in. It may be used again and again, by one Open at a time.
type Scratch struct {
	sealed [maxSealed]byte
	plain  [secondSize + MaxServerIDLength]byte
}

// Open reads a value that a client sent, of any length and content, and judges its age at the moment now. The server id
// lies in scratch. The error is ErrInvalid or ErrExpired, bare. Open allocates nothing.
func (c *Cookie) Open(scratch *Scratch, value []byte, now time.Time) (serverID []byte, issued time.Time, err error) {
	if len(value) <= minValueSize || len(value) > maxValueSize {
		return nil, time.Time{}, ErrInvalid
	}
	n, err := encoding.Decode(scratch.sealed[:], value)
	// The decoder skips line ends, which would let one value have many forms.
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
		// Both in whole seconds, as the client counts Max-Age.
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
