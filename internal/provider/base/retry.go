package base

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi/client"
)

// interruptGrace is how long a change that is under way may go on after Terraform was told to stop. A server that
// answers needs milliseconds for it; Terraform itself waits for as long as it takes.
const interruptGrace = 10 * time.Second

// Pauses between two attempts to delete an object that is in use, or to create one whose place is taken: they double
// from the first to the last.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
)

// createPatience bounds the attempts to create an object whose place is taken.
const createPatience = 10 * time.Second

// finishing returns a context for a change that must not be cut off half-way: it ends with its timeout like any other,
// but outlives an interrupt by interruptGrace. A creation whose answer nobody reads would leave an object that no state
// knows; a creation of two calls that is cut off after the first leaves an object that Terraform replaces.
func finishing(interruptible context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(interruptible), timeout)
	forget := context.AfterFunc(interruptible, func() {
		grace := time.NewTimer(interruptGrace)
		defer grace.Stop()
		select {
		case <-grace.C:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		forget()
		cancel()
	}
}

// retryWhileInUse deletes an object with remove, and tries again while another object uses it, until the context ends.
// The error is then the refusal, which names the other object. An object that is already gone counts as deleted.
func retryWhileInUse(ctx context.Context, remove func(context.Context) error) error {
	var inUse error
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := remove(ctx)
		switch {
		case err == nil, client.IsNotFound(err):
			return nil
		case client.IsProtected(err):
			return err
		case client.IsConflict(err):
			inUse = err
		case inUse == nil || ctx.Err() == nil:
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(ctx.Err(), context.Canceled) {
				return inUse // an interrupt explains itself
			}
			return fmt.Errorf("%w. It was tried until the delete timeout. When another resource of the configuration moves away from "+
				"this one in the same apply, lifecycle { create_before_destroy = true } here lets it move first", inUse)
		}
	}
}

// CreateOnceFree creates an object, and tries again for a while if another object has its place: under the new key of a
// for_each, Terraform may create a server or a listener before it deletes the same one under the old key.
func CreateOnceFree(ctx context.Context, taken func(error) bool, create func(context.Context) (string, error)) (id string, err error) {
	giveUp := time.Now().Add(createPatience)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		id, err = create(ctx)
		if err == nil || !taken(err) || time.Until(giveUp) < pause {
			return id, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return "", err
		}
	}
}
