package telemetry

import (
	"context"

	"example.com/registrar/shared/telemetry/request"
)

// Kind is what an invocation or a span is.
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
	// Start begins a span beneath the context's, or else in the trace of its request.
	Start(ctx context.Context, name string, kind Kind) (context.Context, Span)
	// Header is X-Ray's tracing header for what is sent on: the context's span is the parent. Empty: there is no span.
	Header(ctx context.Context) string
	// Flush sends what has ended: when it returns the function may be frozen.
	Flush(ctx context.Context)
}

// Span is a piece of work in a trace.
type Span interface {
	Name(name string)
	// Attribute says more of the span. Never personal data: a trace is read by more people than a record.
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

// Onward is what an event or a message that the context's request causes is to know of it: the request, but the parent
// in X-Ray's tracing header (SQS: the system attribute AWSTraceHeader) is the context's span, if there is one.
func Onward(ctx context.Context) request.Info {
	info := request.From(ctx)
	if i := scopeOf(ctx).invocation; i != nil && i.recorder.tracer != nil {
		if header := i.recorder.tracer.Header(ctx); header != "" {
			info.Trace = header
		}
	}
	return info
}

// end ends the invocation's span, and has all spans sent before the function is frozen.
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

// failedError is a failure that was told by its code.
type failedError string

func (e failedError) Error() string { return string(e) }

type noSpan struct{}

// Name implements [Span].
func (noSpan) Name(string) {}

// Attribute implements [Span].
func (noSpan) Attribute(string, string) {}

// End implements [Span].
func (noSpan) End(error) {}
