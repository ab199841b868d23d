package dynamodb

import (
	"maps"
	"slices"
)

// Capacity is what an operation consumed of one table, in capacity units (developer guide, "DynamoDB read and write
// operations"): reads in steps of 4 KB, half for an eventually consistent one; writes in steps of 1 KB; both doubled in a
// transaction, though not on indexes.
type Capacity struct {
	TableName string
	Units     float64 // of the table and its indexes together
	Table     float64
	Indexes   map[string]float64
	Read      bool // whether these are read units
}

// meter adds up what one operation consumes.
type meter struct {
	read   bool
	tables map[string]*Capacity
}

func (m *meter) of(table string) *Capacity {
	if m.tables == nil {
		m.tables = map[string]*Capacity{}
	}
	c := m.tables[table]
	if c == nil {
		c = &Capacity{TableName: table, Indexes: map[string]float64{}, Read: m.read}
		m.tables[table] = c
	}
	return c
}

func (m *meter) table(table string, units float64) {
	c := m.of(table)
	c.Table += units
	c.Units += units
}

func (m *meter) index(table, index string, units float64) {
	if units == 0 {
		return
	}
	c := m.of(table)
	c.Indexes[index] += units
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
			if len(c.Indexes) > 0 {
				indexes := map[string]any{}
				for name, u := range c.Indexes {
					indexes[name] = units(u)
				}
				r["GlobalSecondaryIndexes"] = indexes
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
	return invalid("1 validation error detected: Value '%s' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]", mode)
}
