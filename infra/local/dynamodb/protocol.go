package dynamodb

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/registrar/infra/local/dynamodb/attr"
	"example.com/registrar/infra/local/dynamodb/wire"
	"example.com/registrar/infra/local/iam"
)

// Options configure an engine; the zero value is ready to use.
type Options struct {
	Region string           // in ARNs; "us-east-1" when empty
	Now    func() time.Time // nil: the system's clock
	// Shards is how many shards each stream has, from 1 to 4; 1 when zero. A partition's records are all in one.
	Shards int
	// StreamBytes bounds what a stream holds of the 24 hours: when its records are more, the oldest are gone before their
	// time, which who reads them is told as of those that are too old. 256 MB when zero.
	StreamBytes int64
	// IndexLag is how long after a write reads of a global secondary index see it; zero: at once.
	IndexLag time.Duration
	// Contention lets operations take their time, conflict and be throttled. Nil: nothing waits for anything.
	Contention *Contention
	// Observe is called after each operation that read or wrote, or tried to, with what it cost. It must be safe for
	// concurrent use and quick; [Ledger.Observe] adds up. Nil: nobody is told.
	Observe func(Usage)
	// Access decides what those callers may do whose credentials name a function. Nil: everybody may do everything.
	Access *iam.Authority
}

// Engine is an embedded DynamoDB. It is safe for concurrent use.
type Engine struct {
	options    Options
	contention *contention // nil: none
	requests   wire.Decoder

	// mu guards the tables and everything in them. It is held while items are looked up or changed, never while a request
	// is parsed or an answer is written.
	mu     sync.RWMutex
	tables map[string]*table
	tokens map[string]tokenUse
	// expiring are the tokens of transactions that have ended, in the order in which their time is over.
	expiring queue[expiringToken]
	// streams are those that can be read, also of tables that are gone, by ARN; sequence is the last number given to one.
	streams  map[string]*stream
	sequence uint64
}

// New makes an engine without tables.
func New(options Options) *Engine {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Region == "" {
		options.Region = "us-east-1"
	}
	if options.StreamBytes <= 0 {
		const usual = 256 << 20
		options.StreamBytes = usual
	}
	options.Shards = min(max(options.Shards, 1), maxShards)
	return &Engine{
		options: options, contention: newContention(options.Contention), tables: map[string]*table{},
		tokens:  map[string]tokenUse{},
		streams: map[string]*stream{},
	}
}

// maxRequestBytes bounds a request (API reference, BatchWriteItem: 16 MB).
const maxRequestBytes = 16 << 20

// fault is an error answer of the protocol.
type fault struct {
	Code    string
	Message string
	Reasons []reason        // of a cancelled transaction
	Item    attr.Attributes // of a failed condition, when it was asked for
	// Throttling says what there was too little of; nil for other faults.
	Throttling *throttling
}

func (f *fault) Error() string { return f.Code + ": " + f.Message }

func newFault(code, format string, args ...any) *fault {
	return &fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return newFault("ValidationException", format, args...)
}

// operation answers one request.
type operation func(e *Engine, from caller, body []byte) (any, error)

// handle makes an operation of a function over its request type.
func handle[In any](f func(e *Engine, in *In) (any, error)) operation {
	return func(e *Engine, from caller, body []byte) (any, error) {
		in := new(In)
		if err := e.requests.Decode(body, in); err != nil {
			return nil, err
		}
		if err := e.authorize(from, in); err != nil {
			return nil, err
		}
		return f(e, in)
	}
}

// operationNamed finds an operation by its target, "<service>.<operation>"; nil when there is none.
func operationNamed(target string) operation {
	service, name, _ := strings.Cut(target, ".")
	if service == "DynamoDBStreams_20120810" {
		return streamOperation(name)
	}
	if service != "DynamoDB_20120810" {
		return nil
	}
	switch name {
	case "CreateTable":
		return handle((*Engine).createTable)
	case "DescribeTable":
		return handle((*Engine).describeTable)
	case "ListTables":
		return handle((*Engine).listTables)
	case "UpdateTable":
		return handle((*Engine).updateTable)
	case "DeleteTable":
		return handle((*Engine).deleteTable)
	case "DescribeTimeToLive":
		return handle((*Engine).describeTimeToLive)
	case "UpdateTimeToLive":
		return handle((*Engine).updateTimeToLive)
	case "TagResource":
		return handle((*Engine).tagResource)
	case "UntagResource":
		return handle((*Engine).untagResource)
	case "ListTagsOfResource":
		return handle((*Engine).listTagsOfResource)
	case "PutItem":
		return handle((*Engine).putItem)
	case "GetItem":
		return handle((*Engine).getItem)
	case "UpdateItem":
		return handle((*Engine).updateItem)
	case "DeleteItem":
		return handle((*Engine).deleteItem)
	case "Query":
		return handle((*Engine).query)
	case "Scan":
		return handle((*Engine).scan)
	case "BatchGetItem":
		return handle((*Engine).batchGetItem)
	case "BatchWriteItem":
		return handle((*Engine).batchWriteItem)
	case "TransactGetItems":
		return handle((*Engine).transactGetItems)
	case "TransactWriteItems":
		return handle((*Engine).transactWriteItems)
	case "DescribeLimits":
		return handle((*Engine).describeLimits)
	case "DescribeContinuousBackups":
		return handle((*Engine).describeContinuousBackups)
	default:
		return nil
	}
}

func streamOperation(name string) operation {
	switch name {
	case "ListStreams":
		return handle((*Engine).listStreams)
	case "DescribeStream":
		return handle((*Engine).describeStream)
	case "GetShardIterator":
		return handle((*Engine).getShardIterator)
	case "GetRecords":
		return handle((*Engine).getRecords)
	default:
		return nil
	}
}

// ServeHTTP speaks the protocol: POST, the operation in X-Amz-Target, JSON in and out. Signatures are not checked.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amzn-Requestid", rand.Text())
	if r.Method != http.MethodPost {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "healthy: dynamodb."+e.options.Region) // as the service answers a GET
		return
	}
	answer, err := e.serve(r)
	if err != nil {
		e.sendFault(w, r, err)
		return
	}
	send(w, r, http.StatusOK, answer)
}

func (e *Engine) serve(r *http.Request) (any, error) {
	target := r.Header.Get("X-Amz-Target")
	if target == "DynamoDB_20120810.DescribeEndpoints" {
		return describeEndpoints(r.Host), nil
	}
	op := operationNamed(target)
	if op == nil {
		return nil, newFault("UnknownOperationException", "The local cloud does not offer the operation %s", target)
	}
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	_, name, _ := strings.Cut(target, ".")
	return op(e, caller{r, name}, body)
}

// bodyOf reads a request, which may be compressed (AWS SDKs and Tools Reference Guide, "Request compression").
func bodyOf(r *http.Request) ([]byte, error) {
	reader := io.Reader(r.Body)
	compressed := false
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, fmt.Errorf("the request is not in gzip: %w", err) // an InternalServerError, as the service answers
		}
		reader, compressed = unzipped, true
	default:
		return nil, fmt.Errorf("the local cloud does not offer the content encoding %s", encoding)
	}
	var whole bytes.Buffer
	whole.Grow(int(min(max(r.ContentLength, 0), maxRequestBytes)) + bytes.MinRead) // one piece of memory, mostly
	_, err := whole.ReadFrom(io.LimitReader(reader, maxRequestBytes+1))
	body := whole.Bytes()
	switch {
	case err != nil && compressed:
		return nil, fmt.Errorf("the request is not in gzip: %w", err)
	case err != nil:
		return nil, newFault("SerializationException", "The request could not be read")
	case len(body) > maxRequestBytes:
		return nil, newFault("RequestEntityTooLargeException", "The request is larger than 16 MB")
	}
	return body, nil
}

func (e *Engine) sendFault(w http.ResponseWriter, r *http.Request, err error) {
	var f *fault
	var bad *attr.ValidationError
	var unread *wire.SerializationError
	status := http.StatusBadRequest
	switch {
	case errors.As(err, &f):
	case errors.As(err, &bad):
		f = &fault{Code: "ValidationException", Message: bad.Message}
	case errors.As(err, &unread):
		f = &fault{Code: "SerializationException", Message: unread.Message}
	default:
		f, status = &fault{Code: "InternalServerError", Message: err.Error()}, http.StatusInternalServerError
	}
	out := faultAnswer{Reasons: f.Reasons, Item: f.Item}
	switch f.Code { // the service has two spellings of this member
	case "SerializationException", "AccessDeniedException", "TransactionCanceledException",
		"TransactionInProgressException",
		"IdempotentParameterMismatchException":
		out.CapitalMessage = f.Message
	default:
		out.Message = f.Message
	}
	namespace := "com.amazonaws.dynamodb.v20120810#"
	switch f.Code {
	case "ValidationException":
		namespace = "com.amazon.coral.validate#"
	case "SerializationException", "UnknownOperationException", "AccessDeniedException":
		namespace = "com.amazon.coral.service#"
	case "ThrottlingException":
		namespace = "com.amazon.coral.availability#"
	}
	out.Type = namespace + f.Code
	if f.Throttling != nil {
		reasons := []throttlingReason{{f.Throttling.reason, e.arnOf(f.Throttling.of)}}
		if f.Code == "ThrottlingException" {
			out.Throttling = reasons
		} else {
			out.ThrottlingOfProvisioned = reasons
		}
	}
	send(w, r, status, out)
}

// faultAnswer is an error answer on the wire. The service writes the message and the reasons for throttling under two
// names each (the model of its API, as the SDKs have it).
type faultAnswer struct {
	Type                    string             `json:"__type"`
	Message                 string             `json:"message,omitempty"`
	CapitalMessage          string             `json:"Message,omitempty"`
	Reasons                 []reason           `json:"CancellationReasons,omitempty"`
	Item                    attr.Attributes    `json:"Item,omitempty"`
	Throttling              []throttlingReason `json:"throttlingReasons,omitempty"`
	ThrottlingOfProvisioned []throttlingReason `json:"ThrottlingReasons,omitempty"`
}

type throttlingReason struct {
	Reason   string `json:"reason"`
	Resource string `json:"resource"` // ARN of the table or the index
}

func (e *Engine) arnOf(r resource) string {
	arn := "arn:aws:dynamodb:" + e.options.Region + ":000000000000:table/" + r.table
	if r.index != "" {
		arn += "/index/" + r.index
	}
	return arn
}

// nothing is the answer of an operation whose answer has no body.
type nothing struct{}

// compressFrom is from which size on an answer is compressed for who accepts that.
const compressFrom = 4 << 10

func send(w http.ResponseWriter, r *http.Request, status int, answer any) {
	const most = 1 << 10 // of the answers are smaller
	var text []byte
	if _, empty := answer.(nothing); !empty {
		var err error
		if text, err = appendJSON(make([]byte, 0, most), answer); err != nil {
			http.Error(w, "the answer cannot be written", http.StatusInternalServerError)
			return
		}
	}
	if len(text) >= compressFrom && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		var zipped bytes.Buffer
		writer := gzip.NewWriter(&zipped)
		if _, err := writer.Write(text); errors.Join(err, writer.Close()) == nil { // a buffer takes everything
			text = zipped.Bytes()
			w.Header().Set("Content-Encoding", "gzip")
		}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(text)), 10)) // of what goes over the wire
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client went away, and nobody reads on
}

// acceptsGzip reports whether an Accept-Encoding header allows gzip: the first coding that names it, or all, decides.
func acceptsGzip(header string) bool {
	for coding := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(coding, ";")
		if name = strings.TrimSpace(name); name != "gzip" && name != "*" {
			continue
		}
		quality, given := strings.CutPrefix(strings.TrimSpace(parameters), "q=")
		q, err := strconv.ParseFloat(quality, 64)
		return !given || err != nil || q > 0
	}
	return false
}

// appendJSON writes an answer. Items, which are most of it, are written straight: encoding/json would go over each of
// them once more.
func appendJSON(dst []byte, answer any) ([]byte, error) {
	switch answer := answer.(type) {
	case attr.Attributes:
		return answer.AppendJSON(dst), nil
	case []attr.Attributes:
		return appendList(dst, answer)
	case []map[string]any:
		return appendList(dst, answer)
	case map[string][]attr.Attributes:
		return appendMap(dst, answer)
	case map[string]any:
		return appendMap(dst, answer)
	case int:
		return strconv.AppendInt(dst, int64(answer), 10), nil
	case float64:
		if whole := int64(answer); float64(whole) == answer {
			return strconv.AppendInt(dst, whole, 10), nil
		}
	}
	var rest bytes.Buffer
	encoder := json.NewEncoder(&rest)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(answer)
	return append(dst, bytes.TrimSuffix(rest.Bytes(), []byte("\n"))...), err
}

func appendList[V any](dst []byte, list []V) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendJSON(dst, v); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// appendMap writes names of members, tables and indexes, which need no escapes.
func appendMap[V any](dst []byte, members map[string]V) (_ []byte, err error) {
	dst = append(dst, '{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(strconv.AppendQuote(dst, name), ':')
		if dst, err = appendJSON(dst, members[name]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}
