// Package apitest helps to test operations one by one: a request goes to an operation over a store of the test's own,
// and what was answered is compared. It knows shared/api and nothing of a gateway. Start with [Call].
package apitest

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/api"
	"github.com/google/go-cmp/cmp"
)

// Now is the time of [System].
func Now() time.Time { return time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC) }

// ID is the n-th id of [System], and a good one for other records.
func ID(n int) string { return fmt.Sprintf("00000000-0000-7000-8000-%012d", n) }

// System has a clock that stands still, and ids that count from 1.
func System() api.System {
	last := 0
	return api.System{Clock: Now, NewID: func() string {
		last++
		return ID(last)
	}}
}

// Request is a request to an operation. Body is JSON; empty: there is none.
type Request struct {
	Method, Path, Body string
	Header             map[string]string
}

// Answer is what was answered. Code is the problem's; Fields are the fields that it names, each as "field CODE".
type Answer struct {
	Status int
	Header http.Header
	Body   string
	Code   string
	Fields []string
}

// Call sends a request to an operation.
func Call(t testing.TB, o api.Operation, r Request) Answer {
	t.Helper()
	var body io.Reader = http.NoBody
	if r.Body != "" {
		body = strings.NewReader(r.Body)
	}
	in := httptest.NewRequest(r.Method, r.Path, body)
	if r.Body != "" {
		in.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.Header {
		in.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	api.Handler(slog.New(slog.DiscardHandler), o).ServeHTTP(w, in)
	a := Answer{Status: w.Code, Header: w.Header(), Body: w.Body.String()}
	if a.Status >= http.StatusBadRequest {
		var p api.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatalf("%s %s: %d, and no problem: %s", r.Method, r.Path, a.Status, a.Body)
		}
		a.Code = p.Code
		for _, f := range p.Errors {
			a.Fields = append(a.Fields, f.Field+" "+f.Code)
		}
	}
	return a
}

// Same compares an answer's body with JSON text, whatever the order of members and the space between them.
func Same(t testing.TB, what, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%s: %v: %s", what, err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%s: the test's own text: %v", what, err)
	}
	if d := cmp.Diff(w, g); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// Refused reports an answer that is not a problem of this status and code.
func Refused(t testing.TB, what string, a Answer, status int, code string) {
	t.Helper()
	if a.Status != status || a.Code != code {
		t.Errorf("%s: %d %s, want %d %s", what, a.Status, a.Body, status, code)
	}
}
