package dynamodb

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"example.com/registrar/infra/local/dynamodb/attr"
	"example.com/registrar/infra/local/dynamodb/expression"
)

type writeKind string

const (
	writePut    writeKind = "Put"
	writeUpdate writeKind = "Update"
	writeDelete writeKind = "Delete"
	writeCheck  writeKind = "ConditionCheck"
)

// change is the wire form of one write, in a transaction or by itself.
type change struct {
	TableName                           string
	Item                                attr.Item
	Key                                 attr.Item
	UpdateExpression                    *string
	ConditionExpression                 *string
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           map[string]attr.Value
	ReturnValuesOnConditionCheckFailure string
}

// write is one change, compiled.
type write struct {
	kind      writeKind
	table     string
	change    change // as it came
	item, key attr.Item
	packed    attr.Packed // the item
	record    *record     // of a Put in a transaction, once it was checked
	values    attr.Item   // of its expressions
	condition *expression.Condition
	update    *expression.Update
	tellOld   bool // with a failed condition
}

// compile checks a change as far as it can be checked without its table.
func (c change) compile(kind writeKind) (*write, error) {
	w := &write{kind: kind, table: c.TableName, change: c, item: c.Item, key: c.Key, values: c.ExpressionAttributeValues}
	if c.TableName == "" {
		return nil, invalid("1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member " +
			"must not be null")
	}
	switch {
	case kind == writePut && c.Item == nil:
		return nil, invalid("1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must " +
			"not be null")
	case kind != writePut && c.Key == nil:
		return nil, invalid("1 validation error detected: Value null at 'key' failed to satisfy constraint: Member must " +
			"not be null")
	}
	switch c.ReturnValuesOnConditionCheckFailure {
	case "", "NONE":
	case "ALL_OLD":
		w.tellOld = true
	default:
		return nil, invalid("1 validation error detected: Value '%s' at 'returnValuesOnConditionCheckFailure' failed to "+
			"satisfy constraint: Member must satisfy enum value set: [ALL_OLD, NONE]", c.ReturnValuesOnConditionCheckFailure)
	}
	holders, err := placeholders(c.ExpressionAttributeNames, c.ExpressionAttributeValues, c.ConditionExpression != nil ||
		c.UpdateExpression != nil)
	if err != nil {
		return nil, err
	}
	if c.UpdateExpression != nil {
		if w.update, err = expression.ParseUpdate(*c.UpdateExpression, holders); err != nil {
			return nil, err
		}
	}
	if c.ConditionExpression != nil {
		if w.condition, err = expression.ParseCondition("ConditionExpression", *c.ConditionExpression, holders); err != nil {
			return nil, err
		}
	}
	if kind == writePut {
		w.packed = c.Item.Pack() // before any lock is taken
	}
	return w, holders.CheckAllUsed()
}

// placeholders checks names and values, which may stand only beside an expression.
func placeholders(names map[string]string, values map[string]attr.Value, used bool) (*expression.Placeholders, error) {
	holders := expression.NewPlaceholders(names, values)
	switch {
	case names != nil && !used:
		return nil, invalid("ExpressionAttributeNames can only be specified when using expressions")
	case values != nil && !used:
		return nil, invalid("ExpressionAttributeValues can only be specified when using expressions: no expression is given")
	case names != nil && len(names) == 0:
		return nil, invalid("ExpressionAttributeNames must not be empty")
	case values != nil && len(values) == 0:
		return nil, invalid("ExpressionAttributeValues must not be empty")
	}
	return holders, holders.Check()
}

// planned is what a write will do to the item that is stored now.
type planned struct {
	table         *table
	before, after *record
	moves         []move // of the table's indexes; nil: not reckoned yet
}

// size is what the write is charged for: the larger of both images.
func (p planned) size() int { return max(p.before.bytes(), p.after.bytes()) }

// locate finds the write's table and its encoded key. The engine's lock must be held.
func (w *write) locate(e *Engine) (*table, string, error) {
	t, err := e.find(w.table)
	if err != nil {
		return nil, "", err
	}
	var key string
	if w.kind == writePut {
		key, err = t.keys.encode(w.item, "")
	} else {
		key, err = t.keys.encodeKey(w.key)
	}
	return t, key, err
}

// plan decides a write against what is stored, and changes nothing. The engine's lock must be held.
func (w *write) plan(t *table, key string) (planned, error) {
	p := planned{table: t, before: t.get(key)}
	var old attr.Packed
	if p.before != nil {
		old = p.before.item
	}
	if w.update != nil {
		for _, name := range t.keys.names() {
			if w.update.Touches(name) {
				return p, invalid("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part "+
					"of the key", name)
			}
		}
	}
	if w.condition != nil && !w.condition.Matches(old) {
		f := newFault("ConditionalCheckFailedException", "The conditional request failed")
		if w.tellOld && p.before != nil {
			f.Item = old
		}
		return p, f
	}
	var next attr.Item
	switch w.kind {
	case writePut:
		if p.after = w.record; p.after == nil {
			var err error
			if p.after, err = t.newRecord(w.item, w.packed); err != nil {
				return p, err
			}
		}
	case writeUpdate:
		if p.before == nil && w.update != nil && w.update.OnlyRemoves() {
			return p, nil // there is nothing to remove, and nothing is made
		}
		if p.before == nil {
			next = maps.Clone(w.key)
		} else {
			next = old.Item()
		}
		if w.update != nil {
			var err error
			if next, err = w.update.Apply(next); err != nil {
				return p, err
			}
		}
		var err error
		if p.after, err = t.newRecord(next, ""); err != nil {
			var f *fault
			if asFault(err, &f) && f.Message == "Item size has exceeded the maximum allowed size" {
				err = invalid("Item size to update has exceeded the maximum allowed size")
			}
			return p, err
		}
	case writeCheck:
		p.after = p.before
	}
	return p, nil
}

// run carries out one write by itself. The engine's lock must be held.
func (w *write) run(e *Engine, cost *meter) (planned, error) {
	t, key, err := w.locate(e)
	if err != nil {
		return planned{}, err
	}
	p, err := w.plan(t, key)
	return p, w.finish(e, p, key, err, cost)
}

// finish carries out what was planned, unless the error says why it cannot be, or others are in the way. The engine's
// lock must be held.
func (w *write) finish(e *Engine, p planned, key string, err error, cost *meter) error {
	if err != nil && !conditionFailed(err) {
		return err
	}
	if err == nil {
		p.moves = p.table.moves(p.before, p.after)
	}
	demands := e.demands(w, p, 1)
	refused := e.admit(target{p.table.name, key}, demands)
	cost.use(demands, refused)
	if !throttled(refused) {
		cost.table(p.table.name, writeUnits(p.size())) // a refused write costs too
	}
	if err := cmp.Or(refused, err); err != nil {
		return err
	}
	e.commit(p, false, cost)
	return nil
}

func conditionFailed(err error) bool { return hasCode(err, "ConditionalCheckFailedException") }

// throttled tells that a request was refused for want of throughput, and so has cost nothing.
func throttled(err error) bool { return lackingOf(err) != nil }

func hasCode(err error, codes ...string) bool {
	var f *fault
	return asFault(err, &f) && slices.Contains(codes, f.Code)
}

type writeInput struct {
	change
	legacy
	ReturnValues                string
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
}

// write answers PutItem, UpdateItem and DeleteItem.
func (e *Engine) write(operation string, kind writeKind, in *writeInput, returns ...string) (any, error) {
	if err := in.refuse(map[string]*string{"ConditionExpression": in.ConditionExpression,
		"UpdateExpression": in.UpdateExpression}); err != nil {
		return nil, err
	}
	if err := checkCapacityMode(in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	if err := checkMetricsMode(in.ReturnItemCollectionMetrics); err != nil {
		return nil, err
	}
	mode := in.ReturnValues
	allowed := mode == "" || mode == "NONE"
	for _, r := range returns {
		allowed = allowed || mode == r
	}
	if !allowed {
		return nil, invalid("Return values set to invalid value: %s", mode)
	}
	w, err := in.compile(kind)
	if err != nil {
		return nil, err
	}
	defer time.Sleep(e.arrive(writing))
	cost := &meter{}
	e.mu.Lock()
	p, err := w.run(e, cost)
	e.mu.Unlock()
	capacities := cost.list()
	e.observe(operation, cost, capacities)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	image := p.before
	if mode == "ALL_NEW" || mode == "UPDATED_NEW" {
		image = p.after
	}
	switch {
	case image == nil || mode == "" || mode == "NONE":
	case mode == "ALL_OLD" || mode == "ALL_NEW":
		out["Attributes"] = image.item
	case w.update != nil:
		if touched := w.update.Project(image.item); len(touched) > 0 {
			out["Attributes"] = touched
		}
	}
	if reports := report(in.ReturnConsumedCapacity, capacities, false); len(reports) > 0 {
		out["ConsumedCapacity"] = reports[0]
	}
	for _, one := range cost.metrics(in.ReturnItemCollectionMetrics) {
		out["ItemCollectionMetrics"] = one[0]
	}
	return out, nil
}

func (e *Engine) putItem(in *writeInput) (any, error) {
	return e.write("PutItem", writePut, in, "ALL_OLD")
}

func (e *Engine) updateItem(in *writeInput) (any, error) {
	return e.write("UpdateItem", writeUpdate, in, "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
}

func (e *Engine) deleteItem(in *writeInput) (any, error) {
	return e.write("DeleteItem", writeDelete, in, "ALL_OLD")
}

// get is the wire form of a read of some keys, compiled by compile.
type get struct {
	TableName                string
	Key                      attr.Item
	ProjectionExpression     *string
	ExpressionAttributeNames map[string]string
}

func (g get) compile() (*expression.Projection, error) {
	holders, err := placeholders(g.ExpressionAttributeNames, nil, g.ProjectionExpression != nil)
	if err != nil || g.ProjectionExpression == nil {
		return nil, err
	}
	p, err := expression.ParseProjection(*g.ProjectionExpression, holders)
	if err != nil {
		return nil, err
	}
	return p, holders.CheckAllUsed()
}

// look finds one item, in a replica that is behind if it is to be stale; nil when there is none. The engine's lock must
// be held.
func (e *Engine) look(tableName string, key attr.Item, stale bool) (*table, *record, error) {
	t, err := e.find(tableName)
	if err != nil {
		return nil, nil, err
	}
	encoded, err := t.keys.encodeKey(key)
	if err != nil {
		return nil, nil, err
	}
	r, _ := t.seen(stale).Get(encoded)
	return t, r, nil
}

// charge makes a read of one item cost what it costs, or refuses it for want of throughput. The engine's lock must be
// held.
func (e *Engine) charge(t *table, key attr.Item, r *record, consistent bool, cost *meter) error {
	units := readUnits(r.bytes(), consistent)
	if e.watched() {
		demands := []demand{t.demandOf(key, units, false)}
		err := e.take(demands)
		if cost.use(demands, err); err != nil {
			return err
		}
	}
	cost.table(t.name, units)
	return nil
}

// projected is what a read shows of an item.
func projected(r *record, p *expression.Projection) attr.Attributes {
	if p == nil {
		return r.item
	}
	return p.Apply(r.item)
}

type getInput struct {
	get
	legacy
	ConsistentRead         bool
	ReturnConsumedCapacity string
}

func (e *Engine) getItem(in *getInput) (any, error) {
	if err := in.refuse(map[string]*string{"ProjectionExpression": in.ProjectionExpression}); err != nil {
		return nil, err
	}
	if err := checkCapacityMode(in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	p, err := in.compile()
	if err != nil {
		return nil, err
	}
	defer time.Sleep(e.arrive(reading))
	cost := &meter{read: true}
	stale := e.stale(in.TableName, in.ConsistentRead)
	e.mu.RLock()
	t, r, err := e.look(in.TableName, in.Key, stale)
	if err == nil {
		err = e.charge(t, in.Key, r, in.ConsistentRead, cost)
	}
	e.mu.RUnlock()
	capacities := cost.list()
	e.observe("GetItem", cost, capacities)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	if r != nil {
		out["Item"] = projected(r, p)
	}
	if reports := report(in.ReturnConsumedCapacity, capacities, false); len(reports) > 0 {
		out["ConsumedCapacity"] = reports[0]
	}
	return out, nil
}
