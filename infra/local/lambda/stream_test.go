package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"example.com/registrar/infra/local/lambda"
)

const streamARN = "arn:aws:dynamodb:eu-north-1:000000000000:table/registrar/stream/2024-11-04T09:00:00.000"

// stream is a client over records in memory. An iterator is "shard/index/attempt".
type stream struct {
	mu        sync.Mutex
	shards    []lambda.Shard
	pageSize  int // shards in a page; 0: all
	records   map[string][]events.DynamoDBEventRecord
	closed    map[string]bool
	disabled  bool
	positions []string                    // what iterators were asked for
	fail      func(iterator string) error // of Records; may be nil
	invalid   bool                        // no sequence number is of this stream
}

func newStream(shards ...string) *stream {
	s := &stream{records: map[string][]events.DynamoDBEventRecord{}, closed: map[string]bool{}}
	for _, id := range shards {
		s.shards = append(s.shards, lambda.Shard{ID: id})
	}
	return s
}

// put writes records "key:number" to a shard.
func (s *stream) put(shard string, names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		key, number, _ := strings.Cut(name, ":")
		s.records[shard] = append(s.records[shard], events.DynamoDBEventRecord{
			AWSRegion: "eu-north-1", EventID: name, EventName: "INSERT", EventSource: "aws:dynamodb", EventVersion: "1.1",
			Change: events.DynamoDBStreamRecord{
				ApproximateCreationDateTime: events.SecondsEpochTime{Time: time.Now().Truncate(time.Second)},
				Keys: map[string]events.DynamoDBAttributeValue{"PK": events.NewStringAttribute(key),
					"SK": events.NewStringAttribute(number)},
				SequenceNumber: fmt.Sprintf("1%020d", len(s.records[shard])+1), SizeBytes: 9,
				StreamViewType: "KEYS_ONLY",
			},
		})
	}
}

func (s *stream) DescribeStream(_ context.Context, arn, after string) (lambda.Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := slices.IndexFunc(s.shards, func(h lambda.Shard) bool { return h.ID == after }) + 1
	d := lambda.Stream{ARN: arn, Enabled: !s.disabled, PartitionKey: "PK", Shards: slices.Clone(s.shards[from:])}
	if s.pageSize > 0 && len(d.Shards) > s.pageSize {
		d.Shards = d.Shards[:s.pageSize]
		d.After = d.Shards[s.pageSize-1].ID
	}
	return d, nil
}

func (s *stream) ShardIterator(_ context.Context, _, shard, kind, sequence string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.positions = append(s.positions, strings.TrimSpace(shard+" "+kind+" "+strings.TrimLeft(sequence, "10")))
	if s.invalid && sequence != "" {
		return "", &lambda.StreamError{Code: "ValidationException"}
	}
	at := 0
	switch kind {
	case lambda.Latest:
		at = len(s.records[shard])
	case "AFTER_SEQUENCE_NUMBER":
		at = 1 + slices.IndexFunc(s.records[shard], func(r events.DynamoDBEventRecord) bool {
			return r.Change.SequenceNumber == sequence
		})
	}
	return fmt.Sprintf("%s/%d", shard, at), nil
}

func (s *stream) Records(_ context.Context, iterator string, limit int) ([]events.DynamoDBEventRecord, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(iterator); err != nil {
			return nil, "", err
		}
	}
	shard, text, _ := strings.Cut(iterator, "/")
	at, err := strconv.Atoi(text)
	if err != nil {
		return nil, "", err
	}
	page := slices.Clone(s.records[shard][at:min(at+limit, len(s.records[shard]))])
	next := fmt.Sprintf("%s/%d", shard, at+len(page))
	if s.closed[shard] && at+len(page) == len(s.records[shard]) {
		next = ""
	}
	return page, next, nil
}

// calls records what a function was called with, and when.
type calls struct {
	t     *testing.T
	mu    sync.Mutex
	begin time.Time
	all   []string
	last  string                             // the last event
	do    func(ids []string) (string, error) // nil: succeeds
}

func (c *calls) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	var event events.DynamoDBEvent
	if err := json.Unmarshal(payload, &event); err != nil || len(payload) > lambda.MaxPayload {
		c.t.Errorf("an event of %d bytes, error %v", len(payload), err)
	}
	var ids []string
	for _, r := range event.Records {
		ids = append(ids, r.EventID)
		if r.EventSourceArn != streamARN {
			c.t.Errorf("source %q", r.EventSourceArn)
		}
	}
	c.mu.Lock()
	c.last = string(payload)
	c.all = append(c.all, fmt.Sprintf("%s %s", time.Since(c.begin).Round(time.Millisecond), strings.Join(ids, " ")))
	c.mu.Unlock()
	if c.do == nil {
		return nil, nil
	}
	answer, err := c.do(ids)
	return []byte(answer), err
}

func (c *calls) want(want ...string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if diff := cmp.Diff(want, c.all); diff != "" {
		c.t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// poll runs a poller of the stream for so long, in simulated time.
func poll(
	t *testing.T, s *stream, p *lambda.StreamPoller, until time.Duration, do func(ids []string) (string, error),
) *calls {
	t.Helper()
	c := &calls{t: t, begin: time.Now(), do: do}
	p.Client, p.ARN, p.Function = s, streamARN, c
	if p.StartingPosition == "" {
		p.StartingPosition = lambda.TrimHorizon
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	time.AfterFunc(until, cancel)
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

var errFailed = &lambda.FunctionError{Type: "errorString", Message: "no"}

// failIf fails each batch that has the record.
func failIf(id string) func([]string) (string, error) {
	return func(ids []string) (string, error) {
		if slices.Contains(ids, id) {
			return "", errFailed
		}
		return "", nil
	}
}

// report names the record as failed whenever it is in the batch; the records are those of one shard, "k:1", "k:2", ….
func report(ids ...string) func([]string) (string, error) {
	return func(batch []string) (string, error) {
		var answer events.DynamoDBEventResponse
		for _, id := range slices.Backward(batch) { // the order is not the function's to keep
			if slices.Contains(ids, id) {
				n, err := strconv.Atoi(strings.TrimPrefix(id, "k:"))
				if err != nil {
					return "", err
				}
				answer.BatchItemFailures = append(answer.BatchItemFailures,
					events.DynamoDBBatchItemFailure{ItemIdentifier: fmt.Sprintf("1%020d", n)})
			}
		}
		text, err := json.Marshal(answer)
		return string(text), err
	}
}

func TestStreamEvent(t *testing.T) {
	const api = `{"awsRegion":"eu-north-1","eventID":"e1","eventName":"REMOVE","eventSource":"aws:dynamodb",
		"eventVersion":"1.1","dynamodb":{"ApproximateCreationDateTime":1.7307288E9,
		"Keys":{"PK":{"S":"a"},"SK":{"S":""}},"NewImage":{},
		"OldImage":{"b":{"B":"AAE="},"bool":{"BOOL":false},"bs":{"BS":["AA=="]},"l":{"L":[]},
		"m":{"M":{"x":{"NULL":true}}},"n":{"N":"1.10"},"ns":{"NS":["1","2"]},"ss":{"SS":["x"]}},
		"SequenceNumber":"100000000000000000001","SizeBytes":26,"StreamViewType":"NEW_AND_OLD_IMAGES"},
		"userIdentity":{"Type":"Service","PrincipalId":"dynamodb.amazonaws.com"}}`
	const want = `{"Records":[{"awsRegion":"eu-north-1","dynamodb":{"ApproximateCreationDateTime":1730728800,` +
		`"Keys":{"PK":{"S":"a"},"SK":{"S":""}},"OldImage":{"b":{"B":"AAE="},"bool":{"BOOL":false},"bs":{"BS":["AA=="]},` +
		`"l":{"L":[]},` +
		`"m":{"M":{"x":{"NULL":true}}},"n":{"N":"1.10"},"ns":{"NS":["1","2"]},"ss":{"SS":["x"]}},` +
		`"SequenceNumber":"100000000000000000001","SizeBytes":26,"StreamViewType":"NEW_AND_OLD_IMAGES"},` +
		`"eventID":"e1","eventName":"REMOVE","eventSource":"aws:dynamodb","eventVersion":"1.1","eventSourceARN":"` +
		streamARN + `",` +
		`"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"}}]}`
	var got []byte
	ctx, cancel := context.WithCancel(t.Context())
	p := lambda.StreamPoller{
		Client: streamsAt(t, func(operation, _ string) (int, string) {
			return 200, map[string]string{
				"DescribeStream": `{"StreamDescription":{"StreamStatus":"ENABLED","KeySchema":[{"AttributeName":"PK",` +
					`"KeyType":"HASH"}],"Shards":[{"ShardId":"s"}]}}`,
				"GetShardIterator": `{"ShardIterator":"i"}`, "GetRecords": `{"Records":[` + api + `]}`,
			}[operation]
		}),
		ARN: streamARN, StartingPosition: lambda.TrimHorizon, Now: func() time.Time { return time.Unix(1_730_728_801, 0) },
		Function: function(func(_ context.Context, payload []byte) ([]byte, error) {
			got = payload
			cancel()
			return nil, nil
		}),
	}
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func TestStreamBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream("s")
		s.put("s", "k:1", "k:2", "k:3", "k:4", "k:5")
		time.AfterFunc(100*time.Millisecond, func() { s.put("s", "k:6") })
		time.AfterFunc(400*time.Millisecond, func() { s.put("s", "k:7") })
		c := poll(t, s, &lambda.StreamPoller{BatchSize: 2}, time.Second, nil)
		c.want("0s k:1 k:2", "0s k:3 k:4", "0s k:5", "250ms k:6", "500ms k:7")
	})
}

func TestStreamBatchingWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream("s")
		s.put("s", "k:1")
		for second, name := range map[int]string{4: "k:2", 11: "k:3", 12: "k:4", 13: "k:5", 20: "k:6"} {
			time.AfterFunc(time.Duration(second)*time.Second-time.Millisecond, func() { s.put("s", name) })
		}
		time.AfterFunc(20900*time.Millisecond, func() { s.mu.Lock(); s.closed["s"] = true; s.mu.Unlock() })
		c := poll(t, s, &lambda.StreamPoller{BatchSize: 3, MaximumBatchingWindow: 10 * time.Second}, time.Minute, nil)
		c.want("10s k:1 k:2", "13s k:3 k:4 k:5", "21s k:6") // time is up, full, nothing follows
	})
}

// What does not fit into one event goes into several.
func TestStreamLargeRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream("s")
		s.put("s", "k:1", "k:2", "k:3")
		for i := range s.records["s"] {
			s.records["s"][i].Change.NewImage = map[string]events.DynamoDBAttributeValue{
				"x": events.NewStringAttribute(strings.Repeat("x", 5<<19)),
			}
		}
		poll(t, s, &lambda.StreamPoller{MaximumBatchingWindow: time.Minute}, 2*time.Second, nil).want("0s k:1 k:2")
		s.closed["s"] = true
		poll(t, s, &lambda.StreamPoller{}, 2*time.Second, nil).want("0s k:1 k:2", "0s k:3")
	})
}

// With parallel batches the records of one key come in order and one batch at a time; keys do not wait for each other.
func TestStreamParallelizationKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keys, each, factor = 20, 30, 10
		s := newStream("s")
		for n := range each {
			for k := range keys {
				s.put("s", fmt.Sprintf("k%d:%d", k, n))
			}
		}
		var mu sync.Mutex
		busy, most, seen, open := 0, 0, map[string]int{}, map[string]bool{}
		c := poll(t, s, &lambda.StreamPoller{ParallelizationFactor: factor, BatchSize: 7}, time.Hour,
			func(ids []string) (string, error) {
				mu.Lock()
				busy++
				most = max(most, busy)
				mine := map[string]bool{}
				for _, id := range ids {
					key, number, _ := strings.Cut(id, ":")
					if open[key] || strconv.Itoa(seen[key]) != number {
						t.Errorf("%s after %d, another batch has the key: %t", id, seen[key], open[key])
					}
					seen[key]++
					mine[key] = true
				}
				for key := range mine {
					open[key] = true
				}
				mu.Unlock()
				time.Sleep(time.Duration(len(ids)) * 100 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				busy--
				for key := range mine {
					delete(open, key)
				}
				return "", nil
			})
		if len(seen) != keys || most < 2 || most > factor || len(c.all) < keys*each/7 {
			t.Errorf("%d keys, at most %d batches at once, %d calls", len(seen), most, len(c.all))
		}
		for key, n := range seen {
			if n != each {
				t.Errorf("%s: %d of %d records", key, n, each)
			}
		}
	})
}

func TestStreamFailures(t *testing.T) {
	throttles := 3
	for name, c := range map[string]struct {
		poller *lambda.StreamPoller // nil: as it comes
		put    []string
		do     func([]string) (string, error)
		until  time.Duration
		want   []string
		lost   []string // condition, sequence numbers, calls
	}{
		"tried again until it succeeds": {put: []string{"k:1", "k:2"}, until: time.Minute,
			do: func() func([]string) (string, error) {
				n := 0
				return func([]string) (string, error) { n++; return "", after(n, 3) }
			}(),
			want: []string{"0s k:1 k:2", "1s k:1 k:2", "3s k:1 k:2"}},
		"attempts used up": {poller: &lambda.StreamPoller{MaximumRetryAttempts: new(2), BatchSize: 2},
			put: []string{"k:1", "k:2", "k:3"}, until: time.Minute,
			do: failIf("k:1"), want: []string{"0s k:1 k:2", "1s k:1 k:2", "3s k:1 k:2", "3s k:3"}, lost: []string{
				"RetryAttemptsExhausted 1-2 of 2 after 3 Unhandled"}},
		"no second attempt": {poller: &lambda.StreamPoller{MaximumRetryAttempts: new(0)}, put: []string{"k:1"},
			until: time.Minute,
			do:    failIf("k:1"), want: []string{"0s k:1"}, lost: []string{"RetryAttemptsExhausted 1-1 of 1 after 1 Unhandled"}},
		"too old": {poller: &lambda.StreamPoller{MaximumRecordAge: time.Minute, MaximumRetryAttempts: new(10_000)},
			put: []string{"k:1"}, until: 5 * time.Minute,
			do:   failIf("k:1"),
			want: []string{"0s k:1", "1s k:1", "3s k:1", "7s k:1", "15s k:1", "31s k:1"}, lost: []string{
				"RecordAgeExceeded 1-1 of 1 after 6 Unhandled"}},
		"bisected": {poller: &lambda.StreamPoller{BisectBatchOnFunctionError: true, MaximumRetryAttempts: new(1)},
			put: []string{"k:1", "k:2", "k:3", "k:4", "k:5"}, until: time.Minute,
			do: failIf("k:4"), want: []string{"0s k:1 k:2 k:3 k:4 k:5", "0s k:1 k:2", "0s k:3 k:4 k:5", "0s k:3", "0s k:4 k:5",
				"0s k:4", "1s k:4", "1s k:5"},
			lost: []string{"RetryAttemptsExhausted 4-4 of 1 after 5 Unhandled"}},
		"the lowest reported is the checkpoint": {poller: &lambda.StreamPoller{ReportBatchItemFailures: true,
			MaximumRetryAttempts: new(2)},
			put: []string{"k:1", "k:2", "k:3", "k:4"}, until: time.Minute, do: report("k:2", "k:4"),
			want: []string{"0s k:1 k:2 k:3 k:4", "1s k:2 k:3 k:4", "3s k:2 k:3 k:4"}, lost: []string{
				"RetryAttemptsExhausted 2-4 of 3 after 3 "}},
		"bisected where it was reported": {poller: &lambda.StreamPoller{ReportBatchItemFailures: true,
			BisectBatchOnFunctionError: true, MaximumRetryAttempts: new(1)},
			put: []string{"k:1", "k:2", "k:3", "k:4", "k:5"}, until: time.Minute, do: report("k:3"),
			want: []string{"0s k:1 k:2 k:3 k:4 k:5", "0s k:3 k:4 k:5", "0s k:3", "1s k:3", "1s k:4 k:5"}, lost: []string{
				"RetryAttemptsExhausted 3-3 of 1 after 4 "}},
		"nothing reported": {poller: &lambda.StreamPoller{ReportBatchItemFailures: true}, put: []string{"k:1", "k:2"},
			until: time.Minute,
			do:    report(), want: []string{"0s k:1 k:2"}},
		"a stranger reported": {poller: &lambda.StreamPoller{ReportBatchItemFailures: true, MaximumRetryAttempts: new(1)},
			put: []string{"k:1", "k:2"}, until: time.Minute,
			do:   func([]string) (string, error) { return `{"batchItemFailures":[{"itemIdentifier":"7"}]}`, nil },
			want: []string{"0s k:1 k:2", "1s k:1 k:2"}, lost: []string{"RetryAttemptsExhausted 1-2 of 2 after 2 "}},
		"reported, but not asked for": {put: []string{"k:1", "k:2"}, until: time.Minute, do: report("k:2"),
			want: []string{"0s k:1 k:2"}},
		"throttled, which is no attempt": {poller: &lambda.StreamPoller{MaximumRetryAttempts: new(0),
			BisectBatchOnFunctionError: true}, put: []string{"k:1", "k:2"}, until: time.Minute,
			do: func([]string) (string, error) {
				if throttles--; throttles >= 0 {
					return "", &lambda.FunctionError{Type: lambda.TypeThrottled}
				}
				return "", nil
			}, want: []string{"0s k:1 k:2", "1s k:1 k:2", "3s k:1 k:2", "7s k:1 k:2"}},
		"never reached": {poller: &lambda.StreamPoller{MaximumRecordAge: time.Minute}, put: []string{"k:1"},
			until: 5 * time.Minute,
			do:    func([]string) (string, error) { return "", errors.New("the function is closed") },
			want:  []string{"0s k:1", "1s k:1", "3s k:1", "7s k:1", "15s k:1", "31s k:1"}, lost: []string{
				"RecordAgeExceeded 1-1 of 1 after 0 never"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream("s")
				s.put("s", c.put...)
				var lost []string
				p := c.poller
				if p == nil {
					p = &lambda.StreamPoller{}
				}
				p.OnFailure = func(_ context.Context, record []byte) error { lost = append(lost, summary(t, record)); return nil }
				poll(t, s, p, c.until, c.do).want(c.want...)
				if diff := cmp.Diff(c.lost, lost); diff != "" {
					t.Errorf("given up (-want +got):\n%s", diff)
				}
				if p.IteratorAge() != 0 {
					t.Errorf("iterator age %s at the end", p.IteratorAge())
				}
			})
		})
	}
}

// after is an error for the first calls.
func after(n, succeeds int) error {
	if n < succeeds {
		return errFailed
	}
	return nil
}

// summary says what matters of an invocation record.
func summary(t *testing.T, text []byte) string {
	t.Helper()
	var r struct {
		RequestContext struct {
			Condition              string
			ApproximateInvokeCount int
		}
		ResponseContext    *struct{ FunctionError string }
		DDBStreamBatchInfo struct {
			StartSequenceNumber, EndSequenceNumber string
			BatchSize                              int
		}
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Error(err)
	}
	asked := "never"
	if r.ResponseContext != nil {
		asked = r.ResponseContext.FunctionError
	}
	b := r.DDBStreamBatchInfo
	return fmt.Sprintf("%s %s-%s of %d after %d %s", r.RequestContext.Condition,
		strings.TrimLeft(b.StartSequenceNumber[1:], "0"),
		strings.TrimLeft(b.EndSequenceNumber[1:], "0"), b.BatchSize, r.RequestContext.ApproximateInvokeCount, asked)
}

// Without bounds a record is tried until it leaves the stream, after a day.
func TestStreamTriesForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream("s")
		s.put("s", "k:1", "k:2")
		var lost []string
		p := &lambda.StreamPoller{BatchSize: 1, OnFailure: func(_ context.Context, record []byte) error {
			lost = append(lost, summary(t, record))
			return errors.New("the bucket is gone, which changes nothing")
		}}
		var age time.Duration
		time.AfterFunc(12*time.Hour, func() { age = p.IteratorAge() })
		c := poll(t, s, p, 25*time.Hour, failIf("k:1"))
		// The second record is as old when its turn comes, and is never tried.
		want := []string{fmt.Sprintf("RecordAgeExceeded 1-1 of 1 after %d Unhandled", len(c.all)),
			"RecordAgeExceeded 2-2 of 1 after 0 never"}
		if diff := cmp.Diff(want, lost); diff != "" || age != 12*time.Hour {
			t.Errorf("age after half the time %s; given up (-want +got):\n%s", age, diff)
		}
		if n := len(c.all); n != 1+6+(24*60*60-63)/60 { // seven at 0, 1, 3, … 63 s, then one a minute
			t.Errorf("%d calls", n)
		}
	})
}

func TestStreamInvocationRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, payload := range []bool{false, true} {
			s := newStream("s")
			s.put("s", "k:1")
			var got string
			begin := time.Now().UTC() // a whole second, as synctest's time begins
			p := &lambda.StreamPoller{FunctionARN: "arn:aws:lambda:eu-north-1:000000000000:function:relay",
				MaximumRetryAttempts: new(0), FailurePayload: payload,
				OnFailure: func(_ context.Context, record []byte) error { got = string(record); return nil }}
			c := poll(t, s, p, time.Second, failIf("k:1"))
			var record map[string]any
			if err := json.Unmarshal([]byte(got), &record); err != nil {
				t.Fatalf("%s: %v", got, err)
			}
			call, _ := record["requestContext"].(map[string]any)
			if text, _ := call["requestId"].(string); !regexp.MustCompile("^" + id + "$").MatchString(text) {
				t.Errorf("request id %q", text)
			}
			delete(call, "requestId")
			at := begin.Format(time.RFC3339)
			want := map[string]any{
				"requestContext": map[string]any{
					"functionArn": p.FunctionARN, "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 1.0,
				},
				"responseContext": map[string]any{"statusCode": 200.0, "executedVersion": "$LATEST", "functionError": "Unhandled"},
				"version":         "1.0", "timestamp": begin.Format("2006-01-02T15:04:05.000Z"),
				"DDBStreamBatchInfo": map[string]any{
					"shardId": "s", "startSequenceNumber": "100000000000000000001", "endSequenceNumber": "100000000000000000001",
					"approximateArrivalOfFirstRecord": at, "approximateArrivalOfLastRecord": at, "batchSize": 1.0,
					"streamArn": streamARN,
				},
			}
			if payload {
				want["payload"] = c.last // the event as the function saw it
			}
			if diff := cmp.Diff(want, record); diff != "" {
				t.Errorf("payload %t (-want +got):\n%s", payload, diff)
			}
		}
	})
}

func TestStreamFilter(t *testing.T) {
	for name, c := range map[string]struct {
		filter lambda.StreamFilter
		want   []string
	}{
		"none":     {lambda.StreamFilter{}, []string{"0s a:1 a:2 b:3 n:4"}},
		"by event": {lambda.StreamFilter{EventNames: []string{"MODIFY", "REMOVE"}}, []string{"0s a:2 b:3"}},
		"by key":   {lambda.StreamFilter{KeyPrefixes: []string{"a", "x"}}, []string{"0s a:1 a:2"}},
		"by both": {lambda.StreamFilter{EventNames: []string{"MODIFY"}, KeyPrefixes: []string{"a"}},
			[]string{"0s a:2"}},
		"nothing is it": {lambda.StreamFilter{EventNames: []string{"insert"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream("s")
				s.put("s", "a:1", "a:2", "b:3", "n:4")
				s.records["s"][1].EventName, s.records["s"][2].EventName = "MODIFY", "REMOVE"
				s.records["s"][3].Change.Keys["PK"] = events.NewNumberAttribute("4")
				poll(t, s, &lambda.StreamPoller{Filter: c.filter}, time.Second, nil).want(c.want...)
			})
		})
	}
}

func TestStreamShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream("a", "b", "c")
		s.pageSize = 2
		s.shards[1].Parent, s.shards[2].Parent = "a", "gone"
		s.put("a", "a:1")
		s.put("b", "b:1")
		s.put("c", "c:1")
		s.closed["a"] = true
		time.AfterFunc(14*time.Second, func() {
			s.mu.Lock()
			s.shards = append(s.shards, lambda.Shard{ID: "d"})
			s.mu.Unlock()
			s.put("d", "d:1")
		})
		time.AfterFunc(30*time.Second, func() {
			s.mu.Lock()
			s.closed["b"], s.closed["c"], s.closed["d"], s.disabled = true, true, true, true
			s.mu.Unlock()
		})
		begin := time.Now()
		c := poll(t, s, &lambda.StreamPoller{}, time.Hour, func(ids []string) (string, error) {
			time.Sleep(5 * time.Second)
			return "", nil
		})
		slices.Sort(c.all[:2]) // both at once
		c.want("0s a:1", "0s c:1", "5s b:1", "15s d:1")
		if took := time.Since(begin); took > 41*time.Second {
			t.Errorf("a stream that is disabled was left after %s", took)
		}
	})
}

func TestStreamStartingPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream("a")
		s.put("a", "a:1")
		time.AfterFunc(time.Second, func() { s.put("a", "a:2") })
		time.AfterFunc(2*time.Second, func() {
			s.put("b", "b:1")
			s.mu.Lock()
			s.shards = append(s.shards, lambda.Shard{ID: "b"})
			s.mu.Unlock()
		})
		c := poll(t, s, &lambda.StreamPoller{StartingPosition: lambda.Latest}, time.Minute, nil)
		if len(c.all) != 2 || !strings.HasSuffix(c.all[0], " a:2") || !strings.HasSuffix(c.all[1], " b:1") {
			t.Errorf("calls %q", c.all)
		}
		if diff := cmp.Diff([]string{"a LATEST", "b TRIM_HORIZON"}, s.positions); diff != "" {
			t.Errorf("iterators (-want +got):\n%s", diff)
		}
	})
}

func TestStreamThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		err       error
		positions []string
		want      []string
		told      string
	}{
		"an expired iterator": {fmt.Errorf("read: %w", &lambda.StreamError{Code: "ExpiredIteratorException"}),
			[]string{"s TRIM_HORIZON", "s AFTER_SEQUENCE_NUMBER 2"},
			[]string{"0s k:1 k:2", "1.25s k:3"}, "expired"},
		"trimmed records": {&lambda.StreamError{Code: "TrimmedDataAccessException"}, []string{"s LATEST", "s TRIM_HORIZON"},
			[]string{"1s k:1 k:2"}, "trimmed"},
		"any other": {errors.New("the line broke"), []string{"s TRIM_HORIZON"}, []string{"0s k:1 k:2", "2s k:3"},
			"the line broke"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream("s")
				p := &lambda.StreamPoller{}
				if strings.HasPrefix(c.positions[0], "s LATEST") {
					p.StartingPosition = lambda.Latest
				} else {
					s.put("s", "k:1", "k:2")
				}
				begin, failed := time.Now(), false
				s.fail = func(string) error {
					if time.Since(begin) >= time.Second && !failed {
						failed = true
						return c.err
					}
					return nil
				}
				time.AfterFunc(1100*time.Millisecond, func() {
					if p.StartingPosition == lambda.TrimHorizon {
						s.put("s", "k:3")
					}
				})
				time.AfterFunc(900*time.Millisecond, func() {
					if p.StartingPosition == lambda.Latest { // no iterator of LATEST would see them at 1 s if they were trimmed
						s.put("s", "k:1", "k:2")
					}
				})
				var log bytes.Buffer
				p.Log = slog.New(slog.NewTextHandler(&log, nil))
				poll(t, s, p, 5*time.Second, nil).want(c.want...)
				if diff := cmp.Diff(c.positions, s.positions); diff != "" {
					t.Errorf("iterators (-want +got):\n%s", diff)
				}
				if !strings.Contains(log.String(), c.told) {
					t.Errorf("the log does not tell %q: %s", c.told, &log)
				}
			})
		})
	}
}

// When the context ends, a call in flight is waited for and nothing follows.
func TestStreamStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream("s")
		s.put("s", "k:1", "k:2")
		begin := time.Now()
		c := poll(t, s, &lambda.StreamPoller{BatchSize: 1}, time.Second, func([]string) (string, error) {
			time.Sleep(10 * time.Second)
			return "", nil
		})
		c.want("0s k:1")
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("stopped after %s", took)
		}
	})
}

func TestStreamFieldsThatMakeNoSense(t *testing.T) {
	for name, change := range map[string]func(p *lambda.StreamPoller){
		"no client":   func(p *lambda.StreamPoller) { p.Client = nil },
		"no function": func(p *lambda.StreamPoller) { p.Function = nil },
		"no ARN":      func(p *lambda.StreamPoller) { p.ARN = "registrar" },
		"a table": func(p *lambda.StreamPoller) {
			p.ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/registrar"
		},
		"no position":           func(p *lambda.StreamPoller) { p.StartingPosition = "" },
		"a position of Kinesis": func(p *lambda.StreamPoller) { p.StartingPosition = "AT_TIMESTAMP" },
		"a large batch":         func(p *lambda.StreamPoller) { p.BatchSize = 10_001 },
		"a negative batch":      func(p *lambda.StreamPoller) { p.BatchSize = -1 },
		"a large factor":        func(p *lambda.StreamPoller) { p.ParallelizationFactor = 11 },
		"a negative factor":     func(p *lambda.StreamPoller) { p.ParallelizationFactor = -1 },
		"a long window":         func(p *lambda.StreamPoller) { p.MaximumBatchingWindow = 301 * time.Second },
		"a negative window":     func(p *lambda.StreamPoller) { p.MaximumBatchingWindow = -time.Second },
		"parts of a second":     func(p *lambda.StreamPoller) { p.MaximumBatchingWindow = time.Millisecond },
		"negative retries":      func(p *lambda.StreamPoller) { p.MaximumRetryAttempts = new(-1) },
		"many retries":          func(p *lambda.StreamPoller) { p.MaximumRetryAttempts = new(10_001) },
		"a young age":           func(p *lambda.StreamPoller) { p.MaximumRecordAge = 59 * time.Second },
		"an old age":            func(p *lambda.StreamPoller) { p.MaximumRecordAge = 7*24*time.Hour + 1 },
	} {
		p := &lambda.StreamPoller{Client: newStream(), ARN: streamARN, Function: function(nil),
			StartingPosition: lambda.Latest}
		change(p)
		if err := p.Run(t.Context()); err == nil {
			t.Errorf("%s: it ran", name)
		}
	}
}

// streamsAt is a client of a service that answers with a status and a text.
func streamsAt(t *testing.T, answer func(operation, body string) (int, string)) *lambda.HTTPStreams {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "DynamoDBStreams_20120810.")
		if err != nil || !ok || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
			t.Errorf("%s %v, error %v", r.Method, r.Header, err)
		}
		status, text := answer(operation, string(body))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text) // the client sees what is missing
	}))
	t.Cleanup(server.Close)
	return &lambda.HTTPStreams{Client: server.Client(), Endpoint: server.URL}
}

// pairs is a map of what was asked, and what is answered, in turn.
func pairs(texts ...string) map[string]string {
	all := map[string]string{}
	for pair := range slices.Chunk(texts, 2) {
		all[pair[0]] = pair[1]
	}
	return all
}

func TestHTTPStreams(t *testing.T) {
	answers := pairs(
		`ListStreams {"TableName":"t"}`,
		`{"Streams":[{"StreamArn":"s1"}],"LastEvaluatedStreamArn":"s1"}`,
		`ListStreams {"ExclusiveStartStreamArn":"s1","TableName":"t"}`,
		`{"Streams":[{"StreamArn":"s2"}]}`,
		`DescribeStream {"StreamArn":"s1"}`,
		`{"StreamDescription":{"StreamArn":"s1","StreamStatus":"ENABLING","LastEvaluatedShardId":"a",`+
			`"KeySchema":[{"AttributeName":"SK","KeyType":"RANGE"},{"AttributeName":"PK","KeyType":"HASH"}],`+
			`"Shards":[{"ShardId":"a","ParentShardId":"z"}]}}`,
		`DescribeStream {"ExclusiveStartShardId":"a","StreamArn":"s1"}`,
		`{"StreamDescription":{"StreamArn":"s1","StreamStatus":"DISABLED","Shards":[]}}`,
		`GetShardIterator {"ShardId":"a","ShardIteratorType":"LATEST","StreamArn":"s1"}`,
		`{"ShardIterator":"i1"}`,
		`GetShardIterator {"SequenceNumber":"7","ShardId":"a","ShardIteratorType":"AFTER_SEQUENCE_NUMBER","StreamArn":"s1"}`,
		`{"ShardIterator":"i2"}`,
		`GetRecords {"Limit":5,"ShardIterator":"i1"}`,
		`{"Records":[{"eventID":"e"}],"NextShardIterator":"i2"}`,
		`GetRecords {"Limit":5,"ShardIterator":"i2"}`,
		`{"Records":[],"NextShardIterator":null}`,
	)

	c := streamsAt(t, func(operation, body string) (int, string) {
		if text, ok := answers[operation+" "+body]; ok {
			return 200, text
		}
		switch {
		case strings.Contains(body, "broken"):
			return 200, "{"
		case strings.Contains(body, "proxy"):
			return 502, "Bad Gateway"
		}
		return 400, `{"__type":"com.amazonaws.dynamodb.v20120810#ExpiredIteratorException","message":"too late"}`
	})
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	same := func(want, got any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	arns, err := c.ListStreams(ctx, "t")
	must(err)
	same([]string{"s1", "s2"}, arns)
	s, err := c.DescribeStream(ctx, "s1", "")
	must(err)
	same(lambda.Stream{ARN: "s1", Enabled: true, PartitionKey: "PK", Shards: []lambda.Shard{{ID: "a", Parent: "z"}},
		After: "a"}, s)
	s, err = c.DescribeStream(ctx, "s1", "a")
	must(err)
	same(lambda.Stream{ARN: "s1", Shards: []lambda.Shard{}}, s)
	for kind, number := range map[string]string{lambda.Latest: "", "AFTER_SEQUENCE_NUMBER": "7"} {
		i, err := c.ShardIterator(ctx, "s1", "a", kind, number)
		must(err)
		same(map[string]string{"": "i1", "7": "i2"}[number], i)
	}
	records, next, err := c.Records(ctx, "i1", 5)
	must(err)
	same("e i2 1", fmt.Sprint(records[0].EventID, " ", next, " ", len(records)))
	records, next, err = c.Records(ctx, "i2", 5)
	must(err)
	same("0", fmt.Sprint(next, len(records)))

	for iterator, want := range map[string]*lambda.StreamError{
		"old": {Code: "ExpiredIteratorException", Message: "too late"}, "proxy": {Code: "502 Bad Gateway",
			Message: "Bad Gateway"}, "broken": nil,
	} {
		_, _, err := c.Records(ctx, iterator, 5)
		var told *lambda.StreamError
		if errors.As(err, &told) != (want != nil) || err == nil {
			t.Errorf("%s: %v", iterator, err)
		}
		same(want, told)
	}
}

// What is wanted is read whole; of what is not, the place is, and the keys where these decide.
func TestHTTPStreams_Wanted(t *testing.T) {
	record := func(name, key string) string {
		return `{"eventName": "` + name + `", "dynamodb": {"ApproximateCreationDateTime": 1795525200, "SequenceNumber": "7",
			"Keys": {"PK": {"S": "` + key + `"}}, "NewImage": {"PK": {"S": "` + key + `"}, "n": {"N": "1"}}, "SizeBytes": 9}}`
	}
	c := streamsAt(t, func(string, string) (int, string) {
		return 200, `{"Records": [` + record("INSERT", "EVENT#1") + `, ` + record("INSERT", "OTHER#1") + `, ` +
			record("MODIFY", "EVENT#1") + `]}`
	})
	c.Wanted = lambda.StreamFilter{EventNames: []string{"INSERT"}, KeyPrefixes: []string{"EVENT#"}}
	all, _, err := c.Records(t.Context(), "i", 5)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	for i, r := range all {
		if r.Change.SequenceNumber != "7" || i < 2 && (r.Change.SizeBytes != 9 || len(r.Change.Keys) != 1 ||
			r.Change.ApproximateCreationDateTime.Unix() != 1795525200) {
			t.Errorf("record %d: %+v", i, r.Change)
		}
		if whole := len(r.Change.NewImage) == 2; whole != (i == 0) {
			t.Errorf("record %d: its image is %v", i, r.Change.NewImage)
		}
	}
}
