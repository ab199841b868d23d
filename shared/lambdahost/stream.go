package lambdahost

import (
	"context"
	"encoding/json"
	"fmt"

	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/request"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// Images handles the items that were inserted, in the order of the stream, each in DynamoDB's JSON. It returns how many
// it has handled. If that is not all, the next one failed, and is tried again with all after it.
type Images = func(ctx context.Context, images [][]byte) (done int)

// Stream makes a Lambda handler of the insertions in a DynamoDB stream that reports the first that failed (partial
// batch response). Changes and removals, which the mapping's filter removes anyway, are skipped. The recorder records
// each invocation; nil: nothing is recorded.
func Stream(handle Images, recorder *telemetry.Recorder) lambda.Handler {
	return streamFunction{handle, recorder}
}

type streamFunction struct {
	handle   Images
	recorder *telemetry.Recorder
}

// Invoke implements [lambda.Handler].
func (f streamFunction) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event struct {
		Records []struct {
			EventName string `json:"eventName"`
			Change    struct {
				SequenceNumber string          `json:"SequenceNumber"`
				NewImage       json.RawMessage `json:"NewImage"`
			} `json:"dynamodb"`
		} `json:"Records"`
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	ctx, cancel := withMargin(ctx)
	defer cancel()
	ctx, invocation := f.recorder.Begin(request.With(ctx, request.Info{Trace: traceOf(ctx)}), telemetry.Batch)
	defer func() { invocation.End(ctx) }()
	var images [][]byte
	var sequences []string
	for i, r := range event.Records {
		if r.Change.SequenceNumber == "" {
			return nil, fmt.Errorf("record %d of the event is not of a DynamoDB stream", i)
		}
		if r.EventName == string(events.DynamoDBOperationTypeInsert) {
			images, sequences = append(images, r.Change.NewImage), append(sequences, r.Change.SequenceNumber)
		}
	}
	answer := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	telemetry.Count(ctx, telemetry.Messages, float64(len(images)))
	done := f.handle(ctx, images)
	if done < len(images) {
		answer.BatchItemFailures = append(answer.BatchItemFailures,
			events.DynamoDBBatchItemFailure{ItemIdentifier: sequences[done]})
	}
	conclude(ctx, len(images)-done)
	return json.Marshal(answer)
}
