package lambdahost

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"example.com/registrar/shared/request"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// Message handles the body of one message of a queue. After an error the message comes back, and after as many times as the
// queue allows it goes to the dead-letter queue.
type Message = func(ctx context.Context, body []byte) error

// SQS makes a Lambda handler that handles each message of a batch and reports those that failed (partial batch response), so
// that the others are not handled again. A panic is the failure of its message alone.
func SQS(handle Message, log *slog.Logger) lambda.Handler {
	return sqsFunction{handle: handle, log: log}
}

type sqsFunction struct {
	handle Message
	log    *slog.Logger
}

// Invoke implements [lambda.Handler].
func (f sqsFunction) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event events.SQSEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) > 2*margin {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, m := range event.Records {
		if err := f.one(ctx, m); err != nil {
			f.log.ErrorContext(ctx, "a message failed", "queue", m.EventSourceARN, "message", m.MessageId,
				"received", m.Attributes["ApproximateReceiveCount"], "error", err.Error())
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return json.Marshal(answer)
}

func (f sqsFunction) one(ctx context.Context, m events.SQSMessage) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f.handle(request.With(ctx, request.Info{ID: m.MessageId, ReceivedAt: time.Now().UTC()}), []byte(m.Body))
}
