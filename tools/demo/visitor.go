package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/alb-project/terraform-provider-alb/internal/sampleserver"
)

// visitPatience bounds one visit.
const visitPatience = 10 * time.Second

// visitor sends requests to the load balancer, one after another.
type visitor struct {
	url    string
	client *http.Client
	cookie *http.Cookie // the last that an answer set; sent if not nil
}

// newVisitor returns a client without a cookie. If it keeps the cookies it gets, it stays on its server.
func newVisitor(url string) *visitor {
	return &visitor{url: url, client: &http.Client{Transport: &http.Transport{}, Timeout: visitPatience}}
}

func (v *visitor) close() { v.client.CloseIdleConnections() }

// answer says which server answered, and the persistence cookie that it set; nil if it set none.
type answer struct {
	server string
	cookie *http.Cookie
}

func (v *visitor) visit(ctx context.Context) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url, http.NoBody)
	if err != nil {
		return answer{}, fmt.Errorf("visiting %s: %w", v.url, err)
	}
	if v.cookie != nil {
		request.AddCookie(&http.Cookie{Name: v.cookie.Name, Value: v.cookie.Value})
	}
	response, err := v.client.Do(request)
	if err != nil {
		return answer{}, fmt.Errorf("visiting %s: %w", v.url, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("visiting %s: reading the answer: %w", v.url, err)
	}
	server := response.Header.Get(sampleserver.NameHeader)
	if response.StatusCode != http.StatusOK || server == "" {
		return answer{}, fmt.Errorf("visiting %s: got %s: %s", v.url, response.Status, strings.TrimSpace(string(body)))
	}
	given := answer{server: server}
	for _, cookie := range response.Cookies() {
		if strings.HasPrefix(cookie.Name, "ALB_") {
			given.cookie = cookie
		}
	}
	return given, nil
}

// stay makes one visit as a browser does: it sends the cookie that it has, and keeps one that the answer sets.
func (v *visitor) stay(ctx context.Context) (answer, error) {
	given, err := v.visit(ctx)
	if err != nil {
		return answer{}, err
	}
	if given.cookie != nil {
		v.cookie = given.cookie
	}
	return given, nil
}

// spread makes count visits without a cookie and returns how many each server answered.
func spread(ctx context.Context, url string, count int) (map[string]int, error) {
	stranger := newVisitor(url)
	defer stranger.close()
	answered := map[string]int{}
	for range count {
		given, err := stranger.visit(ctx)
		if err != nil {
			return nil, err
		}
		answered[given.server]++
	}
	return answered, nil
}
