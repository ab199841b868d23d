package lambdahost

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// SQS makes a Lambda handler that handles each batch of messages and reports those that have to come back (partial
// batch response), so that the others are not handled again. The recorder records each invocation; nil: nothing is
// recorded.
func SQS(handler consumer.Handler, recorder *telemetry.Recorder, list ...Option) lambda.Handler {
	return sqsFunction{handler, recorder, optionsOf(list)}
}

type sqsFunction struct {
	handler  consumer.Handler
	recorder *telemetry.Recorder
	options
}

// Invoke implements [lambda.Handler].
func (f sqsFunction) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event events.SQSEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	ctx, cancel := withMargin(ctx)
	defer cancel()
	ctx, invocation := f.recorder.Begin(request.With(ctx, request.Info{Trace: traceOf(ctx)}), telemetry.Batch)
	defer func() { invocation.End(ctx) }()
	telemetry.Count(ctx, telemetry.Messages, float64(len(event.Records)))
	batch, now := make([]consumer.Message, len(event.Records)), f.clock()
	var strange *time.Time // the first time that cannot be true
	for i, m := range event.Records {
		receives, err := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		if err != nil && m.Attributes["ApproximateReceiveCount"] != "" { // then SQS alone counts, and moves it at last
			f.recorder.Log().ErrorContext(ctx, "a message does not say how often it was received", "message", m.MessageId)
		}
		sent, _ := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64) // 0 is not near, and is logged
		batch[i] = consumer.Message{
			ID: m.MessageId, Receipt: m.ReceiptHandle, Body: []byte(m.Body), Group: m.Attributes["MessageGroupId"],
			Receives: max(receives, 1), SentAt: time.UnixMilli(sent).UTC(), Trace: m.Attributes["AWSTraceHeader"],
		}
		if told := batch[i].SentAt; !near(told, now, oldestMessage) {
			strange = cmp.Or(strange, &told)
			batch[i].SentAt = now.UTC()
			continue // how long it was in the queue is not known
		}
		if batch[i].Receives == 1 { // afterwards its age is that of the pauses between attempts
			telemetry.Time(ctx, telemetry.QueueAge, max(0, now.Sub(batch[i].SentAt)))
		}
	}
	if strange != nil {
		unused(ctx, f.recorder.Log(), "SentTimestamp", *strange, now)
	}
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, id := range f.handler.HandleBatch(ctx, batch) {
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
	}
	conclude(ctx, len(answer.BatchItemFailures))
	return json.Marshal(answer)
}

// conclude records how a batch of messages or records ended, of which this many failed.
func conclude(ctx context.Context, failed int) {
	telemetry.Count(ctx, telemetry.Failures, float64(failed))
	telemetry.Conclude(ctx, telemetry.Outcome{Failed: failed > 0})
}
