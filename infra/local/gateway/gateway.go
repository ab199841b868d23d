// Package gateway is an API Gateway HTTP API on this machine: it turns requests into events of payload format 2.0, asks
// the function behind the route that matches best, and writes its answer. It knows API Gateway's rules and nothing of
// what the functions do. The sources of those rules are the API Gateway developer guide's "Create routes for HTTP
// APIs", "Create AWS Lambda proxy integrations for HTTP APIs" and "Quotas for configuring and running an HTTP API".
//
// Faithful: the choice of a route, the event, the reading of an answer, CORS, the limits, the error answers. HEAD is a
// method like any other, and finds its own route or one for ANY. Not faithful: there is one stage, $default, and no
// authorizers; throttles count exactly, where AWS's are "best effort", and no account's quota is above them; the
// gateway's own errors carry the CORS headers too, where AWS's pages speak of functions' answers;
// requestContext.authentication is there and empty, because the events package writes it so. Start with [New].
package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Function is what a route leads to. It must end by itself: after 30 seconds the gateway no longer waits for it, but
// does not stop it, as with AWS.
type Function interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// Route leads requests to a function.
type Route struct {
	Method   string // "GET", …, or "ANY"
	Path     string // "/v1/sections/{id}/registrations"; the last segment may be greedy: "/files/{path+}"
	Function Function
	Throttle *Throttle // instead of the stage's; nil: the stage's
}

// Options configure a gateway.
type Options struct {
	Routes       []Route
	NotFound     Function         // the $default route, for requests that no route matches; nil: 404
	CORS         *CORS            // nil: functions write their own CORS headers
	Throttle     *Throttle        // of the stage, for all routes without a throttle of their own; nil: none
	Log          *slog.Logger     // says why an answer was 500 or 503; nil: nothing is logged
	Now          func() time.Time // nil: the system's clock
	NewRequestID func() string    // nil: random ones
	DomainName   string           // requestContext.domainName; empty: the host that the request names
}

// Limits of an HTTP API.
const (
	MaxBody            = 10 << 20         // bytes of a request's body
	MaxHeader          = 10_240           // bytes of the request line and the headers' values together
	MaxEvent           = 6 << 20          // bytes of the event (Lambda quotas, "Invocation payload")
	MaxAnswer          = 6 << 20          // bytes of the function's answer, as the JSON that it is (the same)
	IntegrationTimeout = 30 * time.Second // until a function must have answered
)

// Gateway is an [http.Handler].
type Gateway struct {
	options Options
	routes  []route // the most specific first
	stage   *bucket
}

// New makes a gateway, or returns an error for a route that API Gateway would not take or that is there twice.
func New(options Options) (*Gateway, error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.NewRequestID == nil {
		options.NewRequestID = newRequestID
	}
	if err := options.CORS.check(); err != nil {
		return nil, err
	}
	stage, err := newBucket(options.Throttle)
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	routes, err := parseRoutes(options.Routes)
	if err != nil {
		return nil, err
	}
	return &Gateway{options: options, routes: routes, stage: stage}, nil
}

// newRequestID makes an id of the form that API Gateway's have: sixteen characters, for example "JKJaXmPLvHcESHA=".
func newRequestID() string {
	id := make([]byte, 11)
	_, _ = rand.Read(id) // never fails, by its documentation
	return base64.URLEncoding.EncodeToString(id)
}

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := g.options.NewRequestID()
	w.Header().Set("Apigw-Requestid", id)
	g.options.CORS.write(w.Header(), r)
	if r.Method == http.MethodHead {
		w = headOnly{w}
	}
	switch {
	case headerSize(r) > MaxHeader:
		refuse(w, http.StatusRequestHeaderFieldsTooLarge)
		return
	case g.options.CORS.isPreflight(r):
		w.WriteHeader(http.StatusNoContent)
		return
	}
	matched, parameters := match(g.routes, r.Method, r.URL.Path)
	key, function := matched.key(), matched.Function
	if function == nil {
		key, function = "$default", g.options.NotFound
	}
	if function == nil {
		refuse(w, http.StatusNotFound)
		return
	}
	now, throttle := g.options.Now(), g.stage
	if matched.bucket != nil {
		throttle = matched.bucket
	}
	if !throttle.take(now) {
		refuse(w, http.StatusTooManyRequests)
		return
	}
	log := g.options.Log.With("requestId", id, "route", key)
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	event, err := Event(r, Call{
		RouteKey: key, PathParameters: parameters, RequestID: id, DomainName: g.options.DomainName, Time: now,
	})
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(w, http.StatusRequestEntityTooLarge)
		return
	case err != nil: // the client broke off, and is most likely gone
		log.Warn("a request could not be read", "error", err)
		refuse(w, http.StatusBadRequest)
		return
	}
	var payload bytes.Buffer
	encoder := json.NewEncoder(&payload)
	encoder.SetEscapeHTML(false) // as API Gateway; an escaped "<" would count six times against the limit
	switch err := encoder.Encode(event); {
	case err != nil:
		log.Error("an event could not be written", "error", err)
		refuse(w, http.StatusInternalServerError)
	case payload.Len() > MaxEvent:
		refuse(w, http.StatusRequestEntityTooLarge)
	default:
		// Under the key that aws-lambda-go uses, so that whatever invokes the function passes the trace on.
		trace := event.Headers["x-amzn-trace-id"]
		r = r.WithContext(context.WithValue(r.Context(), "x-amzn-trace-id", trace)) //nolint:staticcheck // see above
		g.integrate(w, r, log, function, payload.Bytes())
	}
}

// integrate asks the function and writes its answer, or what API Gateway says in its place.
func (g *Gateway) integrate(
	w http.ResponseWriter, r *http.Request, log *slog.Logger, function Function, payload []byte,
) {
	type outcome struct {
		answer []byte
		err    error
	}
	done := make(chan outcome, 1)
	unstopped := context.WithoutCancel(r.Context()) // a client that goes away stops nothing
	go func() {
		answer, err := function.Invoke(unstopped, payload)
		done <- outcome{answer, err}
	}()
	limit := time.NewTimer(IntegrationTimeout)
	defer limit.Stop()
	select {
	case <-r.Context().Done():
	case <-limit.C:
		log.Error("the function did not answer in time", "limit", IntegrationTimeout)
		refuse(w, http.StatusServiceUnavailable)
	case o := <-done:
		var throttled interface{ Throttled() bool } // lambda.FunctionError has it
		if errors.As(o.err, &throttled) && throttled.Throttled() {
			log.Warn("the function was throttled", "error", o.err)
			refuse(w, http.StatusServiceUnavailable)
			return
		}
		answer, body, err := response(o.answer)
		switch {
		case o.err != nil:
			err = fmt.Errorf("the function failed: %w", o.err)
		case len(o.answer) > MaxAnswer: // Lambda fails the invocation: Function.ResponseSizeTooLarge
			err = fmt.Errorf("the answer has %d bytes", len(o.answer))
		}
		if err != nil {
			log.Error("the function gave no answer that can be passed on", "error", err)
			refuse(w, http.StatusInternalServerError)
			return
		}
		if g.options.CORS != nil {
			ignoreCORS(&answer)
		}
		write(w, r.Method, answer, body)
	}
}

// headOnly writes no body: the answer to HEAD, which has the headers of one with a body.
type headOnly struct{ http.ResponseWriter }

func (headOnly) Write(p []byte) (int, error) { return len(p), nil }

// refuse writes an answer of API Gateway's own.
func refuse(w http.ResponseWriter, status int) {
	body := `{"message":"` + http.StatusText(status) + `"}`
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client may be gone
}

// headerSize is what the quota "Total combined size of request line and header values" counts, in bytes.
func headerSize(r *http.Request) int {
	size := len(r.Method) + len(" ") + len(r.RequestURI) + len(" ") + len(r.Proto) + len(r.Host)
	for _, values := range r.Header {
		for _, value := range values {
			size += len(value)
		}
	}
	return size
}

// response reads a function's answer. An answer without a statusCode is taken as the body itself, in JSON ("Format
// inference").
func response(answer []byte) (events.APIGatewayV2HTTPResponse, []byte, error) {
	var read events.APIGatewayV2HTTPResponse
	if !json.Valid(answer) {
		return read, nil, errors.New("the answer is not JSON")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(answer, &members); err != nil || members["statusCode"] == nil {
		read.StatusCode, read.Headers = http.StatusOK, map[string]string{"content-type": "application/json"}
		var text *string // a JSON text is passed on without its quotes, as the guide's first example shows
		if err := json.Unmarshal(answer, &text); err == nil && text != nil {
			return read, []byte(*text), nil
		}
		return read, bytes.TrimSpace(answer), nil
	}
	if err := json.Unmarshal(answer, &read); err != nil {
		return read, nil, fmt.Errorf("read the answer: %w", err)
	}
	if read.StatusCode < http.StatusOK || read.StatusCode > 599 {
		return read, nil, fmt.Errorf("statusCode %d is none", read.StatusCode)
	}
	if !read.IsBase64Encoded {
		return read, []byte(read.Body), nil
	}
	body, err := base64.StdEncoding.DecodeString(read.Body)
	if err != nil {
		return read, nil, fmt.Errorf("read the body's base64: %w", err)
	}
	return read, body, nil
}

// ignoreCORS takes a function's own CORS headers off its answer.
func ignoreCORS(answer *events.APIGatewayV2HTTPResponse) {
	isCORS := func(name string) bool { return strings.HasPrefix(http.CanonicalHeaderKey(name), corsPrefix) }
	maps.DeleteFunc(answer.Headers, func(name, _ string) bool { return isCORS(name) })
	maps.DeleteFunc(answer.MultiValueHeaders, func(name string, _ []string) bool { return isCORS(name) })
}

func write(w http.ResponseWriter, method string, answer events.APIGatewayV2HTTPResponse, body []byte) {
	h := w.Header()
	for name, value := range answer.Headers {
		h.Set(name, value)
	}
	for name, values := range answer.MultiValueHeaders {
		h.Del(name)
		for _, value := range values {
			h.Add(name, value)
		}
	}
	for _, cookie := range answer.Cookies {
		h.Add("Set-Cookie", cookie)
	}
	for _, name := range []string{"Connection", "Transfer-Encoding"} { // the connection is the gateway's own
		h.Del(name)
	}
	if h.Get("Content-Type") == "" && len(body) > 0 {
		h.Set("Content-Type", "text/plain;charset=UTF-8") // and no guess by net/http
	}
	if stated, err := strconv.ParseUint(h.Get("Content-Length"), 10, 63); method == http.MethodHead &&
		len(body) == 0 && err == nil {
		h.Set("Content-Length", strconv.FormatUint(stated, 10)) // of the body that GET would have
	} else {
		h.Set("Content-Length", strconv.Itoa(len(body))) // a function's own could be wrong
	}
	if answer.StatusCode == http.StatusNoContent || answer.StatusCode == http.StatusNotModified {
		h.Del("Content-Length")
		body = nil
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(body) // the client may be gone
}
