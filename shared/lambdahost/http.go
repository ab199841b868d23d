package lambdahost

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/registrar/shared/request"
	"example.com/registrar/shared/telemetry"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
)

// HTTP makes a Lambda handler of an HTTP handler. An event that is no request at all is an error; everything that a client
// can do wrong is an answer. The recorder tells of each invocation, whose outcome the handler has to
// conclude (package api's does); nil: nobody does.
func HTTP(handler http.Handler, recorder *telemetry.Recorder) lambda.Handler {
	return httpFunction{handler: handler, recorder: recorder}
}

type httpFunction struct {
	handler  http.Handler
	recorder *telemetry.Recorder
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
	info := infoOf(ctx, event)
	ctx, invocation := f.recorder.Begin(request.With(ctx, info), telemetry.Request)
	defer func() { invocation.End(ctx) }()
	answer, err := f.answer(ctx, event)
	if err != nil {
		return nil, err
	}
	if answer.Headers == nil {
		answer.Headers = map[string]string{}
	}
	answer.Headers["X-Correlation-Id"] = info.Correlation
	return json.Marshal(answer)
}

// infoOf is what the event tells of the request. API Gateway writes headers' names small.
func infoOf(ctx context.Context, event events.APIGatewayV2HTTPRequest) request.Info {
	info := request.Info{
		ID: event.RequestContext.RequestID, ReceivedAt: time.UnixMilli(event.RequestContext.TimeEpoch).UTC(),
		Correlation: event.Headers["x-correlation-id"], Trace: event.Headers["x-amzn-trace-id"],
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

func (f httpFunction) answer(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
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

// requestOf makes the request that the client sent.
func requestOf(ctx context.Context, event events.APIGatewayV2HTTPRequest) (*http.Request, *fault) {
	if event.IsBase64Encoded { // trap: the adapter prints what it cannot decode, and fails the invocation
		if _, err := base64.StdEncoding.DecodeString(event.Body); err != nil {
			return nil, &fault{field: "body", detail: "the body is not valid base64"}
		}
	}
	if stage := event.RequestContext.Stage; stage != "$default" { // trap: a named stage stays in the raw path
		event.RawPath = strings.TrimPrefix(event.RawPath, "/"+stage)
	}
	// Trap: the raw path is decoded, and the adapter decodes it again; a "?" or "#" would end it.
	event.RawPath = (&url.URL{Path: event.RawPath}).EscapedPath()
	if _, err := url.Parse("https://host" + event.RawPath + "?" + event.RawQueryString); err != nil { // trap: printed, like the body
		return nil, &fault{field: "query", detail: "the address is not valid"}
	}
	var adapter core.RequestAccessorV2
	r, err := adapter.EventToRequestWithContext(ctx, event)
	if err != nil {
		return nil, &fault{field: "path", detail: "the request cannot be read"}
	}
	for name, value := range event.Headers { // trap: the adapter splits values at commas; dates, tags and keys have some
		r.Header.Set(name, value)
	}
	return r, nil
}

// fault is what is wrong with an event that is no HTTP request.
type fault struct{ field, detail string }

// The kind of problem, as shared/api names it.
const (
	badRequestCode = "BAD_REQUEST"
	badRequestType = "https://registrar.example.com/problems/bad-request"
)

// badRequest is a problem answer (RFC 9457), in the form of shared/api's, which consumers are not to link.
func badRequest(id string, f fault) events.APIGatewayV2HTTPResponse {
	body, err := json.Marshal(map[string]any{
		"type": badRequestType, "title": "Bad Request", "status": http.StatusBadRequest, "code": badRequestCode, "detail": f.detail, "instance": id,
		"errors": []any{map[string]string{"field": f.field, "code": "FORMAT", "detail": "cannot be read"}},
	})
	if err != nil { // maps of strings and a number
		body = []byte("{}")
	}
	return events.APIGatewayV2HTTPResponse{
		StatusCode: http.StatusBadRequest, Headers: map[string]string{"Content-Type": "application/problem+json"}, Body: string(body),
	}
}
