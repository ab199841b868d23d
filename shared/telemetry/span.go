package telemetry

import (
	"context"

	"example.com/registrar/shared/telemetry/request"
)

// Kind is the kind of an invocation or a span.
type Kind uint8

// The kinds.
const (
	Request Kind = iota // a request that is answered
	Batch               // messages of a queue or records of a stream that are handled
	Task                // what a schedule starts
	Message             // one of them
	Call                // a request to another service
)

// String is the kind's name, and the text of an invocation's line.
func (k Kind) String() string { return [...]string{"request", "batch", "task", "message", "call"}[k] }

// Tracer makes spans. The one of OpenTelemetry is in shared/lambdahost, behind the build tag otel.
type Tracer interface {
	// Start begins a span below the context's span, or else in the trace of its request.
	Start(ctx context.Context, name string, kind Kind) (context.Context, Span)
	// Header is X-Ray's tracing header for what is sent on, with the context's span as the parent. Empty: there is no
	// span.
	Header(ctx context.Context) string
	// Flush sends the spans that have ended. When it returns the function may be frozen.
	Flush(ctx context.Context)
}

// Span is a piece of work in a trace.
type Span interface {
	Name(name string)
	// Attribute adds an attribute to the span. Never personal data: more people read a trace than a record.
	Attribute(key, value string)
	End(err error) // nil: it went well
}

// StartSpan begins a span in the invocation; it must be ended. Without a tracer it does nothing.
func StartSpan(ctx context.Context, name string, kind Kind) (context.Context, Span) {
	if i := scopeOf(ctx).invocation; i != nil && i.recorder.tracer != nil {
		return i.recorder.tracer.Start(ctx, name, kind)
	}
	return ctx, noSpan{}
}

// Onward is what an event or a message knows of the request that caused it. The parent in X-Ray's tracing header (SQS:
// the system attribute AWSTraceHeader) is the context's span, if there is one.
func Onward(ctx context.Context) request.Info {
	info := request.From(ctx)
	if i := scopeOf(ctx).invocation; i != nil && i.recorder.tracer != nil {
		if header := i.recorder.tracer.Header(ctx); header != "" {
			info.Trace = header
		}
	}
	return info
}

// end ends the invocation's span, and sends all spans before the function is frozen.
func (i *Invocation) end(ctx context.Context, o Outcome) {
	if i.recorder.tracer == nil {
		return
	}
	i.span.Name(o.Operation)
	i.span.Attribute("registrar.code", o.Code)
	var err error
	if o.Failed {
		err = failedError(o.Code)
	}
	i.span.End(err)
	i.recorder.tracer.Flush(ctx)
}

// failedError is a failure with its code.
type failedError string

func (e failedError) Error() string { return string(e) }

type noSpan struct{}

// Name implements [Span].
func (noSpan) Name(string) {}

// Attribute implements [Span].
func (noSpan) Attribute(string, string) {}

// End implements [Span].
func (noSpan) End(error) {}
