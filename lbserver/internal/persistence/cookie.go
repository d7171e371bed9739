// Package persistence makes and reads the cookie that keeps a client on its server.
//
// The value is the base64url text, without padding, of
//
//	key id (1 byte) ‖ nonce (12) ‖ AES-256-GCM{ second of issue (5, big endian) ‖ attributes (3) ‖ server id } ‖ tag (16)
//
// with the backend service's id as associated data. A client can neither read which server it is on nor forge a value,
// and a value of one backend service is not accepted by another. The attributes are those that the browser was given; they
// show that it would forget the cookie too early, or not send it where it is wanted.
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

	secondSize     = 5 // bytes of a Unix time, enough for 34,000 years
	attributesSize = 3
	secureBit      = 1 << 23 // of the attributes
	plainOverhead  = secondSize + attributesSize
	nonceSize      = 12
	tagSize        = 16

	overhead     = 1 + nonceSize + plainOverhead + tagSize
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

// Attributes are what a backend service's cookies have besides their value.
type Attributes struct {
	// Timeout is the persistence timeout, whole seconds from 0 to 86,400; 0 means a session cookie, which lives as long as
	// the browser.
	Timeout time.Duration
	// SameSite is Lax if it is none of the API's words.
	SameSite lbapi.SameSite
}

// code returns the attributes as a number of 19 bits.
func (a Attributes) code() uint32 {
	code := uint32(a.Timeout/time.Second) << 2
	switch a.SameSite {
	case lbapi.SameSiteStrict:
		return code | 1
	case lbapi.SameSiteNone:
		return code | 2
	default:
		return code
	}
}

// Cookie makes and reads the cookie values of one backend service. It is immutable and safe for concurrent use; a
// change of the attributes or the keys needs a new Cookie.
type Cookie struct {
	name           string
	backendService []byte
	attributes     Attributes
	keys           [2]sealer // current, previous; the second may be empty
}

type sealer struct {
	id   byte
	aead cipher.AEAD
}

// New returns the cookie of a backend service. It fails for the zero Keys, which anyone could use to forge cookies.
func New(keys Keys, backendServiceID string, attributes Attributes) (*Cookie, error) {
	if keys.current.secret == nil {
		return nil, fmt.Errorf("prepare the session persistence cookie of backend service %s: there are no keys yet", backendServiceID)
	}
	c := &Cookie{name: lbapi.CookieName(backendServiceID), backendService: []byte(backendServiceID), attributes: attributes}
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

// Seal appends to dst a new value that names the server (an id of 1 to MaxServerIDLength bytes). secure says that the cookie has
// the attribute Secure.
func (c *Cookie) Seal(dst []byte, serverID string, issued time.Time, secure bool) []byte {
	var second [8]byte
	binary.BigEndian.PutUint64(second[:], uint64(issued.Unix()))
	code := c.attributes.code()
	if secure {
		code |= secureBit
	}
	var attributes [4]byte
	binary.BigEndian.PutUint32(attributes[:], code)
	plain := append(make([]byte, 0, plainOverhead+len(serverID)), second[len(second)-secondSize:]...)
	plain = append(plain, attributes[len(attributes)-attributesSize:]...)
	plain = append(plain, serverID...)

	sealed := append(make([]byte, 0, overhead+len(serverID)), c.keys[0].id)
	sealed = c.keys[0].aead.Seal(sealed, nil, plain, c.backendService)
	return encoding.AppendEncode(dst, sealed)
}

// Scratch is the working memory of Open. It can be reused, by one Open at a time.
type Scratch struct {
	sealed [maxSealed]byte
	plain  [plainOverhead + MaxServerIDLength]byte
}

// Opened is what a genuine value says.
type Opened struct {
	ServerID []byte // a slice of the Scratch
	Issued   time.Time
	// Outdated says that the value is sealed with the previous key, or was set with other attributes: the client needs a new
	// one to stay.
	Outdated bool
	// Secure says that the value was set with the attribute Secure.
	Secure bool
}

// Open reads a value that a client sent, of any length and content, and judges its age at the time now. The error is
// ErrInvalid or ErrExpired, unwrapped. Open allocates nothing.
func (c *Cookie) Open(scratch *Scratch, value []byte, now time.Time) (Opened, error) {
	if len(value) <= minValueSize || len(value) > maxValueSize {
		return Opened{}, ErrInvalid
	}
	n, err := encoding.Decode(scratch.sealed[:], value)
	// The decoder skips line ends, which would give one value many forms.
	if err != nil || encoding.EncodedLen(n) != len(value) {
		return Opened{}, ErrInvalid
	}
	key := c.find(scratch.sealed[0])
	if key == nil {
		return Opened{}, ErrInvalid
	}
	plain, err := key.aead.Open(scratch.plain[:0], nil, scratch.sealed[1:n], c.backendService)
	if err != nil || len(plain) <= plainOverhead {
		return Opened{}, ErrInvalid
	}

	var second [8]byte
	copy(second[len(second)-secondSize:], plain)
	var attributes [4]byte
	copy(attributes[len(attributes)-attributesSize:], plain[secondSize:])
	opened := Opened{ServerID: plain[plainOverhead:], Issued: time.Unix(int64(binary.BigEndian.Uint64(second[:])), 0)}
	code := binary.BigEndian.Uint32(attributes[:])
	opened.Secure = code&secureBit != 0
	opened.Outdated = key != &c.keys[0] || code&^secureBit != c.attributes.code()
	if timeout := c.attributes.Timeout; timeout > 0 {
		// Both are whole seconds, as the client counts Max-Age.
		age := time.Duration(now.Unix()-opened.Issued.Unix()) * time.Second
		if age < -MaxFutureSkew {
			return Opened{}, ErrInvalid
		}
		if age > timeout {
			return Opened{}, ErrExpired
		}
	}
	return opened, nil
}

// Due reports whether a value of that time of issue is to be set again, for its age, with an answer that is sent now: never
// without a timeout, otherwise once it is a tenth of the timeout old (API contract: then a client that is never idle for 0.9
// of the timeout is never let go). The tenth is in whole seconds, rounded down, but at least one. Times are in whole seconds
// too, so a client whose value is not set again has had it for less than the tenth. A value from a node whose clock is ahead
// is younger here than it is, and set again later by the difference.
func (c *Cookie) Due(issued, now time.Time) bool {
	timeout := int64(c.attributes.Timeout / time.Second)
	return timeout > 0 && now.Unix()-issued.Unix() >= max(1, timeout/10)
}

func (c *Cookie) find(id byte) *sealer {
	for i := range c.keys {
		if key := &c.keys[i]; key.aead != nil && key.id == id {
			return key
		}
	}
	return nil
}
