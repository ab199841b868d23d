//go:build otel

package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
	"github.com/aws/aws-lambda-go/events"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// received is a collector: it keeps what is exported to it.
type received struct {
	mu       sync.Mutex
	spans    map[string]*spans.Span // by name
	resource map[string]string
	headers  http.Header
}

func (r *received) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var export collector.ExportTraceServiceRequest
	if err = errors.Join(err, proto.Unmarshal(body, &export)); err != nil || req.URL.Path != "/v1/traces" ||
		req.Method != http.MethodPost {
		http.Error(w, "no export of spans", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers = req.Header
	for _, of := range export.ResourceSpans {
		for _, a := range of.Resource.Attributes {
			r.resource[a.Key] = a.Value.GetStringValue()
		}
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				r.spans[s.Name] = s
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// traced is a recorder whose spans a collector receives.
func traced(t *testing.T) (*telemetry.Recorder, *received) {
	t.Helper()
	r := &received{spans: map[string]*spans.Span{}, resource: map[string]string{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k")
	t.Setenv("OTEL_SERVICE_NAME", "registrar-test")
	tracer, err := newTracer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return telemetry.New(telemetry.Options{Function: "things", Log: slog.DiscardHandler, Tracer: tracer}), r
}

func attributes(s *spans.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.GetAttributes() {
		all[a.Key] = a.Value.GetStringValue()
	}
	return all
}

const (
	root     = "5759e988bd862e3fe1be46a994272793"
	ofRoot   = "Root=1-5759e988-bd862e3fe1be46a994272793"
	aParent  = "53995c3f42cd8ad8"
	anotherT = "6b05393e72ca6feae53e6523563f0afe"
)

func hexadecimal(b []byte) string {
	const digits = "0123456789abcdef"
	var text strings.Builder
	for _, c := range b {
		text.WriteByte(digits[c>>4])
		text.WriteByte(digits[c&15])
	}
	return text.String()
}

func TestSpans_OfARequestAreExported(t *testing.T) {
	recorder, got := traced(t)
	for _, c := range []struct{ header, parent string }{
		{ofRoot, ""}, {ofRoot + ";Parent=" + aParent + ";Sampled=0", ""}, {ofRoot + ";Parent=" + aParent + ";Sampled=1",
			aParent},
	} {
		var event events.APIGatewayV2HTTPRequest
		event.RequestContext.HTTP.Method, event.RequestContext.RequestID, event.RequestContext.Stage = http.MethodGet,
			"req-1", "$default"
		event.Headers = map[string]string{"x-amzn-trace-id": c.header, "x-correlation-id": "vera-1"}
		payload, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		var onward string
		_, err = HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ctx, call := telemetry.StartSpan(r.Context(), "DynamoDB.GetItem", telemetry.Call)
			call.End(errors.New("no table"))
			onward = telemetry.Onward(r.Context()).Trace
			telemetry.Conclude(ctx, telemetry.Outcome{Operation: "things-get", Code: "INTERNAL",
				Status: http.StatusInternalServerError, Failed: true})
		}), recorder).Invoke(t.Context(), payload)
		if err != nil {
			t.Fatal(err)
		}
		// The function may be frozen now: all must be there.
		got.mu.Lock()
		server, call := got.spans["things-get"], got.spans["DynamoDB.GetItem"]
		got.mu.Unlock()
		if server == nil || call == nil {
			t.Fatalf("received %v", got.spans)
		}
		if hexadecimal(server.TraceId) != root || hexadecimal(server.ParentSpanId) != c.parent ||
			server.Kind != spans.Span_SPAN_KIND_SERVER {
			t.Errorf("%s: the request's span: %v", c.header, server)
		}
		if a := attributes(server); a["registrar.correlation"] != "vera-1" || a["registrar.request"] != "req-1" ||
			a["registrar.code"] != "INTERNAL" {
			t.Errorf("attributes %v", a)
		}
		if !slices.Equal(call.ParentSpanId, server.SpanId) || call.Kind != spans.Span_SPAN_KIND_CLIENT ||
			call.Status.GetCode() != spans.Status_STATUS_CODE_ERROR {
			t.Errorf("the call's span: %v", call)
		}
		if a := attributes(call); a["rpc.service"] != "DynamoDB" || a["rpc.method"] != "GetItem" {
			t.Errorf("attributes %v", a)
		}
		if want := ofRoot + ";Parent=" + hexadecimal(server.SpanId) + ";Sampled=1"; onward != want ||
			!request.ValidTrace(onward) {
			t.Errorf("onward goes %q, want %q", onward, want)
		}
	}
	if got.resource["service.name"] != "registrar-test" || got.resource["cloud.platform"] != "aws_lambda" ||
		got.headers.Get("x-key") != "k" {
		t.Errorf("resource %v, headers %v", got.resource, got.headers)
	}
}

// A message goes on in the trace of the request that caused it, and says which batch it came in.
func TestSpans_OfMessagesAreInTheirOwnTraces(t *testing.T) {
	recorder, got := traced(t)
	ctx, invocation := recorder.Begin(
		request.With(t.Context(), request.Info{Trace: "Root=1-6b05393e-72ca6feae53e6523563f0afe"}), telemetry.Batch)
	message := request.With(ctx, request.Info{ID: "m-1", Correlation: "vera-1", Trace: ofRoot + ";Parent=" + aParent +
		";Sampled=1"})
	inner, span := telemetry.StartSpan(message, "mail", telemetry.Message)
	_, call := telemetry.StartSpan(inner, "SES.SendEmail", telemetry.Call)
	call.End(nil)
	span.End(nil)
	telemetry.Conclude(ctx, telemetry.Outcome{Operation: "batch-of-mail"})
	invocation.End(ctx)
	batch, of, sent := got.spans["batch-of-mail"], got.spans["mail"], got.spans["SES.SendEmail"]
	if hexadecimal(batch.GetTraceId()) != anotherT || len(batch.GetParentSpanId()) != 0 {
		t.Errorf("the batch's span: %v", batch)
	}
	if hexadecimal(of.GetTraceId()) != root || hexadecimal(of.GetParentSpanId()) != aParent ||
		len(of.GetLinks()) != 1 || !slices.Equal(of.Links[0].SpanId, batch.GetSpanId()) {
		t.Errorf("the message's span: %v", of)
	}
	if hexadecimal(sent.GetTraceId()) != root || !slices.Equal(sent.GetParentSpanId(), of.GetSpanId()) {
		t.Errorf("the call's span: %v", sent)
	}
}

func TestSpans_FollowTheSampler(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	recorder, got := traced(t)
	ctx, invocation := recorder.Begin(request.With(t.Context(), request.Info{Trace: ofRoot}), telemetry.Request)
	onward := telemetry.Onward(ctx).Trace
	invocation.End(ctx)
	if len(got.spans) != 0 || !strings.HasPrefix(onward, ofRoot) || !strings.HasSuffix(onward, ";Sampled=0") {
		t.Errorf("%v, onward %q", got.spans, onward)
	}
}

func TestSpans_NobodyWantsThem(t *testing.T) {
	for name, value := range map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "none"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			if tracer, err := newTracer(t.Context()); tracer != nil || err != nil {
				t.Errorf("%v, %v", tracer, err)
			}
		})
	}
}

func TestXRayIDs_OfATraceThatNobodyBegan(t *testing.T) {
	var ids xrayIDs
	seen := map[trace.TraceID]bool{}
	for range 100 {
		id, span := ids.NewIDs(context.Background())
		if header := (tracer{}).Header(trace.ContextWithSpanContext(t.Context(),
			trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span}))); !request.ValidTrace(header) || seen[id] {
			t.Errorf("id %s: %s", id, header)
		}
		seen[id] = true
	}
	if (tracer{}).Header(t.Context()) != "" {
		t.Error("a header of no span")
	}
}
