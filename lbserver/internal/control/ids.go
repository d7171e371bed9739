package control

import (
	"encoding/base32"
	"fmt"
	"io"
	"strings"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// ids makes the ids of objects.
type ids struct{ random io.Reader }

// next returns a new id that is not taken. It fails only with its source of
// randomness.
func (i ids) next(prefix string, taken func(id string) bool) (string, error) {
	bytes := make([]byte, (lbapi.IDLength*5+7)/8) // 5 bits a character
	for {
		if _, err := io.ReadFull(i.random, bytes); err != nil {
			return "", fmt.Errorf("make an id: %w", err)
		}
		id := prefix + strings.ToLower(base32.StdEncoding.EncodeToString(bytes))[:lbapi.IDLength]
		if !taken(id) {
			return id, nil
		}
	}
}

// in is the test of next for a map of objects by id.
func in[T any](objects map[string]*T) func(string) bool {
	return func(id string) bool { return objects[id] != nil }
}
