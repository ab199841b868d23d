package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
)

// attempt is a batch, or a part of one, on its way through the function.
type attempt struct {
	records   []record
	calls     int  // how often the function saw it, also within a larger batch
	failed    int  // of these, how many count as attempts that failed
	throttled int  // pauses in a row because the function could not be asked
	unhandled bool // the last call ended with an error of the function, not with a list of failures
}

// work has a batch dealt with: processed, or given up. It returns early only when ctx ends.
func (l *lane) work(ctx context.Context, batch []record) {
	defer l.underWay(nil)
	parts := []*attempt{{records: batch}} // in their order
	for len(parts) > 0 && ctx.Err() == nil {
		a := parts[0]
		l.expire(ctx, a)
		if len(a.records) == 0 {
			parts = parts[1:]
			continue
		}
		l.underWay(a.records)
		done, asked := l.call(ctx, a)
		l.finish(a.records[:done])
		a.records = a.records[done:]
		bisect := l.BisectBatchOnFunctionError && (done > 0 || len(a.records) > 1)
		switch {
		case len(a.records) == 0:
			parts = parts[1:]
		case !asked:
			a.throttled++
			pause(ctx, backoff(a.throttled))
		case bisect && done > 0: // it was parted where the function said
		case bisect:
			second := *a
			a.records, second.records = a.records[:len(a.records)/2], a.records[len(a.records)/2:]
			parts = slices.Insert(parts, 1, &second)
		default:
			if a.failed++; l.MaximumRetryAttempts != nil && a.failed > *l.MaximumRetryAttempts {
				l.discard(ctx, a, len(a.records), retriesUsedUp)
				continue
			}
			pause(ctx, backoff(a.failed))
		}
	}
}

// call hands the records to the function. It tells how many of them are done with, and whether the function was asked
// at all.
func (l *lane) call(ctx context.Context, a *attempt) (done int, asked bool) {
	answer, err := l.Function.Invoke(context.WithoutCancel(ctx), l.event(a.records)) // a call that has begun is waited for
	var told *FunctionError
	if err != nil && (!errors.As(err, &told) || told.Throttled()) {
		l.log.Warn("the function could not be asked", "records", len(a.records), "error", err)
		return 0, false
	}
	a.calls++
	a.throttled, a.unhandled = 0, err != nil
	switch {
	case err != nil:
		l.log.Error("the function failed a batch", "records", len(a.records), "from", a.records[0].sequence, "error", err)
		return 0, true
	case !l.ReportBatchItemFailures:
		return len(a.records), true
	}
	known := map[string]bool{}
	for _, r := range a.records {
		known[r.sequence] = true
	}
	failed, err := batchItemFailures(answer, known)
	if err != nil {
		l.log.Error("the function's answer fails its whole batch", "records", len(a.records), "error", err)
		return 0, true
	}
	first := slices.IndexFunc(a.records, func(r record) bool { return failed[r.sequence] }) // a shard's numbers ascend
	if first < 0 {
		return len(a.records), true
	}
	l.log.Warn("the function failed records of a batch", "records", len(a.records), "from", a.records[first].sequence)
	return first, true
}

func (l *lane) event(records []record) []byte {
	texts := make([][]byte, len(records))
	for i, r := range records {
		texts[i] = r.text
	}
	return payload(texts)
}

// underWay notes which records are being worked on, for IteratorAge.
func (l *lane) underWay(records []record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(records) == 0 {
		delete(l.ages, l)
		return
	}
	if l.ages == nil {
		l.ages = map[*lane]time.Time{}
	}
	l.ages[l] = records[len(records)-1].made
}

// expire gives up the records that are too old to be tried once more.
func (l *lane) expire(ctx context.Context, a *attempt) {
	limit := streamLife
	if l.MaximumRecordAge > 0 {
		limit = min(limit, l.MaximumRecordAge)
	}
	now := l.now()
	old := slices.IndexFunc(a.records, func(r record) bool { return now.Sub(r.made) <= limit })
	if old < 0 {
		old = len(a.records)
	}
	l.discard(ctx, a, old, recordTooOld)
}

// discard gives up the first n records.
func (l *lane) discard(ctx context.Context, a *attempt, n int, condition string) {
	if n == 0 {
		return
	}
	given := a.records[:n]
	a.records = a.records[n:]
	defer l.finish(given)
	l.log.Error("records are given up", "records", n, "condition", condition, "from", given[0].sequence, "to",
		given[n-1].sequence)
	if l.OnFailure == nil {
		return
	}
	text, err := json.Marshal(l.invocationRecord(a, given, condition))
	if err == nil {
		err = l.OnFailure(context.WithoutCancel(ctx), text)
	}
	if err != nil {
		l.log.Error("what is known of the records that were given up could not be kept", "from", given[0].sequence, "to",
			given[n-1].sequence, "error", err)
	}
}

// invocationRecord is what an on-failure destination gets.
type invocationRecord struct {
	RequestContext  requestContext   `json:"requestContext"`
	ResponseContext *responseContext `json:"responseContext,omitempty"` // none when the function was never asked
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	Batch           batchInfo        `json:"DDBStreamBatchInfo"`
	Payload         string           `json:"payload,omitempty"`
}

type requestContext struct {
	RequestID   string `json:"requestId"` // one of this package's own: Function does not tell the call's
	FunctionARN string `json:"functionArn"`
	Condition   string `json:"condition"`
	Calls       int    `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

type batchInfo struct {
	ShardID   string `json:"shardId"`
	Start     string `json:"startSequenceNumber"`
	End       string `json:"endSequenceNumber"`
	First     string `json:"approximateArrivalOfFirstRecord"`
	Last      string `json:"approximateArrivalOfLastRecord"`
	BatchSize int    `json:"batchSize"`
	StreamARN string `json:"streamArn"`
}

func (l *lane) invocationRecord(a *attempt, given []record, condition string) invocationRecord {
	const milliseconds, statusOK = "2006-01-02T15:04:05.000Z", 200
	first, last := given[0], given[len(given)-1]
	record := invocationRecord{
		RequestContext: requestContext{RequestID: uuid.NewString(), FunctionARN: l.FunctionARN, Condition: condition,
			Calls: a.calls},
		Version: "1.0", Timestamp: l.now().UTC().Format(milliseconds),
		Batch: batchInfo{
			ShardID: l.shard, Start: first.sequence, End: last.sequence, BatchSize: len(given), StreamARN: l.ARN,
			First: first.made.UTC().Format(time.RFC3339), Last: last.made.UTC().Format(time.RFC3339),
		},
	}
	if a.calls > 0 {
		record.ResponseContext = &responseContext{StatusCode: statusOK, ExecutedVersion: "$LATEST"}
		if a.unhandled {
			record.ResponseContext.FunctionError = "Unhandled"
		}
	}
	if l.FailurePayload {
		record.Payload = string(l.event(given))
	}
	return record
}
