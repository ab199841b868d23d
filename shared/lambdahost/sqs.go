package lambdahost

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"example.com/registrar/shared/consumer"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// SQS makes a Lambda handler that hands over each batch of messages and reports those that are to come back (partial batch
// response), so that the others are not handled again.
func SQS(handler consumer.Handler) lambda.Handler { return sqsFunction{handler} }

type sqsFunction struct{ handler consumer.Handler }

// Invoke implements [lambda.Handler].
func (f sqsFunction) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event events.SQSEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	ctx, cancel := withMargin(ctx)
	defer cancel()
	batch := make([]consumer.Message, len(event.Records))
	for i, m := range event.Records {
		receives, _ := strconv.Atoi(m.Attributes["ApproximateReceiveCount"]) // SQS writes numbers
		sent, _ := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64)
		batch[i] = consumer.Message{
			ID: m.MessageId, Receipt: m.ReceiptHandle, Body: []byte(m.Body), Group: m.Attributes["MessageGroupId"],
			Receives: max(receives, 1), SentAt: time.UnixMilli(sent).UTC(), Trace: m.Attributes["AWSTraceHeader"],
		}
	}
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, id := range f.handler.HandleBatch(ctx, batch) {
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
	}
	return json.Marshal(answer)
}

// withMargin keeps a little of a function's time, so that a handler can still say what became of its work before Lambda
// kills it.
func withMargin(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) > 2*margin {
		return context.WithDeadline(ctx, deadline.Add(-margin))
	}
	return ctx, func() {}
}
