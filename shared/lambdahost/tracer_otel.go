//go:build otel

package lambdahost

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// newTracer makes spans of OpenTelemetry and exports them over OTLP/HTTP, as the variables OTEL_EXPORTER_OTLP_*,
// OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and OTEL_BSP_* say (OpenTelemetry, "Environment
// Variable Specification"). With OTEL_SDK_DISABLED=true or OTEL_TRACES_EXPORTER=none there is no tracer.
func newTracer(ctx context.Context) (telemetry.Tracer, error) {
	if os.Getenv("OTEL_SDK_DISABLED") == "true" || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("export spans: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "registrar"), attribute.String("cloud.provider", "aws"),
		attribute.String("cloud.platform", "aws_lambda"),
		attribute.String("cloud.region", os.Getenv("AWS_REGION")), attribute.String("faas.name",
			os.Getenv("AWS_LAMBDA_FUNCTION_NAME")),
		attribute.String("faas.version", os.Getenv("AWS_LAMBDA_FUNCTION_VERSION")),
	), resource.WithFromEnv()) // the environment wins
	if err != nil {
		return nil, fmt.Errorf("describe what makes spans: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about),
		sdktrace.WithIDGenerator(xrayIDs{}))
	return tracer{provider: provider, tracer: provider.Tracer("example.com/registrar")}, nil
}

type tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// Start implements [telemetry.Tracer].
func (t tracer) Start(ctx context.Context, name string, kind telemetry.Kind) (context.Context, telemetry.Span) {
	info := request.From(ctx)
	around, from := trace.SpanContextFromContext(ctx), parseXRay(info.Trace)
	options := []trace.SpanStartOption{trace.WithSpanKind(spanKind(kind))}
	switch {
	// a message of another request
	case from.TraceID().IsValid() && around.IsValid() && from.TraceID() != around.TraceID():
		options = append(options, trace.WithLinks(trace.Link{SpanContext: around}))
		ctx = trace.ContextWithRemoteSpanContext(ctx, from)
	case !around.IsValid():
		ctx = trace.ContextWithRemoteSpanContext(ctx, from)
	}
	ctx, span := t.tracer.Start(ctx, name, options...)
	if service, method, ok := strings.Cut(name, "."); ok && kind == telemetry.Call {
		span.SetAttributes(attribute.String("rpc.system", "aws-api"), attribute.String("rpc.service", service),
			attribute.String("rpc.method", method))
	} else {
		span.SetAttributes(attribute.String("registrar.request", info.ID), attribute.String("registrar.correlation",
			info.Correlation))
	}
	return ctx, otelSpan{span}
}

func spanKind(kind telemetry.Kind) trace.SpanKind {
	switch kind {
	case telemetry.Request:
		return trace.SpanKindServer
	case telemetry.Batch, telemetry.Message:
		return trace.SpanKindConsumer
	case telemetry.Call:
		return trace.SpanKindClient
	}
	return trace.SpanKindInternal
}

// Header implements [telemetry.Tracer].
func (t tracer) Header(ctx context.Context) string {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return ""
	}
	const timeDigits = 8
	id, sampled := span.TraceID().String(), "0"
	if span.IsSampled() {
		sampled = "1"
	}
	return "Root=1-" + id[:timeDigits] + "-" + id[timeDigits:] + ";Parent=" + span.SpanID().String() + ";Sampled=" +
		sampled
}

// Flush implements [telemetry.Tracer]. Spans that the collector does not take within a second are left to the next
// invocation.
func (t tracer) Flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = t.provider.ForceFlush(ctx) // a request does not fail because its spans cannot be sent
}

type otelSpan struct{ span trace.Span }

// Name implements [telemetry.Span].
func (s otelSpan) Name(name string) { s.span.SetName(name) }

// Attribute implements [telemetry.Span].
func (s otelSpan) Attribute(key, value string) { s.span.SetAttributes(attribute.String(key, value)) }

// End implements [telemetry.Span].
func (s otelSpan) End(err error) {
	if err != nil {
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End()
}

// parseXRay reads X-Ray's tracing header. A header may have no parent, as from an HTTP API, or a parent that X-Ray does
// not sample, as from Lambda where X-Ray is off. Then it gives the trace alone: the span is the first of the trace
// here, and the sampler decides.
func parseXRay(header string) trace.SpanContext {
	config := trace.SpanContextConfig{TraceFlags: trace.FlagsSampled}
	sampled := true
	for field := range strings.SplitSeq(header, ";") {
		switch name, value, _ := strings.Cut(field, "="); name {
		case "Root":
			id, err := trace.TraceIDFromHex(strings.ReplaceAll(strings.TrimPrefix(value, "1-"), "-", ""))
			if err == nil {
				config.TraceID = id
			}
		case "Parent":
			id, err := trace.SpanIDFromHex(value)
			if err == nil {
				config.SpanID = id
			}
		case "Sampled":
			sampled = value != "0"
		}
	}
	if !sampled {
		config.SpanID = trace.SpanID{}
	}
	return trace.NewSpanContext(config)
}

// xrayIDs makes ids as X-Ray wants them (X-Ray developer guide, "Trace ID format"): a trace's id begins with its time.
// A trace that the gateway began keeps its id.
type xrayIDs struct{}

// NewIDs implements [sdktrace.IDGenerator].
func (g xrayIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id := parseXRay(request.From(ctx).Trace).TraceID()
	if !id.IsValid() {
		const timeBytes = 4
		binary.BigEndian.PutUint32(id[:timeBytes], uint32(time.Now().Unix())) // until 2106
		random(id[timeBytes:])
	}
	return id, g.NewSpanID(ctx, id)
}

// NewSpanID implements [sdktrace.IDGenerator].
func (xrayIDs) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	for !id.IsValid() {
		random(id[:])
	}
	return id
}

// random fills bytes; ids need to differ, not to be secret.
func random(b []byte) {
	for i := range b {
		b[i] = byte(rand.Uint32()) // see above
	}
}
