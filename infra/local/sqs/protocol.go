package sqs

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"example.com/registrar/infra/local/iam"
)

// Options configure an engine; the zero value is ready to use.
type Options struct {
	Region   string // in ARNs; "us-east-1" when empty
	Account  string // twelve digits, in ARNs and queue URLs; "000000000000" when empty
	Endpoint string // what queue URLs begin with: Endpoint/Account/name; "http://sqs.local" when empty
	// Now tells the time by which messages become visible and expire; nil: the system's clock. Long polls sleep by the
	// system's clock in any case.
	Now func() time.Time
	// Changed is told of every change of what [Engine.Snapshot] writes, in their order and before the request that made it
	// is answered, in a form that [Engine.Repeat] reads; nil: nobody is told. The engine is locked meanwhile: Changed must
	// not call it. What time alone brings about, that messages become visible or expire, is no change, and told with the
	// next: an engine that repeats changes finds it by itself. Nor are Restore and Repeat.
	Changed func(change []byte)
	// Access decides what those callers may do whose credentials name a function. Nil: everybody may do everything.
	Access *iam.Authority
}

// Engine is an embedded SQS. It is safe for concurrent use.
type Engine struct {
	options Options

	// mu guards everything below. It is held while queues are looked up or changed, never while a request is parsed, a
	// receiver waits, or an answer is written. There is one for all queues because a receive may move a message to
	// another.
	mu      sync.Mutex
	queues  map[string]*queue    // by name
	deleted map[string]time.Time // when a queue of this name was last deleted
	moving  map[string]*moveTask // the active ones, by the name of the source
	order   uint64               // of the latest arrival in any queue
	dirty   bool                 // changed since it was locked
	gone    map[string]time.Time // queues that were deleted since Changed was last called
}

// New makes an engine without queues.
func New(options Options) *Engine {
	if options.Region == "" {
		options.Region = "us-east-1"
	}
	if options.Account == "" {
		options.Account = "000000000000"
	}
	if options.Endpoint == "" {
		options.Endpoint = "http://sqs.local"
	}
	options.Endpoint = strings.TrimSuffix(options.Endpoint, "/")
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Engine{options: options, queues: map[string]*queue{}, deleted: map[string]time.Time{},
		moving: map[string]*moveTask{}}
}

// lock locks the engine for a request, when message move tasks have done what was due, and returns the time.
func (e *Engine) lock() time.Time {
	e.mu.Lock()
	now := e.options.Now()
	e.move(now)
	return now
}

// unlock ends what lock began, and tells of changes.
func (e *Engine) unlock() {
	if e.dirty && e.options.Changed != nil {
		e.options.Changed(e.changes())
	}
	e.dirty = false
	e.mu.Unlock()
}

// maxRequestBytes bounds a request: 1 MiB of messages, which JSON's escapes may make six times as long, and room for
// the rest.
const maxRequestBytes = 8 << 20

// fault is an error answer of the protocol. Its code is the name of the shape.
type fault struct {
	code    string
	message string
}

func (f *fault) Error() string { return f.code + ": " + f.message }

func newFault(code, format string, args ...any) error {
	return &fault{code: code, message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return newFault("InvalidParameterValueException", format, args...)
}

func missing(parameter string) error {
	return newFault("MissingRequiredParameterException", "The request must contain the parameter %s.", parameter)
}

// queryCode is the code that the error had in SQS's older query protocol. The SDK shows it to programs that still look
// for it, and failed entries of a batch carry it (traits awsQueryError of the service's model).
func (f *fault) queryCode() string {
	switch f.code {
	case "QueueDoesNotExist":
		return "AWS.SimpleQueueService.NonExistentQueue"
	case "QueueNameExists":
		return "QueueAlreadyExists"
	case "InvalidParameterValueException":
		return "InvalidParameterValue"
	case "MissingRequiredParameterException":
		return "MissingParameter"
	case codeDenied:
		return "AccessDenied"
	case "BatchEntryIdsNotDistinct", "BatchRequestTooLong", "EmptyBatchRequest", "InvalidBatchEntryId",
		"MessageNotInflight",
		"PurgeQueueInProgress", "QueueDeletedRecently", "TooManyEntriesInBatchRequest", "UnsupportedOperation":
		return "AWS.SimpleQueueService." + f.code
	default:
		return f.code
	}
}

// shape is the error's full name.
func (f *fault) shape() string {
	switch f.code {
	case "InvalidParameterValueException", "MissingRequiredParameterException", "SerializationException",
		"InternalFailure", codeDenied:
		return "com.amazon.coral.service#" + f.code
	default:
		return "com.amazonaws.sqs#" + f.code
	}
}

// operation answers one request; a nil answer has no body.
type operation func(ctx context.Context, e *Engine, body []byte) (any, error)

// handle makes an operation of a method over its request type.
func handle[In any](f func(e *Engine, ctx context.Context, in *In) (any, error)) operation {
	return func(ctx context.Context, e *Engine, body []byte) (any, error) {
		in := new(In)
		if err := json.Unmarshal(body, in); err != nil {
			return nil, newFault("SerializationException", "The request is not what the operation takes")
		}
		return f(e, ctx, in)
	}
}

func operationNamed(name string) operation {
	switch name {
	case "CreateQueue":
		return handle((*Engine).createQueue)
	case "GetQueueUrl":
		return handle((*Engine).getQueueURL)
	case "GetQueueAttributes":
		return handle((*Engine).getQueueAttributes)
	case "SetQueueAttributes":
		return handle((*Engine).setQueueAttributes)
	case "ListQueues":
		return handle((*Engine).listQueues)
	case "StartMessageMoveTask":
		return handle((*Engine).startMessageMoveTask)
	case "ListMessageMoveTasks":
		return handle((*Engine).listMessageMoveTasks)
	case "CancelMessageMoveTask":
		return handle((*Engine).cancelMessageMoveTask)
	case "ListDeadLetterSourceQueues":
		return handle((*Engine).listDeadLetterSourceQueues)
	case "DeleteQueue":
		return handle((*Engine).deleteQueue)
	case "PurgeQueue":
		return handle((*Engine).purgeQueue)
	case "TagQueue":
		return handle((*Engine).tagQueue)
	case "UntagQueue":
		return handle((*Engine).untagQueue)
	case "ListQueueTags":
		return handle((*Engine).listQueueTags)
	case "SendMessage":
		return handle((*Engine).sendMessage)
	case "SendMessageBatch":
		return handle((*Engine).sendMessageBatch)
	case "ReceiveMessage":
		return handle((*Engine).receiveMessage)
	case "DeleteMessage":
		return handle((*Engine).deleteMessage)
	case "DeleteMessageBatch":
		return handle((*Engine).deleteMessageBatch)
	case "ChangeMessageVisibility":
		return handle((*Engine).changeMessageVisibility)
	case "ChangeMessageVisibilityBatch":
		return handle((*Engine).changeMessageVisibilityBatch)
	default:
		return nil
	}
}

// ServeHTTP speaks the protocol: POST to any path, the operation in X-Amz-Target, JSON in and out. Signatures are not
// checked.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amzn-Requestid", rand.Text())
	answer, err := e.serve(r)
	if err == nil {
		send(w, http.StatusOK, answer)
		return
	}
	status, blame := http.StatusBadRequest, "Sender"
	var f *fault
	if !errors.As(err, &f) {
		f, status, blame = &fault{code: "InternalFailure", message: err.Error()}, http.StatusInternalServerError, "Receiver"
	}
	if f.code == codeDenied {
		status = http.StatusForbidden
	}
	w.Header().Set("X-Amzn-Query-Error", f.queryCode()+";"+blame)
	send(w, status, struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{f.shape(), f.message})
}

func (e *Engine) serve(r *http.Request) (any, error) {
	target := r.Header.Get("X-Amz-Target")
	name, ok := strings.CutPrefix(target, "AmazonSQS.")
	op := operationNamed(name)
	if !ok || op == nil || r.Method != http.MethodPost {
		return nil, newFault("UnsupportedOperation", "The local cloud does not offer the operation %q", target)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBytes+1))
	if err != nil || !utf8.Valid(body) {
		return nil, newFault("SerializationException", "The request could not be read")
	}
	if len(body) > maxRequestBytes {
		return nil, invalid("The request is larger than %d bytes.", maxRequestBytes)
	}
	if err := e.authorize(r, name, body); err != nil {
		return nil, err
	}
	return op(r.Context(), e, body)
}

func send(w http.ResponseWriter, status int, answer any) {
	var body bytes.Buffer
	if answer != nil {
		encoder := json.NewEncoder(&body)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(answer); err != nil {
			http.Error(w, "the answer cannot be written", http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // the client went away, and nobody reads on
}

// failure is an entry of a batch that failed while others may have succeeded.
type failure struct {
	ID          string `json:"Id"`
	Code        string
	Message     string
	SenderFault bool
}

// batchAnswer answers a batch; R tells of one entry that succeeded.
type batchAnswer[R any] struct {
	Successful []R       `json:",omitempty"`
	Failed     []failure `json:",omitempty"`
}

func (b *batchAnswer[R]) add(id string, result R, err error) {
	var f *fault
	switch {
	case err == nil:
		b.Successful = append(b.Successful, result)
	case errors.As(err, &f):
		b.Failed = append(b.Failed, failure{ID: id, Code: f.queryCode(), Message: f.message, SenderFault: true})
	default:
		b.Failed = append(b.Failed, failure{ID: id, Code: "InternalFailure", Message: err.Error()})
	}
}

// maxBatch is how many entries a batch may have, and how many messages a receive may ask for.
const maxBatch = 10

// checkBatch refuses a batch as a whole. Entries of the given kind are in it, with these identifiers.
func checkBatch(kind string, ids []string) error {
	if len(ids) == 0 {
		return newFault("EmptyBatchRequest", "There should be at least one %s in the request.", kind)
	}
	if len(ids) > maxBatch {
		return newFault("TooManyEntriesInBatchRequest", "Maximum number of entries per request are %d. You have sent %d.",
			maxBatch, len(ids))
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if !isName(id) {
			return newFault("InvalidBatchEntryId",
				"A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 "+
					"letters long.")
		}
		if seen[id] {
			return newFault("BatchEntryIdsNotDistinct", "Id %s repeated.", id)
		}
		seen[id] = true
	}
	return nil
}

// isName reports whether the text is what SQS allows as a queue's name and as an entry's identifier: 1 to 80 letters,
// digits, hyphens and underscores.
func isName(s string) bool {
	return s != "" && len(s) <= 80 && !strings.ContainsFunc(s, func(r rune) bool {
		return !isAlphanumeric(r) && r != '-' &&
			r != '_'
	})
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
