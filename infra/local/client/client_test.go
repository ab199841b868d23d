package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/infra/local/client"
)

// A throttled request is sent again, whole, until it passes; one whose body is gone is given up.
func TestThrottledRequestsAreSentAgain(t *testing.T) {
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if bodies = append(bodies, string(body)); len(bodies) < 3 || r.Method == http.MethodPut {
			http.Error(w, `{"message":"Too Many Requests"}`, http.StatusTooManyRequests)
			return
		}
		_, _ = io.WriteString(w, `{"id":"made"}`)
	}))
	defer server.Close()
	c := client.New(server.URL, 1)
	var out struct{ ID string }
	if err := c.Do(t.Context(), http.MethodPost, "/x", map[string]int{"a": 1}, &out); err != nil || out.ID != "made" {
		t.Errorf("%+v, %v", out, err)
	}
	if got := strings.Join(bodies, " "); got != `{"a":1} {"a":1} {"a":1}` {
		t.Errorf("sent %s", got)
	}
	var problem *client.Problem
	if err := c.Upload(t.Context(), http.MethodPut, server.URL, nil, io.MultiReader(strings.NewReader("file")),
		4); !errors.As(err, &problem) || problem.Status != http.StatusTooManyRequests {
		t.Errorf("an upload that was refused: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	bodies = nil
	if err := c.Do(ctx, http.MethodPut, "/x", map[string]int{"a": 1}, nil); err == nil {
		t.Error("a request without end ended well")
	}
}

// A list is read to its end where Link leads, whatever the API's address begins with.
func TestAListIsReadAsLinkLeads(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		switch r.URL.Query().Get("cursor") {
		case "":
			w.Header().Set("Link", `<?cursor=a%2Bb&limit=100&term=t>; rel="next"`)
			_, _ = io.WriteString(w, `{"items":[1,2]}`)
		case "a+b":
			w.Header().Set("Link", `<../v1/things?cursor=c>; rel="next"`)
			_, _ = io.WriteString(w, `{"items":[]}`)
		default:
			_, _ = io.WriteString(w, `{"items":[3]}`)
		}
	}))
	defer server.Close()
	all, err := client.All[int](t.Context(), client.New(server.URL+"/registrar/", 1), "/v1/things",
		url.Values{"term": {"t"}})
	if err != nil || !slices.Equal(all, []int{1, 2, 3}) {
		t.Errorf("%v, %v", all, err)
	}
	if want := []string{
		"/registrar/v1/things?limit=100&term=t", "/registrar/v1/things?cursor=a%2Bb&limit=100&term=t",
		"/registrar/v1/things?cursor=c",
	}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

// What is wrong is said so that one knows what to do: nothing runs, another program runs, or a field is wrong.
func TestErrorsSayWhatToDo(t *testing.T) {
	const answer = `{"status":422,"code":"INVALID","detail":"not valid",` +
		`"errors":[{"field":"body.format","detail":"must be one"}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		if r.URL.Path == "/registrar" {
			_, _ = io.WriteString(w, answer)
		}
	}))
	do := func(path string) string {
		return fmt.Sprint(client.New(server.URL, 1).Do(t.Context(), http.MethodGet, path, nil, nil))
	}
	if got := do("/registrar"); got != "422 INVALID: not valid\n  body.format must be one" {
		t.Error(got)
	}
	if got := do("/else"); !strings.Contains(got, "not from Registrar") {
		t.Error(got)
	}
	if err := client.Reach(t.Context(), server.URL); err != nil {
		t.Error(err)
	}
	server.Close()
	for _, err := range []error{
		client.New(server.URL, 1).Do(t.Context(), http.MethodGet, "/", nil, nil), client.Reach(t.Context(), server.URL),
	} {
		if !errors.Is(err, client.ErrNothingThere) || !strings.Contains(err.Error(), server.URL) ||
			!strings.Contains(err.Error(), "make run") {
			t.Error(err)
		}
	}
}
