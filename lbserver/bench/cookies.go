package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"
)

// collectCookies visits a proxy until every server has answered, and returns each server's cookie as a client would
// send it back. It verifies that each cookie leads back to its server.
func collectCookies(ctx context.Context, url string, servers int) ([]string, error) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	byServer := map[string]string{}
	for visits := 0; len(byServer) < servers; visits++ {
		if visits == 10*servers {
			return nil, fmt.Errorf("%d visits gave cookies of %d servers only, want %d", visits, len(byServer), servers)
		}
		server, cookie, err := visit(ctx, client, url, "")
		if err != nil {
			return nil, err
		}
		if cookie == "" {
			return nil, errors.New("an answer carries no cookie")
		}
		byServer[server] = cookie
	}
	for want, cookie := range byServer {
		got, _, err := visit(ctx, client, url, cookie)
		if err != nil {
			return nil, err
		}
		if got != want {
			return nil, fmt.Errorf("cookie %q leads to server %s, want %s", cookie, got, want)
		}
	}
	return slices.Sorted(maps.Values(byServer)), nil
}

func visit(ctx context.Context, client *http.Client, url, cookie string) (server, given string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", "", err
	}
	if cookie != "" {
		request.Header.Set("Cookie", cookie)
	}
	response, err := client.Do(request)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", "", fmt.Errorf("visiting %s: %w", url, err)
	}
	server = response.Header.Get(serverHeader)
	if response.StatusCode != http.StatusOK || server == "" {
		return "", "", fmt.Errorf("visiting %s: %s, from server %q", url, response.Status, server)
	}
	for _, set := range response.Cookies() {
		given = set.Name + "=" + set.Value
	}
	return server, given, nil
}
