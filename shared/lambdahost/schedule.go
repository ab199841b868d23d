package lambdahost

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Task is the work that a schedule starts, with the time for which it was due. After an error Lambda tries again,
// twice.
type Task = func(ctx context.Context, due time.Time) error

// ScheduleInput is the input that a schedule gives to its function: EventBridge Scheduler replaces the word by the time
// (EventBridge Scheduler user guide, "Adding context attributes").
const ScheduleInput = `{"due":"<aws.scheduler.scheduled-time>"}`

// Schedule makes a Lambda handler of a task that EventBridge Scheduler starts with [ScheduleInput]. The recorder
// records each invocation; nil: nothing is recorded.
func Schedule(task Task, recorder *telemetry.Recorder) lambda.Handler {
	return scheduleFunction{task, recorder}
}

type scheduleFunction struct {
	task     Task
	recorder *telemetry.Recorder
}

// Invoke implements [lambda.Handler].
func (f scheduleFunction) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event struct {
		Due time.Time `json:"due"`
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	if event.Due.IsZero() {
		return nil, fmt.Errorf("the event does not say for when it was due")
	}
	ctx, cancel := withMargin(ctx)
	defer cancel()
	info := request.Info{ReceivedAt: event.Due.UTC(), Principal: "schedule", Trace: traceOf(ctx)}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		info.ID, info.Correlation = lc.AwsRequestID, lc.AwsRequestID
	}
	ctx, invocation := f.recorder.Begin(request.With(ctx, info), telemetry.Task)
	defer func() { invocation.End(ctx) }()
	if err := f.task(ctx, event.Due.UTC()); err != nil {
		f.recorder.Log().ErrorContext(ctx, "the task failed", "error", err.Error())
		return nil, err
	}
	telemetry.Conclude(ctx, telemetry.Outcome{})
	return []byte("null"), nil
}
