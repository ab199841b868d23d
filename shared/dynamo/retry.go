package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Whatever is told to come again does so here until it is served, or until its time is up. The SDK would give up after three
// attempts and does not try again at all what met a transaction; a function has seconds, and whoever waits for it has nothing
// better to do.

// pause waits before another attempt, which it counts: with full jitter, since those who were refused together must not come
// back together, and doubling, since a crowd is served only once it asks for no more than there is: a hot item takes some
// hundred transactions a second. It returns [registrar.ErrBusy] when the context ends first, or would end before an attempt
// had its time: one that is cut off may have been carried out, and nobody would know.
func pause(ctx context.Context, attempt int) error {
	const first, longest, anAttempt = 20 * time.Millisecond, time.Second, 20 * time.Millisecond
	wait := time.Duration(rand.Int64N(int64(min(longest, first<<min(attempt-1, 10)))) + 1)
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline) - anAttempt
		if left <= 0 {
			return fmt.Errorf("%w: %w", registrar.ErrBusy, context.DeadlineExceeded)
		}
		wait = min(wait, left)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		telemetry.Count(ctx, telemetry.Retries, 1)
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", registrar.ErrBusy, ctx.Err())
	}
}

// mayTryAgain tells whether the same request may be sent again: the service said so, or nobody knows whether it arrived.
func mayTryAgain(err error) bool {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return true // no answer at all
	}
	if turnedAway(err) {
		return true
	}
	switch answer.ErrorCode() {
	case "InternalServerError", "ServiceUnavailable", "TransactionInProgressException", "TransactionConflictException":
		return true
	}
	var response *smithyhttp.ResponseError // something in between may have answered in its own words
	return answer.ErrorFault() == smithy.FaultServer ||
		errors.As(err, &response) && response.HTTPStatusCode() >= http.StatusInternalServerError
}

// turnedAway tells whether the service refused a request for want of capacity, without looking at it.
func turnedAway(err error) bool {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.ErrorCode() {
	case "ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded":
		return true
	}
	return false
}

// busyOr makes ErrBusy of an error that more time might have helped.
func busyOr(ctx context.Context, err error) error {
	if ctx.Err() != nil || mayTryAgain(err) {
		return fmt.Errorf("%w: %w", registrar.ErrBusy, err)
	}
	return err
}

// once has the SDK make one attempt.
func once(o *dynamodb.Options) { o.RetryMaxAttempts = 1 }

// again makes a request until the service serves it, as long as it asks to come again: forty times at most, which is about a
// quarter of a minute, for those who have more. Of attempts that were not answered at all it makes three, as the SDK does.
func again[In, Out any](ctx context.Context, in In, options []func(*dynamodb.Options),
	request func(context.Context, In, ...func(*dynamodb.Options)) (Out, error),
) (Out, error) {
	const unanswered, most = 3, 40
	for attempt := 1; ; attempt++ {
		out, err := request(ctx, in, append(options, once)...)
		var answer smithy.APIError
		if err == nil || !mayTryAgain(err) || attempt >= most || !errors.As(err, &answer) && attempt >= unanswered {
			return out, err
		}
		if answer != nil && answer.ErrorCode() == "TransactionConflictException" {
			telemetry.Count(ctx, telemetry.Conflicts, 1)
		}
		if busy := pause(ctx, attempt); busy != nil {
			return out, fmt.Errorf("%w; the last attempt: %w", busy, err)
		}
	}
}

// patient is a client whose requests come again. Transactions are not among them: [Store.transact] knows more of these.
type patient struct{ Client }

// GetItem implements [Client].
func (p patient) GetItem(ctx context.Context, in *dynamodb.GetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return again(ctx, in, options, p.Client.GetItem)
}

// Query implements [Client].
func (p patient) Query(ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return again(ctx, in, options, p.Client.Query)
}

// BatchGetItem implements [Client].
func (p patient) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	return again(ctx, in, options, p.Client.BatchGetItem)
}

// PutItem implements [Client].
func (p patient) PutItem(ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return again(ctx, in, options, p.Client.PutItem)
}

// UpdateItem implements [Client].
func (p patient) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return again(ctx, in, options, p.Client.UpdateItem)
}

// BatchWriteItem implements [Client].
func (p patient) BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput, options ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	return again(ctx, in, options, p.Client.BatchWriteItem)
}
