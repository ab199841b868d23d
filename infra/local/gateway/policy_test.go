package gateway_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/registrar/infra/local/gateway"
)

// access are the CORS headers of an answer.
func access(w *httptest.ResponseRecorder) map[string]string {
	all := map[string]string{}
	for name, values := range w.Header() {
		if rest, ok := strings.CutPrefix(name, "Access-Control-"); ok {
			all[rest] = strings.Join(values, " and ")
		}
	}
	return all
}

func request(method, target string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func TestCORS(t *testing.T) {
	calls := 0
	f := function(func([]byte) ([]byte, error) {
		calls++
		return []byte(`{"statusCode":200,"headers":{"access-control-allow-origin":"https://mine","vary":"Origin"},
			"multiValueHeaders":{"access-control-expose-headers":["x-mine"]},"body":"{}"}`), nil
	})
	full := &gateway.CORS{
		AllowOrigins: []string{"https://app.example", "http://*"}, AllowMethods: []string{"GET", "POST"},
		AllowHeaders:  []string{"content-type", "if-match"},
		ExposeHeaders: []string{"etag", "location"}, MaxAge: 5 * time.Minute, AllowCredentials: true,
	}
	open := &gateway.CORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"*"}}
	answered := map[string]string{"Allow-Origin": "https://app.example", "Allow-Credentials": "true",
		"Expose-Headers": "etag,location"}
	preflight := []string{"Access-Control-Request-Method", "POST", "Origin"}
	for name, c := range map[string]struct {
		cors    *gateway.CORS
		request *http.Request
		status  int
		want    map[string]string
		calls   int
	}{
		"a preflight": {full, request("OPTIONS", "/a", append(preflight, "https://app.example")...), 204, map[string]string{
			"Allow-Origin": "https://app.example", "Allow-Credentials": "true", "Allow-Methods": "GET,POST",
			"Allow-Headers": "content-type,if-match", "Max-Age": "300",
		}, 0},
		"a preflight for a path that is not there": {open, request("OPTIONS", "/nowhere",
			append(preflight, "https://any")...), 204,
			map[string]string{"Allow-Origin": "*", "Allow-Methods": "*"}, 0},
		"a preflight of a stranger": {full,
			request("OPTIONS", "/a", append(preflight, "https://app.example.evil")...), 204, map[string]string{}, 0},
		"OPTIONS, but no preflight": {full, request("OPTIONS", "/a", "Origin", "https://app.example"), 200,
			answered, 1},
		"a request": {full, request("GET", "/a", "Origin", "https://app.example"), 200,
			answered, 1},
		"a request from anywhere on a scheme": {full, request("GET", "/a", "Origin", "http://localhost:3000"), 200,
			map[string]string{"Allow-Origin": "http://localhost:3000", "Allow-Credentials": "true",
				"Expose-Headers": "etag,location"}, 1},
		"a request of a stranger": {full, request("GET", "/a", "Origin", "https://other.example"), 200,
			map[string]string{}, 1},
		"a request from here": {full, request("GET", "/a"), 200, map[string]string{}, 1},
		"an answer of the gateway's own": {full, request("GET", "/nowhere", "Origin", "https://app.example"), 404,
			answered, 0},
		"a preflight where nothing is configured": {nil, request("OPTIONS", "/nowhere", append(preflight, "https://any")...),
			404, map[string]string{}, 0},
		"an answer where nothing is configured": {nil, request("GET", "/a", "Origin", "https://any"), 200,
			map[string]string{"Allow-Origin": "https://mine", "Expose-Headers": "x-mine"}, 1},
		"a function's own OPTIONS, not configured": {nil, request("OPTIONS", "/a", append(preflight, "https://any")...), 200,
			map[string]string{"Allow-Origin": "https://mine", "Expose-Headers": "x-mine"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			calls = 0
			w := serve(newGateway(t,
				gateway.Options{CORS: c.cors, Routes: []gateway.Route{{Method: "ANY", Path: "/a", Function: f}}}), c.request)
			if w.Code != c.status || calls != c.calls || w.Header().Get("Apigw-Requestid") == "" {
				t.Errorf("status %d after %d calls, want %d after %d", w.Code, calls, c.status, c.calls)
			}
			if diff := cmp.Diff(c.want, access(w)); diff != "" {
				t.Errorf("CORS headers (-want +got):\n%s", diff)
			}
			if w.Code == 200 && w.Header().Get("Vary") != "Origin" {
				t.Error("the function's other headers are gone")
			}
		})
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for name, o := range map[string]gateway.Options{
		"credentials for all":    {CORS: &gateway.CORS{AllowOrigins: []string{"*"}, AllowCredentials: true}},
		"a wildcard in a host":   {CORS: &gateway.CORS{AllowOrigins: []string{"https://*.example"}}},
		"a negative age":         {CORS: &gateway.CORS{MaxAge: -time.Second}},
		"an age of over a day":   {CORS: &gateway.CORS{MaxAge: 24*time.Hour + time.Second}},
		"parts of a second":      {CORS: &gateway.CORS{MaxAge: time.Millisecond}},
		"a negative burst":       {Throttle: &gateway.Throttle{Rate: 1, Burst: -1}},
		"a negative stage, rate": {Throttle: &gateway.Throttle{Rate: -1, Burst: 1}},
	} {
		if _, err := gateway.New(o); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

func TestThrottles(t *testing.T) {
	now, calls := time.Unix(1_730_728_800, 0), 0
	f := function(func([]byte) ([]byte, error) { calls++; return []byte(`{}`), nil })
	g := newGateway(t, gateway.Options{
		Throttle: &gateway.Throttle{Rate: 2, Burst: 3}, Now: func() time.Time { return now }, NotFound: f,
		Routes: []gateway.Route{
			{Method: "GET", Path: "/stage", Function: f},
			{Method: "GET", Path: "/own", Function: f, Throttle: &gateway.Throttle{Rate: 0.5, Burst: 1}},
			{Method: "GET", Path: "/shut", Function: f, Throttle: &gateway.Throttle{}},
		},
	})
	// passed is how many of so many requests at once reach the function; the others are refused, and nothing else happens.
	passed := func(n int, paths ...string) int {
		t.Helper()
		calls = 0
		refused := 0
		for i := range n {
			w := serve(g, request("GET", paths[i%len(paths)]))
			if w.Code == http.StatusTooManyRequests {
				refused++
				wantAnswer(t, w, http.StatusTooManyRequests, `{"message":"Too Many Requests"}`)
			}
		}
		if calls+refused != n {
			t.Errorf("%d of %d passed and %d were refused", calls, n, refused)
		}
		return calls
	}
	for i, step := range []struct {
		wait  time.Duration
		n     int
		paths []string
		want  int
	}{
		{0, 10, []string{"/stage", "/elsewhere"}, 3}, // one bucket for all that have none of their own
		{0, 5, []string{"/own"}, 1},                  // which is not the stage's
		{0, 5, []string{"/shut"}, 0},
		{500 * time.Millisecond, 5, []string{"/stage"}, 1},
		{500 * time.Millisecond, 5, []string{"/own"}, 0}, // half a token
		{time.Second, 5, []string{"/own"}, 1},
		{time.Hour, 10, []string{"/stage"}, 3}, // never more than the burst
		{-time.Hour, 5, []string{"/stage"}, 0},
		{time.Hour, 5, []string{"/stage"}, 0}, // and nothing twice for one time
	} {
		now = now.Add(step.wait)
		if got := passed(step.n, step.paths...); got != step.want {
			t.Errorf("step %d: %d of %d passed, want %d", i, got, step.n, step.want)
		}
	}
}

type throttled bool

func (throttled) Error() string     { return "Rate Exceeded." }
func (t throttled) Throttled() bool { return bool(t) }

func TestThrottledFunction(t *testing.T) {
	for err, want := range map[error]int{
		throttled(true): 503,
		fmt.Errorf("invoke: %w", throttled(true)): 503,
		throttled(false): 500,
		errors.New("TooManyRequestsException: no"): 500, // a name in a text is none
	} {
		g := newGateway(t, gateway.Options{NotFound: function(func([]byte) ([]byte, error) { return nil, err })})
		w := serve(g, request("GET", "/"))
		wantAnswer(t, w, want, `{"message":"`+http.StatusText(want)+`"}`)
		if w.Header().Get("Retry-After") != "" {
			t.Error("a Retry-After, which AWS does not set")
		}
	}
}

func TestHead(t *testing.T) {
	for name, c := range map[string]struct {
		answer, length string
		status         int
	}{
		"with a body":         {`{"statusCode":200,"body":"four"}`, "4", 200},
		"a length alone":      {`{"statusCode":200,"headers":{"content-length":"1234"}}`, "1234", 200},
		"a length of nothing": {`{"statusCode":200,"headers":{"content-length":"-1"}}`, "0", 200},
		"a wrong length":      {`{"statusCode":200,"headers":{"content-length":"1234"},"body":"four"}`, "4", 200},
		"an error":            {`oops`, "35", 500},
	} {
		w := serve(newGateway(t, gateway.Options{NotFound: answer(c.answer)}), request("HEAD", "/"))
		if w.Code != c.status || w.Body.Len() != 0 || w.Header().Get("Content-Length") != c.length {
			t.Errorf("%s: %d, length %s, body %q", name, w.Code, w.Header().Get("Content-Length"), w.Body)
		}
	}
}

func TestTraceIDs(t *testing.T) {
	seen, form := map[string]bool{}, regexp.MustCompile(`^Root=1-6728[0-9a-f]{4}-[0-9a-f]{24}$`)
	for i := range 3 {
		event, err := gateway.Event(request("GET", "/"), gateway.Call{RequestID: strconv.Itoa(i),
			Time: time.Unix(0x67280000, 0)})
		id := event.Headers["x-amzn-trace-id"]
		if err != nil || !form.MatchString(id) || seen[id] {
			t.Errorf("trace id %q after %v, error %v", id, seen, err)
		}
		seen[id] = true
	}
	event, err := gateway.Event(request("GET", "/", "X-Amzn-Trace-Id", "Root=mine"), gateway.Call{})
	if err != nil || event.Headers["x-amzn-trace-id"] != "Root=mine" {
		t.Errorf("a client's own became %q, error %v", event.Headers["x-amzn-trace-id"], err)
	}
}
