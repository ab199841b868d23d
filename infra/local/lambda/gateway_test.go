package lambda_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"example.com/registrar/infra/local/gateway"
	"example.com/registrar/infra/local/lambda"
)

// What a client of API Gateway sees of a function that breaks, and that the next call is well.
func TestBrokenFunctionsBehindTheGateway(t *testing.T) {
	printed := make(lines, 10)
	p := pool(t, lambda.PoolOptions{Concurrency: 1, Process: lambda.ProcessOptions{Name: "desk", Timeout: time.Second,
		Memory: 512, Stdout: printed}})
	g, err := gateway.New(gateway.Options{Routes: []gateway.Route{{Method: "GET", Path: "/{do}", Function: p}}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(what string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+what, http.NoBody))
		return w
	}
	pid := func() string {
		t.Helper()
		w := ask("look")
		var s seen
		if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return itoa(s.PID)
	}
	for _, c := range []struct {
		do    string
		fresh bool // the next call has a process of its own
	}{
		{"fail", false}, {"panic", true}, {"exit", true}, {"hang", true}, {"large", true}, {"break-off", false}, {"nonsense",
			false}, {"no-status", false},
	} {
		before := pid()
		w := ask(c.do)
		if w.Code != http.StatusInternalServerError || w.Body.String() != `{"message":"Internal Server Error"}` {
			t.Errorf("%s: %d %s", c.do, w.Code, w.Body)
		}
		if after := pid(); (after != before) != c.fresh {
			t.Errorf("after %s the process is %s, before it was %s", c.do, after, before)
		}
	}
	<-printed // it hung above
	hanging := make(chan *httptest.ResponseRecorder)
	go func() { hanging <- ask("hang") }()
	<-printed
	if w := ask("look"); w.Code != http.StatusServiceUnavailable ||
		w.Body.String() != `{"message":"Service Unavailable"}` {
		t.Errorf("above the concurrency: %d %s", w.Code, w.Body)
	}
	<-hanging
}
