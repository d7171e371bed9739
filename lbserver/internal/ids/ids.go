// Package ids makes the ids of new objects: a prefix that names the kind, and random characters. An id is never one
// that is taken. Source of the form: api.md, "Envelope".
package ids

import (
	"encoding/base32"
	"fmt"
	"io"
	"strings"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// Source makes ids out of random bytes.
type Source struct{ Random io.Reader }

// New returns an id that is not taken. It fails only if its source of randomness does.
func (s Source) New(prefix string, taken func(id string) bool) (string, error) {
	bytes := make([]byte, (lbapi.IDLength*5+7)/8) // 5 bits a character
	for {
		if _, err := io.ReadFull(s.Random, bytes); err != nil {
			return "", fmt.Errorf("make an id: %w", err)
		}
		id := prefix + strings.ToLower(base32.StdEncoding.EncodeToString(bytes))[:lbapi.IDLength]
		if !taken(id) {
			return id, nil
		}
	}
}

// In is the function taken for a map of objects by id.
func In[T any](objects map[string]*T) func(id string) bool {
	return func(id string) bool { return objects[id] != nil }
}
