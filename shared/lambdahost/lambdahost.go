// Package lambdahost runs Registrar's handlers on AWS Lambda: an [http.Handler] behind an API Gateway HTTP API (payload
// format 2.0), and a function of one message behind an SQS queue.
//
// It is the only package that knows aws-lambda-go-api-proxy and lambda.Start. The adapter is archived and has traps; each
// is named in http.go where it is avoided, and pinned by a test. It knows nothing of the domain.
//
// Start with [StartHTTP] and [StartSQS], which every main.go calls one of; [HTTP] and [SQS] are the same handlers for the
// local gateway and for tests.
package lambdahost

import (
	"context"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Host is what a function finds around it.
type Host struct {
	Getenv func(string) string
	Log    *slog.Logger // JSON or text and from the level on as Lambda's logging settings say, with the request id
}

// StartHTTP serves the handler that build makes. It does not return. When build fails, the function's initialisation has
// failed: the reason is logged and the process exits, as Lambda expects.
func StartHTTP(build func(context.Context, Host) (http.Handler, error)) {
	start(func(ctx context.Context, host Host) (lambda.Handler, error) {
		handler, err := build(ctx, host)
		return HTTP(handler), err
	})
}

// StartSQS feeds the function that build makes with the messages of a queue, like [StartHTTP].
func StartSQS(build func(context.Context, Host) (Message, error)) {
	start(func(ctx context.Context, host Host) (lambda.Handler, error) {
		handle, err := build(ctx, host)
		return SQS(handle, host.Log), err
	})
}

func start(build func(context.Context, Host) (lambda.Handler, error)) {
	host := Host{Getenv: os.Getenv, Log: lambdacontext.NewLogger()}
	handler, err := build(context.Background(), host)
	if err != nil {
		host.Log.Error("the function cannot start", "error", err.Error())
		os.Exit(1)
	}
	lambda.StartWithOptions(handler)
}
