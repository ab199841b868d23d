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

func (e *Engine) batchGetItem(in *struct {
	RequestItems           map[string]keysAndAttributes
	ReturnConsumedCapacity string
}) (any, error) {
	if err := checkCapacityMode(in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	count := 0
	projections := map[string]*expression.Projection{}
	for name, k := range in.RequestItems {
		if err := (legacy{AttributesToGet: k.AttributesToGet}).refuse(map[string]*string{"ProjectionExpression": k.ProjectionExpression}); err != nil {
			return nil, err
		}
		if len(k.Keys) == 0 {
			return nil, invalid("1 validation error detected: Value at 'requestItems.%s.member.keys' failed to satisfy constraint: Member must have length greater than or equal to 1", name)
		}
		count += len(k.Keys)
		p, err := get{ProjectionExpression: k.ProjectionExpression, ExpressionAttributeNames: k.ExpressionAttributeNames}.compile()
		if err != nil {
			return nil, err
		}
		projections[name] = p
	}
	switch {
	case count == 0:
		return nil, invalid("1 validation error detected: Value at 'requestItems' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case count > maxBatchGet:
		return nil, invalid("Too many items requested for the BatchGetItem call")
	}
	cost := &meter{read: true}
	responses := map[string][]attr.Item{}
	unprocessed := map[string]keysAndAttributes{}
	if err := e.readBatch(in.RequestItems, projections, responses, unprocessed, cost); err != nil {
		return nil, err
	}
	capacities := cost.list()
	e.observe("BatchGetItem", capacities)
	out := map[string]any{"Responses": responses, "UnprocessedKeys": unprocessed}
	if reports := report(in.ReturnConsumedCapacity, capacities, false); reports != nil {
		out["ConsumedCapacity"] = reports
	}
	return out, nil
}

func (e *Engine) readBatch(requests map[string]keysAndAttributes, projections map[string]*expression.Projection,
	responses map[string][]attr.Item, unprocessed map[string]keysAndAttributes, cost *meter,
) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	total := 0
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		k := requests[name]
		t, err := e.find(name)
		if err != nil {
			return err
		}
		seen := map[string]bool{}
		items := []attr.Item{}
		for i, key := range k.Keys {
			encoded, err := t.keys.encodeKey(key)
			if err != nil {
				return err
			}
			if seen[encoded] {
				return invalid("Provided list of item keys contains duplicates")
			}
			seen[encoded] = true
			r := t.get(encoded)
			if total += r.bytes(); total > maxBatchGetBytes {
				rest := k
				rest.Keys = k.Keys[i:]
				unprocessed[name] = rest
				break
			}
			cost.table(t.name, readUnits(r.bytes(), k.ConsistentRead))
			if r != nil {
				items = append(items, projected(r, projections[name]))
			}
		}
		responses[name] = items
	}
	return nil
}

func (e *Engine) batchWriteItem(in *struct {
	RequestItems map[string][]struct {
		PutRequest    *struct{ Item attr.Item }
		DeleteRequest *struct{ Key attr.Item }
	}
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
}) (any, error) {
	if err := checkCapacityMode(in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	if err := checkMetricsMode(in.ReturnItemCollectionMetrics); err != nil {
		return nil, err
	}
	var writes []*write
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		for _, r := range in.RequestItems[name] {
			var w *write
			var err error
			switch {
			case r.PutRequest != nil && r.DeleteRequest == nil:
				w, err = change{TableName: name, Item: r.PutRequest.Item}.compile(writePut)
			case r.DeleteRequest != nil && r.PutRequest == nil:
				w, err = change{TableName: name, Key: r.DeleteRequest.Key}.compile(writeDelete)
			default:
				err = invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of PutRequest or DeleteRequest")
			}
			if err != nil {
				return nil, err
			}
			writes = append(writes, w)
		}
	}
	switch {
	case len(writes) == 0:
		return nil, invalid("1 validation error detected: Value at 'requestItems' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case len(writes) > maxBatchWrite:
		return nil, invalid("Too many items requested for the BatchWriteItem call")
	}
	cost := &meter{}
	if err := e.writeBatch(writes, cost); err != nil {
		return nil, err
	}
	capacities := cost.list()
	e.observe("BatchWriteItem", capacities)
	out := map[string]any{"UnprocessedItems": map[string]any{}}
	if metrics := cost.metrics(in.ReturnItemCollectionMetrics); metrics != nil {
		out["ItemCollectionMetrics"] = metrics
	}
	if reports := report(in.ReturnConsumedCapacity, capacities, false); reports != nil {
		out["ConsumedCapacity"] = reports
	}
	return out, nil
}

// writeBatch checks every write before it makes the first one.
func (e *Engine) writeBatch(writes []*write, cost *meter) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	type target struct{ table, key string }
	seen := map[target]bool{}
	plans := make([]planned, len(writes))
	for i, w := range writes {
		t, key, err := w.locate(e)
		if err != nil {
			return err
		}
		if seen[target{t.name, key}] {
			return invalid("Provided list of item keys contains duplicates")
		}
		seen[target{t.name, key}] = true
		if plans[i], err = w.plan(t, key); err != nil {
			return err
		}
	}
	for _, p := range plans {
		cost.table(p.table.name, writeUnits(p.size()))
		e.commit(p, false, cost)
	}
	return nil
}
