package dynamodb

import (
	"cmp"
	"time"

	"example.com/registrar/infra/local/dynamodb/attr"
)

// Limits of keys and items (developer guide, "Constraints in Amazon DynamoDB").
const (
	maxItemBytes      = 400 << 10
	maxPartitionBytes = 2048
	maxSortBytes      = 1024
)

// encodeKey checks a full primary key, and nothing but it, and encodes it.
func (k keySchema) encodeKey(key attr.Item) (string, error) {
	if len(key) != len(k.names()) {
		return "", invalid("The provided key element does not match the schema")
	}
	return k.encode(key, "The provided key element does not match the schema")
}

// encode encodes the key attributes of an item. The message stands for a key attribute that is missing or of the wrong
// type; empty, the item's own wording is used.
func (k keySchema) encode(item attr.Attributes, message string) (string, error) {
	var encoded []byte
	for _, name := range k.names() {
		v, ok := item.Get(name)
		switch {
		case (!ok || v.Kind != k.kind(name)) && message != "":
			return "", invalid("%s", message)
		case !ok:
			return "", invalid("One or more parameter values were invalid: Missing the key %s in the item", name)
		case v.Kind != k.kind(name):
			return "", invalid("One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s",
				name, k.kind(name), v.Kind)
		case v.Kind != attr.Number && v.Str == "":
			return "", invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot "+
				"contain an empty %s value. Key: %s", longName(v.Kind), name)
		case name == k.partition && v.Kind != attr.Number && len(v.Str) > maxPartitionBytes:
			return "", invalid("One or more parameter values were invalid: Size of hashkey has exceeded the maximum size " +
				"limit of 2048 bytes")
		case name == k.sort && v.Kind != attr.Number && len(v.Str) > maxSortBytes:
			return "", invalid("One or more parameter values were invalid: Aggregated size of all range keys has exceeded the " +
				"size limit of 1024 bytes")
		}
		encoded = v.AppendKey(encoded)
	}
	return string(encoded), nil
}

// limit is how many bytes a key attribute may have.
func (k keySchema) limit(name string) int {
	if name == k.sort {
		return maxSortBytes
	}
	return maxPartitionBytes
}

func longName(k attr.Kind) string {
	if k == attr.Binary {
		return "binary"
	}
	return "string"
}

// newRecord checks a whole item against the table's keys and limits. The packed item is the same, or empty.
func (t *table) newRecord(item attr.Item, packed attr.Packed) (*record, error) {
	key, err := t.keys.encode(item, "")
	if err != nil {
		return nil, err
	}
	if packed == "" {
		packed = item.Pack()
	}
	r := &record{key: key, item: packed, size: item.Size()}
	if r.size > maxItemBytes {
		return nil, invalid("Item size has exceeded the maximum allowed size")
	}
	for name, v := range item {
		if name == "" {
			return nil, invalid("One or more parameter values were invalid: Empty attribute name")
		}
		if len(name) > attr.MaxNameBytes {
			return nil, invalid("One or more parameter values were invalid: Attribute name is too large, must be less than " +
				"65536 bytes")
		}
		if v.Depth() > attr.MaxDepth {
			return nil, invalid("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels " +
				"beyond supported limit")
		}
	}
	for _, x := range t.indexes {
		for _, name := range x.keys.names() {
			v, ok := item[name]
			switch {
			case !ok:
			case v.Kind != x.keys.kind(name):
				return nil, invalid("One or more parameter values were invalid: Type mismatch for Index Key %s Expected: %s "+
					"Actual: %s IndexName: %s", name, x.keys.kind(name), v.Kind, x.name)
			case v.Kind != attr.Number && v.Str == "":
				return nil, invalid("One or more parameter values are not valid. A value specified for a secondary index key is "+
					"not supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, "+
					"IndexKey: %s", longName(v.Kind), x.name, name)
			}
			if limit := x.keys.limit(name); ok && v.Kind != attr.Number && len(v.Str) > limit {
				return nil, invalid("One or more parameter values were invalid: Size of an index key has exceeded the maximum "+
					"size limit of %d bytes", limit)
			}
		}
	}
	return r, nil
}

// get finds an item by its encoded key; nil when there is none.
func (t *table) get(key string) *record {
	r, _ := t.items.Get(key)
	return r
}

// commit is the one place where an item changes: before is what is stored, after what will be; nil stands for none. It
// keeps indexes, expiry and stream in step and reckons what the change costs. The system's own changes are those of the
// time to live. The engine's lock must be held for writing.
func (e *Engine) commit(p planned, system bool, cost *meter) {
	t, before, after := p.table, p.before, p.after
	now := e.options.Now()
	grown := int64(after.bytes() - before.bytes())
	t.bytes += grown
	if p.moves == nil {
		p.moves = t.moves(before, after)
	}
	for _, m := range p.moves {
		x := m.index
		cost.index(t.name, x, m.units())
		if x.local {
			grown += int64(m.next.bytes() - m.old.bytes())
		}
		if x.settle(now); x.local || e.options.IndexLag <= 0 {
			x.apply(m)
		} else {
			m.due = now.Add(e.options.IndexLag)
			x.pending.push(m)
		}
	}
	switch {
	case after != nil:
		t.items.Set(after.key, after)
	case before != nil:
		t.items.Delete(before.key)
	}
	e.replicate(t, before, after, now)
	if t.collections != nil && (before != nil || after != nil) {
		t.resize(p, grown, cost)
	}
	old, next := t.expiry(before), t.expiry(after)
	if old != "" {
		t.expiring.Delete(old)
	}
	if next != "" {
		t.expiring.Set(next, after)
	}
	if t.stream.open() {
		e.sequence++
		t.stream.append(before, after, e.sequence, now, system)
		t.stream.trim(now, e.options.StreamBytes)
	}
}

// resize reckons the size of the item's collection: what bears its partition key, in the table and its local indexes.
func (t *table) resize(p planned, grown int64, cost *meter) {
	key, _ := cmp.Or(p.after, p.before).item.Get(t.keys.partition)
	encoded := string(key.AppendKey(nil))
	size := t.collections[encoded] + grown
	if t.collections[encoded] = size; size == 0 {
		delete(t.collections, encoded)
	}
	cost.collection(t.name, attr.Item{t.keys.partition: key}, size)
}

// entry is the record of an index for an item, and its key; nil when the item lacks one of the index's keys, or holds
// something under it that cannot be a key.
func (x *index) entry(r *record) (string, *record) {
	if r == nil {
		return "", nil
	}
	var encoded []byte
	for _, name := range x.keys.names() {
		v, ok := r.item.Get(name)
		if !ok || v.Kind != x.keys.kind(name) || v.Kind != attr.Number && (v.Str == "" || len(v.Str) > x.keys.limit(name)) {
			return "", nil // an item that was there before the index may hold what no item may any more
		}
		encoded = v.AppendKey(encoded)
	}
	if x.kept == nil {
		return string(encoded) + r.key, r
	}
	kept := &record{key: r.key, item: r.item.Only(func(name string) bool { return x.kept[name] })}
	kept.size = kept.item.Size()
	return string(encoded) + r.key, kept
}

// move is an index's step from one state of an item to the next; a nil record stands for no entry.
type move struct {
	index           *index
	oldKey, nextKey string
	old, next       *record
	due             time.Time // when reads see it, if they do not at once
}

// moves are the steps of all indexes. It is never nil.
func (t *table) moves(before, after *record) []move {
	list := make([]move, 0, len(t.indexes))
	for _, x := range t.indexes {
		list = append(list, x.move(before, after))
	}
	return list
}

func (x *index) move(before, after *record) move {
	m := move{index: x}
	m.oldKey, m.old = x.entry(before)
	m.nextKey, m.next = x.entry(after)
	return m
}

// units is the write capacity that the step takes: one write to put, change or remove an entry, two when its key
// changes, none when nothing that the index holds has changed (developer guide, "Using Global Secondary Indexes", write
// capacity units).
func (m move) units() float64 {
	if m.old != nil && m.next != nil && m.oldKey == m.nextKey {
		if m.old.item == m.next.item {
			return 0
		}
		return writeUnits(max(m.old.size, m.next.size))
	}
	units := 0.0
	for _, r := range []*record{m.old, m.next} {
		if r != nil {
			units += writeUnits(r.size)
		}
	}
	return units
}

func (x *index) apply(m move) {
	if m.old != nil && (m.next == nil || m.oldKey != m.nextKey) {
		x.items.Delete(m.oldKey)
	}
	if m.next != nil {
		x.items.Set(m.nextKey, m.next)
	}
	x.bytes += int64(m.next.bytes() - m.old.bytes())
}

// settle applies what reads may see by now.
func (x *index) settle(now time.Time) {
	for x.pending.n > 0 && !now.Before(x.pending.at(0).due) {
		x.apply(x.pending.pop())
	}
}
