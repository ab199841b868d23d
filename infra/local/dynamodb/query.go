package dynamodb

import (
	"slices"
	"strings"
	"time"

	"example.com/registrar/infra/local/dynamodb/attr"
	"example.com/registrar/infra/local/dynamodb/expression"
	"github.com/tidwall/btree"
)

// maxPageBytes is how much a page of a query or scan looks at (API reference, Query).
const maxPageBytes = 1 << 20

type pageInput struct {
	legacy
	TableName                 string
	IndexName                 string
	KeyConditionExpression    *string
	FilterExpression          *string
	ProjectionExpression      *string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues map[string]attr.Value
	ExclusiveStartKey         attr.Item
	Limit                     *int
	ScanIndexForward          *bool
	KeyConditions             map[string]legacyCondition
	ConsistentRead            bool
	Select                    string
	Segment, TotalSegments    *int
	ReturnConsumedCapacity    string
}

// page is one page of a query or scan, compiled and then run.
type page struct {
	in         *pageInput
	holders    *expression.Placeholders
	filter     *expression.Condition
	projection *expression.Projection
	condition  *expression.KeyCondition // nil for a scan

	table *table
	index *index // nil for the table itself
	keys  keySchema
	items *btree.Map[string, *record]

	found   []*record
	scanned int
	bytes   int
	last    *record // set when there may be more
	stale   bool    // of a replica that is behind
	cost    meter

	// fetch asks for whole items where a local index does not project what is wanted; they are read besides the index.
	fetch        bool
	fetchedBytes int
	fetchedUnits float64
}

func (in *pageInput) compile() (*page, error) {
	if err := in.refuse(map[string]*string{
		"FilterExpression": in.FilterExpression, "KeyConditionExpression": in.KeyConditionExpression,
		"ProjectionExpression": in.ProjectionExpression,
	}); err != nil {
		return nil, err
	}
	if err := checkCapacityMode(in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	if in.TableName == "" {
		return nil, invalid("1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member " +
			"must not be null")
	}
	if in.Limit != nil && *in.Limit < 1 {
		return nil, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must "+
			"have value greater than or equal to 1", *in.Limit)
	}
	p := &page{in: in}
	var err error
	p.holders, err = placeholders(in.ExpressionAttributeNames, in.ExpressionAttributeValues,
		in.FilterExpression != nil || in.ProjectionExpression != nil || in.KeyConditionExpression != nil)
	if err != nil {
		return nil, err
	}
	if in.FilterExpression != nil {
		if p.filter, err = expression.ParseCondition("FilterExpression", *in.FilterExpression, p.holders); err != nil {
			return nil, err
		}
	}
	if in.ProjectionExpression != nil {
		if p.projection, err = expression.ParseProjection(*in.ProjectionExpression, p.holders); err != nil {
			return nil, err
		}
	}
	return p, p.checkSelect()
}

func (p *page) checkSelect() error {
	switch p.in.Select {
	case "", "SPECIFIC_ATTRIBUTES":
		if p.in.Select != "" && p.projection == nil {
			return invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
		}
	case "ALL_ATTRIBUTES", "COUNT", "ALL_PROJECTED_ATTRIBUTES":
		if p.projection != nil {
			return invalid("Cannot specify the ProjectionExpression when choosing to get %s", p.in.Select)
		}
		if p.in.Select == "ALL_PROJECTED_ATTRIBUTES" && p.in.IndexName == "" {
			return invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
		}
	default:
		return invalid("1 validation error detected: Value '%s' at 'select' failed to satisfy constraint: Member must "+
			"satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]", p.in.Select)
	}
	return nil
}

// open finds the table or index. The engine's lock must be held.
func (p *page) open(e *Engine) error {
	t, err := e.find(p.in.TableName)
	if err != nil {
		return err
	}
	p.table, p.keys, p.items = t, t.keys, t.seen(p.stale)
	if p.in.IndexName == "" {
		return nil
	}
	x := t.indexes[p.in.IndexName]
	switch {
	case x == nil:
		return invalid("The table does not have the specified index: %s", p.in.IndexName)
	case x.local:
		p.fetch = x.kept != nil && p.in.Select == "ALL_ATTRIBUTES"
	case p.in.ConsistentRead:
		return invalid("Consistent reads are not supported on global secondary indexes")
	case p.in.Select == "ALL_ATTRIBUTES" && x.kept != nil:
		return invalid("One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global "+
			"secondary index %s because its projection type is not ALL", x.name)
	}
	if p.projection != nil && x.kept != nil {
		for _, name := range p.projection.Names() {
			if x.local {
				p.fetch = p.fetch || !x.kept[name]
			} else if !x.kept[name] {
				return invalid("One or more parameter values were invalid: Global secondary index %s does not project [%s]", x.name,
					name)
			}
		}
	}
	p.index, p.keys, p.items = x, x.keys, &x.items
	return nil
}

// start encodes the key after which the page begins; empty for the first page.
func (p *page) start() (string, error) {
	key := p.in.ExclusiveStartKey
	if key == nil {
		return "", nil
	}
	names := p.keys.names()
	for _, name := range p.table.keys.names() {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(key) != len(names) {
		return "", invalid("The provided starting key is invalid")
	}
	encoded, err := p.keys.encode(key, "The provided starting key is invalid")
	if err != nil || p.index == nil {
		return encoded, err
	}
	primary, err := p.table.keys.encode(key, "The provided starting key is invalid")
	return encoded + primary, err
}

// take looks at one record and reports whether the page goes on.
func (p *page) take(r *record) bool {
	shown, fetched := r, 0
	if p.fetch {
		shown = p.table.get(r.key)
		fetched = shown.size
	}
	if p.bytes+p.fetchedBytes+r.size+fetched > maxPageBytes && p.scanned > 0 {
		return false
	}
	p.bytes += r.size
	if p.fetch {
		p.fetchedBytes += fetched
		p.fetchedUnits += readUnits(fetched, p.in.ConsistentRead)
	}
	p.scanned++
	if p.filter == nil || p.filter.Matches(shown.item) {
		p.found = append(p.found, shown)
	}
	p.last = r
	return p.in.Limit == nil || p.scanned < *p.in.Limit
}

// span is a range of encoded keys, [low, high); an empty high has no end.
type span struct{ low, high string }

// after is the first key that does not begin with the prefix.
func after(prefix string) string {
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		return ""
	}
	end[len(end)-1]++
	return string(end)
}

// walk goes over the records of a span that are wanted, in order, beginning behind the key where the page before ended.
func (p *page) walk(s span, start string, forward bool, wanted func(*record) bool) {
	ended := true
	visit := func(key string, r *record) bool {
		switch {
		case key == start && start != "", !forward && s.high != "" && key >= s.high:
			return true // not yet
		case forward && s.high != "" && key >= s.high, !forward && key < s.low:
			return false
		}
		if wanted(r) && !p.take(r) {
			ended = false
		}
		return ended
	}
	switch {
	case forward:
		p.items.Ascend(max(s.low, start), visit)
	case start != "" && (s.high == "" || start < s.high):
		p.items.Descend(start, visit)
	case s.high != "":
		p.items.Descend(s.high, visit)
	default:
		p.items.Reverse(visit)
	}
	if ended {
		p.last = nil
	}
}

// settle lets an index that lags catch up with what a read may see by now.
func (e *Engine) settle(in *pageInput) {
	if e.options.IndexLag <= 0 || in.IndexName == "" {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if t, err := e.find(in.TableName); err == nil && t.indexes[in.IndexName] != nil {
		t.indexes[in.IndexName].settle(e.options.Now())
	}
}

func (e *Engine) query(in *pageInput) (any, error) {
	switch {
	case in.KeyConditionExpression == nil && in.KeyConditions == nil:
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	case in.KeyConditionExpression != nil && in.KeyConditions != nil:
		return nil, invalid("Can not use both expression and non-expression parameters in the same request: " +
			"Non-expression parameters: {KeyConditions} Expression parameters: {KeyConditionExpression}")
	}
	p, err := in.compile()
	if err != nil {
		return nil, err
	}
	return p.run(e, "Query", p.query)
}

func (p *page) query(e *Engine) error {
	if err := p.open(e); err != nil {
		return err
	}
	var err error
	if p.in.KeyConditions != nil {
		p.condition, err = p.keys.legacyCondition(p.in.KeyConditions)
	} else {
		p.condition, err = expression.ParseKeyCondition(*p.in.KeyConditionExpression, p.holders, p.keys.partition,
			p.keys.sort)
	}
	if err != nil {
		return err
	}
	if err := p.holders.CheckAllUsed(); err != nil {
		return err
	}
	if p.filter != nil {
		for _, name := range p.keys.names() {
			if p.filter.Reads(name) {
				return invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", name)
			}
		}
	}
	partition, sort := p.condition.Partition, p.condition.Sort
	if partition.Kind != p.keys.partitionKind || sort != nil && (sort.Low.Kind != p.keys.sortKind ||
		sort.Operator == "begins_with" && sort.Low.Kind == attr.Number) {
		return invalid("One or more parameter values were invalid: Condition parameter type does not match schema type")
	}
	if partition.Kind != attr.Number && partition.Str == "" {
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain "+
			"an empty %s value. Key: %s", longName(partition.Kind), p.keys.partition)
	}
	start, err := p.start()
	if err != nil {
		return err
	}
	prefix := string(partition.AppendKey(nil))
	wanted := within(prefix, sort)
	single := p.index == nil && (p.keys.sort == "" || sort != nil && sort.Operator == "=")
	switch {
	case start == "":
	case single:
		return invalid("The query can return at most one row and cannot be restarted")
	case !strings.HasPrefix(start, prefix):
		return invalid("The provided starting key is outside query boundaries based on provided conditions")
	case start < wanted.low || wanted.high != "" && start >= wanted.high:
		return invalid("The provided starting key does not match the range key predicate")
	}
	forward := p.in.ScanIndexForward == nil || *p.in.ScanIndexForward
	p.walk(wanted, start, forward, func(*record) bool { return true })
	if single { // nothing is left, whatever the limit
		p.last = nil
	}
	return p.charge(e, attr.Item{p.keys.partition: partition}, prefix)
}

// within is the span of a partition's keys that meet the condition on the sort key.
func within(partition string, sort *expression.SortCondition) span {
	s := span{partition, after(partition)}
	if sort == nil {
		return s
	}
	low := partition + string(sort.Low.AppendKey(nil))
	switch sort.Operator {
	case "=":
		return span{low, after(low)}
	case "<":
		s.high = low
	case "<=":
		s.high = after(low)
	case ">":
		s.low = after(low)
	case ">=":
		s.low = low
	case "BETWEEN":
		s = span{low, after(partition + string(sort.High.AppendKey(nil)))}
	case "begins_with":
		const end = 2 // bytes that close the encoding
		s = span{low[:len(low)-end], after(low[:len(low)-end])}
	}
	return s
}

func (e *Engine) scan(in *pageInput) (any, error) {
	if in.KeyConditionExpression != nil || in.KeyConditions != nil {
		return nil, invalid("Scan takes no key condition")
	}
	if (in.Segment == nil) != (in.TotalSegments == nil) {
		return nil, invalid("The Segment and TotalSegments parameters must be given together")
	}
	if in.Segment != nil {
		const most = 1_000_000
		if *in.TotalSegments < 1 || *in.TotalSegments > most || *in.Segment < 0 || *in.Segment >= *in.TotalSegments {
			return nil, invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: "+
				"%d is not less than TotalSegments: %d", *in.Segment, *in.TotalSegments)
		}
	}
	p, err := in.compile()
	if err != nil {
		return nil, err
	}
	if err := p.holders.CheckAllUsed(); err != nil {
		return nil, err
	}
	return p.run(e, "Scan", p.scan)
}

func (p *page) scan(e *Engine) error {
	if err := p.open(e); err != nil {
		return err
	}
	start, err := p.start()
	if err != nil {
		return err
	}
	if start != "" && p.in.TotalSegments != nil && p.keys.spread(p.in.ExclusiveStartKey,
		*p.in.TotalSegments) != *p.in.Segment {
		return invalid("The provided Exclusive start key does not map to the provided Segment and TotalSegments values.")
	}
	p.walk(span{}, start, true, p.inSegment)
	return p.charge(e, nil, "")
}

// inSegment parts a parallel scan by the partition key.
func (p *page) inSegment(r *record) bool {
	return p.in.TotalSegments == nil || p.keys.spread(r.item, *p.in.TotalSegments) == *p.in.Segment
}

// run reads the page at one moment.
func (p *page) run(e *Engine, operation string, read func(*Engine) error) (any, error) {
	defer time.Sleep(e.arrive(reading))
	e.settle(p.in)
	p.stale = p.in.IndexName == "" && e.stale(p.in.TableName, p.in.ConsistentRead)
	p.cost.read = true
	e.mu.RLock()
	err := read(e)
	e.mu.RUnlock()
	capacities := p.cost.list()
	e.observe(operation, &p.cost, capacities)
	if err != nil {
		return nil, err
	}
	return p.answer(capacities)
}

// charge makes the page cost what was looked at, or refuses it for want of throughput. A scan asks the whole table or
// index. The engine's lock must be held.
func (p *page) charge(e *Engine, key attr.Item, partition string) error {
	units := readUnits(p.bytes, p.in.ConsistentRead)
	if e.watched() {
		d := demand{resource: resource{table: p.table.name}, key: key, partition: partition, units: units,
			limits: p.table.limits(false)}
		for name := range key { // none of a scan
			d.attribute = name
		}
		if p.index != nil && p.index.local {
			d.units += p.fetchedUnits
		} else if p.index != nil {
			d.index, d.limits.units = p.index.name, 0
		}
		err := e.take([]demand{d})
		if p.cost.use([]demand{d}, err); err != nil {
			return err
		}
	}
	if p.index != nil {
		p.cost.index(p.table.name, p.index, units)
		p.cost.table(p.table.name, p.fetchedUnits)
	} else {
		p.cost.table(p.table.name, units)
	}
	return nil
}

func (p *page) answer(capacities []Capacity) (any, error) {
	out := map[string]any{"Count": len(p.found), "ScannedCount": p.scanned}
	if p.in.Select != "COUNT" {
		items := make([]attr.Attributes, len(p.found))
		for i, r := range p.found {
			items[i] = projected(r, p.projection)
		}
		out["Items"] = items
	}
	if p.last != nil {
		key := attr.Item{}
		for _, name := range append(p.keys.names(), p.table.keys.names()...) {
			key[name], _ = p.last.item.Get(name)
		}
		out["LastEvaluatedKey"] = key
	}
	if reports := report(p.in.ReturnConsumedCapacity, capacities, false); len(reports) > 0 {
		out["ConsumedCapacity"] = reports[0]
	}
	return out, nil
}
