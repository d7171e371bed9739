package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// storedReply is a reply as the file holds it, by its nonce. Files of format 1 also have the HTTP status, which is in
// the body.
type storedReply struct {
	Digest  []byte    `json:"digest"`
	Body    []byte    `json:"body"`
	Expires time.Time `json:"expires"`
}

// Reply returns the stored reply of a nonce.
func (s *Store) Reply(ctx context.Context, nonce string) (*store.Reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var stored *storedReply
	err := s.view("read the reply of nonce "+nonce, func(tx *bbolt.Tx) error {
		var err error
		stored, err = readReply(tx, nonce)
		return err
	})
	if err != nil {
		return nil, err
	}
	if stored == nil || !s.now().Before(stored.Expires) {
		return nil, store.ErrNoReply
	}
	reply := &store.Reply{Nonce: nonce, Body: stored.Body, Expires: stored.Expires}
	copy(reply.Digest[:], stored.Digest)
	return reply, nil
}

// readReply returns nil if there is none.
func readReply(tx *bbolt.Tx, nonce string) (*storedReply, error) {
	value := tx.Bucket(bucketReplies).Get([]byte(nonce))
	if value == nil {
		return nil, nil //nolint:nilnil // no reply is an answer, not a failure
	}
	var stored storedReply
	if err := json.Unmarshal(value, &stored); err != nil {
		return nil, fmt.Errorf("decode the reply of nonce %s: %w", nonce, err)
	}
	return &stored, nil
}

func putReply(tx *bbolt.Tx, reply *store.Reply) error {
	if reply == nil {
		return nil
	}
	older, err := readReply(tx, reply.Nonce)
	if err != nil {
		return err
	}
	if older != nil {
		// The expiry of the older reply would remove the newer one too early.
		if err := tx.Bucket(bucketExpiry).Delete(expiryKey(older.Expires, reply.Nonce)); err != nil {
			return err
		}
	}
	value, err := json.Marshal(storedReply{
		Digest: reply.Digest[:], Body: reply.Body, Expires: reply.Expires,
	})
	if err != nil {
		return fmt.Errorf("encode the reply of nonce %s: %w", reply.Nonce, err)
	}
	if err := tx.Bucket(bucketReplies).Put([]byte(reply.Nonce), value); err != nil {
		return err
	}
	return tx.Bucket(bucketExpiry).Put(expiryKey(reply.Expires, reply.Nonce), []byte{})
}

// prune removes replies that have expired, the oldest first.
func prune(tx *bbolt.Tx, now time.Time) error {
	limit := expiryKey(now, "")
	var expired [][]byte
	cursor := tx.Bucket(bucketExpiry).Cursor()
	for key, _ := cursor.First(); key != nil && len(expired) < pruneAtOnce; key, _ = cursor.Next() {
		if bytes.Compare(key[:len(limit)], limit) > 0 {
			break
		}
		expired = append(expired, bytes.Clone(key))
	}
	for _, key := range expired {
		if err := tx.Bucket(bucketReplies).Delete(key[len(limit):]); err != nil {
			return err
		}
		if err := tx.Bucket(bucketExpiry).Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// expiryKey sorts by time.
func expiryKey(at time.Time, nonce string) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(max(at.UnixNano(), 0))), nonce...)
}
