// Package stream reads the table's stream: the events in it. It knows DynamoDB's JSON and the store's items, not where
// the records come from. Start with [Event].
package stream

import (
	"fmt"

	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
)

// Event reads the event in a record's new image; false when it is another item.
func Event(image []byte) (e registrar.Event, ok bool, err error) {
	item, err := attributevalue.UnmarshalMapJSON(image)
	if err != nil {
		return e, false, fmt.Errorf("read a record's image: %w", err)
	}
	if !dynamo.IsEvent(item) {
		return e, false, nil
	}
	e, err = dynamo.EventOf(item)
	return e, true, err
}
