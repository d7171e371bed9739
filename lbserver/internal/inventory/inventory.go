// Package inventory maps instance ids to addresses. It reads them from a file, again whenever the file changes, and
// checks every address against the networks in which servers may lie.
package inventory

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver/internal/strictjson"
)

// Instance is a vm or a container.
type Instance struct {
	Type    lbapi.ServerType
	Address netip.Addr
}

// Inventory finds instances by id. It is safe for concurrent use.
type Inventory struct {
	path     string
	networks Networks
	log      *slog.Logger

	// current is replaced by Run only.
	current atomic.Pointer[picture]
}

// picture is the content of the file at one time. It is immutable.
type picture struct {
	text      []byte
	instances map[string]Instance
}

// Open reads the inventory file at path; if path is empty, there are no instances. Every instance must lie in networks.
func Open(path string, networks Networks, log *slog.Logger) (*Inventory, error) {
	inventory := &Inventory{path: path, networks: networks, log: log}
	inventory.current.Store(&picture{})
	if path == "" {
		return inventory, nil
	}
	if _, err := inventory.read(); err != nil {
		return nil, err
	}
	return inventory, nil
}

// Lookup returns an instance by its id.
func (i *Inventory) Lookup(id string) (Instance, bool) {
	instance, ok := i.current.Load().instances[id]
	return instance, ok
}

// Resolve returns the address of an instance.
func (i *Inventory) Resolve(id string) (netip.Addr, bool) {
	instance, ok := i.Lookup(id)
	return instance.Address, ok
}

// Run reads the file again at every interval until ctx ends, and calls changed after each change. A file that can't be
// read or has faults is logged, once for each kind of error, and the last good one stays in force.
func (i *Inventory) Run(ctx context.Context, interval time.Duration, changed func()) {
	if i.path == "" {
		return
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	trouble := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		isNew, err := i.read()
		switch {
		case err != nil:
			if trouble != err.Error() {
				i.log.Error("the inventory stays as it was", "error", err)
			}
			trouble = err.Error()
		case isNew:
			i.log.Info("the inventory has changed", "file", i.path, "instances", len(i.current.Load().instances))
			changed()
			fallthrough
		default:
			trouble = ""
		}
	}
}

// read adopts the file if it differs from what was read last. It compares the text: file times are too coarse to show
// every change.
func (i *Inventory) read() (isNew bool, err error) {
	text, err := os.ReadFile(i.path)
	if err != nil {
		return false, fmt.Errorf("read the inventory: %w", err)
	}
	if current := i.current.Load(); current.instances != nil && bytes.Equal(text, current.text) {
		return false, nil
	}
	instances, err := i.parse(text)
	if err != nil {
		return false, err
	}
	i.current.Store(&picture{text: text, instances: instances})
	return true, nil
}

// entry is an instance as written in the file.
type entry struct {
	Type    lbapi.ServerType `json:"type"`
	Address string           `json:"ipAddress"`
}

func (i *Inventory) parse(text []byte) (map[string]Instance, error) {
	entries := map[string]entry{}
	object, faults := strictjson.Parse(text)
	if len(faults) == 0 {
		faults = object.Bind(&entries)
	}
	if len(faults) > 0 {
		return nil, &FileError{Path: i.path, Field: faults[0].Field, Reason: faults[0].Reason}
	}
	instances := make(map[string]Instance, len(entries))
	for id, entry := range entries {
		if entry.Type != lbapi.ServerVM && entry.Type != lbapi.ServerContainer {
			return nil, &FileError{i.path, id + ".type", fmt.Sprintf("must be %q or %q, got %q",
				lbapi.ServerVM, lbapi.ServerContainer, entry.Type)}
		}
		if reason := lbapi.InvalidAddress(entry.Address); reason != "" {
			return nil, &FileError{i.path, id + ".ipAddress", reason}
		}
		address, _ := lbapi.ParseAddress(entry.Address) // the networks refuse the zero Addr
		if reason := i.networks.Refuses(address); reason != "" {
			return nil, &FileError{i.path, id + ".ipAddress", reason}
		}
		instances[id] = Instance{Type: entry.Type, Address: address}
	}
	return instances, nil
}

// FileError describes a rule that the inventory file breaks.
type FileError struct {
	Path   string
	Field  string // JSON path of the value that breaks it
	Reason string
}

func (e *FileError) Error() string {
	return fmt.Sprintf("the inventory %s: %s %s", e.Path, e.Field, e.Reason)
}
