package dynamo

import (
	"context"
	"log/slog"
	"time"

	"example.com/registrar/shared/telemetry"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// meteredClient is a client that adds the cost of its requests to the invocation that they belong to. DynamoDB returns
// the total that a request consumed when it is asked to, in some sixty bytes. For a failed request, for example a
// cancelled transaction, it returns nothing, though that consumes units too.
type meteredClient struct{ client Client }

var _ Client = meteredClient{}

// GetItem implements [Client].
func (m meteredClient) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, options ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	ctx, c := begin(ctx, "DynamoDB.GetItem", telemetry.ReadUnits)
	out, err := m.client.GetItem(ctx, in, options...)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	c.done(ctx, out.ResultMetadata, only(out.ConsumedCapacity))
	return out, nil
}

// Query implements [Client].
func (m meteredClient) Query(
	ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	ctx, c := begin(ctx, "DynamoDB.Query", telemetry.ReadUnits)
	out, err := m.client.Query(ctx, in, options...)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	c.done(ctx, out.ResultMetadata, only(out.ConsumedCapacity))
	return out, nil
}

// PutItem implements [Client].
func (m meteredClient) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	ctx, c := begin(ctx, "DynamoDB.PutItem", telemetry.WriteUnits)
	out, err := m.client.PutItem(ctx, in, options...)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	c.done(ctx, out.ResultMetadata, only(out.ConsumedCapacity))
	return out, nil
}

// UpdateItem implements [Client].
func (m meteredClient) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	ctx, c := begin(ctx, "DynamoDB.UpdateItem", telemetry.WriteUnits)
	out, err := m.client.UpdateItem(ctx, in, options...)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	c.done(ctx, out.ResultMetadata, only(out.ConsumedCapacity))
	return out, nil
}

// BatchGetItem implements [Client].
func (m meteredClient) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, options ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	ctx, c := begin(ctx, "DynamoDB.BatchGetItem", telemetry.ReadUnits)
	out, err := m.client.BatchGetItem(ctx, in, options...)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	c.done(ctx, out.ResultMetadata, out.ConsumedCapacity)
	return out, nil
}

// BatchWriteItem implements [Client].
func (m meteredClient) BatchWriteItem(
	ctx context.Context, in *dynamodb.BatchWriteItemInput, options ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	ctx, c := begin(ctx, "DynamoDB.BatchWriteItem", telemetry.WriteUnits)
	out, err := m.client.BatchWriteItem(ctx, in, options...)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	c.done(ctx, out.ResultMetadata, out.ConsumedCapacity)
	return out, nil
}

// TransactWriteItems implements [Client].
func (m meteredClient) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, options ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	ctx, c := begin(ctx, "DynamoDB.TransactWriteItems", telemetry.WriteUnits)
	out, err := m.client.TransactWriteItems(ctx, in, options...)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	c.done(ctx, out.ResultMetadata, out.ConsumedCapacity)
	return out, nil
}

// call is one request in progress.
type call struct {
	name  string
	units telemetry.Counter // those that it consumes, unless the answer tells reads and writes apart
	began time.Time
	span  telemetry.Span
}

func begin(ctx context.Context, name string, units telemetry.Counter) (context.Context, call) {
	c := call{name: name, units: units, began: time.Now()}
	ctx, c.span = telemetry.StartSpan(ctx, name, telemetry.Call)
	return ctx, c
}

func (c call) failed(ctx context.Context, err error) error {
	c.span.End(err)
	telemetry.Debug(ctx, c.name, slog.Float64("milliseconds", c.milliseconds()), slog.String("error", err.Error()))
	return err
}

func (c call) done(ctx context.Context, metadata middleware.Metadata, consumed []types.ConsumedCapacity) {
	c.span.End(nil)
	var reads, writes float64
	for _, of := range consumed {
		switch units := aws.ToFloat64(of.CapacityUnits); {
		// for a repeated transaction DynamoDB only looks up its token
		case of.ReadCapacityUnits != nil || of.WriteCapacityUnits != nil:
			reads, writes = reads+aws.ToFloat64(of.ReadCapacityUnits), writes+aws.ToFloat64(of.WriteCapacityUnits)
		case c.units == telemetry.ReadUnits:
			reads += units
		default:
			writes += units
		}
	}
	telemetry.Count(ctx, telemetry.ReadUnits, reads)
	telemetry.Count(ctx, telemetry.WriteUnits, writes)
	if attempts, ok := retry.GetAttemptResults(metadata); ok && len(attempts.Results) > 1 { // the SDK's own
		telemetry.Count(ctx, telemetry.Retries, float64(len(attempts.Results)-1))
	}
	telemetry.Debug(ctx, c.name, slog.Float64("milliseconds", c.milliseconds()), slog.Float64("units", reads+writes))
}

func (c call) milliseconds() float64 {
	const perMillisecond = 1000
	return float64(time.Since(c.began).Microseconds()) / perMillisecond
}

func only(c *types.ConsumedCapacity) []types.ConsumedCapacity {
	if c == nil {
		return nil
	}
	return []types.ConsumedCapacity{*c}
}
