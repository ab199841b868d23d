package dynamodb

import (
	"maps"
	"slices"

	"example.com/registrar/infra/local/dynamodb/attr"
)

// expiry is where an item stands in its table's order of expiry; empty when it does not expire.
func (t *table) expiry(r *record) string {
	if t.ttl == "" || r == nil {
		return ""
	}
	v, ok := r.item.Get(t.ttl)
	if !ok || v.Kind != attr.Number {
		return ""
	}
	return string(v.AppendKey(nil)) + r.key
}

// Expire deletes items whose time to live is over, at most limit of them, and returns how many: in the order of their
// expiry within a table, those whose attribute is a number of epoch seconds in the past and not more than five years
// back (developer guide, "Using time to live (TTL) in DynamoDB"). It is a system's deletion: it consumes no capacity,
// and its stream records say so. It also forgets stream records that are too old. Call it from time to time; the
// service takes up to days, and until then a read finds the item. The limit bounds how long other requests wait.
func (e *Engine) Expire(limit int) int {
	const years = 5
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.options.Now()
	e.sweep(now)
	low, high := string(attr.Int(now.AddDate(-years, 0, 0).Unix()).AppendKey(nil)),
		string(attr.Int(now.Unix()).AppendKey(nil))
	deleted := 0
	for _, name := range slices.Sorted(maps.Keys(e.tables)) {
		t := e.tables[name]
		var due []*record
		t.expiring.Ascend(low, func(key string, r *record) bool {
			if key >= high || deleted+len(due) >= limit {
				return false
			}
			if e.contention.conflict(target{t.name, r.key}) == nil { // else it waits for the transaction to end
				due = append(due, r)
			}
			return true
		})
		for _, r := range due {
			e.commit(planned{table: t, before: r}, true, &meter{})
		}
		deleted += len(due)
	}
	return deleted
}

func (e *Engine) describeTimeToLive(in *tableName) (any, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	t, err := e.find(in.TableName)
	if err != nil {
		return nil, err
	}
	if t.ttl == "" {
		return map[string]any{"TimeToLiveDescription": map[string]any{"TimeToLiveStatus": "DISABLED"}}, nil
	}
	return map[string]any{"TimeToLiveDescription": map[string]any{"TimeToLiveStatus": "ENABLED", "AttributeName": t.ttl}},
		nil
}

type timeToLive struct {
	AttributeName string
	Enabled       bool
}

func (e *Engine) updateTimeToLive(in *struct {
	TableName               string
	TimeToLiveSpecification timeToLive
}) (any, error) {
	s := in.TimeToLiveSpecification
	if err := checkAttributeName("timeToLiveSpecification.attributeName", s.AttributeName); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := e.find(in.TableName)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Enabled && t.ttl != "":
		return nil, invalid("TimeToLive is already enabled")
	case !s.Enabled && t.ttl == "":
		return nil, invalid("TimeToLive is already disabled")
	case !s.Enabled && t.ttl != s.AttributeName:
		return nil, invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", t.ttl)
	}
	t.ttl = ""
	t.expiring.Clear()
	if s.Enabled {
		t.ttl = s.AttributeName
		t.items.Scan(func(_ string, r *record) bool {
			if key := t.expiry(r); key != "" {
				t.expiring.Set(key, r)
			}
			return true
		})
	}
	return map[string]any{"TimeToLiveSpecification": s}, nil
}
