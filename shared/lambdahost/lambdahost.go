// Package lambdahost runs Registrar's handlers on AWS Lambda: an [http.Handler] behind an API Gateway HTTP API (payload
// format 2.0), a consumer behind an SQS queue, the relay behind the table's stream, and tasks behind a schedule.
//
// # What reaches a function, and as what
//
// API Gateway chooses the function, by method and path; on this machine infra/local/gateway does it by the same rules.
// The gateway itself answers requests that match no route, with 404 and {"message":"Not Found"}, and calls no function:
// an unknown path, a path in other case, one with a slash too many ("/v1/terms/", "//v1/terms"), and a known path with
// another method. So clients never see 405 (package api has it, for handlers without a gateway), and HEAD, a method
// like any other, gets 404 too: no route is declared for it. The gateway answers a preflight (OPTIONS) itself, by its
// CORS configuration.
//
//   - The route is the event's routeKey with its pathParameters, not its rawPath: that may begin with the stage's name
//     or with a custom domain's mapping, which the API does not know. For the same reason answers hold relative
//     references only (Location, Link). Parameters are decoded once, by API Gateway: a slash, "%2F" in the address,
//     parts two segments and so matches another route or none; "%252F" is the three characters "%2F" of a value.
//   - Headers: names are in small letters, and lines of one name are joined by commas into one value. The value is not
//     split here.
//   - The query is rawQueryString. In queryStringParameters a=1&a=2 is "1,2", which is also what a=1%2C2 would be; so
//     it is not used. Package api refuses a parameter that is given twice.
//   - Cookies have a list of their own and become one Cookie header each. Nothing reads them.
//   - A body that is not text, and each that is compressed, is base64 both ways (isBase64Encoded).
//
// It is the only package that knows aws-lambda-go-api-proxy and lambda.Start. The adapter is archived and has traps;
// each is named in http.go where it is avoided, and pinned by a test. It knows nothing of the domain.
//
// Start with [StartHTTP], [StartSQS], [StartStream] and [StartSchedule], which every main.go calls one of; [HTTP],
// [SQS], [Stream] and [Schedule] are the same handlers for the local cloud and for tests.
package lambdahost

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/telemetry"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Host is what a function gets from its environment.
type Host struct {
	Getenv func(string) string
	Log    *slog.Logger // the recorder's
	// as Lambda's logging settings say: JSON, without which there are no metrics, or text; the level
	Telemetry *telemetry.Recorder
}

// StartHTTP serves the handler that build makes. It does not return. When build fails, the function's initialisation
// has failed: the reason is logged and the process exits, as Lambda expects.
func StartHTTP(build func(context.Context, Host) (http.Handler, error)) {
	start(func(ctx context.Context, host Host) (lambda.Handler, error) {
		handler, err := build(ctx, host)
		return HTTP(handler, host.Telemetry), err
	})
}

// StartSQS gives the messages of a queue to the function that build makes, like [StartHTTP].
func StartSQS(build func(context.Context, Host) (consumer.Handler, error)) {
	start(func(ctx context.Context, host Host) (lambda.Handler, error) {
		handler, err := build(ctx, host)
		return SQS(handler, host.Telemetry), err
	})
}

// StartStream gives the items that are inserted into the table to the function that build makes, like [StartHTTP].
func StartStream(build func(context.Context, Host) (Images, error)) {
	start(func(ctx context.Context, host Host) (lambda.Handler, error) {
		handle, err := build(ctx, host)
		return Stream(handle, host.Telemetry), err
	})
}

// StartSchedule runs the task that build makes at its schedule's times, like [StartHTTP].
func StartSchedule(build func(context.Context, Host) (Task, error)) {
	start(func(ctx context.Context, host Host) (lambda.Handler, error) {
		task, err := build(ctx, host)
		return Schedule(task, host.Telemetry), err
	})
}

func start(build func(context.Context, Host) (lambda.Handler, error)) {
	ctx := context.Background()
	tracer, err := newTracer(ctx)
	recorder := telemetry.New(telemetry.Options{
		Function: lambdacontext.FunctionName, Log: lambdacontext.NewLogHandler(), Tracer: tracer,
		Debug: telemetry.DebugAt(os.Getenv("AWS_LAMBDA_LOG_LEVEL")), Lines: linesTo(os.Stdout, os.Getenv),
	})
	host := Host{Getenv: os.Getenv, Log: recorder.Log(), Telemetry: recorder}
	var handler lambda.Handler
	if err == nil {
		handler, err = build(ctx, host)
	}
	if err != nil {
		host.Log.Error("the function cannot start", "error", err.Error())
		os.Exit(1)
	}
	takeShare(os.Getenv)
	lambda.StartWithOptions(handler)
}

// linesTo writes the lines of invocations where lambdacontext.NewLogHandler writes JSON; nil where it writes text.
func linesTo(out io.Writer, getenv func(string) string) *telemetry.Lines {
	if getenv("AWS_LAMBDA_LOG_FORMAT") != "JSON" {
		return nil
	}
	return &telemetry.Lines{Out: out, RequestID: func(ctx context.Context) string {
		if about, ok := lambdacontext.FromContext(ctx); ok {
			return about.AwsRequestID
		}
		return ""
	}}
}

// margin is the part of a function's time that is reserved.
const margin = 500 * time.Millisecond

// withMargin reserves a little of a function's time, so that a handler can still report what became of its work before
// Lambda kills it.
func withMargin(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) > 2*margin {
		return context.WithDeadline(ctx, deadline.Add(-margin))
	}
	return ctx, func() {}
}
