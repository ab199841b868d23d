package dynamodb

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/infra/local/dynamodb/attr"
)

// Limits of streams (developer guide, "Change data capture for DynamoDB Streams"; API reference, GetRecords).
const (
	retention        = 24 * time.Hour
	iteratorLifetime = 15 * time.Minute
	maxShards        = 4
	maxStreamPage    = 1000
	maxStreamBytes   = 1 << 20
)

// stream is the log of a table's changes since it was enabled. It is guarded by the engine's lock.
type stream struct {
	arn, label, table, view string
	keys                    keySchema
	created                 time.Time
	closed                  time.Time // zero while it is enabled
	shards                  []*shard
}

func (s *stream) open() bool { return s != nil && s.closed.IsZero() }

// shard holds the records of some partitions, oldest first.
type shard struct {
	id          string
	first, last uint64 // its range of sequence numbers; last is zero while the stream is enabled
	trimmed     uint64 // the newest number that is gone
	records     queue[streamRecord]
	bytes       int64 // of the records, as the engine holds them at most
}

// streamRecord is one change. It is never changed, and holds no more of the item than its stream's view shows.
type streamRecord struct {
	number        uint64
	at            int64       // nanoseconds of the Unix epoch
	keys          attr.Packed // where the images do not have them
	before, after attr.Packed // empty: none
	size          int32       // of keys and images, by AWS's rules
	event         eventKind
	system        bool // whether the item's time to live did it
}

type eventKind uint8

const (
	inserted eventKind = iota
	modified
	removed
)

func (k eventKind) String() string { return [...]string{"INSERT", "MODIFY", "REMOVE"}[k] }

// held is how many bytes a record takes, unless its table or other records hold the same images.
func (r *streamRecord) held() int64 {
	const itself = 80
	return itself + int64(len(r.keys)+len(r.before)+len(r.after))
}

// sequenceNumber writes a number in the 21 digits that the service uses at least.
func sequenceNumber(n uint64) string { return fmt.Sprintf("1%020d", n) }

func parseSequenceNumber(text string) (uint64, bool) {
	if len(text) != len(sequenceNumber(0)) || text[0] != '1' {
		return 0, false
	}
	n, err := strconv.ParseUint(text[1:], 10, 64)
	return n, err == nil
}

// check reports whether the table's stream can be changed so.
func (s *streamSpecification) check(t *table) error {
	switch {
	case s == nil:
		return nil
	case s.StreamEnabled && !slices.Contains([]string{"KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"},
		s.StreamViewType):
		return invalid("One or more parameter values were invalid: Invalid StreamViewType: %s", s.StreamViewType)
	case s.StreamEnabled && t.stream.open():
		return invalid("Table already has an enabled stream: TableName: %s", t.name)
	}
	return nil
}

// setStream enables or disables a table's stream. The engine's lock must be held for writing.
func (e *Engine) setStream(t *table, s *streamSpecification) {
	if s == nil {
		return
	}
	now := e.options.Now()
	e.sweep(now)
	if !s.StreamEnabled {
		e.closeStream(t, now)
		return
	}
	made := &stream{table: t.name, view: s.StreamViewType, keys: t.keys, created: now}
	// no two bear one label
	for at := now.UTC(); made.arn == "" || e.streams[made.arn] != nil; at = at.Add(time.Millisecond) {
		made.label = at.Format("2006-01-02T15:04:05.000")
		made.arn = e.arn(t) + "/stream/" + made.label
	}
	e.sequence++
	for i := range e.options.Shards {
		made.shards = append(made.shards, &shard{id: fmt.Sprintf("shardId-%020d-%08x", now.UnixMilli(), i),
			first: e.sequence})
	}
	t.stream, e.streams[made.arn] = made, made
}

// closeStream ends the shards of a table's stream, which stays readable until its records are gone.
func (e *Engine) closeStream(t *table, now time.Time) {
	if !t.stream.open() {
		return
	}
	e.sequence++
	t.stream.closed = now
	for _, h := range t.stream.shards {
		h.last = e.sequence
	}
}

// sweep forgets the records that are too old, and the streams that were closed as long ago.
func (e *Engine) sweep(now time.Time) {
	for _, s := range e.streams {
		e.trim(s, now)
	}
}

// trim forgets the records of a stream that are too old, and the stream if it was closed as long ago.
func (e *Engine) trim(s *stream, now time.Time) {
	s.trim(now, e.options.StreamBytes)
	if !s.open() && now.Sub(s.closed) > retention {
		delete(e.streams, s.arn)
	}
}

// trim forgets the records that are too old, or too many.
func (s *stream) trim(now time.Time, most int64) {
	oldest := now.Add(-retention).UnixNano()
	for _, h := range s.shards {
		for h.records.n > 0 && (h.records.at(0).at < oldest || h.bytes > most/int64(len(s.shards)) && h.records.n > 1) {
			r := h.records.pop()
			h.trimmed = r.number
			h.bytes -= r.held()
		}
	}
}

// append records a change; one that changes nothing leaves no record.
func (s *stream) append(before, after *record, number uint64, now time.Time, system bool) {
	if before == after || before != nil && after != nil && before.item == after.item {
		return
	}
	r := streamRecord{number: number, at: now.UnixNano(), event: modified, system: system}
	item := cmp.Or(after, before).item
	switch {
	case before == nil:
		r.event = inserted
	case after == nil:
		r.event = removed
	}
	keys := item.Only(func(name string) bool { return name == s.keys.partition || name == s.keys.sort })
	size := keys.Size()
	if before != nil && (s.view == "OLD_IMAGE" || s.view == "NEW_AND_OLD_IMAGES") {
		r.before = before.item
		size += before.size
	}
	if after != nil && (s.view == "NEW_IMAGE" || s.view == "NEW_AND_OLD_IMAGES") {
		r.after = after.item
		size += after.size
	}
	if r.before == "" && r.after == "" {
		r.keys = keys
	}
	r.size = int32(size) // two items of 400 KB at most
	h := s.shards[s.keys.spread(item, len(s.shards))]
	h.records.push(r)
	h.bytes += r.held()
}

// keysOf are the key attributes of the item that a record is of.
func (r *streamRecord) keysOf(k keySchema) attr.Item {
	keys := attr.Item{}
	for _, name := range k.names() {
		for _, from := range []attr.Packed{r.keys, r.after, r.before} {
			if v, ok := from.Get(name); ok {
				keys[name] = v
				break
			}
		}
	}
	return keys
}

// checkStreamARN refuses what is no ARN of a stream, whether or not there is one.
func checkStreamARN(arn string) error {
	a, ok := parseARN(arn)
	if label, of := strings.CutPrefix(a.rest, "/stream/"); !ok || !of || label == "" || strings.Contains(label, "/") {
		return invalid("Invalid StreamArn: Invalid ResourceArn provided as input %.1024s", arn)
	}
	return nil
}

// streamNamed finds a stream that can be read. The engine's lock must be held for writing: what is too old goes first.
func (e *Engine) streamNamed(arn string, now time.Time) (*stream, error) {
	if err := checkStreamARN(arn); err != nil {
		return nil, err
	}
	if s := e.streams[arn]; s != nil {
		e.trim(s, now)
	}
	if s := e.streams[arn]; s != nil {
		return s, nil
	}
	return nil, newFault("ResourceNotFoundException", "Requested resource not found: Stream: %s not found", arn)
}

func (s *stream) shard(id string) (*shard, error) {
	if i := slices.IndexFunc(s.shards, func(h *shard) bool { return h.id == id }); i >= 0 {
		return s.shards[i], nil
	}
	return nil, newFault("ResourceNotFoundException", "Requested resource not found: Shard: %s not found", id)
}

// bounded reads the limit of a page: most when none is given.
func bounded(limit *int, most int) (int, error) {
	if limit == nil {
		return most, nil
	}
	if *limit < 1 || *limit > most {
		return 0, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must "+
			"have value between 1 and %d", *limit, most)
	}
	return *limit, nil
}

func required(name, value string) error {
	if value == "" {
		return invalid(
			"1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", name)
	}
	return nil
}

// maxDescribed is how many tables, streams or shards a page lists (API reference, ListTables, ListStreams,
// DescribeStream).
const maxDescribed = 100

func (e *Engine) listStreams(in *struct {
	TableName               string
	ExclusiveStartStreamArn string
	Limit                   *int
}) (any, error) {
	limit, err := bounded(in.Limit, maxDescribed)
	if err != nil {
		return nil, err
	}
	if in.ExclusiveStartStreamArn != "" {
		if err := checkStreamARN(in.ExclusiveStartStreamArn); err != nil {
			return nil, err
		}
	}
	of := in.TableName
	if a, ok := parseARN(of); ok {
		of = a.table
	} else if of != "" {
		if err := checkName("tableName", of); err != nil {
			return nil, err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(e.options.Now())
	list, out := []map[string]any{}, map[string]any{}
	for _, arn := range slices.Sorted(maps.Keys(e.streams)) {
		s := e.streams[arn]
		if arn <= in.ExclusiveStartStreamArn || of != "" && s.table != of {
			continue
		}
		if len(list) == limit {
			out["LastEvaluatedStreamArn"] = list[limit-1]["StreamArn"]
			break
		}
		list = append(list, map[string]any{"StreamArn": arn, "StreamLabel": s.label, "TableName": s.table})
	}
	out["Streams"] = list
	return out, nil
}

type describeStreamInput struct {
	StreamArn             string
	ExclusiveStartShardId string
	Limit                 *int
	ShardFilter           *struct{ Type, ShardId string }
}

func (e *Engine) describeStream(in *describeStreamInput) (any, error) {
	limit, err := bounded(in.Limit, maxDescribed)
	if err != nil {
		return nil, err
	}
	if err := required("streamArn", in.StreamArn); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s, err := e.streamNamed(in.StreamArn, e.options.Now())
	if err != nil {
		return nil, err
	}
	d := map[string]any{
		"StreamArn": s.arn, "StreamLabel": s.label, "TableName": s.table, "StreamViewType": s.view,
		"StreamStatus": "DISABLED",
		"KeySchema":    s.keys.elements(), "CreationRequestDateTime": float64(s.created.UnixMilli()) / 1000,
	}
	if s.open() {
		d["StreamStatus"] = "ENABLED"
	}
	shards := []map[string]any{}
	for _, h := range s.shards {
		if h.id <= in.ExclusiveStartShardId || in.ShardFilter != nil { // a filter asks for a shard's children; none has any
			continue
		}
		if len(shards) == limit {
			d["LastEvaluatedShardId"] = shards[limit-1]["ShardId"]
			break
		}
		numbers := map[string]string{"StartingSequenceNumber": sequenceNumber(h.first)}
		if h.last != 0 {
			numbers["EndingSequenceNumber"] = sequenceNumber(h.last)
		}
		shards = append(shards, map[string]any{"ShardId": h.id, "SequenceNumberRange": numbers})
	}
	d["Shards"] = shards
	return map[string]any{"StreamDescription": d}, nil
}

// iterator is a place in a shard: the number from which reading goes on.
type iterator struct {
	Stream, Shard string
	Next          uint64
	Issued        time.Time
}

func (i iterator) text() (string, error) {
	text, err := json.Marshal(i)
	return base64.RawURLEncoding.EncodeToString(text), err
}

func parseIterator(text string) (iterator, error) {
	var i iterator
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &i) != nil {
		return i, invalid("Invalid ShardIterator")
	}
	return i, nil
}

func trimmed() error {
	return newFault("TrimmedDataAccessException", "The operation attempted to read past the oldest stream record in a "+
		"shard")
}

type shardIteratorInput struct{ StreamArn, ShardId, ShardIteratorType, SequenceNumber string }

func (e *Engine) getShardIterator(in *shardIteratorInput) (any, error) {
	for _, p := range [][2]string{{"streamArn", in.StreamArn}, {"shardId", in.ShardId},
		{"shardIteratorType", in.ShardIteratorType}} {
		if err := required(p[0], p[1]); err != nil {
			return nil, err
		}
	}
	i, err := e.place(in)
	if err != nil {
		return nil, err
	}
	text, err := i.text()
	return map[string]any{"ShardIterator": text}, err
}

// place finds where an iterator begins.
func (e *Engine) place(in *shardIteratorInput) (iterator, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := iterator{Stream: in.StreamArn, Shard: in.ShardId, Issued: e.options.Now()}
	s, err := e.streamNamed(in.StreamArn, i.Issued)
	if err != nil {
		return i, err
	}
	h, err := s.shard(in.ShardId)
	if err != nil {
		return i, err
	}
	switch in.ShardIteratorType {
	case "TRIM_HORIZON":
		i.Next = max(h.first, h.trimmed+1)
	case "LATEST":
		i.Next = e.sequence + 1
	case "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER":
		n, ok := parseSequenceNumber(in.SequenceNumber)
		switch {
		case !ok || n < h.first || n > e.sequence:
			return i, invalid("Invalid SequenceNumber: %s", in.SequenceNumber)
		case n <= h.trimmed:
			return i, trimmed()
		}
		if i.Next = n; in.ShardIteratorType == "AFTER_SEQUENCE_NUMBER" {
			i.Next++
		}
	default:
		return i, invalid("1 validation error detected: Value '%s' at 'shardIteratorType' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_SEQUENCE_NUMBER, TRIM_HORIZON]",
			in.ShardIteratorType)
	}
	return i, nil
}

type getRecordsInput struct {
	ShardIterator string
	Limit         *int
}

func (e *Engine) getRecords(in *getRecordsInput) (any, error) {
	limit, err := bounded(in.Limit, maxStreamPage)
	if err != nil {
		return nil, err
	}
	if err := required("shardIterator", in.ShardIterator); err != nil {
		return nil, err
	}
	i, err := parseIterator(in.ShardIterator)
	if err != nil {
		return nil, err
	}
	s, page, more, err := e.readShard(&i, limit)
	if err != nil {
		return nil, err
	}
	records := make([]map[string]any, len(page))
	for n := range page {
		records[n] = page[n].wire(s, e.options.Region)
	}
	out := map[string]any{"Records": records}
	if more {
		out["NextShardIterator"], err = i.text()
	}
	return out, err
}

// readShard takes a page of records and moves the iterator behind it. It reports whether the shard may hold more, ever.
func (e *Engine) readShard(i *iterator, limit int) (s *stream, page []streamRecord, more bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.options.Now()
	if now.Sub(i.Issued) > iteratorLifetime {
		return nil, nil, false, newFault("ExpiredIteratorException", "The shard iterator has expired and can no longer be "+
			"used to retrieve stream records")
	}
	if s, err = e.streamNamed(i.Stream, now); err != nil {
		return nil, nil, false, err
	}
	h, err := s.shard(i.Shard)
	if err != nil {
		return nil, nil, false, err
	}
	if i.Next <= h.trimmed {
		return nil, nil, false, trimmed()
	}
	from := sort.Search(h.records.n, func(n int) bool { return h.records.at(n).number >= i.Next })
	to, bytes := from, 0
	for to < h.records.n && to-from < limit && (to == from || bytes+int(h.records.at(to).size) <= maxStreamBytes) {
		r := h.records.at(to)
		bytes += int(r.size)
		i.Next = r.number + 1
		page = append(page, *r)
		to++
	}
	i.Issued = now
	return s, page, s.open() || to < h.records.n, nil
}

// wire is the record as GetRecords shows it.
func (r *streamRecord) wire(s *stream, region string) map[string]any {
	number := sequenceNumber(r.number)
	id := sha256.Sum256([]byte(s.arn + number))
	change := map[string]any{
		"ApproximateCreationDateTime": time.Unix(0, r.at).Unix(), "Keys": r.keysOf(s.keys), "SequenceNumber": number,
		"SizeBytes": int(r.size), "StreamViewType": s.view,
	}
	if r.before != "" {
		change["OldImage"] = r.before
	}
	if r.after != "" {
		change["NewImage"] = r.after
	}
	out := map[string]any{
		"eventID": hex.EncodeToString(id[:16]), "eventName": r.event.String(), "eventVersion": "1.1",
		"eventSource": "aws:dynamodb",
		"awsRegion":   region, "dynamodb": change,
	}
	if r.system { // an event of Lambda writes these two names in lower case, the API does not
		out["userIdentity"] = map[string]string{"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
	}
	return out
}
