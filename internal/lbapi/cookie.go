package lbapi

import (
	"crypto/sha256"
	"encoding/base32"
)

// CookiePrefix begins the name of every session persistence cookie.
const CookiePrefix = "ALB_"

// CookieName returns the name of a backend service's cookie: CookiePrefix and 8 letters and digits derived from the
// service's id, so that two backend services behind one host have different cookies.
func CookieName(backendServiceID string) string {
	digest := sha256.Sum256([]byte(backendServiceID))
	return CookiePrefix + base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").EncodeToString(digest[:5]) // 5 bytes make 8 characters
}
