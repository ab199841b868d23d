package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"example.com/registrar/infra/local/lambda"
)

// Handler puts faults before an engine that is named as in the rules.
func (i *Injector) Handler(engine string, next http.Handler) http.Handler {
	if i == nil || next == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		operation := r.Method
		if _, name, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
			operation = name
		}
		if engine == "ses" {
			if operation != http.MethodPost { // of the mailbox page
				next.ServeHTTP(w, r)
				return
			}
			operation = "SendEmail"
		}
		drawn := i.draw(r.Context(), engine, operation)
		if len(drawn) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client went away
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		i.fail(w, r, engine, operation, body, drawn, next)
	})
}

func (i *Injector) fail(w http.ResponseWriter, r *http.Request, engine, operation string, body []byte, drawn map[Fault]time.Duration, next http.Handler) {
	has := func(f Fault) bool { _, ok := drawn[f]; return ok }
	switch {
	case has(Conflict):
		conflict(w, operation, body)
	case has(Throttle) && engine == "dynamodb":
		answer(w, http.StatusBadRequest, map[string]any{
			"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "The level of configured provisioned throughput for the table was exceeded.",
		})
	case has(Throttle) && engine == "ses":
		w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException")
		answer(w, http.StatusTooManyRequests, map[string]any{"message": "Maximum sending rate exceeded."})
	case has(Throttle):
		answer(w, http.StatusBadRequest, map[string]any{"__type": "com.amazonaws.sqs#RequestThrottled", "message": "The request was denied due to request throttling."})
	case has(Broken):
		answer(w, http.StatusInternalServerError, map[string]any{"__type": "InternalServerError", "message": "The request processing has failed because of an unknown error."})
	case has(LostReply):
		next.ServeHTTP(discard{}, r)
		answer(w, http.StatusBadGateway, map[string]any{"message": "the reply was lost"})
	case has(Duplicate):
		late(r, body, drawn[Delay])
		second := r.Clone(r.Context())
		late(second, body, drawn[Delay])
		next.ServeHTTP(discard{}, second)
		next.ServeHTTP(w, r)
	case has(Delay):
		late(r, body, drawn[Delay])
		next.ServeHTTP(w, r)
	default:
		next.ServeHTTP(w, r)
	}
}

// conflicts tells whether an operation writes items, and so can meet another's transaction.
func conflicts(operation string) bool {
	switch operation {
	case "TransactWriteItems", "TransactGetItems", "PutItem", "UpdateItem", "DeleteItem":
		return true
	}
	return false
}

// conflict says what DynamoDB says when another transaction has an item: of a transaction in the reasons of its
// cancellation, one for each item in order.
func conflict(w http.ResponseWriter, operation string, body []byte) {
	if !strings.HasPrefix(operation, "Transact") {
		answer(w, http.StatusBadRequest, map[string]any{
			"__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException", "message": "Transaction is ongoing for the item",
		})
		return
	}
	var request struct{ TransactItems []json.RawMessage }
	_ = json.Unmarshal(body, &request) // a broken request has no items, and the engine is not asked
	reasons := make([]map[string]string, len(request.TransactItems))
	for n := range reasons {
		reasons[n] = map[string]string{"Code": "None"}
	}
	if len(reasons) > 0 {
		reasons[0] = map[string]string{"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
	}
	answer(w, http.StatusBadRequest, map[string]any{
		"__type":  "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
		"Message": "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]", "CancellationReasons": reasons,
	})
}

// late gives a message a delay, if it is for a queue that takes one.
func late(r *http.Request, body []byte, delay time.Duration) {
	var message map[string]json.RawMessage
	if err := json.Unmarshal(body, &message); err == nil && delay > 0 && message["MessageGroupId"] == nil {
		seconds, _ := json.Marshal(int(math.Ceil(delay.Seconds()))) // a number
		message["DelaySeconds"] = seconds
		if changed, err := json.Marshal(message); err == nil {
			body = changed
		}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client went away
}

// discard takes an answer that nobody gets.
type discard struct{}

// Header implements [http.ResponseWriter].
func (discard) Header() http.Header { return http.Header{} }

// Write implements [http.ResponseWriter].
func (discard) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements [http.ResponseWriter].
func (discard) WriteHeader(int) {}

// Function puts kills before a function.
func (i *Injector) Function(name string, f lambda.Function) lambda.Function {
	if i == nil {
		return f
	}
	return killable{injector: i, name: name, function: f}
}

type killable struct {
	injector *Injector
	name     string
	function lambda.Function
}

// Invoke implements [lambda.Function].
func (k killable) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if drawn := k.injector.draw(ctx, "lambda", k.name); drawn == nil {
		return k.function.Invoke(ctx, payload)
	}
	if k.injector.half() {
		_, _ = k.function.Invoke(ctx, payload) // it has done what it does; nobody learns of it
	}
	return nil, &lambda.FunctionError{Type: lambda.TypeExit, Message: "Error: Runtime exited with error: signal: killed"}
}
