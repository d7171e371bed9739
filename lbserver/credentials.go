package lbserver

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi/signature"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/durable"
)

// credentialsFile is a file in the data directory, mode 0600.
const credentialsFile = "credentials.json"

// credentials are the pair of keys that sign API calls.
type credentials struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// loadCredentials reads the pair that an earlier start kept in a directory, or makes one and keeps it.
func loadCredentials(directory string) (pair credentials, path string, err error) {
	path = filepath.Join(directory, credentialsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		pair = credentials{AccessKey: "AK" + rand.Text(), SecretKey: rand.Text() + rand.Text()}
		return pair, path, pair.save(path)
	}
	if err != nil {
		return pair, path, fmt.Errorf("read the API keys: %w", err)
	}
	if err := json.Unmarshal(text, &pair); err != nil {
		return pair, path, fmt.Errorf("read the API keys in %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil { // a copy that was put back may have another mode
		return pair, path, fmt.Errorf("restrict the rights to the API keys: %w", err)
	}
	if pair.AccessKey == "" || pair.SecretKey == "" {
		return pair, path, fmt.Errorf("read the API keys in %s: access_key or secret_key is missing", path)
	}
	if reason := signature.InvalidName(pair.AccessKey); reason != "" {
		return pair, path, fmt.Errorf("read the API keys in %s: access_key %s", path, reason)
	}
	return pair, path, nil
}

// save keeps the pair in a file. After it has returned without an error, the pair survives a power cut, since clients
// use it from then on.
func (c credentials) save(path string) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the API keys: %w", err)
	}
	if err := durable.WriteFile(path, append(text, '\n')); err != nil {
		return fmt.Errorf("keep the API keys: %w", err)
	}
	return nil
}
