package dynamodb

import (
	"maps"

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
func (k keySchema) encode(item attr.Item, message string) (string, error) {
	var encoded []byte
	for _, name := range k.names() {
		v, ok := item[name]
		switch {
		case (!ok || v.Kind != k.kind(name)) && message != "":
			return "", invalid("%s", message)
		case !ok:
			return "", invalid("One or more parameter values were invalid: Missing the key %s in the item", name)
		case v.Kind != k.kind(name):
			return "", invalid("One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s", name, k.kind(name), v.Kind)
		case v.Kind != attr.Number && v.Str == "":
			return "", invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", longName(v.Kind), name)
		case name == k.partition && v.Kind != attr.Number && len(v.Str) > maxPartitionBytes:
			return "", invalid("One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of 2048 bytes")
		case name == k.sort && v.Kind != attr.Number && len(v.Str) > maxSortBytes:
			return "", invalid("One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
		}
		encoded = v.AppendKey(encoded)
	}
	return string(encoded), nil
}

func longName(k attr.Kind) string {
	if k == attr.Binary {
		return "binary"
	}
	return "string"
}

// newRecord checks a whole item against the table's keys and limits.
func (t *table) newRecord(item attr.Item) (*record, error) {
	key, err := t.keys.encode(item, "")
	if err != nil {
		return nil, err
	}
	r := &record{key: key, item: item, size: item.Size()}
	if r.size > maxItemBytes {
		return nil, invalid("Item size has exceeded the maximum allowed size")
	}
	for name, v := range item {
		if name == "" {
			return nil, invalid("One or more parameter values were invalid: An AttributeValue may not have an empty name")
		}
		if v.Depth() > attr.MaxDepth {
			return nil, invalid("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")
		}
	}
	for _, x := range t.indexes {
		for _, name := range x.keys.names() {
			v, ok := item[name]
			switch {
			case !ok:
			case v.Kind != x.keys.kind(name):
				return nil, invalid("One or more parameter values were invalid: Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", name, x.keys.kind(name), v.Kind, x.name)
			case v.Kind != attr.Number && v.Str == "":
				return nil, invalid("One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s", longName(v.Kind), x.name, name)
			}
			limit := maxPartitionBytes
			if name == x.keys.sort {
				limit = maxSortBytes
			}
			if ok && v.Kind != attr.Number && len(v.Str) > limit {
				return nil, invalid("One or more parameter values were invalid: Size of an index key has exceeded the maximum size limit of %d bytes", limit)
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
// keeps the indexes in step and reckons what the change costs. The engine's lock must be held for writing.
func (t *table) commit(before, after *record, cost *meter) {
	for _, x := range t.indexes {
		cost.index(t.name, x.name, x.change(before, after))
	}
	switch {
	case after != nil:
		t.items.Set(after.key, after)
		t.bytes += int64(after.size)
	case before != nil:
		t.items.Delete(before.key)
	}
	if before != nil {
		t.bytes -= int64(before.size)
	}
}

// entry is the record of an index for an item, and its key; false when the item lacks one of the index's keys, or holds
// something under it that cannot be a key.
func (x *index) entry(r *record) (string, *record, bool) {
	if r == nil {
		return "", nil, false
	}
	var encoded []byte
	for _, name := range x.keys.names() {
		v, ok := r.item[name]
		if !ok || v.Kind != x.keys.kind(name) {
			return "", nil, false
		}
		encoded = v.AppendKey(encoded)
	}
	if x.kept == nil {
		return string(encoded) + r.key, r, true
	}
	kept := &record{key: r.key, item: maps.Clone(r.item)}
	maps.DeleteFunc(kept.item, func(name string, _ attr.Value) bool { return !x.kept[name] })
	kept.size = kept.item.Size()
	return string(encoded) + r.key, kept, true
}

func (x *index) put(r *record) {
	if key, entry, ok := x.entry(r); ok {
		x.items.Set(key, entry)
		x.bytes += int64(entry.size)
	}
}

// change moves an index from one state of an item to the next. It returns the write units that this takes: one write to
// put, change or remove an entry, two when its key changes, none when nothing that the index holds has changed (developer
// guide, "Using Global Secondary Indexes", write capacity units).
func (x *index) change(before, after *record) float64 {
	oldKey, old, had := x.entry(before)
	newKey, next, has := x.entry(after)
	units := 0.0
	if had && has && oldKey == newKey {
		if !attr.EqualItems(old.item, next.item) {
			units = writeUnits(max(old.size, next.size))
		}
	} else {
		if had {
			x.items.Delete(oldKey)
			units += writeUnits(old.size)
		}
		if has {
			units += writeUnits(next.size)
		}
	}
	if had {
		x.bytes -= int64(old.size)
	}
	if has {
		x.items.Set(newKey, next)
		x.bytes += int64(next.size)
	}
	return units
}
