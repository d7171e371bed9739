package persistence_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/persistence"
)

func TestRotationLogsNobodyOut(t *testing.T) {
	first := persistence.GenerateKeys()
	keys := first
	value := newCookie(t, first, serviceID, time.Hour).Seal(nil, serverID, issued, false)
	for rotation, want := range []error{nil, nil, persistence.ErrInvalid, persistence.ErrInvalid} {
		if got, _, err := open(newCookie(t, keys, serviceID, time.Hour), value, issued); !errors.Is(err, want) {
			t.Errorf("after %d rotations: %q, %v; want %v", rotation, got, err, want)
		}
		keys = keys.Rotate()
	}
	// The key id is one byte: keys whose ids are equal after wrapping round must not be taken for each other.
	for range 256 - 4 {
		keys = keys.Rotate()
	}
	if _, _, err := open(newCookie(t, keys, serviceID, time.Hour), value, issued); !errors.Is(err, persistence.ErrInvalid) {
		t.Errorf("after 256 rotations: %v", err)
	}
}

func TestStrangersKeysAreRefused(t *testing.T) {
	value := newCookie(t, persistence.GenerateKeys(), serviceID, 0).Seal(nil, serverID, issued, false)
	if _, _, err := open(newCookie(t, persistence.GenerateKeys(), serviceID, 0), value, issued); !errors.Is(err, persistence.ErrInvalid) {
		t.Errorf("error %v", err)
	}
}

func TestNoKeysMakeNoCookies(t *testing.T) {
	if _, err := persistence.New(persistence.Keys{}, serviceID, persistence.Attributes{}); err == nil || !strings.Contains(err.Error(), serviceID) {
		t.Errorf("error %v", err)
	}
}

func TestKeysSurviveTheStore(t *testing.T) {
	first := persistence.GenerateKeys()
	for name, keys := range map[string]persistence.Keys{"one": first, "two": first.Rotate()} {
		t.Run(name, func(t *testing.T) {
			data, err := keys.Encode()
			if err != nil {
				t.Fatal(err)
			}
			again, err := persistence.ParseKeys(data)
			if err != nil {
				t.Fatal(err)
			}
			for _, sealedUnder := range []persistence.Keys{first, keys} {
				value := newCookie(t, sealedUnder, serviceID, 0).Seal(nil, serverID, issued, false)
				if got, _, err := open(newCookie(t, again, serviceID, 0), value, issued); err != nil || got != serverID {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
	}
}

func TestDamagedKeysAreRefused(t *testing.T) {
	const good = `{"id":1,"secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`
	if _, err := persistence.ParseKeys([]byte(`{"current":` + good + `}`)); err != nil {
		t.Fatalf("the good form: %v", err)
	}
	for name, data := range map[string]string{
		"empty":         ``,
		"null":          `null`,
		"no current":    `{}`,
		"short":         `{"current":{"id":1,"secret":"AAAA"}}`,
		"same ids":      `{"current":` + good + `,"previous":` + good + `}`,
		"bad previous":  `{"current":` + good + `,"previous":{"id":2,"secret":""}}`,
		"unknown field": `{"current":` + good + `,"next":` + good + `}`,
		"id too large":  `{"current":{"id":256,"secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}`,
		"more text":     `{"current":` + good + `} {}`,
	} {
		if _, err := persistence.ParseKeys([]byte(data)); err == nil || !strings.Contains(err.Error(), "session persistence key") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	keys := persistence.GenerateKeys()
	encoded, err := keys.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var stored struct{ Current struct{ Secret []byte } }
	if err := json.Unmarshal(encoded, &stored); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("keys", "keys", keys)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("keys", "keys", keys)
	printed := log.String() + fmt.Sprintf("%v %+v %#v %s %x %d", keys, keys, keys, keys, keys, keys)
	secret := stored.Current.Secret
	for _, form := range []string{
		strings.Trim(fmt.Sprintf("%d", secret), "[]"), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret), string(secret),
	} {
		if strings.Contains(printed, form) {
			t.Errorf("%q shows in %q", form, printed)
		}
	}
}
