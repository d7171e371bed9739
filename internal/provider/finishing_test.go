package provider

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestAChangeUnderWayOutlivesAnInterruptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		terraform, interrupt := context.WithCancel(t.Context())
		ctx, done := finishing(terraform, time.Minute)
		defer done()
		interrupt()
		time.Sleep(interruptGrace - time.Second)
		if ctx.Err() != nil {
			t.Fatalf("cut off: %v", ctx.Err())
		}
		time.Sleep(2 * time.Second)
		if ctx.Err() == nil {
			t.Fatal("not ended after its grace")
		}
	})
}

func TestAnInterruptGrantsNoMoreThanTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		terraform, interrupt := context.WithCancel(t.Context())
		ctx, done := finishing(terraform, 2*time.Second)
		defer done()
		interrupt()
		time.Sleep(3 * time.Second)
		if ctx.Err() == nil {
			t.Fatal("outlived its timeout")
		}
	})
}
