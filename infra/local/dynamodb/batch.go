package dynamodb

import (
	"encoding/json"
	"maps"
	"slices"

	"example.com/registrar/infra/local/dynamodb/attr"
	"example.com/registrar/infra/local/dynamodb/expression"
)

// Limits of the batch operations (API reference, BatchGetItem and BatchWriteItem).
const (
	maxBatchGet      = 100
	maxBatchGetBytes = 16 << 20
	maxBatchWrite    = 25
)

type keysAndAttributes struct {
	Keys                     []attr.Item
	ConsistentRead           bool              `json:",omitempty"`
	ProjectionExpression     *string           `json:",omitempty"`
	ExpressionAttributeNames map[string]string `json:",omitempty"`
	AttributesToGet          json.RawMessage   `json:",omitempty"`
}

type batchGetInput struct {
	RequestItems           map[string]keysAndAttributes
	ReturnConsumedCapacity string
}

func (e *Engine) batchGetItem(in *batchGetInput) (any, error) {
	if err := checkCapacityMode(in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	count := 0
	projections := map[string]*expression.Projection{}
	for name, k := range in.RequestItems {
		if err := (legacy{AttributesToGet: k.AttributesToGet}).refuse(
			map[string]*string{"ProjectionExpression": k.ProjectionExpression}); err != nil {
			return nil, err
		}
		if len(k.Keys) == 0 {
			return nil, invalid("1 validation error detected: Value at 'requestItems.%s.member.keys' failed to satisfy "+
				"constraint: Member must have length greater than or equal to 1", name)
		}
		count += len(k.Keys)
		p, err := get{ProjectionExpression: k.ProjectionExpression,
			ExpressionAttributeNames: k.ExpressionAttributeNames}.compile()
		if err != nil {
			return nil, err
		}
		projections[name] = p
	}
	switch {
	case count == 0:
		return nil, invalid("1 validation error detected: Value at 'requestItems' failed to satisfy constraint: Member " +
			"must have length greater than or equal to 1")
	case count > maxBatchGet:
		return nil, invalid("Too many items requested for the BatchGetItem call")
	}
	b := &batchRead{
		engine: e, requests: in.RequestItems, projections: projections, responses: map[string][]attr.Attributes{},
		unprocessed: map[string]keysAndAttributes{}, cost: &meter{read: true},
	}
	err := e.readBatch(b)
	capacities := b.cost.list()
	e.observe("BatchGetItem", b.cost, capacities)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"Responses": b.responses, "UnprocessedKeys": b.unprocessed}
	if reports := report(in.ReturnConsumedCapacity, capacities, false); reports != nil {
		out["ConsumedCapacity"] = reports
	}
	return out, nil
}

// batchRead is one BatchGetItem.
type batchRead struct {
	engine      *Engine
	requests    map[string]keysAndAttributes
	projections map[string]*expression.Projection
	cost        *meter

	parts       []batchPart
	responses   map[string][]attr.Attributes
	unprocessed map[string]keysAndAttributes
	bytes       int
	full        bool // what is left is more than an answer takes
	read        int
	throttled   error // the last part's that was
}

// batchPart is one key of a batch, of a table by the name in the request.
type batchPart struct {
	name string
	key  attr.Item
}

// readBatch checks all keys before it reads the first item: all at one moment, or with contention each at one of its
// own.
func (e *Engine) readBatch(b *batchRead) error {
	e.mu.RLock()
	err := b.open()
	if err == nil && e.contention == nil {
		for i := range b.parts {
			if err = b.part(i, false); err != nil {
				break
			}
		}
	}
	e.mu.RUnlock()
	if err != nil || e.contention == nil {
		return err
	}
	err = e.contention.spread(e.contention.settings.Read, len(b.parts), func(i int) error {
		name := b.parts[i].name
		stale := e.stale(name, b.requests[name].ConsistentRead)
		e.mu.RLock()
		defer e.mu.RUnlock()
		return b.part(i, stale)
	})
	if err == nil && b.read == 0 {
		err = b.throttled
	}
	return err
}

// open finds the tables and checks the keys. The engine's lock must be held.
func (b *batchRead) open() error {
	for _, name := range slices.Sorted(maps.Keys(b.requests)) {
		t, err := b.engine.find(name)
		if err != nil {
			return err
		}
		seen := map[string]bool{}
		for _, key := range b.requests[name].Keys {
			encoded, err := t.keys.encodeKey(key)
			if err != nil {
				return err
			}
			if seen[encoded] {
				return invalid("Provided list of item keys contains duplicates")
			}
			seen[encoded] = true
			b.parts = append(b.parts, batchPart{name, key})
		}
		b.responses[name] = []attr.Attributes{}
	}
	return nil
}

// part reads one item, or leaves its key unprocessed. The engine's lock must be held.
func (b *batchRead) part(i int, stale bool) error {
	name, key := b.parts[i].name, b.parts[i].key
	t, r, err := b.engine.look(name, key, stale)
	if err != nil {
		return err
	}
	if b.full = b.full || b.bytes+r.bytes() > maxBatchGetBytes; b.full {
		b.leave(name, key)
		return nil
	}
	switch refused := b.engine.charge(t, key, r, b.requests[name].ConsistentRead, b.cost); {
	case refused != nil:
		b.throttled = refused
		b.leave(name, key)
	case r != nil:
		b.responses[name] = append(b.responses[name], projected(r, b.projections[name]))
		fallthrough
	default:
		b.read++
		b.bytes += r.bytes()
	}
	return nil
}

func (b *batchRead) leave(name string, key attr.Item) {
	rest, ok := b.unprocessed[name]
	if !ok {
		rest = b.requests[name]
		rest.Keys = nil
	}
	rest.Keys = append(rest.Keys, key)
	b.unprocessed[name] = rest
}

// batchRequest is one part of a BatchWriteItem, as it came.
type batchRequest struct {
	PutRequest    *batchPut    `json:",omitempty"`
	DeleteRequest *batchDelete `json:",omitempty"`
}

type (
	batchPut    struct{ Item attr.Item }
	batchDelete struct{ Key attr.Item }
)

func (r batchRequest) compile(table string) (*write, error) {
	switch {
	case r.PutRequest != nil && r.DeleteRequest == nil:
		return change{TableName: table, Item: r.PutRequest.Item}.compile(writePut)
	case r.DeleteRequest != nil && r.PutRequest == nil:
		return change{TableName: table, Key: r.DeleteRequest.Key}.compile(writeDelete)
	default:
		return nil, invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of " +
			"PutRequest or DeleteRequest")
	}
}

type batchWriteInput struct {
	RequestItems                map[string][]batchRequest
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
}

func (e *Engine) batchWriteItem(in *batchWriteInput) (any, error) {
	if err := checkCapacityMode(in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	if err := checkMetricsMode(in.ReturnItemCollectionMetrics); err != nil {
		return nil, err
	}
	b := &batchWrite{engine: e, unprocessed: map[string][]batchRequest{}, cost: &meter{}}
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		for _, r := range in.RequestItems[name] {
			w, err := r.compile(name)
			if err != nil {
				return nil, err
			}
			b.writes, b.requests = append(b.writes, w), append(b.requests, r)
		}
	}
	switch {
	case len(b.writes) == 0:
		return nil, invalid("1 validation error detected: Value at 'requestItems' failed to satisfy constraint: Member " +
			"must have length greater than or equal to 1")
	case len(b.writes) > maxBatchWrite:
		return nil, invalid("Too many items requested for the BatchWriteItem call")
	}
	err := e.writeBatch(b)
	capacities := b.cost.list()
	e.observe("BatchWriteItem", b.cost, capacities)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"UnprocessedItems": b.unprocessed}
	if metrics := b.cost.metrics(in.ReturnItemCollectionMetrics); metrics != nil {
		out["ItemCollectionMetrics"] = metrics
	}
	if reports := report(in.ReturnConsumedCapacity, capacities, false); reports != nil {
		out["ConsumedCapacity"] = reports
	}
	return out, nil
}

// batchWrite is one BatchWriteItem.
type batchWrite struct {
	engine   *Engine
	writes   []*write
	requests []batchRequest // of the writes
	cost     *meter

	plans       []planned
	keys        []string // encoded, of the plans
	unprocessed map[string][]batchRequest
	throttled   int
	refused     error // for want of throughput: the last part's that was
}

// writeBatch checks every write before it makes the first one: all at one moment, or with contention each at one of its
// own. What is throttled then, or meets a transaction, stays unprocessed; that conflicts are told so is plausible, not
// documented.
func (e *Engine) writeBatch(b *batchWrite) error {
	e.mu.Lock()
	err := b.check()
	if err == nil && e.contention == nil {
		for i, w := range b.writes {
			if err = w.finish(e, b.plans[i], b.keys[i], nil, b.cost); err != nil {
				break
			}
		}
	}
	e.mu.Unlock()
	if err != nil || e.contention == nil {
		return err
	}
	err = e.contention.spread(e.contention.settings.Write, len(b.writes), func(i int) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		return b.part(i)
	})
	if err == nil && b.throttled == len(b.writes) {
		err = b.refused
	}
	return err
}

// check tells what is wrong with the batch. The engine's lock must be held.
func (b *batchWrite) check() error {
	seen := map[target]bool{}
	for _, w := range b.writes {
		t, key, err := w.locate(b.engine)
		if err != nil {
			return err
		}
		if seen[target{t.name, key}] {
			return invalid("Provided list of item keys contains duplicates")
		}
		seen[target{t.name, key}] = true
		p, err := w.plan(t, key)
		if err != nil {
			return err
		}
		b.plans, b.keys = append(b.plans, p), append(b.keys, key)
	}
	return nil
}

// part makes one write, or leaves it unprocessed. The engine's lock must be held.
func (b *batchWrite) part(i int) error {
	_, err := b.writes[i].run(b.engine, b.cost)
	switch {
	case throttled(err):
		b.throttled++
		b.refused = err
	case !hasCode(err, "TransactionConflictException"):
		return err
	}
	name := b.writes[i].table
	b.unprocessed[name] = append(b.unprocessed[name], b.requests[i])
	return nil
}
