package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// Stream is what DescribeStream tells of a stream: one page of its shards.
type Stream struct {
	ARN          string
	Enabled      bool   // or about to be; when it is not, no shard gets new records
	PartitionKey string // the name of the table's partition key
	Shards       []Shard
	After        string // the last shard of a page that is not the last; empty: it is
}

// Shard is a part of a stream.
type Shard struct {
	ID     string `json:"ShardId"`
	Parent string `json:"ParentShardId"` // whose records come before its own; may be empty, or gone
}

// Kinds of an iterator (API reference, GetShardIterator: ShardIteratorType).
const (
	TrimHorizon         = "TRIM_HORIZON" // the oldest record there is
	Latest              = "LATEST"       // the next one to be written
	afterSequenceNumber = "AFTER_SEQUENCE_NUMBER"
)

// Codes of a [StreamError] that a poller knows how to go on from.
const (
	codeExpired = "ExpiredIteratorException"
	codeTrimmed = "TrimmedDataAccessException"
	codeInvalid = "ValidationException"
)

// StreamError is an error answer of DynamoDB Streams.
type StreamError struct {
	Code    string // for example "ExpiredIteratorException"
	Message string
}

// Error implements error.
func (e *StreamError) Error() string { return e.Code + ": " + e.Message }

// StreamClient is what a [StreamPoller] needs of DynamoDB Streams; [*HTTPStreams] has it. Error answers are
// [*StreamError].
type StreamClient interface {
	// DescribeStream tells of a stream and of a page of its shards: those after the named one, or with an empty name the
	// first.
	DescribeStream(ctx context.Context, arn, after string) (Stream, error)
	// ShardIterator gives a place in a shard. The sequence number is only for the kinds that need one.
	ShardIterator(ctx context.Context, arn, shard, kind, sequence string) (string, error)
	// Records reads on from a place: at most limit records, and the place after them, empty at the end of a closed shard.
	// The records' eventSourceARN is left empty.
	Records(ctx context.Context, iterator string, limit int) (records []events.DynamoDBEventRecord, next string, err error)
}

// HTTPStreams is a thin client of the protocol DynamoDBStreams_20120810. It signs nothing: for a service that needs
// signatures, give it a client whose transport signs.
type HTTPStreams struct {
	Client   *http.Client
	Endpoint string // "http://127.0.0.1:8081"
	// Wanted are the records that are read whole: of ten records a relay wants one or two. Of others only the place is
	// read, and the keys if their event name is wanted.
	Wanted StreamFilter
}

// ListStreams gives the ARNs of a table's streams, also of those that are disabled and can still be read.
func (c *HTTPStreams) ListStreams(ctx context.Context, table string) ([]string, error) {
	var arns []string
	in := map[string]any{"TableName": table}
	for {
		var out struct {
			Streams                []struct{ StreamArn string }
			LastEvaluatedStreamArn string
		}
		if err := c.call(ctx, "ListStreams", in, &out); err != nil {
			return nil, err
		}
		for _, s := range out.Streams {
			arns = append(arns, s.StreamArn)
		}
		if out.LastEvaluatedStreamArn == "" {
			return arns, nil
		}
		in["ExclusiveStartStreamArn"] = out.LastEvaluatedStreamArn
	}
}

// DescribeStream implements [StreamClient].
func (c *HTTPStreams) DescribeStream(ctx context.Context, arn, after string) (Stream, error) {
	in := map[string]any{"StreamArn": arn}
	if after != "" {
		in["ExclusiveStartShardId"] = after
	}
	var out struct {
		StreamDescription struct {
			StreamArn, StreamStatus, LastEvaluatedShardId string
			KeySchema                                     []struct{ AttributeName, KeyType string }
			Shards                                        []Shard
		}
	}
	if err := c.call(ctx, "DescribeStream", in, &out); err != nil {
		return Stream{}, err
	}
	d := out.StreamDescription
	s := Stream{ARN: d.StreamArn, Enabled: strings.HasPrefix(d.StreamStatus, "ENABL"), Shards: d.Shards,
		After: d.LastEvaluatedShardId}
	for _, k := range d.KeySchema {
		if k.KeyType == "HASH" {
			s.PartitionKey = k.AttributeName
		}
	}
	return s, nil
}

// ShardIterator implements [StreamClient].
func (c *HTTPStreams) ShardIterator(ctx context.Context, arn, shard, kind, sequence string) (string, error) {
	in := map[string]any{"StreamArn": arn, "ShardId": shard, "ShardIteratorType": kind}
	if sequence != "" {
		in["SequenceNumber"] = sequence
	}
	var out struct{ ShardIterator string }
	err := c.call(ctx, "GetShardIterator", in, &out)
	return out.ShardIterator, err
}

// Records implements [StreamClient].
func (c *HTTPStreams) Records(
	ctx context.Context, iterator string, limit int,
) (records []events.DynamoDBEventRecord, next string, err error) {
	var out struct {
		Records           []streamRecord
		NextShardIterator string
	}
	if err := c.call(ctx, "GetRecords", map[string]any{"ShardIterator": iterator, "Limit": limit}, &out); err != nil {
		return nil, "", err
	}
	records = make([]events.DynamoDBEventRecord, len(out.Records))
	for i := range out.Records {
		if records[i], err = out.Records[i].read(c.Wanted); err != nil {
			return nil, "", fmt.Errorf("GetRecords: read record %d: %w", i, err)
		}
	}
	return records, out.NextShardIterator, nil
}

// streamRecord is a record of which the change is not read yet. The API's records are the event's but for the source's
// ARN and the capitals in userIdentity, which encoding/json does not mind.
type streamRecord struct {
	events.DynamoDBEventRecord
	Change json.RawMessage `json:"dynamodb"`
}

// read reads the change, or as much of it as [HTTPStreams.Wanted] says.
func (s *streamRecord) read(wanted StreamFilter) (events.DynamoDBEventRecord, error) {
	r := s.DynamoDBEventRecord
	if len(s.Change) == 0 {
		return r, nil
	}
	if len(wanted.EventNames) > 0 && !slices.Contains(wanted.EventNames, r.EventName) {
		var place struct{ SequenceNumber string }
		err := json.Unmarshal(s.Change, &place)
		r.Change.SequenceNumber = place.SequenceNumber
		return r, err
	}
	var known struct {
		ApproximateCreationDateTime events.SecondsEpochTime
		Keys                        map[string]events.DynamoDBAttributeValue
		SequenceNumber              string
		SizeBytes                   int64
		StreamViewType              string
	}
	if err := json.Unmarshal(s.Change, &known); err != nil {
		return r, err
	}
	r.Change = events.DynamoDBStreamRecord{ApproximateCreationDateTime: known.ApproximateCreationDateTime,
		Keys: known.Keys, SequenceNumber: known.SequenceNumber, SizeBytes: known.SizeBytes,
		StreamViewType: known.StreamViewType}
	if !wanted.wants(&r) {
		return r, nil
	}
	return r, json.Unmarshal(s.Change, &r.Change)
}

func (c *HTTPStreams) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: write the request: %w", operation, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "DynamoDBStreams_20120810."+operation)
	w, err := c.Client.Do(r)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	defer w.Body.Close()
	var whole bytes.Buffer
	whole.Grow(int(max(w.ContentLength, 0)) + bytes.MinRead) // a page may have megabytes
	_, err = whole.ReadFrom(w.Body)
	answer := whole.Bytes()
	switch {
	case err != nil:
		return fmt.Errorf("%s: read the answer: %w", operation, err)
	case w.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %w", operation, streamError(w.Status, answer))
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: read the answer: %w", operation, err)
	}
	return nil
}

// streamError reads an error answer:
// {"__type":"com.amazonaws.dynamodb.v20120810#ExpiredIteratorException","message":"…"}.
func streamError(status string, answer []byte) *StreamError {
	var told struct {
		Type    string `json:"__type"`
		Message string `json:"message"` // or Message: encoding/json takes both
	}
	if err := json.Unmarshal(answer, &told); err != nil || told.Type == "" {
		return &StreamError{Code: status, Message: string(answer)}
	}
	return &StreamError{Code: told.Type[strings.LastIndex(told.Type, "#")+1:], Message: told.Message}
}

// hasCode reports whether an error is an answer with this code.
func hasCode(err error, code string) bool {
	var told *StreamError
	return errors.As(err, &told) && told.Code == code
}
