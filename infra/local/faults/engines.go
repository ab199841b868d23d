package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"example.com/registrar/infra/local/lambda"
)

// Handler injects faults into an engine, which has its name in the rules.
func (i *Injector) Handler(engine string, next http.Handler) http.Handler {
	if i == nil || next == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l, ok := r.Context().Value(lifeKey{}).(*life); ok && !l.spend() {
			internalError(w) // nobody reads it: the caller is dead
			return
		}
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

func (i *Injector) fail(
	w http.ResponseWriter, r *http.Request, engine, operation string, body []byte, drawn map[Fault]time.Duration,
	next http.Handler,
) {
	has := func(f Fault) bool { _, ok := drawn[f]; return ok }
	switch {
	case has(Conflict):
		conflict(w, operation, body)
	case has(Throttle) && engine == "dynamodb":
		answer(w, http.StatusBadRequest, map[string]any{
			"__type":  "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
			"message": "The level of configured provisioned throughput for the table was exceeded.",
		})
	case has(Throttle) && engine == "ses":
		w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException")
		answer(w, http.StatusTooManyRequests, map[string]any{"message": "Maximum sending rate exceeded."})
	case has(Throttle):
		answer(w, http.StatusBadRequest, map[string]any{"__type": "com.amazonaws.sqs#RequestThrottled",
			"message": "The request was denied due to request throttling."})
	case has(Broken):
		internalError(w)
	case has(LostReply):
		next.ServeHTTP(discard{}, r)
		answer(w, http.StatusBadGateway, map[string]any{"message": "the reply was lost"})
	case has(Duplicate):
		if twice := i.some(body); twice != nil {
			next.ServeHTTP(discard{}, with(r, i.late(twice, drawn[Delay])))
		}
		next.ServeHTTP(w, with(r, i.late(body, drawn[Delay])))
	case has(Delay):
		next.ServeHTTP(w, with(r, i.late(body, drawn[Delay])))
	default:
		next.ServeHTTP(w, r)
	}
}

// conflicts reports whether an operation writes items, and so can meet another's transaction.
func conflicts(operation string) bool {
	switch operation {
	case "TransactWriteItems", "TransactGetItems", "PutItem", "UpdateItem", "DeleteItem":
		return true
	}
	return false
}

// conflict answers as DynamoDB does when another transaction has an item. For a transaction that is in the reasons of
// its cancellation, one for each item in order.
func conflict(w http.ResponseWriter, operation string, body []byte) {
	if !strings.HasPrefix(operation, "Transact") {
		answer(w, http.StatusBadRequest, map[string]any{
			"__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException", "message": "Transaction is ongoing for " +
				"the item",
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
		"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
		"Message": "Transaction cancelled, please refer cancellation reasons for specific reasons " +
			"[TransactionConflict]",
		"CancellationReasons": reasons,
	})
}

// with is the request with another body.
func with(r *http.Request, body []byte) *http.Request {
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r
}

type object = map[string]json.RawMessage

// rewrite changes what a request sends: its one message, or the entries of its batch, of which it may leave some out.
// It returns nil when none is left; a request that cannot be read stays as it is.
func rewrite(body []byte, change func(message object) (stays bool)) []byte {
	var request object
	if json.Unmarshal(body, &request) != nil {
		return body
	}
	if request["Entries"] == nil {
		if !change(request) {
			return nil
		}
		return written(request)
	}
	var all, left []object
	if json.Unmarshal(request["Entries"], &all) != nil {
		return body
	}
	for _, entry := range all {
		if change(entry) {
			left = append(left, entry)
		}
	}
	if len(left) == 0 {
		return nil
	}
	request["Entries"] = written(left)
	return written(request)
}

func written(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // it was read from JSON
	}
	return text
}

// some is a request that sends once more what another sends: its message, or about half of its batch.
func (i *Injector) some(body []byte) []byte {
	return rewrite(body, func(message object) bool { return message["Id"] == nil || i.half() })
}

// late adds to each message a delay up to a bound, if its queue allows delays of single messages.
func (i *Injector) late(body []byte, longest time.Duration) []byte {
	if longest == 0 {
		return body
	}
	return rewrite(body, func(message object) bool {
		const most = 900 // SQS, SendMessage: DelaySeconds
		var seconds int
		if stated := message["DelaySeconds"]; stated != nil && json.Unmarshal(stated, &seconds) != nil {
			return true // it will be refused
		}
		if message["MessageGroupId"] == nil {
			message["DelaySeconds"] = written(min(most, seconds+int(math.Ceil(i.upTo(longest).Seconds()))))
		}
		return true
	})
}

func internalError(w http.ResponseWriter) {
	answer(w, http.StatusInternalServerError, map[string]any{
		"__type": "InternalServerError", "message": "The request processing has failed because of an unknown error.",
	})
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

// Schedule returns the delays of the starts of a scheduled function, one for each start; nil when there are no faults.
func (i *Injector) Schedule(name string) func(context.Context) []time.Duration {
	if i == nil {
		return nil
	}
	return func(ctx context.Context) []time.Duration {
		drawn := i.draw(ctx, "scheduler", name)
		later := i.upTo(drawn[Delay])
		if _, twice := drawn[Duplicate]; twice {
			return []time.Duration{0, later}
		}
		return []time.Duration{later}
	}
}

// Function kills a function now and then. A process ([lambda.Pool]) is killed after a time. A function in this program
// cannot be killed: instead, from some request on the engines refuse all its requests, and its answer is lost.
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

// process is a function that can be killed after a time.
type process interface {
	InvokeAndKill(ctx context.Context, payload []byte, after time.Duration) ([]byte, error)
}

// How long a function that will be killed lives, at most.
const (
	mostRequests     = 1023
	mostMilliseconds = 8191
)

// Invoke implements [lambda.Function].
func (k killable) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if drawn := k.injector.draw(ctx, "lambda", k.name); drawn == nil {
		return k.function.Invoke(ctx, payload)
	}
	if p, ok := k.function.(process); ok {
		return p.InvokeAndKill(ctx, payload, time.Duration(k.injector.lifetime(mostMilliseconds))*time.Millisecond)
	}
	l := &life{left: k.injector.lifetime(mostRequests), over: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = k.function.Invoke(context.WithValue(ctx, lifeKey{}, l), payload) // nobody learns of it
	}()
	select {
	case <-l.over:
	case <-ended: // it has done what it does
	}
	return nil, &lambda.FunctionError{Type: lambda.TypeExit, Message: "Error: Runtime exited with error: signal: killed"}
}

// life is what a call has left: so many requests to engines.
type life struct {
	mu   sync.Mutex
	left int
	over chan struct{} // closed when it wanted one more
}

type lifeKey struct{}

func (l *life) spend() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left > 0 {
		l.left--
		return true
	}
	if l.left == 0 {
		l.left = -1
		close(l.over)
	}
	return false
}
