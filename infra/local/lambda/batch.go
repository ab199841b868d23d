package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// What the pollers of queues and of streams have in common.

const (
	maxBatch      = 10_000 // CreateEventSourceMapping: BatchSize
	maxWindow     = 300 * time.Second
	maxPollers    = 1_000 // ScalingConfig: MaximumConcurrency
	arnParts      = 6
	arnService    = 2
	arnRegionPart = 3
)

// payload is an event with these records, each of them JSON.
func payload(records [][]byte) []byte {
	return append(append([]byte(eventHead), bytes.Join(records, []byte(","))...), eventTail...)
}

const eventHead, eventTail = `{"Records":[`, `]}`

// fitting is how many of the records fit into one event, by number and by size: one at least, unless there are none.
func fitting[R any](records []R, most int, size func(R) int) int {
	total := len(eventHead) + len(eventTail) - len(",")
	for i, r := range records {
		total += size(r) + len(",")
		if i == most || i > 0 && total > MaxPayload {
			return i
		}
	}
	return len(records)
}

// batchItemFailures reads which items of a batch an answer fails. An error means: the whole batch (developer guide,
// "Implementing partial batch responses": an answer that is no JSON of this form, an identifier that is empty, null or
// of no item, or an entry whose key is misspelt). Names are compared exactly, as AWS does and encoding/json's structs
// do not: a misspelt batchItemFailures is no failure at all, and must show here before it loses items there.
func batchItemFailures(answer []byte, known map[string]bool) (map[string]bool, error) {
	failed := map[string]bool{}
	if len(bytes.TrimSpace(answer)) == 0 {
		return failed, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(answer, &members); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	var failures []map[string]json.RawMessage
	if list := members["batchItemFailures"]; list != nil {
		if err := json.Unmarshal(list, &failures); err != nil {
			return nil, fmt.Errorf("read batchItemFailures: %w", err)
		}
	}
	for _, failure := range failures {
		var id string
		if err := json.Unmarshal(failure["itemIdentifier"], &id); err != nil {
			return nil, fmt.Errorf("read an itemIdentifier: %w", err)
		}
		if id == "" || !known[id] {
			return nil, fmt.Errorf("itemIdentifier %q is of no item in the batch", id)
		}
		failed[id] = true
	}
	return failed, nil
}

// pause waits, or returns false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// backoff is how long to wait before the next attempt after so many that failed. Lambda documents that it waits, not
// how long; these are this package's own.
func backoff(failed int) time.Duration {
	const first, longest, doublings = time.Second, time.Minute, 6
	return min(first<<min(max(failed-1, 0), doublings), longest)
}
