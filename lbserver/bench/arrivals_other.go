//go:build !linux

package main

import (
	"context"
	"errors"
)

func (a *arrivals) run(_ context.Context) (latencies, error) {
	return nil, errors.New("the benchmark needs Linux")
}
