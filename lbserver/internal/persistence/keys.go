package persistence

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// secretSize is the size in bytes of a key, AES-256's.
const secretSize = 32

// Keys are the secrets that seal cookies. Two are valid at a time, so that a rotation logs nobody out: values are
// sealed with the current key and opened with either. A Keys is an immutable value.
type Keys struct {
	current  key
	previous key // its secret is nil before the first rotation
}

type key struct {
	id     byte
	secret []byte
}

// GenerateKeys makes a first key from the system's random source.
func GenerateKeys() Keys {
	return Keys{current: newKey(1)}
}

// Rotate returns keys with a new current key; k's current key becomes the previous one. Values sealed with k's previous
// key are refused from then on, so rotations must be further apart than the longest persistence timeout in use, which
// is a day at most.
func (k Keys) Rotate() Keys {
	return Keys{current: newKey(k.current.id + 1), previous: k.current}
}

func newKey(id byte) key {
	k := key{id: id, secret: make([]byte, secretSize)}
	_, _ = rand.Read(k.secret) // never fails: crypto/rand ends the process first
	return k
}

// keysJSON is the form in which the store holds Keys.
type keysJSON struct {
	Current  keyJSON  `json:"current"`
	Previous *keyJSON `json:"previous,omitempty"`
}

type keyJSON struct {
	ID     byte   `json:"id"`
	Secret []byte `json:"secret"`
}

// ParseKeys reads what Encode wrote. It fails if data is not a set of usable keys.
func ParseKeys(data []byte) (Keys, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var stored keysJSON
	if err := decoder.Decode(&stored); err != nil {
		return Keys{}, fmt.Errorf("read the session persistence keys from the store: %w", err)
	}
	if decoder.More() {
		return Keys{}, errors.New("read the session persistence keys from the store: text after the end of the object")
	}
	keys := Keys{current: key{stored.Current.ID, stored.Current.Secret}}
	if err := keys.current.check("current"); err != nil {
		return Keys{}, err
	}
	if stored.Previous == nil {
		return keys, nil
	}
	keys.previous = key{stored.Previous.ID, stored.Previous.Secret}
	if err := keys.previous.check("previous"); err != nil {
		return Keys{}, err
	}
	if keys.current.id == keys.previous.id {
		return Keys{}, fmt.Errorf("the stored current and previous session persistence keys have the same id %d", keys.current.id)
	}
	return keys, nil
}

func (k key) check(name string) error {
	if len(k.secret) != secretSize {
		return fmt.Errorf("the stored %s session persistence key has %d bytes, want %d", name, len(k.secret), secretSize)
	}
	return nil
}

// Equal reports whether two sets of keys are the same.
func (k Keys) Equal(other Keys) bool {
	return k.current.equal(other.current) && k.previous.equal(other.previous)
}

func (k key) equal(other key) bool { return k.id == other.id && bytes.Equal(k.secret, other.secret) }

// Encode returns the JSON form for the store. It holds the secrets in clear: it must go nowhere else.
func (k Keys) Encode() ([]byte, error) {
	stored := keysJSON{Current: keyJSON{k.current.id, k.current.secret}}
	if k.previous.secret != nil {
		stored.Previous = &keyJSON{k.previous.id, k.previous.secret}
	}
	data, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("encode the session persistence keys: %w", err)
	}
	return data, nil
}

// Format keeps the secrets out of everything that package fmt prints.
func (k Keys) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprintf(state, "session persistence keys (current %d)", k.current.id)
}

// LogValue keeps the secrets out of logs, in every format.
func (k Keys) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(k)) }

// aead returns the cipher of one backend service. Its key is derived from the service's id, because a key may seal at
// most 2³² values with random nonces of 96 bits (NIST SP 800-38D, 8.3). Each server's value is made at most once a
// second, so hundreds of servers in one service stay within that limit for a month and more.
func (k key) aead(backendServiceID string) (cipher.AEAD, error) {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte("session persistence of backend service\x00" + backendServiceID))
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
