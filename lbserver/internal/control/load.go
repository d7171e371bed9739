package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// First is what a store gets that has never been used.
type First struct {
	// VIP is the address of the load balancer lbapi.DefaultLoadBalancerName.
	VIP netip.Addr
	// PersistenceKeys makes the JSON form of the first keys that seal
	// persistence cookies.
	PersistenceKeys func() ([]byte, error)
	Now             func() time.Time
	Random          io.Reader
}

// Load reads the desired state. A store that has never been used gets a load
// balancer first, and any that lacks them the keys of the persistence cookies.
// A load balancer that was deleted does not come back.
func Load(ctx context.Context, from store.Store, first First) (*snapshot.Snapshot, error) {
	for {
		loaded, err := load(ctx, from, first)
		// Another node of a new fleet was quicker with its first write.
		if !errors.Is(err, store.ErrStale) {
			return loaded, err
		}
	}
}

func load(ctx context.Context, from store.Store, first First) (*snapshot.Snapshot, error) {
	current, err := read(ctx, from)
	if err != nil {
		return nil, err
	}
	edit := current.Edit()
	if current.Revision == 0 {
		loadBalancer, err := first.loadBalancer()
		if err != nil {
			return nil, err
		}
		snapshot.Put(edit, loadBalancer)
	}
	if current.PersistenceKeys == nil {
		keys, err := first.PersistenceKeys()
		if err != nil {
			return nil, fmt.Errorf("make the keys of the persistence cookies: %w", err)
		}
		edit.PutPersistenceKeys(keys)
	}
	next, records, err := edit.Done()
	if err != nil || len(records) == 0 {
		return current, err
	}
	next.Revision, err = from.Commit(ctx, current.Revision, records, nil)
	if err != nil {
		return nil, fmt.Errorf("write the first objects: %w", err)
	}
	return next, nil
}

func (f First) loadBalancer() (*lbapi.LoadBalancer, error) {
	id, err := ids{random: f.Random}.next(lbapi.PrefixLoadBalancer, func(string) bool { return false })
	if err != nil {
		return nil, err
	}
	made := lbapi.DefaultLoadBalancer()
	made.ID, made.Name, made.CreatedTime = id, lbapi.DefaultLoadBalancerName, timestamp(f.Now())
	made.PrivateIP.Address = f.VIP.String()
	return &made, nil
}

// read makes a snapshot of what the store holds now.
func read(ctx context.Context, from store.Store) (*snapshot.Snapshot, error) {
	state, err := from.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the desired state: %w", err)
	}
	return snapshot.New(state)
}

// timestamp is the form of createdTime.
func timestamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }
