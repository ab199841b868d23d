// Package lambda runs functions as AWS Lambda runs them, on this machine: a built binary as a process of its own that
// speaks the Lambda Runtime API ([StartProcess]), or a handler of this very program ([Handler]); and it feeds them from
// an SQS queue or a DynamoDB stream as Lambda's event source mappings do ([QueuePoller], [StreamPoller]). It knows
// Lambda's protocols and nothing of what the functions do.
//
// Faithful: the Runtime API (version 2018-06-01), the environment variables, the deadline, what a timeout, a panic, an
// exit, too much memory or an answer that is too large look like to the caller; with [Pool] an environment for each
// call at once, cold starts, freezing of who waits for a call, and throttling; partial batch responses. Not faithful:
// memory is looked at ten times a second and only where there is a /proc, it buys no processor time, environments are
// not scaled by a rate, and nothing restricts who may call a function; a handler in this program takes any number of
// calls at once and any memory. Start with [Function].
package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"
)

// Function is something that Lambda can invoke. It is safe for concurrent use.
type Function interface {
	// Invoke hands over an event and returns the answer, both JSON. An error of the function itself is a [*FunctionError];
	// any other error means that the function was not asked or not waited for. The function's deadline is its own timeout
	// or ctx's deadline, whichever is sooner. When ctx is cancelled Invoke returns, and the function goes on to its end,
	// as on AWS, where nobody can stop a call that has begun.
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// Types of a [FunctionError] that Lambda itself makes. All others are the function's own: the name of an error's Go
// type.
const (
	TypeTimedOut = "Sandbox.Timedout"  // the function overran its deadline
	TypeExit     = "Runtime.ExitError" // its process ended before it answered
	TypeInit     = "Runtime.InitError" // its process did not come to ask for an event (AWS: ExitError)
	// a handler in this program panicked (a process: the panic value's type)
	TypePanic            = "Runtime.Panic"
	TypeResponseTooLarge = "Function.ResponseSizeTooLarge" // the answer is over [MaxPayload]
)

// MaxPayload bounds an event and an answer, in bytes (Lambda quotas, "Invocation payload", synchronous: 6 MB each).
const MaxPayload = 6 << 20

// FunctionError is an error of the function itself: what Lambda reports as an unhandled error.
type FunctionError struct {
	Type    string // for example "Sandbox.Timedout" or "errorString"
	Message string
	Stack   []byte // where it happened: the Runtime API's stackTrace (JSON), or Go's own text; may be empty
}

// Error implements error.
func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// Throttled reports whether Lambda refused the call because no environment was free, so that the function never saw it.
// A function whose own error is a Go type with the same name looks the same.
func (e *FunctionError) Throttled() bool { return e.Type == TypeThrottled }

func timedOut(id string, limit time.Duration) *FunctionError {
	return &FunctionError{Type: TypeTimedOut,
		Message: fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", id, limit.Seconds())}
}

func responseTooLarge() *FunctionError {
	return &FunctionError{Type: TypeResponseTooLarge,
		Message: fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxPayload)}
}

// parseFunctionError reads an error as the Runtime API has it.
func parseFunctionError(body []byte, fallback string) *FunctionError {
	var told struct {
		Type    string          `json:"errorType"`
		Message string          `json:"errorMessage"`
		Stack   json.RawMessage `json:"stackTrace"`
	}
	if err := json.Unmarshal(body, &told); err != nil {
		told.Message = string(body)
	}
	if told.Type == "" {
		told.Type = fallback
	}
	return &FunctionError{Type: told.Type, Message: told.Message, Stack: told.Stack}
}

const (
	defaultRegion  = "us-east-1"
	defaultTimeout = 3 * time.Second // as Lambda's
	defaultMemory  = 128             // MB, as Lambda's
)

// call is one invocation.
type call struct {
	id, arn, trace string
	client         *client // nil: the caller gave no client context
	payload        []byte
	limit          time.Duration
	deadline       time.Time
}

// newCall refuses what Lambda's Invoke would refuse. The time of the call begins now.
func newCall(
	ctx context.Context, now time.Time, region, name string, payload []byte, limit time.Duration,
) (*call, error) {
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("invoke %s: the event has %d bytes and may have %d", name, len(payload), MaxPayload)
	}
	if len(payload) > 0 && !json.Valid(payload) {
		return nil, fmt.Errorf("invoke %s: the event is not JSON", name)
	}
	id := uuid.New()
	stated, _ := ctx.Value(clientKey{}).(*client)
	if at, ok := ctx.Deadline(); ok {
		limit = max(0, min(limit, time.Until(at)))
	}
	digits := strings.ReplaceAll(id.String(), "-", "")
	return &call{
		id: id.String(), client: stated, payload: payload, limit: limit, deadline: now.Add(limit),
		arn:   "arn:aws:lambda:" + region + ":000000000000:function:" + name,
		trace: fmt.Sprintf("%s;Parent=%s;Sampled=0", root(ctx, now, digits[:24]), digits[16:]),
	}, nil
}

// traceKey is what aws-lambda-go keeps an invocation's X-Ray header by, and the gateway a request's.
const traceKey = "x-amzn-trace-id"

// root is the root of the caller's trace, or of a new one.
func root(ctx context.Context, now time.Time, random string) string {
	header, _ := ctx.Value(traceKey).(string)
	for field := range strings.SplitSeq(header, ";") {
		if strings.HasPrefix(field, "Root=") {
			return field
		}
	}
	return fmt.Sprintf("Root=1-%08x-%s", now.Unix(), random)
}

// client is the context that a caller gives.
type client struct {
	context  lambdacontext.ClientContext
	identity lambdacontext.CognitoIdentity
}

type clientKey struct{}

// WithClient gives a call what its caller says of itself: the client context (Lambda API reference, Invoke:
// X-Amz-Client-Context) and a Cognito identity. The function finds both in its lambdacontext.
func WithClient(
	ctx context.Context, c lambdacontext.ClientContext, identity lambdacontext.CognitoIdentity,
) context.Context {
	return context.WithValue(ctx, clientKey{}, &client{c, identity})
}
