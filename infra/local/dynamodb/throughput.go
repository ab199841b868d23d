package dynamodb

import (
	"sync"
	"time"

	"example.com/registrar/infra/local/dynamodb/attr"
)

// demand is what an operation asks of one key: of an item, of a partition that it queries, or of an entry of an index.
type demand struct {
	resource
	key       attr.Item // its primary key, or the partition key alone
	attribute string    // the name of the partition key in it
	partition string    // encoded
	units     float64
	limits    limits
}

// resource has throughput of its own: a table with its local indexes, or a global index; its reads apart from its
// writes.
type resource struct {
	table, index string // index is empty for the table
	write        bool
}

// limits is how a table is paid for, as far as it limits.
type limits struct {
	provisioned bool
	units       float64 // a second, of a provisioned table; 0: none, as of an index or in on-demand mode
}

func (t *table) limits(write bool) limits {
	if t.billing != "PROVISIONED" {
		return limits{}
	}
	units := t.throughput.ReadCapacityUnits
	if write {
		units = t.throughput.WriteCapacityUnits
	}
	return limits{provisioned: true, units: float64(units)}
}

// demandOf asks units of a key of the table, of which no more than the partition key need be there.
func (t *table) demandOf(key attr.Item, units float64, write bool) demand {
	return demand{
		resource: resource{table: t.name, write: write}, key: key, attribute: t.keys.partition,
		partition: string(key[t.keys.partition].AppendKey(nil)), units: units, limits: t.limits(write),
	}
}

// keyOf takes the key attributes of an item.
func (k keySchema) keyOf(item attr.Item) attr.Item {
	key := make(attr.Item, 2)
	for _, name := range k.names() {
		key[name] = item[name]
	}
	return key
}

// watched reports whether anything depends on which keys an operation meets.
func (e *Engine) watched() bool { return e.contention != nil || e.options.Observe != nil }

// demands is what a write asks for: of its item, as many times as it is written, and of the entries of global indexes
// that it changes, if its moves are reckoned. It is nil when nobody cares.
func (e *Engine) demands(w *write, p planned, times float64) []demand {
	if !e.watched() {
		return nil
	}
	t, key := p.table, w.key
	if key == nil {
		key = t.keys.keyOf(w.item)
	}
	own := t.demandOf(key, times*writeUnits(p.size()), true)
	list := make([]demand, 1, 1+len(t.indexes))
	for _, m := range p.moves {
		if m.index.local {
			own.units += m.units()
			continue
		}
		list = append(list, m.index.demands(t, m)...)
	}
	list[0] = own
	return list
}

// reached is what a write asks for that is not carried out: of its item alone, since an index follows a change.
func reached(demands []demand) []demand { return demands[:min(len(demands), 1)] }

// demands is what a step of a global index asks of its partitions.
func (x *index) demands(t *table, m move) []demand {
	if m.units() == 0 {
		return nil
	}
	var list []demand
	ask := func(r *record, units float64) {
		partition, _ := r.item.Get(x.keys.partition)
		list = append(list, demand{
			resource: resource{table: t.name, index: x.name, write: true}, key: attr.Item{x.keys.partition: partition},
			attribute: x.keys.partition, partition: string(partition.AppendKey(nil)), units: units,
			limits: limits{provisioned: t.billing == "PROVISIONED"},
		})
	}
	switch {
	case m.old != nil && m.next != nil && m.oldKey == m.nextKey:
		ask(m.next, m.units())
	default:
		for _, r := range []*record{m.old, m.next} {
			if r != nil {
				ask(r, writeUnits(r.size))
			}
		}
	}
	return list
}

// throughputMeter has a bucket for each partition and each table or index, which fills by what they give in a second,
// up to that, and refuses what is not in it. (That the service has buckets of tokens is in "Amazon DynamoDB: A
// Scalable, Predictably Performant, and Fully Managed NoSQL Database Service", USENIX ATC 2022; how deep they are is
// not.) It is safe for concurrent use.
type throughputMeter struct {
	settings Contention

	mu sync.Mutex
	// partitions are the buckets that something was taken from since the last second began, and idle those of the second
	// before: older ones are full again, or as good as that.
	partitions, idle map[partition]*bucket
	second           int64
	ceilings         map[resource]*ceiling
}

func newThroughputMeter(settings Contention) *throughputMeter {
	return &throughputMeter{
		settings: settings, partitions: map[partition]*bucket{}, idle: map[partition]*bucket{},
		ceilings: map[resource]*ceiling{},
	}
}

type partition struct {
	resource
	key string
}

// bucket is one of tokens; it is full at first.
type bucket struct {
	taken float64 // and not filled up again
	at    time.Time
}

// fill adds what has come in since the last time, at a rate a second.
func (b *bucket) fill(now time.Time, rate float64) {
	b.taken = max(0, b.taken-rate*max(0, now.Sub(b.at).Seconds()))
	b.at = now
}

// holds reports whether there are units in a bucket of a depth. What is deeper than the bucket is let through when that
// is full.
func (b *bucket) holds(units, depth float64) bool { return b.taken == 0 || b.taken+units <= depth }

// ceiling is what a whole table or index may be asked for.
type ceiling struct {
	bucket
	minute int64
	used   float64 // in this minute
	peak   float64 // units a second of the busiest minute from before the time that growth takes
	recent []peak  // of minutes since then, oldest first
}

type peak struct {
	minute int64
	units  float64
}

// count adds to the minute's traffic.
func (c *ceiling) count(now time.Time, units float64) {
	const minute = 60
	if m := now.Unix() / minute; m != c.minute {
		if c.used > 0 {
			c.recent = append(c.recent, peak{c.minute, c.used / minute})
		}
		c.minute, c.used = m, 0
	}
	c.used += units
}

// limit is how many units a second there are: as many as initially, or twice the previous peak.
func (c *ceiling) limit(now time.Time, initial float64, growth time.Duration) float64 {
	c.count(now, 0)
	n := 0
	for n < len(c.recent) && now.Unix()/60-c.recent[n].minute > int64(growth.Minutes()) {
		c.peak = max(c.peak, c.recent[n].units)
		n++
	}
	c.recent = drop(c.recent, n)
	return max(initial, 2*c.peak)
}

// take uses up what is asked for, or nothing and tells what there is too little of.
func (m *throughputMeter) take(now time.Time, demands []demand) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, d := range demands {
		limitType := m.lacking(now, d)
		if limitType == "" {
			m.add(now, d, d.units)
			continue
		}
		for _, taken := range demands[:i] {
			m.add(now, taken, -taken.units)
		}
		return d.throttled(limitType)
	}
	return nil
}

// give takes back what was taken.
func (m *throughputMeter) give(now time.Time, demands []demand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range demands {
		m.add(now, d, -d.units)
	}
}

// partition finds a partition's bucket.
func (m *throughputMeter) partition(now time.Time, p partition) *bucket {
	if second := now.Unix(); second != m.second {
		m.second = second
		m.partitions, m.idle = m.idle, m.partitions
		clear(m.partitions)
	}
	b := m.partitions[p]
	if b == nil {
		if b = m.idle[p]; b == nil {
			b = &bucket{}
		}
		m.partitions[p] = b
	}
	return b
}

func (m *throughputMeter) ceiling(r resource) *ceiling {
	c := m.ceilings[r]
	if c == nil {
		c = &ceiling{}
		m.ceilings[r] = c
	}
	return c
}

func (m *throughputMeter) add(now time.Time, d demand, units float64) {
	c := m.ceiling(d.resource)
	c.taken = max(0, c.taken+units)
	c.count(now, units)
	if d.partition != "" {
		b := m.partition(now, partition{d.resource, d.partition})
		b.taken = max(0, b.taken+units)
	}
}

// The types of limits, as they end the reasons for throttling (API reference, ThrottlingReason). A table in on-demand
// mode that has not grown far enough has too few partitions for its load, which reads as if a partition's keys were too
// hot.
const (
	keyRange    = "KeyRangeThroughputExceeded"
	provisioned = "ProvisionedThroughputExceeded"
)

// lacking tells which limit a demand exceeds; empty when none.
func (m *throughputMeter) lacking(now time.Time, d demand) string {
	ofPartition, ofTable := m.settings.PartitionReads, m.settings.TableReads
	if d.write {
		ofPartition, ofTable = m.settings.PartitionWrites, m.settings.TableWrites
	}
	if d.partition != "" && ofPartition > 0 {
		b := m.partition(now, partition{d.resource, d.partition})
		if b.fill(now, ofPartition); !b.holds(d.units, ofPartition) {
			return keyRange
		}
	}
	c, limitType := m.ceiling(d.resource), keyRange
	switch {
	case d.limits.provisioned:
		ofTable, limitType = d.limits.units, provisioned
	case ofTable > 0:
		ofTable = c.limit(now, ofTable, m.settings.Growth)
	}
	if ofTable > 0 {
		if c.fill(now, ofTable); !c.holds(d.units, ofTable) {
			return limitType
		}
	}
	return ""
}

// throttling says what was asked for too much.
type throttling struct {
	reason string // API reference, ThrottlingReason
	of     resource
}

// lackingOf is what there was too little of when a request was refused for that; nil otherwise.
func lackingOf(err error) *resource {
	var f *fault
	if asFault(err, &f) && f.Throttling != nil {
		return &f.Throttling.of
	}
	return nil
}

// throttled is the answer to a demand that exceeds a limit. The messages are those of the API reference,
// TransactionCanceledException.
func (d demand) throttled(limitType string) *fault {
	what, operation := "Table", "Read"
	if d.index != "" {
		what = "Index"
	}
	if d.write {
		operation = "Write"
	}
	f := newFault("ThrottlingException", "Throughput exceeds the current capacity of your table or index. DynamoDB is "+
		"automatically scaling your table or index so please try again shortly. "+
		"If exceptions persist, check if you have a hot key: "+
		"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html.")
	switch {
	case d.limits.provisioned && d.index != "":
		f = newFault("ProvisionedThroughputExceededException", "The level of configured provisioned throughput for one or "+
			"more global secondary indexes of the table was exceeded. Consider increasing your provisioning level for the "+
			"under-provisioned global secondary indexes with the UpdateTable API.")
	case d.limits.provisioned:
		f = newFault("ProvisionedThroughputExceededException", "The level of configured provisioned throughput for the "+
			"table was exceeded. Consider increasing your provisioning level with the UpdateTable API.")
	case d.index != "" && d.write:
		f = newFault("ThrottlingException", "Throughput exceeds the current capacity for one or more global secondary "+
			"indexes. DynamoDB is automatically scaling your index so please try again shortly.")
	}
	f.Throttling = &throttling{what + operation + limitType, d.resource}
	return f
}

// drop takes n elements off the front, so that their memory is free once the list grows again.
func drop[T any](list []T, n int) []T {
	clear(list[:n])
	return list[n:]
}
