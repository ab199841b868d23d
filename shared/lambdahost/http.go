package lambdahost

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
)

// HTTP makes a Lambda handler from an HTTP handler. An event that is not a request at all is an error; everything that
// a client can do wrong gets an answer. The recorder records each invocation, whose outcome the handler has to conclude
// (package api's does). Nil: nothing is recorded.
func HTTP(handler http.Handler, recorder *telemetry.Recorder, list ...Option) lambda.Handler {
	return httpFunction{handler: handler, recorder: recorder, options: optionsOf(list)}
}

type httpFunction struct {
	handler  http.Handler
	recorder *telemetry.Recorder
	options
}

// Invoke implements [lambda.Handler]. It is safe for concurrent use.
func (f httpFunction) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	if event.RequestContext.HTTP.Method == "" {
		return nil, fmt.Errorf("the event is no request of an HTTP API in payload format 2.0 (version %q)", event.Version)
	}
	ctx, cancel := withMargin(ctx)
	defer cancel()
	info, now := infoOf(ctx, event), f.clock()
	told := info.ReceivedAt
	if !near(told, now, oldestRequest) {
		info.ReceivedAt = now.UTC()
	}
	ctx, invocation := f.recorder.Begin(request.With(ctx, info), telemetry.Request)
	defer func() { invocation.End(ctx) }()
	if !told.Equal(info.ReceivedAt) {
		unused(ctx, f.recorder.Log(), "requestContext.timeEpoch", told, now)
	}
	answer, err := f.answer(ctx, event)
	if err != nil {
		return nil, err
	}
	if answer.Headers == nil {
		answer.Headers = map[string]string{}
	}
	answer.Headers["X-Correlation-Id"] = info.Correlation
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false) // "<" as six characters would count against Lambda's limit
	if err := encoder.Encode(answer); err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	return bytes.TrimSuffix(written.Bytes(), []byte("\n")), nil
}

// infoOf is what the event says about the request. API Gateway writes the names of headers in small letters, and the
// SAM CLI's gateway in the canonical form.
func infoOf(ctx context.Context, event events.APIGatewayV2HTTPRequest) request.Info {
	info := request.Info{
		ID: event.RequestContext.RequestID, ReceivedAt: time.UnixMilli(event.RequestContext.TimeEpoch).UTC(),
		Correlation: cmp.Or(event.Headers["x-correlation-id"], event.Headers["X-Correlation-Id"]),
		Trace:       cmp.Or(event.Headers["x-amzn-trace-id"], event.Headers["X-Amzn-Trace-Id"]),
	}
	if !request.ValidCorrelation(info.Correlation) {
		info.Correlation = info.ID
	}
	if !request.ValidTrace(info.Trace) {
		info.Trace = traceOf(ctx)
	}
	return info
}

// traceOf is the tracing header of the invocation, which aws-lambda-go keeps in the context under this plain text.
func traceOf(ctx context.Context) string {
	trace, _ := ctx.Value("x-amzn-trace-id").(string)
	return trace
}

func (f httpFunction) answer(
	ctx context.Context, event events.APIGatewayV2HTTPRequest,
) (events.APIGatewayV2HTTPResponse, error) {
	r, fault := requestOf(ctx, event)
	if fault != nil {
		telemetry.Conclude(ctx, telemetry.Outcome{Code: badRequestCode, Status: http.StatusBadRequest})
		return badRequest(event.RequestContext.RequestID, *fault), nil
	}
	w := core.NewProxyResponseWriterV2()
	f.handler.ServeHTTP(w, r)
	answer, err := w.GetProxyResponse()
	if err != nil { // trap: a handler that writes nothing means 200 to net/http, and is an error to the adapter
		w.WriteHeader(http.StatusOK)
		answer, err = w.GetProxyResponse()
	}
	return answer, err
}

// requestOf makes the request that the client sent, at the address that the route says ([addressOf]).
func requestOf(ctx context.Context, event events.APIGatewayV2HTTPRequest) (*http.Request, *fault) {
	if event.IsBase64Encoded { // trap: the adapter prints what it cannot decode, and fails the invocation
		if _, err := base64.StdEncoding.DecodeString(event.Body); err != nil {
			return nil, &fault{field: "body", detail: "the body is not valid base64"}
		}
	}
	path, wrong := addressOf(event)
	if wrong != nil {
		return nil, wrong
	}
	// Trap: the adapter expects the path percent-encoded, so what was decoded is encoded again first.
	event.RawPath = path
	// trap: taken in place of an empty query; repeated ones are joined by commas there
	event.QueryStringParameters = nil
	// trap: printed, like the body
	if event.RawQueryString != "" { // an encoded path is always valid
		if _, err := url.Parse("https://host" + event.RawPath + "?" + event.RawQueryString); err != nil {
			return nil, &fault{field: "query", detail: "the address is not valid"}
		}
	}
	headers := event.Headers
	event.Headers = nil // trap: the adapter splits values at commas; dates, tags and keys contain commas
	var adapter core.RequestAccessorV2
	r, err := adapter.EventToRequestWithContext(ctx, event)
	if err != nil {
		return nil, &fault{field: "path", detail: "the request cannot be read"}
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	return r, nil
}

// addressOf is the path of the request as the API declares it, percent-encoded: the path of the event's route key, with
// the values of its parameters. The event's raw path may also have the place where the API is reached (a stage such as
// /prod, a custom domain's mapping such as /registrar), which a function need not know. Without a route, which only a
// $default route or a test gives, it is the raw path, which API Gateway has decoded, without the stage's name.
func addressOf(event events.APIGatewayV2HTTPRequest) (string, *fault) {
	_, template, routed := strings.Cut(event.RouteKey, " ")
	if !routed {
		path := event.RawPath
		if stage := event.RequestContext.Stage; stage != "$default" {
			if rest, ok := strings.CutPrefix(path, "/"+stage); ok && (rest == "" || rest[0] == '/') {
				path = rest
			}
		}
		// an empty path would be requestContext's to the adapter
		return (&url.URL{Path: cmp.Or(path, "/")}).EscapedPath(), nil
	}
	segments := strings.Split(template, "/")
	for i, segment := range segments {
		name, variable := strings.CutPrefix(segment, "{")
		if !variable {
			segments[i] = url.PathEscape(segment)
			continue
		}
		name, greedy := strings.CutSuffix(strings.TrimSuffix(name, "}"), "+")
		value := event.PathParameters[name] // decoded by API Gateway: "%252F" in the address is "%2F" here, and no slash
		if value == "" {
			return "", &fault{field: "path", detail: "the route's parameters are not in the event"}
		}
		parts := []string{value}
		if greedy {
			parts = strings.Split(value, "/")
		}
		for j, part := range parts {
			parts[j] = url.PathEscape(part)
		}
		segments[i] = strings.Join(parts, "/")
	}
	return strings.Join(segments, "/"), nil
}

// fault is what is wrong with an event that is not an HTTP request.
type fault struct{ field, detail string }

// The kind of problem, as shared/api names it.
const (
	badRequestCode = "BAD_REQUEST"
	badRequestType = "https://registrar.example.com/problems/bad-request"
)

// badRequest is a problem answer (RFC 9457), in the form of shared/api's. Package api itself is not used, so that
// consumers do not link it.
func badRequest(id string, f fault) events.APIGatewayV2HTTPResponse {
	body, err := json.Marshal(map[string]any{
		"type": badRequestType, "title": "Bad Request", "status": http.StatusBadRequest, "code": badRequestCode,
		"detail": f.detail, "instance": id,
		"errors": []any{map[string]string{"field": f.field, "code": "FORMAT", "detail": "cannot be read"}},
	})
	if err != nil { // maps of strings and a number
		body = []byte("{}")
	}
	return events.APIGatewayV2HTTPResponse{
		StatusCode: http.StatusBadRequest, Headers: map[string]string{"Content-Type": "application/problem+json"},
		Body: string(body),
	}
}
