// Package telemetry is the telemetry of every function: log lines with the ids of the request in them, one line for
// each invocation that is also its metrics, and the ids that are passed on with everything that the request causes.
//
// It knows log/slog, the context and package request; nothing of Lambda, HTTP, queues or DynamoDB. shared/lambdahost
// passes it aws-lambda-go's log handler, and infra/local one of its own.
//
// # Log lines
//
// [Recorder.Log] writes each line with what is known of the request of its context: the function, the gateway's request
// id, the correlation id, X-Ray's trace id, and the keys that code added by [With]. Keys are in the context, never in
// the logger: a function may handle two invocations at once.
//
// Lines below Info are held, up to [heldLines] lines and [heldBytes] bytes for an invocation, and written only when it
// fails ([Outcome.Failed], [Release]). So every failure comes with its details, and success costs nothing. Lambda
// itself filters by level, too (developer guide, "Log-level filtering"): for held lines to pass, a function's
// application log level has to be DEBUG, as infra/cdk sets it.
//
// # Metrics
//
// [Invocation.End] writes one line in CloudWatch's Embedded Metric Format, from which CloudWatch makes metrics without
// any call. metrics.go has the list of all counters and timers. A dimension's values are few and known: the function,
// the operation, and for outcomes the code; each combination is a metric that is paid for, so a counter that stayed at
// zero is left out. The line has level INFO: a function whose log level is above has no metrics.
//
// # Spans
//
// [StartSpan] does nothing, unless the function was built with OpenTelemetry (`make build TAGS=otel`,
// shared/lambdahost).
//
// # Testing
//
// Give [New] a handler that writes into a buffer, and [Recorder.Begin] a context. Package telemetrytest checks lines
// against the format.
package telemetry
