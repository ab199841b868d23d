package lambda

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// StreamFilter says which records a function wants: those that match all that is set (developer guide, "Control which
// events Lambda sends to your function"). A record that nobody wants counts as processed. It is a part of
// FilterCriteria's language: {"eventName": ["INSERT"], "dynamodb": {"Keys": {"PK": {"S": [{"prefix": "EVENT#"}]}}}}.
type StreamFilter struct {
	EventNames  []string // INSERT, MODIFY, REMOVE; empty: all
	KeyPrefixes []string // the beginning of dynamodb.Keys.PK.S, one of these; empty: any
}

func (f StreamFilter) wants(r *events.DynamoDBEventRecord) bool {
	if len(f.EventNames) > 0 && !slices.Contains(f.EventNames, r.EventName) {
		return false
	}
	if len(f.KeyPrefixes) == 0 {
		return true
	}
	key, ok := r.Change.Keys["PK"]
	return ok && key.DataType() == events.DataTypeString &&
		slices.ContainsFunc(f.KeyPrefixes, func(prefix string) bool { return strings.HasPrefix(key.String(), prefix) })
}

// StreamPoller is an event source mapping: it hands the records of a DynamoDB stream to a function, those of one
// partition key in their order, and goes on when the function was done with them. A record may come more than once.
//
// Simplified: without Positions a second Run begins at StartingPosition again; the pauses between attempts are this
// package's own (a second, doubled up to a minute); records are filtered before they are put in batches; a batch that
// keeps failing holds up its shard's other batches too, once a page of records waits behind it; there are no tumbling
// windows and no filters but [StreamFilter].
type StreamPoller struct {
	Client   StreamClient
	ARN      string // the stream's: the event's eventSourceARN
	Function Function
	// FunctionARN stands in what OnFailure gets.
	FunctionARN string
	// StartingPosition is [TrimHorizon] or [Latest], for the shards that are there when Run begins and have no position in
	// Positions; others are read from their first record.
	StartingPosition string
	// Positions keep how far it got, under the mapping's name; nil: they end with Run. Records after the position come
	// again.
	Positions *Positions
	Name      string // of the mapping
	// BatchSize is the most records in a batch: 1 to 10,000, 100 when 0. A batch is also full at 6 MB.
	BatchSize int
	// MaximumBatchingWindow is how long after its first record a batch may wait for more: whole seconds, 0 to 300.
	MaximumBatchingWindow time.Duration
	ParallelizationFactor int // batches of a shard at once, 1 to 10, 1 when 0; a partition key's records are never in two
	// MaximumRetryAttempts is how often after the first time a batch that the function fails is tried again, 0 to 10,000;
	// nil: until its records expire. Calls that were throttled and bisections do not count.
	MaximumRetryAttempts *int
	// MaximumRecordAge is for how long a record is tried: a minute to seven days; 0: until it expires, after 24 hours.
	MaximumRecordAge time.Duration
	// BisectBatchOnFunctionError splits a batch that failed in two; the second part waits for the first.
	BisectBatchOnFunctionError bool
	// ReportBatchItemFailures says that the function's answer names the sequence numbers that it failed. What comes before
	// the lowest of them is done with, the rest of the batch is tried again.
	ReportBatchItemFailures bool
	Filter                  StreamFilter
	// OnFailure gets the invocation record of records that are given up, as an on-failure destination would (developer
	// guide, "Retain discarded records"). An error means that it is lost, which is logged. Nil: there is no
	// destination.
	OnFailure func(ctx context.Context, record []byte) error
	// FailurePayload puts the event itself into that record, as for a destination in S3, and only there.
	FailurePayload bool
	Now            func() time.Time // tells the records' age; nil: the system's
	Log            *slog.Logger     // nil: nothing is logged

	mu   sync.Mutex
	ages map[*lane]time.Time // when the last record of each batch under way was made
}

const (
	streamBatch   = 100 // developer guide, "Lambda parameters for Amazon DynamoDB event source mappings"
	streamPage    = 1_000
	pollInterval  = 250 * time.Millisecond // "at a base rate of four times per second"
	describeEvery = 10 * time.Second       // to see new shards
	streamRetry   = 1 * time.Second        // after a request to the stream that failed
	streamLife    = 24 * time.Hour
	maxFactor     = 10
	maxRetries    = 10_000
	minRecordAge  = time.Minute
	maxRecordAge  = 7 * 24 * time.Hour
	retriesUsedUp = "RetryAttemptsExhausted"
	recordTooOld  = "RecordAgeExceeded"
)

// IteratorAge is how far the function is behind: the largest age of the last record of a batch that is under way, 0
// when none is. Lambda's metric of that name is measured only when a batch is handed over; this one grows while it
// fails.
func (p *StreamPoller) IteratorAge() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var age time.Duration
	for _, made := range p.ages {
		age = max(age, p.now().Sub(made))
	}
	return age
}

func (p *StreamPoller) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

// Run polls until ctx ends, waits for the calls in flight and returns nil; so it does when the stream is disabled and
// read to its end. It returns an error at once when the poller's fields make no sense. A request that fails is logged
// and made again.
func (p *StreamPoller) Run(ctx context.Context) error {
	parts := strings.SplitN(p.ARN, ":", arnParts)
	switch {
	case p.Client == nil || p.Function == nil:
		return fmt.Errorf("poll stream %s: it needs a client and a function", p.ARN)
	case len(parts) != arnParts || parts[arnService] != "dynamodb" || !strings.Contains(parts[arnParts-1], "/stream/"):
		return fmt.Errorf("poll stream: %q is no ARN of a stream", p.ARN)
	case p.StartingPosition != TrimHorizon && p.StartingPosition != Latest:
		return fmt.Errorf("poll stream %s: a starting position is %s or %s, not %q", p.ARN, TrimHorizon, Latest,
			p.StartingPosition)
	case p.BatchSize < 0 || p.BatchSize > maxBatch || p.ParallelizationFactor < 0 || p.ParallelizationFactor > maxFactor:
		return fmt.Errorf("poll stream %s: a batch size of %d (1 to %d) or a parallelization factor of %d (1 to %d) is not "+
			"possible",
			p.ARN, p.BatchSize, maxBatch, p.ParallelizationFactor, maxFactor)
	case p.MaximumBatchingWindow < 0 || p.MaximumBatchingWindow > maxWindow || p.MaximumBatchingWindow%time.Second != 0:
		return fmt.Errorf("poll stream %s: a batching window of %s is not whole seconds up to %s", p.ARN,
			p.MaximumBatchingWindow, maxWindow)
	case p.MaximumRetryAttempts != nil && (*p.MaximumRetryAttempts < 0 || *p.MaximumRetryAttempts > maxRetries):
		return fmt.Errorf("poll stream %s: %d retries are not 0 to %d", p.ARN, *p.MaximumRetryAttempts, maxRetries)
	case p.MaximumRecordAge != 0 && (p.MaximumRecordAge < minRecordAge || p.MaximumRecordAge > maxRecordAge):
		return fmt.Errorf("poll stream %s: a record age of %s is not %s to %s", p.ARN, p.MaximumRecordAge, minRecordAge,
			maxRecordAge)
	}
	log := p.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	polls := &streamPolls{StreamPoller: p, log: log.With("stream", p.ARN), ended: make(chan struct{}, 1),
		shards: map[string]*bool{}}
	polls.run(ctx)
	polls.wait.Wait()
	return nil
}

// streamPolls is a running StreamPoller.
type streamPolls struct {
	*StreamPoller

	log   *slog.Logger
	wait  sync.WaitGroup
	ended chan struct{} // holds one when a shard has come to its end

	shardsMu sync.Mutex
	shards   map[string]*bool // the shards that were begun: whether they are done with
}

// run begins with each shard when those before it are done with.
func (p *streamPolls) run(ctx context.Context) {
	position := p.StartingPosition
	for ctx.Err() == nil {
		stream, err := p.describe(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			p.log.Error("the stream could not be described", "error", err)
			pause(ctx, streamRetry)
			continue
		case err != nil:
			return
		case p.begin(ctx, stream, position) && !stream.Enabled:
			p.log.Info("the stream is disabled and was read to its end")
			return
		}
		position = TrimHorizon
		timer := time.NewTimer(describeEvery)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-p.ended:
		}
		timer.Stop()
	}
}

// describe reads all pages.
func (p *streamPolls) describe(ctx context.Context) (Stream, error) {
	var all Stream
	for {
		page, err := p.Client.DescribeStream(ctx, p.ARN, all.After)
		if err != nil {
			return all, err
		}
		page.Shards = append(all.Shards, page.Shards...)
		if all = page; all.After == "" {
			return all, nil
		}
	}
}

// begin starts the shards whose parents are done, and reports whether all shards are done. A child that is there from
// the outset waits for its parent too, and is then read from its first record.
func (p *streamPolls) begin(ctx context.Context, stream Stream, position string) (done bool) {
	p.shardsMu.Lock()
	defer p.shardsMu.Unlock()
	done = true
	there := map[string]bool{}
	for _, s := range stream.Shards {
		there[s.ID] = true
	}
	for _, s := range stream.Shards {
		if over := p.shards[s.ID]; over != nil {
			done = done && *over
			continue
		}
		done = false
		if parent := p.shards[s.Parent]; there[s.Parent] && (parent == nil || !*parent) {
			continue
		}
		over := new(bool)
		p.shards[s.ID] = over
		p.wait.Go(func() {
			r := &reader{streamPolls: p, shard: s.ID, key: stream.PartitionKey, position: position,
				log: p.log.With("shard", s.ID)}
			if !r.run(ctx) {
				return
			}
			p.shardsMu.Lock()
			*over = true
			p.shardsMu.Unlock()
			select {
			case p.ended <- struct{}{}:
			default: // it is told already
			}
		})
	}
	return done
}

// reader reads a shard and hands its records to lanes.
type reader struct {
	*streamPolls

	log      *slog.Logger
	shard    string
	key      string // the name of the partition key
	position string
	last     string // the newest sequence number read, or where Positions say that reading goes on
	kept     bool   // last is of Positions, and nothing has been read yet
	progress progress
}

// run returns true when the shard came to its end and its records were dealt with.
func (r *reader) run(ctx context.Context) bool {
	r.last = r.Positions.Reached(r.Name, r.shard)
	r.kept = r.last != ""
	lanes := make([]*lane, max(r.ParallelizationFactor, 1))
	var working sync.WaitGroup
	for i := range lanes {
		lanes[i] = &lane{reader: r, in: make(chan []record, 1)}
		working.Go(func() { lanes[i].run(ctx) })
	}
	ended := r.read(ctx, lanes)
	for _, l := range lanes {
		close(l.in)
	}
	working.Wait()
	return ended && ctx.Err() == nil
}

// read hands out pages until ctx or the shard ends. A lane that is busy lets at most a page wait, so that memory stays
// bounded; the iterator may expire meanwhile.
func (r *reader) read(ctx context.Context, lanes []*lane) (ended bool) {
	iterator := ""
	for ctx.Err() == nil {
		var err error
		if iterator == "" {
			iterator, err = r.iterator(ctx)
		}
		var page []events.DynamoDBEventRecord
		var next string
		if err == nil {
			page, next, err = r.Client.Records(ctx, iterator, streamPage)
		}
		switch {
		case err != nil && ctx.Err() != nil:
			return false
		case hasCode(err, codeExpired):
			r.log.Warn("the iterator has expired; reading goes on after the last record", "last", r.last)
			iterator = ""
			continue
		case hasCode(err, codeTrimmed), r.kept && hasCode(err, codeInvalid): // or the position is of another stream
			r.log.Error("records were trimmed before they were read; reading goes on with the oldest that is left", "last",
				r.last)
			iterator, r.position, r.last, r.kept = "", TrimHorizon, "", false
			continue
		case err != nil:
			r.log.Error("records could not be read", "error", err)
			pause(ctx, streamRetry)
			continue
		}
		r.kept = false
		if !r.share(ctx, lanes, page) {
			return false
		}
		if iterator = next; next == "" {
			return true
		}
		if len(page) == 0 {
			pause(ctx, pollInterval)
		}
	}
	return false
}

func (r *reader) iterator(ctx context.Context) (string, error) {
	if r.last != "" {
		return r.Client.ShardIterator(ctx, r.ARN, r.shard, afterSequenceNumber, r.last)
	}
	return r.Client.ShardIterator(ctx, r.ARN, r.shard, r.position, "")
}

// share parts a page among the lanes by partition key. It returns false when ctx ends first.
func (r *reader) share(ctx context.Context, lanes []*lane, page []events.DynamoDBEventRecord) bool {
	parts := make([][]record, len(lanes))
	for i := range page {
		one := &page[i]
		r.last = one.Change.SequenceNumber
		wanted := r.Filter.wants(one)
		if r.progress.handOut(r.last, wanted); !wanted {
			continue
		}
		one.EventSourceArn = r.ARN
		// all of it where the stream does not tell its key schema: one item's records stay in order
		var of any = one.Change.Keys
		if partition, ok := one.Change.Keys[r.key]; ok {
			of = partition
		}
		key, err := json.Marshal(of)
		if err != nil {
			key = nil // a record without the key: any lane will do, if always the same
		}
		text, err := json.Marshal(one)
		if err != nil {
			r.log.Error("a record could not be written and is left out", "sequenceNumber", r.last, "error", err)
			r.finish([]record{{sequence: r.last}})
			continue
		}
		hash := fnv.New32a()
		hash.Write(key)
		n := int(hash.Sum32() % uint32(len(lanes))) // at most ten
		parts[n] = append(parts[n], record{text: text, sequence: r.last, made: one.Change.ApproximateCreationDateTime.Time})
	}
	r.finish(nil) // of those that nobody wants
	for i, part := range parts {
		if len(part) == 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return false
		case lanes[i].in <- part:
		}
	}
	return true
}

// finish notes that records are done with.
func (r *reader) finish(records []record) {
	if err := r.progress.finish(records, func(sequence string) error {
		return r.Positions.reach(r.Name, r.shard,
			sequence)
	}); err != nil {
		r.log.Error("the position could not be kept, and records will come again", "error", err)
	}
}

// record is one of a batch, as it stands in the event.
type record struct {
	text     []byte
	sequence string
	made     time.Time
}

func sizeOf(r record) int { return len(r.text) }

// lane works on the records of some partition keys of a shard, batch by batch.
type lane struct {
	*reader

	in      chan []record // closed when nothing follows
	pending []record
	closed  bool
}

func (l *lane) run(ctx context.Context) {
	for l.gather(ctx) {
		n := fitting(l.pending, cmp.Or(l.BatchSize, streamBatch), sizeOf)
		l.work(ctx, l.pending[:n])
		l.pending = slices.Clone(l.pending[n:]) // and what was done with is free
	}
}

// gather waits until a batch is there: some records, and either enough of them or no time left. It returns false when
// ctx ends, or when no more will come and none is left.
func (l *lane) gather(ctx context.Context) bool {
	for len(l.pending) == 0 {
		if l.closed || !l.take(ctx, nil) {
			return false
		}
	}
	if l.MaximumBatchingWindow == 0 {
		return ctx.Err() == nil
	}
	window := time.NewTimer(l.MaximumBatchingWindow)
	defer window.Stop()
	for !l.closed && !l.full() {
		if !l.take(ctx, window.C) {
			break
		}
	}
	return ctx.Err() == nil
}

// full reports whether the next batch is full.
func (l *lane) full() bool {
	size := cmp.Or(l.BatchSize, streamBatch)
	return len(l.pending) >= size || fitting(l.pending, size, sizeOf) < len(l.pending)
}

// take waits for a part of a page; false: until ctx ended or it is too late.
func (l *lane) take(ctx context.Context, late <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-late:
		return false
	case part, ok := <-l.in:
		l.pending, l.closed = append(l.pending, part...), !ok
		return true
	}
}
