// Package inprocess lets an HTTP client reach a handler of the same process without a socket: the SDK's clients speak
// their wire protocols to the engines of the local cloud through it, in one process and in simulated time
// (testing/synctest).
//
// It knows nothing of the engines. Start with [Client].
package inprocess

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

// Transport is an [http.RoundTripper] that hands each request to a handler. It is safe for concurrent use.
type Transport struct {
	Handler http.Handler
}

// Client is an HTTP client whose every request goes to the handler, whatever host it names.
func Client(handler http.Handler) *http.Client {
	return &http.Client{Transport: Transport{Handler: handler}}
}

// RoundTrip implements [http.RoundTripper]. When the request's context ends first it returns the context's error; the
// handler sees the same context and is not waited for.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var whole bytes.Buffer
		whole.Grow(int(max(r.ContentLength, 0)) + bytes.MinRead) // one piece of memory where the length is known
		_, err := whole.ReadFrom(r.Body)
		_ = r.Body.Close() // it was read to its end
		if err != nil {
			return nil, err
		}
		body = whole.Bytes()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	served := r.WithContext(r.Context()) // a copy that shares the header, which is the handler's to read
	served.Body = io.NopCloser(bytes.NewReader(body))
	served.ContentLength = int64(len(body))
	served.RequestURI = r.URL.RequestURI()
	served.RemoteAddr = "127.0.0.1:0"
	if served.Host == "" {
		served.Host = r.URL.Host
	}
	w := &response{header: http.Header{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.Handler.ServeHTTP(w, served)
	}()
	select {
	case <-done:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return w.result(r), nil
}

// response gathers what the handler writes.
type response struct {
	mu     sync.Mutex
	header http.Header
	status int
	sent   http.Header // as it was when the status was written
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *response) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHeader(status)
}

func (w *response) writeHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.header.Clone()
	}
}

// Write implements [http.ResponseWriter].
func (w *response) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *response) result(r *http.Request) *http.Response {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHeader(http.StatusOK)
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: io.NopCloser(bytes.NewReader(w.body.Bytes())), ContentLength: int64(w.body.Len()), Request: r,
	}
}
