package lambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime/debug"
	"time"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Options describe a function that runs in this program.
type Options struct {
	Name    string
	Timeout time.Duration // of one call; 3 seconds when 0. It runs by the system's clock, which testing/synctest replaces
	Memory  int           // MB, 128 when 0; only stated in the report
	// Clock tells the times in trace ids and the durations in reports; nil: the system's.
	Clock func() time.Time
	// Log gets a report of each call at level Debug, as Lambda's REPORT line. Nil: nobody does.
	Log *slog.Logger
}

type handler struct {
	handler awslambda.Handler
	options Options
}

// Handler makes a [Function] of a handler, which runs in this program, any number of calls at once. Its context carries
// a [lambdacontext.LambdaContext] and the deadline, but not the caller's cancellation. A handler that overruns is left
// to itself, not waited for: it ought to heed its context.
func Handler(h awslambda.Handler, options Options) Function {
	if options.Timeout == 0 {
		options.Timeout = defaultTimeout
	}
	if options.Memory == 0 {
		options.Memory = defaultMemory
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &handler{handler: h, options: options}
}

// Invoke implements [Function].
func (h *handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	begin := h.options.Clock()
	called, err := newCall(ctx, begin, defaultRegion, h.options.Name, payload, h.options.Timeout)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithTimeout(context.WithoutCancel(ctx), called.limit)
	done := make(chan outcome, 1)
	go func() {
		o := outcome{err: exitError(TypeExit, called.id, nil)} // stands when the handler ends its goroutine
		defer cancel()                                         // after the outcome is there
		defer func() {
			if value := recover(); value != nil {
				o = outcome{err: &FunctionError{Type: TypePanic, Message: fmt.Sprint(value), Stack: debug.Stack()}}
			}
			done <- o
		}()
		o = h.call(running, called)
	}()
	select {
	case <-running.Done():
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, fmt.Errorf("wait for function %s: %w", h.options.Name, ctx.Err())
		}
		<-running.Done() // it has the same deadline
	}
	o := outcome{err: timedOut(called.id, called.limit)}
	if !errors.Is(running.Err(), context.DeadlineExceeded) {
		o = <-done
	}
	h.options.Log.DebugContext(ctx, "REPORT", "function", h.options.Name, "requestId", called.id,
		"duration", h.options.Clock().Sub(begin), "memoryMB", h.options.Memory, "error", o.err)
	return o.answer, o.err
}

// call asks the handler as aws-lambda-go does.
func (h *handler) call(ctx context.Context, called *call) outcome {
	told := &lambdacontext.LambdaContext{AwsRequestID: called.id, InvokedFunctionArn: called.arn}
	if called.client != nil {
		told.Identity, told.ClientContext = called.client.identity, called.client.context
	}
	ctx = lambdacontext.NewContext(ctx, told)
	ctx = context.WithValue(ctx, traceKey, called.trace) //nolint:staticcheck // the key that aws-lambda-go uses
	answer, err := h.handler.Invoke(ctx, called.payload)
	switch {
	case err != nil:
		return outcome{err: asFunctionError(err)}
	case len(answer) > MaxPayload:
		return outcome{err: responseTooLarge()}
	default:
		return outcome{answer: answer}
	}
}

// asFunctionError names an error as aws-lambda-go does: by its type.
func asFunctionError(err error) *FunctionError {
	var told messages.InvokeResponse_Error
	if errors.As(err, &told) {
		return &FunctionError{Type: told.Type, Message: told.Message}
	}
	kind := reflect.TypeOf(err)
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return &FunctionError{Type: kind.Name(), Message: err.Error()}
}
