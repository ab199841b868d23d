package lambdahost

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// Images handles the items that were inserted, in the order of the stream, each in DynamoDB's JSON. It returns how many it was
// done with: the one after them, if there is one, failed, and is tried again with all that follow.
type Images = func(ctx context.Context, images [][]byte) (done int)

// Stream makes a Lambda handler of the insertions in a DynamoDB stream that reports the first that failed (partial batch response).
// Changes and removals, which the mapping's filter keeps back anyway, are passed over.
func Stream(handle Images) lambda.Handler { return streamFunction{handle} }

type streamFunction struct{ handle Images }

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
	if done := f.handle(ctx, images); done < len(images) {
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: sequences[done]})
	}
	return json.Marshal(answer)
}
