package dynamodb

import (
	"maps"
	"slices"

	"example.com/registrar/infra/local/dynamodb/attr"
)

// Capacity is what an operation consumed of one table, in capacity units (developer guide, "DynamoDB read and write
// operations"): reads in steps of 4 KB, half for an eventually consistent one; writes in steps of 1 KB; both doubled in
// a transaction, though not on indexes.
type Capacity struct {
	TableName string
	Units     float64 // of the table and its indexes together
	Table     float64
	Indexes   map[string]float64 // global
	Local     map[string]float64 // local indexes
	Read      bool               // whether these are read units
}

// meter adds up what one operation consumes.
type meter struct {
	read        bool
	tables      map[string]*Capacity
	collections []collection
	uses        []KeyUsage // in the order of the operation's items
}

// use notes what was asked of the keys of one item, and why it was refused if it was.
func (m *meter) use(demands []demand, refused error) {
	lacking := lackingOf(refused)
	if refused != nil && lacking == nil {
		demands = reached(demands)
	}
	for _, d := range demands {
		u := KeyUsage{Table: d.table, Index: d.index, Key: d.key, PartitionKey: d.attribute}
		switch {
		case lacking == nil && d.write:
			u.WriteUnits = d.units
		case lacking == nil:
			u.ReadUnits = d.units
		case *lacking == d.resource:
			u.Throttled = true
			lacking = &resource{} // once for the item
		}
		u.Conflict = refused != nil && lacking == nil
		m.uses = append(m.uses, u)
	}
}

// collection is an item collection that a write changed.
type collection struct {
	table string
	key   attr.Item
	bytes int64
}

func (m *meter) collection(table string, key attr.Item, bytes int64) {
	made := collection{table, key, bytes}
	i := slices.IndexFunc(m.collections, func(c collection) bool {
		return c.table == table &&
			attr.EqualItems(c.key, key)
	})
	if i < 0 {
		m.collections = append(m.collections, made)
	} else {
		m.collections[i] = made
	}
}

// metrics writes the collections as ReturnItemCollectionMetrics asks for, by table; nil for NONE. Sizes are between
// whole GB.
func (m *meter) metrics(mode string) map[string][]map[string]any {
	if mode != "SIZE" || len(m.collections) == 0 {
		return nil
	}
	tables := map[string][]map[string]any{}
	for _, c := range m.collections {
		low := c.bytes >> 30
		tables[c.table] = append(tables[c.table], map[string]any{"ItemCollectionKey": c.key,
			"SizeEstimateRangeGB": []int64{low, low + 1}})
	}
	return tables
}

func (m *meter) of(table string) *Capacity {
	if m.tables == nil {
		m.tables = map[string]*Capacity{}
	}
	c := m.tables[table]
	if c == nil {
		c = &Capacity{TableName: table, Indexes: map[string]float64{}, Local: map[string]float64{}, Read: m.read}
		m.tables[table] = c
	}
	return c
}

func (m *meter) table(table string, units float64) {
	c := m.of(table)
	c.Table += units
	c.Units += units
}

func (m *meter) index(table string, x *index, units float64) {
	if units == 0 {
		return
	}
	c := m.of(table)
	if x.local {
		c.Local[x.name] += units
	} else {
		c.Indexes[x.name] += units
	}
	c.Units += units
}

func (m *meter) list() []Capacity {
	list := make([]Capacity, 0, len(m.tables))
	for _, name := range slices.Sorted(maps.Keys(m.tables)) {
		list = append(list, *m.tables[name])
	}
	return list
}

func writeUnits(size int) float64 { return float64(max(1, (size+1023)/1024)) }

func readUnits(size int, consistent bool) float64 {
	units := float64(max(1, (size+4095)/4096))
	if !consistent {
		units /= 2
	}
	return units
}

func (r *record) bytes() int {
	if r == nil {
		return 0
	}
	return r.size
}

// report writes capacities as ReturnConsumedCapacity asks for; nil for NONE.
func report(mode string, capacities []Capacity, transactional bool) []map[string]any {
	if mode != "TOTAL" && mode != "INDEXES" {
		return nil
	}
	var reports []map[string]any
	for _, c := range capacities {
		units := func(u float64) map[string]any {
			one := map[string]any{"CapacityUnits": u}
			if transactional {
				if c.Read {
					one["ReadCapacityUnits"] = u
				} else {
					one["WriteCapacityUnits"] = u
				}
			}
			return one
		}
		r := units(c.Units)
		r["TableName"] = c.TableName
		if mode == "INDEXES" {
			r["Table"] = units(c.Table)
			for what, all := range map[string]map[string]float64{"GlobalSecondaryIndexes": c.Indexes,
				"LocalSecondaryIndexes": c.Local} {
				indexes := map[string]any{}
				for name, u := range all {
					indexes[name] = units(u)
				}
				if len(indexes) > 0 {
					r[what] = indexes
				}
			}
		}
		reports = append(reports, r)
	}
	return reports
}

func checkCapacityMode(mode string) error {
	switch mode {
	case "", "NONE", "TOTAL", "INDEXES":
		return nil
	}
	return invalid("1 validation error detected: Value '%s' at 'returnConsumedCapacity' failed to satisfy constraint: "+
		"Member must satisfy enum value set: [INDEXES, TOTAL, NONE]", mode)
}

func checkMetricsMode(mode string) error {
	switch mode {
	case "", "NONE", "SIZE":
		return nil
	}
	return invalid("1 validation error detected: Value '%s' at 'returnItemCollectionMetrics' failed to satisfy "+
		"constraint: Member must satisfy enum value set: [SIZE, NONE]", mode)
}
