package dynamodb

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"example.com/registrar/infra/local/dynamodb/attr"
)

// Usage is what one operation cost, and what it met.
type Usage struct {
	Operation string // for example "TransactWriteItems"
	Capacity  []Capacity
	Keys      []KeyUsage
}

// KeyUsage is what one part of an operation asked of one key: of an item, of a partition that was queried, or of a
// partition of a global index that a write changed. A scan asks nothing of any key: its Key is nil.
type KeyUsage struct {
	Table, Index          string    // Index is empty for the table
	Key                   attr.Item // the primary key, or the partition key alone
	PartitionKey          string    // the attribute in Key that is the partition key
	WriteUnits, ReadUnits float64
	Conflict              bool // a transaction had the item, or another's write the item of a transaction that reads
	Throttled             bool // there was too little throughput; nothing was used
}

func (e *Engine) observe(operation string, cost *meter, capacities []Capacity) {
	if e.options.Observe != nil && (len(capacities) > 0 || len(cost.uses) > 0) {
		e.options.Observe(Usage{Operation: operation, Capacity: capacities, Keys: cost.uses})
	}
}

// Tally adds up usage.
type Tally struct {
	Name       string  `json:"name"` // of the operation, or of the table, index and key
	Requests   int     `json:"requests"`
	WriteUnits float64 `json:"writeUnits"`
	ReadUnits  float64 `json:"readUnits"`
	Conflicts  int     `json:"conflicts"` // items or parts of a batch, as CloudWatch's TransactionConflict counts
	// items, parts or pages, as CloudWatch's ReadThrottleEvents and WriteThrottleEvents count
	Throttles int     `json:"throttles"`
	Dollars   float64 `json:"dollars"` // at list price
}

// Report is what an engine was used for.
type Report struct {
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
	Prices     Prices    `json:"prices"`
	Total      Tally     `json:"total"`
	Operations []Tally   `json:"operations"` // by name
	// Hottest are the keys that were asked for the most, as parts of what a partition gives in a second.
	Hottest []Tally `json:"hottest"`
	// Busiest are the partition keys with the busiest seconds: the most of what a partition gives in one.
	Busiest []Peak `json:"busiest"`
}

// Peak is the busiest second of one partition key, of a table or of a global index.
type Peak struct {
	Name       string    `json:"name"` // of the table or index, and of the partition key
	Second     time.Time `json:"second"`
	WriteUnits float64   `json:"writeUnits"` // in that second
	ReadUnits  float64   `json:"readUnits"`
	Share      float64   `json:"share"`     // of the units that a partition gives in a second: 1 is all of them
	Throttles  int       `json:"throttles"` // of the partition key in all
}

// Ledger adds up what an engine is used for, in all and by operation and key. It is safe for concurrent use.
type Ledger struct {
	now func() time.Time

	mu         sync.Mutex
	from       time.Time
	operations map[string]*Tally
	keys       map[string]*Tally
	partitions map[partitionKey]*seconds
}

// partitionKey is a partition key's value, in a table or index.
type partitionKey struct {
	table, index, attribute string
	kind                    attr.Kind
	value                   string
}

// seconds is what one partition key was asked for in the second under way, and in its busiest one.
type seconds struct {
	now, busiest  int64 // since 1970
	writes, reads float64
	peak          Peak
}

// count adds a use to the second in which it was.
func (s *seconds) count(second int64, k KeyUsage) {
	if s.now != second {
		s.now, s.writes, s.reads = second, 0, 0
	}
	s.writes += k.WriteUnits
	s.reads += k.ReadUnits
	if k.Throttled {
		s.peak.Throttles++
	}
	// Writes and reads have limits of their own: the nearer one counts.
	if share := max(s.writes/partitionWrites, s.reads/partitionReads); share > s.peak.Share {
		s.busiest = second
		s.peak.WriteUnits, s.peak.ReadUnits, s.peak.Share = s.writes, s.reads, share
	}
}

// NewLedger makes a ledger that begins now. A nil clock is the system's.
func NewLedger(now func() time.Time) *Ledger {
	if now == nil {
		now = time.Now
	}
	return &Ledger{now: now, from: now(), operations: map[string]*Tally{}, keys: map[string]*Tally{},
		partitions: map[partitionKey]*seconds{}}
}

// Observe enters a usage: it is for [Options].Observe.
func (l *Ledger) Observe(u Usage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	operation := l.operations[u.Operation]
	if operation == nil {
		operation = &Tally{Name: u.Operation}
		l.operations[u.Operation] = operation
	}
	operation.Requests++
	second := l.now().Unix()
	for _, c := range u.Capacity {
		if c.Read {
			operation.ReadUnits += c.Units
		} else {
			operation.WriteUnits += c.Units
		}
	}
	for _, k := range u.Keys {
		operation.met(k)
		if k.Key == nil {
			continue
		}
		key := l.key(k)
		key.Requests++
		key.WriteUnits += k.WriteUnits
		key.ReadUnits += k.ReadUnits
		key.met(k)
		l.partition(k).count(second, k)
	}
}

func (t *Tally) met(k KeyUsage) {
	if k.Conflict {
		t.Conflicts++
	}
	if k.Throttled {
		t.Throttles++
	}
}

// mostKeys is of how many keys, and of how many partition keys, a ledger keeps apart what they were asked for.
const mostKeys = 1 << 15

// key finds the tally of a key. When there are too many keys, the cooler half is forgotten.
func (l *Ledger) key(k KeyUsage) *Tally {
	const usual = 160
	named := k.appendName(make([]byte, 0, usual)) // which needs no memory of its own for a key that is known
	if t := l.keys[string(named)]; t != nil {
		return t
	}
	if len(l.keys) >= mostKeys {
		for _, t := range byHeat(l.keys)[mostKeys/2:] {
			delete(l.keys, t.Name)
		}
	}
	t := &Tally{Name: string(named)}
	l.keys[t.Name] = t
	return t
}

// partition finds the seconds of a partition key. When there are too many, the half with the calmer peaks is forgotten.
func (l *Ledger) partition(k KeyUsage) *seconds {
	v := k.Key[k.PartitionKey]
	p := partitionKey{k.Table, k.Index, k.PartitionKey, v.Kind, v.Str}
	if s := l.partitions[p]; s != nil {
		return s
	}
	if len(l.partitions) >= mostKeys {
		for _, p := range l.byPeak()[mostKeys/2:] {
			delete(l.partitions, p)
		}
	}
	s := &seconds{}
	l.partitions[p] = s
	return s
}

func (l *Ledger) byPeak() []partitionKey {
	return slices.SortedFunc(maps.Keys(l.partitions), func(a, b partitionKey) int {
		x, y := l.partitions[a].peak, l.partitions[b].peak
		return cmp.Or(cmp.Compare(y.Share, x.Share), cmp.Compare(y.Throttles, x.Throttles), cmp.Compare(a.value, b.value),
			cmp.Compare(a.table+a.index, b.table+b.index))
	})
}

// Peaks are the busiest seconds of all partition keys, the busiest first.
func (l *Ledger) Peaks() []Peak {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peaks(len(l.partitions))
}

func (l *Ledger) peaks(most int) []Peak {
	peaks := []Peak{}
	for _, p := range l.byPeak()[:min(most, len(l.partitions))] {
		s := l.partitions[p]
		peak := s.peak
		k := KeyUsage{Table: p.table, Index: p.index, Key: attr.Item{p.attribute: {Kind: p.kind, Str: p.value}}}
		peak.Name, peak.Second = k.name(), time.Unix(s.busiest, 0).UTC()
		peaks = append(peaks, peak)
	}
	return peaks
}

// name is, for example, "registrar PK=SEATS#7 SK=SEATS" or "registrar.GSI1 GSI1PK=TERMS".
func (k KeyUsage) name() string { return string(k.appendName(nil)) }

func (k KeyUsage) appendName(b []byte) []byte {
	b = append(b, k.Table...)
	if k.Index != "" {
		b = append(append(b, '.'), k.Index...)
	}
	const most = 4 // attributes of a key
	var few [most]string
	names := few[:0]
	for name := range k.Key {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b = append(append(append(b, ' '), name...), '=')
		if v := k.Key[name]; v.Kind == attr.Binary {
			b = fmt.Appendf(b, "%x", v.Str)
		} else {
			b = append(b, v.Str...)
		}
	}
	return b
}

// heat is how much of a partition's second was asked for.
func (t *Tally) heat() float64 {
	return t.WriteUnits/partitionWrites + t.ReadUnits/partitionReads
}

func byHeat(tallies map[string]*Tally) []*Tally {
	return slices.SortedFunc(maps.Values(tallies), func(a, b *Tally) int {
		return cmp.Or(cmp.Compare(b.heat(), a.heat()), cmp.Compare(b.Throttles, a.Throttles), cmp.Compare(a.Name, b.Name))
	})
}

// Report tells what was used until now, at the newest list prices.
func (l *Ledger) Report() Report {
	const hottest = 20
	l.mu.Lock()
	defer l.mu.Unlock()
	r := Report{From: l.from, Until: l.now(), Prices: listPrices()[0], Total: Tally{Name: "all"}, Hottest: []Tally{},
		Operations: []Tally{}}
	priced := func(t Tally) Tally {
		const million = 1e6
		t.Dollars = t.WriteUnits/million*r.Prices.Writes + t.ReadUnits/million*r.Prices.Reads
		return t
	}
	for _, name := range slices.Sorted(maps.Keys(l.operations)) {
		t := *l.operations[name]
		r.Operations = append(r.Operations, priced(t))
		r.Total.Requests += t.Requests
		r.Total.WriteUnits += t.WriteUnits
		r.Total.ReadUnits += t.ReadUnits
		r.Total.Conflicts += t.Conflicts
		r.Total.Throttles += t.Throttles
	}
	r.Total = priced(r.Total)
	all := byHeat(l.keys)
	for _, t := range all[:min(len(all), hottest)] {
		r.Hottest = append(r.Hottest, priced(*t))
	}
	r.Busiest = l.peaks(hottest)
	return r
}

// Line is the report in one line.
func (r Report) Line() string {
	line := fmt.Sprintf("%d requests, %g write and %g read units: $%.6f at list price; %d conflicts, %d throttled",
		r.Total.Requests, r.Total.WriteUnits, r.Total.ReadUnits, r.Total.Dollars, r.Total.Conflicts, r.Total.Throttles)
	if len(r.Hottest) > 0 {
		line += "; hottest: " + r.Hottest[0].Name
	}
	return line
}

// WriteText writes the report as tables.
func (r Report) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "What DynamoDB was used for, %s to %s\n", r.From.Format(time.DateTime), r.Until.Format(time.DateTime))
	fmt.Fprintf(w, "List prices of %s since %s: $%g a million write, $%g a million read request units (%s)\n",
		r.Prices.Region, r.Prices.From.Format(time.DateOnly), r.Prices.Writes, r.Prices.Reads, r.Prices.Source)
	for _, table := range []struct {
		title string
		rows  []Tally
	}{{"operation", append(slices.Clone(r.Operations), r.Total)}, {"hottest keys", r.Hottest}} {
		fmt.Fprintf(w, "\n%s\trequests\twrite units\tread units\tconflicts\tthrottles\tdollars\n", table.title)
		for _, t := range table.rows {
			fmt.Fprintf(w, "%s\t%d\t%g\t%g\t%d\t%d\t%.6f\n", t.Name, t.Requests, t.WriteUnits, t.ReadUnits, t.Conflicts,
				t.Throttles, t.Dollars)
		}
	}
	fmt.Fprint(w, "\nbusiest seconds\tsecond\twrite units\tread units\tof a partition\tthrottles\n")
	for _, p := range r.Busiest {
		fmt.Fprintf(w, "%s\t%s\t%g\t%g\t%.0f %%\t%d\n", p.Name, p.Second.Format(time.TimeOnly), p.WriteUnits, p.ReadUnits,
			100*p.Share, p.Throttles)
	}
	return w.Flush()
}

// ServeHTTP answers with the report: as text, or as JSON to whoever asks for ?format=json.
func (l *Ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	report := l.Report()
	if r.URL.Query().Get("format") == "json" {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(report) // the client went away
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_ = report.WriteText(w) // the client went away
}
