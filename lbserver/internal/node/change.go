package node

import (
	"context"
	"errors"

	"github.com/alb-project/terraform-provider-alb/lbserver/internal/desired"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/proxy"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/service"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/snapshot"
)

// change is a prepared change of the whole node.
type change struct {
	node      *Node
	services  *service.Change
	listeners *proxy.Change
	closed    []*desired.PortError
}

// Prepare opens the ports of new listeners, and those that could not be opened before. It fails only if the node was
// stopped or the persistence keys can't be used.
func (n *Node) Prepare(
	ctx context.Context, next *snapshot.Snapshot, changed snapshot.Difference,
) (desired.Prepared, error) {
	services, err := n.services.Prepare(next, changed)
	if err != nil {
		return nil, err
	}
	listeners, failures, err := n.proxy.Prepare(ctx, next, changed)
	if err != nil {
		return nil, err
	}
	prepared := &change{node: n, services: services, listeners: listeners}
	for _, failure := range failures {
		prepared.closed = append(prepared.closed, closedPort(failure))
	}
	return prepared, nil
}

func (c *change) Closed() []*desired.PortError { return c.closed }

// Apply puts the change in force: first the backend services, then the listeners that send traffic to them, then the
// checks of their servers.
func (c *change) Apply() {
	c.services.Apply()
	c.listeners.Apply()
	c.node.checks.Apply(c.services.Changed(), c.services.Gone())
}

// Abort closes the ports that were opened for the change.
func (c *change) Abort() { c.listeners.Abort() }

// portError turns the proxy's error about a port into the one that has advice.
func portError(err error) error {
	if failure, ok := errors.AsType[*proxy.ListenError](err); ok {
		return closedPort(failure)
	}
	return err
}

func closedPort(failure *proxy.ListenError) *desired.PortError {
	return &desired.PortError{ListenerID: failure.ListenerID, Name: failure.Name, Address: failure.Address, Err: failure.Err}
}
