package provider_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/acctest"
	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
	"github.com/alb-project/terraform-provider-alb/lbserver"
)

func TestAnAPIThatAsksToComeBackLaterIsGivenThatTime(t *testing.T) {
	t.Parallel()
	for _, status := range []lbapi.ErrorStatus{lbapi.TooManyRequests, lbapi.Unavailable} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			lb := acctest.Start(t)
			spoiled, proxy := lb.Behind()
			const create = "^POST .*/targetGroups/$"
			proxy.On("^GET .*/loadBalancers/$", 1, acctest.Refuse(status, 1))
			proxy.On(create, 2, acctest.Refuse(status, 1))
			acctest.Run(t, acctest.Step{
				Config: spoiled.Configuration(fmt.Sprintf(oneGroup, "")),
				Check:  wantObjects(t, lb, 0, 0, 1, 0),
			})
			attempts := proxy.Calls(create)
			if len(attempts) != 3 || attempts[0].Nonce != attempts[2].Nonce {
				t.Fatalf("attempts are %+v, want two that are refused and their resend", attempts)
			}
			for i := range 2 {
				if pause := attempts[i+1].Began.Sub(attempts[i].Began); pause < time.Second {
					t.Errorf("came back after %s, asked to stay away for 1 s", pause)
				}
			}
		})
	}
}

func TestPatienceWithAnAPIInTroubleIsBounded(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t)
	for name, test := range map[string]struct {
		retryAfter, attempts int
		says                 string
	}{
		"never well again":       {0, 3, "(3 attempts)"},
		"away for the afternoon": {4 * 3600, 1, "the API asks to be left alone for 4h0m0s: try again after that"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spoiled, proxy := lb.Behind()
			proxy.On(".", 1000, acctest.Refuse(lbapi.TooManyRequests, test.retryAfter))
			began := time.Now()
			failures := acctest.RunToFailure(t, acctest.Step{Config: spoiled.Configuration(fiveGroups, "max_retries = 2")})
			wantOneError(t, failures, "The control API cannot be used", "the API is in trouble (HTTP 429, request refused)", test.says)
			if attempts := len(proxy.Calls(".")); attempts != test.attempts || time.Since(began) > 20*time.Second {
				t.Errorf("%d attempts in %s, want %d", attempts, time.Since(began), test.attempts)
			}
		})
	}
}

func TestAnExhaustedQuotaIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	lb := acctest.Start(t, func(config *lbserver.Config) { config.Quotas.ServerGroups = 4 })
	spoiled, proxy := lb.Behind()
	failures := acctest.RunToFailure(t, acctest.Step{Config: spoiled.Configuration(fiveGroups)})
	wantOneError(t, failures, "Server group not created", "4 of 4 server groups", "(HTTP 429, request")
	if attempts := len(proxy.Calls("^POST .*/targetGroups/$")); attempts != 5 {
		t.Errorf("%d attempts to create 5 groups, of which one is too many", attempts)
	}
}
