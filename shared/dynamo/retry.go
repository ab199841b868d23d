package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/sdk/sent"
	"example.com/registrar/shared/telemetry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Requests that DynamoDB could not serve are sent again here until they are served, or until their time is up. The SDK
// would give up after three attempts, and does not repeat a request that conflicted with a transaction. A function has
// seconds, and its client waits for the result.

// pause waits before another attempt, which it counts. It has full jitter, because requests that were refused together
// must not come back together. It doubles, because a crowd is served only when it asks for no more than there is: a hot
// item takes some hundred transactions a second. It returns [registrar.ErrBusy] when the context ends first, or would
// end before an attempt is finished: an attempt that is cut off may have been carried out, and nobody would know.
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

// unsentError is the error of a request that never left this process: nothing of it was done.
type unsentError struct{ err error }

// Error is that of its cause.
func (u *unsentError) Error() string { return "the request was not sent: " + u.err.Error() }

// Unwrap gives the cause.
func (u *unsentError) Unwrap() error { return u.err }

// singleAttempt makes one attempt of a request. Its error is an [unsentError] when the request never left.
func singleAttempt[In, Out any](ctx context.Context, in In, options []func(*dynamodb.Options),
	request func(context.Context, In, ...func(*dynamodb.Options)) (Out, error),
) (Out, error) {
	var client sent.Client
	through := func(o *dynamodb.Options) {
		o.RetryMaxAttempts = 1 // the SDK's own
		client.Next, o.HTTPClient = o.HTTPClient, &client
	}
	out, err := request(ctx, in, append(slices.Clip(options), through)...)
	var answer smithy.APIError
	if err != nil && !errors.As(err, &answer) && !client.MayHaveLeft() {
		err = &unsentError{err}
	}
	return out, err
}

// unsent reports whether a request never left.
func unsent(err error) bool {
	var u *unsentError
	return errors.As(err, &u)
}

// mayTryAgain reports whether the same request may be sent again: the service said so, or nobody knows whether it
// arrived, or there was no connection. Without credentials, or without a host of that name, no attempt can succeed.
func mayTryAgain(err error) bool {
	if unsent(err) {
		return sent.MayConnect(err)
	}
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return true // no answer at all
	}
	if isThrottled(err) {
		return true
	}
	switch answer.ErrorCode() {
	case "InternalServerError", "ServiceUnavailable", "TransactionInProgressException", "TransactionConflictException":
		return true
	}
	var response *smithyhttp.ResponseError // a proxy in between may have answered in its own words
	return answer.ErrorFault() == smithy.FaultServer ||
		errors.As(err, &response) && response.HTTPStatusCode() >= http.StatusInternalServerError
}

// isThrottled reports whether the service refused a request because of its capacity, without looking at it.
func isThrottled(err error) bool {
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

// maxUnanswered is how many attempts without an answer, or without a connection, are made for a request: as many as the
// SDK makes.
const maxUnanswered = 3

// withRetries sends a request until the service serves it, as long as it may be sent again: at most forty times, which
// takes about a quarter of a minute, if there is so much time. It makes at most three attempts without an answer, as
// the SDK does, however often the service had asked for another attempt before.
func withRetries[In, Out any](ctx context.Context, in In, options []func(*dynamodb.Options),
	request func(context.Context, In, ...func(*dynamodb.Options)) (Out, error),
) (Out, error) {
	const most = 40
	lost := 0
	for made := 1; ; made++ {
		out, err := singleAttempt(ctx, in, options, request)
		var answer smithy.APIError
		if err != nil && !errors.As(err, &answer) {
			lost++
		}
		if err == nil || !mayTryAgain(err) || made >= most || lost >= maxUnanswered {
			return out, err
		}
		if answer != nil && answer.ErrorCode() == "TransactionConflictException" {
			telemetry.Count(ctx, telemetry.Conflicts, 1)
		}
		if busy := pause(ctx, made); busy != nil {
			return out, fmt.Errorf("%w; the last attempt: %w", busy, err)
		}
	}
}

// retryingClient is a client that sends requests again. Transactions are not among them: [Store.transact] does that,
// which knows more about them.
type retryingClient struct{ Client }

// GetItem implements [Client].
func (p retryingClient) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, options ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	return withRetries(ctx, in, options, p.Client.GetItem)
}

// Query implements [Client].
func (p retryingClient) Query(
	ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	return withRetries(ctx, in, options, p.Client.Query)
}

// BatchGetItem implements [Client].
func (p retryingClient) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, options ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	return withRetries(ctx, in, options, p.Client.BatchGetItem)
}

// PutItem implements [Client].
func (p retryingClient) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	return withRetries(ctx, in, options, p.Client.PutItem)
}

// UpdateItem implements [Client].
func (p retryingClient) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	return withRetries(ctx, in, options, p.Client.UpdateItem)
}

// BatchWriteItem implements [Client].
func (p retryingClient) BatchWriteItem(
	ctx context.Context, in *dynamodb.BatchWriteItemInput, options ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	return withRetries(ctx, in, options, p.Client.BatchWriteItem)
}
