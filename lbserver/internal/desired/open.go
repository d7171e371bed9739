package desired

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/ids"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/store"
)

// Config is what a State stands on. All fields must be set.
type Config struct {
	Store store.Store
	Node  Node
	Log   *slog.Logger
	Now   func() time.Time

	// What a store gets that has never been used: the VIP of the load balancer lbapi.DefaultLoadBalancerName, the JSON
	// form of the first keys that seal persistence cookies, and the random bytes of ids.
	VIP             netip.Addr
	PersistenceKeys func() ([]byte, error)
	Random          io.Reader
}

// Open reads the desired state and puts it in force. A store that has never been used gets a load balancer first, and
// any that lacks them the keys of the persistence cookies; a load balancer that was deleted does not come back.
// Listeners whose ports can't be opened are logged, and RetryPorts tries them again: meanwhile the others take traffic.
func Open(ctx context.Context, config Config) (*State, error) {
	s := &State{store: config.Store, node: config.Node, now: config.Now, log: config.Log, closed: map[string]bool{}}
	first, err := config.load(ctx)
	for isStale(err) { // another node of a new fleet was the first to write
		first, err = config.load(ctx)
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.apply(ctx, first, first.Since(nil)); err != nil {
		return nil, fmt.Errorf("apply the stored state: %w", err)
	}
	return s, nil
}

func (c *Config) load(ctx context.Context) (*snapshot.Snapshot, error) {
	current, err := read(ctx, c.Store)
	if err != nil {
		return nil, err
	}
	edit := current.Edit()
	if current.Revision == 0 {
		loadBalancer, err := c.loadBalancer()
		if err != nil {
			return nil, err
		}
		snapshot.Put(edit, loadBalancer)
	}
	if current.PersistenceKeys == nil {
		keys, err := c.PersistenceKeys()
		if err != nil {
			return nil, fmt.Errorf("make the keys of the persistence cookies: %w", err)
		}
		edit.PutPersistenceKeys(keys)
	}
	next, records, err := edit.Done()
	if err != nil || len(records) == 0 {
		return current, err
	}
	next.Revision, err = c.Store.Commit(ctx, current.Revision, records, nil)
	if err != nil {
		return nil, fmt.Errorf("write the first objects: %w", err)
	}
	return next, nil
}

func (c *Config) loadBalancer() (*lbapi.LoadBalancer, error) {
	id, err := ids.Source{Random: c.Random}.New(lbapi.PrefixLoadBalancer, func(string) bool { return false })
	if err != nil {
		return nil, err
	}
	made := lbapi.DefaultLoadBalancer()
	made.ID, made.Name, made.CreatedTime = id, lbapi.DefaultLoadBalancerName, lbapi.Timestamp(c.Now())
	made.PrivateIP.Address = c.VIP.String()
	return &made, nil
}
