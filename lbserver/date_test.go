package lbserver_test

import (
	"net/http"
	"testing"
	"time"
)

func TestAnswersOfTheAPIAndTheOperationsAreDated(t *testing.T) {
	t.Parallel()
	b := start(t, testConfig(t))
	api, operations := "http://"+b.server.APIAddress(), "http://"+b.server.OpsAddress()
	for url, status := range map[string]int{
		api + "/v1/regions/local/loadBalancers/": http.StatusUnauthorized,
		operations + "/healthz":                  http.StatusOK,
		operations + "/readyz":                   http.StatusOK,
		operations + "/metrics":                  http.StatusOK,
		operations + "/nothing":                  http.StatusNotFound,
	} {
		got := newVisitor(t, false).get(url)
		date, err := http.ParseTime(got.Header.Get("Date"))
		if got.StatusCode != status || err != nil || time.Since(date).Abs() > patience {
			t.Errorf("%s: %s, Date %q", url, got.Status, got.Header.Values("Date"))
		}
	}
}
