package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// depot is a server that sends, and receives, bodies of any length, which a sample server can't.
//
//	GET /           "ok"
//	GET /give?n=    n bytes
//	POST /take      the number of bytes received
type depot struct {
	address string
	http    *http.Server
	served  chan error
	piece   [pieceLength]byte // sent again and again; read-only
}

func openDepot(ctx context.Context) (*depot, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the depot: %w", err)
	}
	d := &depot{address: listener.Addr().String(), served: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }) // the client may have left
	mux.HandleFunc("GET /give", d.give)
	mux.HandleFunc("POST /take", func(w http.ResponseWriter, r *http.Request) {
		count, _ := io.Copy(io.Discard, r.Body) // the bytes received are what counts
		_, _ = fmt.Fprint(w, count)             // the client may have left
	})
	d.http = &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	go func() { d.served <- d.http.Serve(listener) }()
	return d, nil
}

// pieceLength is how many bytes are written or read at once.
const pieceLength = 64 << 10

func (d *depot) give(w http.ResponseWriter, r *http.Request) {
	left, err := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
	if err != nil || left < 0 {
		http.Error(w, "n must be a number of bytes: GET /give?n=1000", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Length", strconv.FormatInt(left, 10))
	for left > 0 {
		n, err := w.Write(d.piece[:min(left, pieceLength)])
		if err != nil {
			return
		}
		left -= int64(n)
	}
}

func (d *depot) close() error {
	err := d.http.Close()
	if served := <-d.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// watch makes small requests until ctx ends, and returns how long each took.
func watch(ctx context.Context, url string) (took []time.Duration, err error) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	for ctx.Err() == nil {
		began := time.Now()
		if err := fetch(context.WithoutCancel(ctx), client, url+"/"); err != nil {
			return took, fmt.Errorf("a small request after %d others: %w", len(took), err)
		}
		took = append(took, time.Since(began))
		time.Sleep(time.Millisecond)
	}
	return took, nil
}

// fetch gets a URL and discards the body.
func fetch(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(io.Discard, struct{ io.Reader }{response.Body}, make([]byte, pieceLength))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}
