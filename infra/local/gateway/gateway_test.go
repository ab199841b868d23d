package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"example.com/registrar/infra/local/gateway"
)

// function is a gateway.Function made of a func.
type function func(payload []byte) ([]byte, error)

func (f function) Invoke(_ context.Context, payload []byte) ([]byte, error) { return f(payload) }

func answer(text string) function {
	return func([]byte) ([]byte, error) { return []byte(text), nil }
}

func newGateway(t *testing.T, options gateway.Options) *gateway.Gateway {
	t.Helper()
	if options.NewRequestID == nil {
		options.NewRequestID = func() string { return "JKJaXmPLvHcESHA=" }
	}
	g, err := gateway.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func serve(g *gateway.Gateway, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

func wantAnswer(t *testing.T, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if w.Code != status || w.Body.String() != body {
		t.Errorf("answer %d %q, want %d %q", w.Code, w.Body, status, body)
	}
	if w.Header().Get("Apigw-Requestid") != "JKJaXmPLvHcESHA=" {
		t.Errorf("apigw-requestid is %q", w.Header().Get("Apigw-Requestid"))
	}
}

// bodyFor is the body of an answer: HEAD has none.
func bodyFor(method, body string) string {
	if method == http.MethodHead {
		return ""
	}
	return body
}

// TestEvents compares the events with the ones in testdata; go test -update writes those anew.
func TestEvents(t *testing.T) {
	update := flag.Lookup("update").Value.String() == "true"
	for name, c := range map[string]struct {
		method, target string
		body           io.Reader
		headers        []string // name, value, name, value, …
	}{
		"get": {method: "GET", target: "/v1/sections/s-1/registrations"},
		"post": {method: "POST", target: "/v1/sections/s%20%C3%A4/registrations", body: strings.NewReader(`{"seat":"ä"}`),
			headers: []string{"Content-Type", "application/json; charset=utf-8", "Idempotency-Key", "k"}},
		"repeated": {method: "GET", target: "/v1/sections/s-1/registrations?a=1&b=x%20y&a=2&empty",
			headers: []string{"X-Many", "one", "X-Many", "two", "Cookie", "session=1; theme=dark", "User-Agent", "browser/1"}},
		"forwarded": {method: "GET", target: "https://registrar.example:8443/v1/files/2024/fall.csv",
			headers: []string{"X-Forwarded-For", "203.0.113.7"}},
		"encoded-slash": {method: "GET", target: "/v1/files/a%2Fb"},
		"csv": {method: "POST", target: "/v1/files/a", body: strings.NewReader("a,b\n"),
			headers: []string{"Content-Type", "text/csv"}},
		"suffix": {method: "POST", target: "/v1/files/a", body: strings.NewReader("{}"),
			headers: []string{"Content-Type", "application/merge-patch+json"}},
		"binary": {method: "POST", target: "/v1/files/a", body: bytes.NewReader([]byte{0, 1, 0xff}),
			headers: []string{"Content-Type", "application/octet-stream"}},
		"no-type": {method: "POST", target: "/v1/files/a", body: strings.NewReader("plain")},
		"not-utf8": {method: "POST", target: "/v1/files/a", body: bytes.NewReader([]byte{'a', 0xff}),
			headers: []string{"Content-Type", "text/plain"}},
		"compressed": {method: "POST", target: "/v1/files/a", body: strings.NewReader("{}"),
			headers: []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}},
		"default-method": {method: "DELETE", target: "/elsewhere?q=1"},
		"traced": {method: "GET", target: "/v1/files/a",
			headers: []string{"X-Amzn-Trace-Id", "Root=1-67288e44-0123456789abcdef01234567;Sampled=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			var payload []byte
			record := function(func(p []byte) ([]byte, error) { payload = p; return []byte(`{"statusCode":204}`), nil })
			g := newGateway(t, gateway.Options{
				Routes: []gateway.Route{
					{Method: "GET", Path: "/v1/sections/{id}/registrations", Function: record},
					{Method: "POST", Path: "/v1/sections/{id}/registrations", Function: record},
					{Method: "ANY", Path: "/v1/files/{path+}", Function: record},
				},
				NotFound: record, DomainName: "api.registrar.example",
				Now: func() time.Time { return time.Date(2024, 11, 4, 9, 0, 0, 123e6, time.FixedZone("", -5*60*60)) },
			})
			r := httptest.NewRequest(c.method, c.target, c.body)
			for pair := range slices.Chunk(c.headers, 2) {
				r.Header.Add(pair[0], pair[1])
			}
			wantAnswer(t, serve(g, r), http.StatusNoContent, "")
			var got bytes.Buffer
			if err := json.Indent(&got, payload, "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			golden := filepath.Join("testdata", name+".json")
			if update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write testdata anew")
	os.Exit(m.Run())
}

func TestEventOfARequestWithoutDomain(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "http://localhost:8080/v1/terms", http.NoBody)
	event, err := gateway.Event(r, gateway.Call{RouteKey: "GET /v1/terms"})
	if err != nil {
		t.Fatal(err)
	}
	if got := event.RequestContext; got.DomainName != "localhost" || got.DomainPrefix != "localhost" ||
		event.Headers["x-forwarded-port"] != "8080" {
		t.Errorf("domain %q, prefix %q, port %q", got.DomainName, got.DomainPrefix, event.Headers["x-forwarded-port"])
	}
}

func TestMatching(t *testing.T) {
	var told string
	echo := function(func(payload []byte) ([]byte, error) {
		var event events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal(payload, &event); err != nil {
			return nil, err
		}
		told = event.RouteKey
		for _, name := range []string{"id", "part", "proxy"} {
			if value, ok := event.PathParameters[name]; ok {
				told += " " + name + "=" + value
			}
		}
		return json.Marshal(told)
	})
	var routes []gateway.Route
	for _, key := range []string{
		"ANY /{proxy+}", "GET /pets/{proxy+}", "ANY /pets/{id}", "GET /pets/{id}", "GET /pets/dog", "GET /pets/dog/1",
		"GET /pets/dog/{id}", "POST /pets/cat", "ANY /pets/cat", "GET /{part}/bird/{id}", "GET /",
	} {
		method, path, _ := strings.Cut(key, " ")
		routes = append(routes, gateway.Route{Method: method, Path: path, Function: echo})
	}
	all := newGateway(t, gateway.Options{Routes: routes})
	for request, want := range map[string]string{
		"GET /":             "GET /",
		"GET /pets/dog/1":   "GET /pets/dog/1", // the guide's examples
		"GET /pets/dog/2":   "GET /pets/dog/{id} id=2",
		"GET /pets/cat/1":   "GET /pets/{proxy+} proxy=cat/1",
		"POST /test/5":      "ANY /{proxy+} proxy=test/5",
		"GET /pets/dog":     "GET /pets/dog",
		"GET /pets/6":       "GET /pets/{id} id=6",
		"PUT /pets/6":       "ANY /pets/{id} id=6",
		"POST /pets/dog":    "ANY /pets/{id} id=dog",
		"POST /pets/cat":    "POST /pets/cat",
		"DELETE /pets/cat":  "ANY /pets/cat",
		"GET /pets/a/b/c":   "GET /pets/{proxy+} proxy=a/b/c",
		"GET /pets/bird/7":  "GET /{part}/bird/{id} id=7 part=pets", // a full match goes before a greedy one
		"GET /pets/a%2Fb":   "GET /pets/{proxy+} proxy=a/b",
		"HEAD /pets/dog":    "ANY /pets/{id} id=dog", // HEAD is not GET
		"OPTIONS /anything": "ANY /{proxy+} proxy=anything",
	} {
		method, target, _ := strings.Cut(request, " ")
		t.Run(request, func(t *testing.T) {
			told = ""
			wantAnswer(t, serve(all, httptest.NewRequest(method, target, http.NoBody)), http.StatusOK, bodyFor(method, want))
			if told != want {
				t.Errorf("the function saw %q, want %q", told, want)
			}
		})
	}
	one := newGateway(t, gateway.Options{Routes: []gateway.Route{{Method: "GET", Path: "/pets/{id}", Function: echo},
		{Method: "GET", Path: "/files/{proxy+}", Function: echo}}})
	for _, request := range []string{"GET /", "GET /pets", "GET /pets/", "GET /pets/1/2", "POST /pets/1", "HEAD /pets/1",
		"OPTIONS /pets/1", "GET /files", "GET /files/"} {
		method, target, _ := strings.Cut(request, " ")
		t.Run("nothing for "+request, func(t *testing.T) {
			wantAnswer(t, serve(one, httptest.NewRequest(method, target, http.NoBody)), http.StatusNotFound,
				bodyFor(method, `{"message":"Not Found"}`))
		})
	}
	fallback := newGateway(t, gateway.Options{NotFound: echo})
	wantAnswer(t, serve(fallback, httptest.NewRequest(http.MethodPut, "/any/thing", http.NoBody)), http.StatusOK,
		"$default")
}

func TestRoutesThatAreRefused(t *testing.T) {
	f := answer(`{}`)
	for name, routes := range map[string][]gateway.Route{
		"no function":        {{Method: "GET", Path: "/a"}},
		"unknown method":     {{Method: "get", Path: "/a", Function: f}},
		"no slash":           {{Method: "GET", Path: "a", Function: f}},
		"greedy in between":  {{Method: "GET", Path: "/{a+}/b", Function: f}},
		"no name":            {{Method: "GET", Path: "/{}", Function: f}},
		"no greedy name":     {{Method: "GET", Path: "/{+}", Function: f}},
		"half a variable":    {{Method: "GET", Path: "/a{b}", Function: f}},
		"open variable":      {{Method: "GET", Path: "/{b", Function: f}},
		"empty segment":      {{Method: "GET", Path: "/a//b", Function: f}},
		"a negative rate":    {{Method: "GET", Path: "/a", Function: f, Throttle: &gateway.Throttle{Rate: -1}}},
		"a name twice":       {{Method: "GET", Path: "/{a}/{a}", Function: f}},
		"the same requests":  {{Method: "GET", Path: "/{a}", Function: f}, {Method: "GET", Path: "/{b}", Function: f}},
		"the same key twice": {{Method: "GET", Path: "/a", Function: f}, {Method: "GET", Path: "/a", Function: f}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := gateway.New(gateway.Options{Routes: routes}); err == nil {
				t.Error("the route was taken")
			}
		})
	}
}

func TestResponses(t *testing.T) {
	const internal = `{"message":"Internal Server Error"}`
	for name, c := range map[string]struct {
		answer  string
		status  int
		body    string
		headers http.Header // a nil value: must not be there
	}{
		"full": {
			answer: `{"statusCode":201,"headers":{"content-type":"application/json","location":"/x"},"multiValueHeaders":{` +
				`"vary":["a","b"]},"cookies":["a=1; Secure","b=2"],"body":"{}"}`,
			status: 201, body: "{}",
			headers: http.Header{"Content-Type": {"application/json"}, "Location": {"/x"}, "Vary": {"a", "b"},
				"Set-Cookie": {"a=1; Secure", "b=2"}, "Content-Length": {"2"}},
		},
		"no type": {answer: `{"statusCode":200,"body":"<html>"}`, status: 200, body: "<html>",
			headers: http.Header{"Content-Type": {"text/plain;charset=UTF-8"}}},
		"base64": {answer: `{"statusCode":200,"headers":{"content-type":"image/png"},"body":"AAH/","isBase64Encoded":true}`,
			status: 200, body: "\x00\x01\xff",
			headers: http.Header{"Content-Type": {"image/png"}}},
		"no content": {answer: `{"statusCode":204,"body":"lost"}`, status: 204, headers: http.Header{"Content-Length": nil}},
		"wrong length": {answer: `{"statusCode":200,"headers":{"content-length":"99","transfer-encoding":"chunked"},` +
			`"body":"x"}`, status: 200, body: "x",
			headers: http.Header{"Content-Length": {"1"}, "Transfer-Encoding": nil}},
		"null fields": {answer: `{"statusCode":200,"headers":null,"cookies":null,"body":null}`, status: 200,
			headers: http.Header{"Content-Type": nil}},
		"inferred object": {answer: ` {"message":"hello"} `, status: 200, body: `{"message":"hello"}`,
			headers: http.Header{"Content-Type": {"application/json"}}},
		"inferred text": {answer: `"hello \"you\""`, status: 200, body: `hello "you"`,
			headers: http.Header{"Content-Type": {"application/json"}}},
		"inferred array": {answer: `[1]`, status: 200, body: `[1]`,
			headers: http.Header{"Content-Type": {"application/json"}}},
		"inferred null": {answer: `null`, status: 200, body: `null`,
			headers: http.Header{"Content-Type": {"application/json"}}},
		"misspelt": {answer: `{"StatusCode":404}`, status: 200, body: `{"StatusCode":404}`,
			headers: http.Header{"Content-Type": {"application/json"}}},
		"not JSON":          {answer: `oops`, status: 500, body: internal},
		"empty":             {answer: ``, status: 500, body: internal},
		"status is a text":  {answer: `{"statusCode":"200"}`, status: 500, body: internal},
		"status impossible": {answer: `{"statusCode":99}`, status: 500, body: internal},
		"bad base64":        {answer: `{"statusCode":200,"body":"%","isBase64Encoded":true}`, status: 500, body: internal},
		"body is an object": {answer: `{"statusCode":200,"body":{}}`, status: 500, body: internal},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, gateway.Options{NotFound: answer(c.answer)})
			w := serve(g, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
			wantAnswer(t, w, c.status, c.body)
			for name, want := range c.headers {
				if diff := cmp.Diff(want, w.Header()[name]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestFunctionErrorIsLogged(t *testing.T) {
	var log bytes.Buffer
	g := newGateway(t, gateway.Options{
		NotFound: function(func([]byte) ([]byte, error) { return nil, errors.New("the table is gone") }),
		Log:      slog.New(slog.NewTextHandler(&log, nil)),
	})
	wantAnswer(t, serve(g, httptest.NewRequest(http.MethodGet, "/", http.NoBody)), http.StatusInternalServerError,
		`{"message":"Internal Server Error"}`)
	if !strings.Contains(log.String(), "the table is gone") || !strings.Contains(log.String(), "JKJaXmPLvHcESHA=") {
		t.Errorf("the log tells neither the reason nor the request: %s", &log)
	}
}

func TestLimits(t *testing.T) {
	const tooLarge = `{"message":"Request Entity Too Large"}`
	post := func(size int, kind string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", size)))
		r.Header.Set("Content-Type", kind)
		return r
	}
	// headed has a request line, host and one header of so many bytes together.
	headed := func(size int) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("X-Long", strings.Repeat("x", size-len("GET / HTTP/1.1")-len(r.Host)))
		return r
	}
	for name, c := range map[string]struct {
		request *http.Request
		status  int
		body    string
	}{
		"a body that fits":                   {post(5<<20, "text/plain"), 200, "{}"},
		"a body over 10 MiB":                 {post(gateway.MaxBody+1, "text/plain"), 413, tooLarge},
		"an event over 6 MB":                 {post(gateway.MaxEvent, "text/plain"), 413, tooLarge},
		"an event over 6 MB by its encoding": {post(5<<20, "image/png"), 413, tooLarge},
		"as many bytes of headers as may be": {headed(gateway.MaxHeader), 200, "{}"},
		"one byte more of headers than may be": {headed(gateway.MaxHeader + 1), 431,
			`{"message":"Request Header Fields Too Large"}`},
	} {
		t.Run(name, func(t *testing.T) {
			wantAnswer(t, serve(newGateway(t, gateway.Options{NotFound: answer(`{}`)}), c.request), c.status, c.body)
		})
	}
}

// Lambda gives answers up to 6 MB, whatever is in them.
func TestAnswersHaveALimit(t *testing.T) {
	sized := func(size int) string {
		const frame = `{"statusCode":200,"body":""}`
		return `{"statusCode":200,"body":"` + strings.Repeat("x", size-len(frame)) + `"}`
	}
	get := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	if got := serve(newGateway(t, gateway.Options{NotFound: answer(sized(gateway.MaxAnswer))}),
		get); got.Code != http.StatusOK {
		t.Errorf("as much as may be: %d", got.Code)
	}
	got := serve(newGateway(t, gateway.Options{NotFound: answer(sized(gateway.MaxAnswer + 1))}), get)
	wantAnswer(t, got, http.StatusInternalServerError, `{"message":"Internal Server Error"}`)
}

func TestBrokenBody(t *testing.T) {
	g := newGateway(t, gateway.Options{NotFound: answer(`{}`)})
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("{"), broken{}))
	wantAnswer(t, serve(g, r), http.StatusBadRequest, `{"message":"Bad Request"}`)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the line broke") }

func TestIntegrationTimeout(t *testing.T) {
	for took, want := range map[time.Duration]int{gateway.IntegrationTimeout - 1: http.StatusOK,
		gateway.IntegrationTimeout + 1: http.StatusServiceUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t, gateway.Options{NotFound: function(func([]byte) ([]byte, error) {
				time.Sleep(took)
				return []byte(`{}`), nil
			})})
			body := map[int]string{http.StatusOK: "{}", http.StatusServiceUnavailable: `{"message":"Service Unavailable"}`}[want]
			wantAnswer(t, serve(g, httptest.NewRequest(http.MethodGet, "/", http.NoBody)), want, body)
			time.Sleep(time.Minute) // until the function has ended too
		})
	}
}

// A client that goes away is not waited for, and the function runs to its end.
func TestClientGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := errors.New("the function did not end")
		g := newGateway(t, gateway.Options{NotFound: contextFunction(func(ctx context.Context) {
			time.Sleep(2 * time.Second)
			ended = ctx.Err()
		})})
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		begin := time.Now()
		serve(g, httptest.NewRequest(http.MethodGet, "/", http.NoBody).WithContext(ctx))
		if waited := time.Since(begin); waited != time.Second { // simulated time: exact
			t.Errorf("waited %s for a function that nobody waits for", waited)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if ended != nil {
			t.Error(ended)
		}
	})
}

type contextFunction func(ctx context.Context)

func (f contextFunction) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	f(ctx)
	return []byte(`{}`), nil
}

// Over a real connection: what net/http does with the answers, and ids that the gateway makes itself.
func TestServed(t *testing.T) {
	g, err := gateway.New(gateway.Options{Routes: []gateway.Route{
		{Method: "ANY", Path: "/seen", Function: answer(`{"statusCode":200,"body":"seen"}`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g)
	defer server.Close()
	ids := map[string]bool{}
	for method, want := range map[string]string{http.MethodGet: "seen", http.MethodHead: ""} {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/seen", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		w, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(w.Body)
		_ = w.Body.Close() // it was read
		if err != nil || string(body) != want || w.ContentLength != 4 {
			t.Errorf("%s: %q, length %d, error %v", method, body, w.ContentLength, err)
		}
		ids[w.Header.Get("Apigw-Requestid")] = true
	}
	if len(ids) != 2 || ids[""] {
		t.Errorf("request ids %v", ids)
	}
}
