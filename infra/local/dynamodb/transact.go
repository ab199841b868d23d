package dynamodb

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/infra/local/dynamodb/attr"
	"example.com/registrar/infra/local/dynamodb/expression"
)

// Limits of a transaction (developer guide, "Amazon DynamoDB Transactions: How it works").
const (
	maxTransactItems = 100
	maxTransactBytes = 4 << 20
	tokenLifetime    = 10 * time.Minute
)

// reason is why one action of a cancelled transaction failed, or "None".
type reason struct {
	Code    string
	Item    attr.Attributes `json:",omitempty"`
	Message string          `json:",omitempty"`
}

func asFault(err error, f **fault) bool { return errors.As(err, f) }

// cancelled makes the error of a cancelled transaction; nil when no action failed.
func cancelled(errs []error) error {
	reasons := make([]reason, len(errs))
	codes := make([]string, len(errs))
	failed := false
	for i, err := range errs {
		reasons[i].Code = "None"
		if err != nil {
			failed = true
			reasons[i] = reasonOf(err)
		}
		codes[i] = reasons[i].Code
	}
	if !failed {
		return nil
	}
	f := newFault("TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for "+
		"specific reasons [%s]", strings.Join(codes, ", "))
	f.Reasons = reasons
	return f
}

func reasonOf(err error) reason {
	var f *fault
	var bad *attr.ValidationError
	switch {
	case errors.As(err, &bad):
		return reason{Code: "ValidationError", Message: bad.Message}
	case !asFault(err, &f):
		return reason{Code: "InternalServerError", Message: err.Error()}
	case f.Code == "ConditionalCheckFailedException":
		return reason{Code: "ConditionalCheckFailed", Message: f.Message, Item: f.Item}
	case f.Code == "TransactionConflictException":
		return reason{Code: "TransactionConflict", Message: f.Message}
	case f.Code == "ThrottlingException":
		return reason{Code: "ThrottlingError", Message: f.Message}
	case f.Code == "ProvisionedThroughputExceededException":
		return reason{Code: "ProvisionedThroughputExceeded", Message: f.Message}
	default:
		return reason{Code: "ValidationError", Message: f.Message}
	}
}

// tokenUse remembers a client request token.
type tokenUse struct {
	request  [32]byte
	until    time.Time
	inFlight bool // its transaction has not ended
}

type transactWriteInput struct {
	TransactItems []struct {
		ConditionCheck *change
		Put            *change
		Update         *change
		Delete         *change
	}
	ClientRequestToken          string
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
}

// compile checks the transaction as far as it can be checked without its tables.
func (in *transactWriteInput) compile() ([]*write, error) {
	if len(in.TransactItems) < 1 || len(in.TransactItems) > maxTransactItems {
		return nil, invalid("1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member " +
			"must have length less than or equal to 100 and greater than or equal to 1")
	}
	if len(in.ClientRequestToken) > 36 {
		return nil, invalid("1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: " +
			"Member must have length less than or equal to 36")
	}
	writes := make([]*write, len(in.TransactItems))
	for i, item := range in.TransactItems {
		var kind writeKind
		var c *change
		actions := 0
		for _, a := range []struct {
			kind   writeKind
			change *change
		}{{writeCheck, item.ConditionCheck}, {writePut, item.Put}, {writeUpdate, item.Update}, {writeDelete, item.Delete}} {
			if a.change != nil {
				kind, c = a.kind, a.change
				actions++
			}
		}
		if actions != 1 {
			return nil, invalid("TransactItems can only contain one of Check, Put, Update or Delete")
		}
		if kind == writeCheck && c.ConditionExpression == nil {
			return nil, invalid("1 validation error detected: Value null at "+
				"'transactItems.%d.member.conditionCheck.conditionExpression' failed to satisfy constraint: "+
				"Member must not be null", i+1)
		}
		if kind == writeUpdate && c.UpdateExpression == nil {
			return nil, invalid("1 validation error detected: Value null at 'transactItems.%d.member.update.updateExpression' "+
				"failed to satisfy constraint: Member must not be null", i+1)
		}
		var err error
		if writes[i], err = c.compile(kind); err != nil {
			return nil, err
		}
	}
	return writes, nil
}

func (e *Engine) transactWriteItems(in *transactWriteInput) (any, error) {
	if err := checkCapacityMode(in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	if err := checkMetricsMode(in.ReturnItemCollectionMetrics); err != nil {
		return nil, err
	}
	writes, err := in.compile()
	if err != nil {
		return nil, err
	}
	if payload(writes) > maxTransactBytes {
		return nil, invalid("Transaction payload size cannot exceed 4 MB")
	}
	cost := &meter{}
	err = e.transact(&transaction{engine: e, writes: writes, token: in.ClientRequestToken,
		fingerprint: in.fingerprint(writes), cost: cost})
	capacities := cost.list()
	e.observe("TransactWriteItems", cost, capacities)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	if metrics := cost.metrics(in.ReturnItemCollectionMetrics); metrics != nil {
		out["ItemCollectionMetrics"] = metrics
	}
	if reports := report(in.ReturnConsumedCapacity, capacities, true); reports != nil {
		out["ConsumedCapacity"] = reports
	}
	return out, nil
}

// payload is the size of what a transaction sends. The developer guide says of its limit of 4 MB that it is one of "the
// aggregate size of the items in the transaction", which the service reckons by the request: what it deletes or changes
// may be larger.
func payload(writes []*write) int {
	size := 0
	for _, w := range writes {
		size += w.item.Size() + w.key.Size() + w.values.Size()
	}
	return size
}

// fingerprint is equal of equal transactions, however they were written.
func (in *transactWriteInput) fingerprint(writes []*write) [32]byte {
	if in.ClientRequestToken == "" {
		return [32]byte{}
	}
	sum := sha256.New()
	var length [8]byte
	part := func(text string) { // after its length, so that no two lists of parts are the same bytes
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		_, _ = sum.Write(length[:])      // a sum's never fails
		_, _ = io.WriteString(sum, text) // likewise
	}
	optional := func(text *string) {
		if text == nil {
			part("absent")
			return
		}
		part("given")
		part(*text)
	}
	for _, w := range writes {
		c := w.change
		part(string(w.kind))
		part(c.TableName)
		part(c.ReturnValuesOnConditionCheckFailure)
		part(string(c.Item.Pack()))
		part(string(c.Key.Pack()))
		part(string(attr.Item(c.ExpressionAttributeValues).Pack()))
		optional(c.UpdateExpression)
		optional(c.ConditionExpression)
		part(strconv.Itoa(len(c.ExpressionAttributeNames)))
		for _, name := range slices.Sorted(maps.Keys(c.ExpressionAttributeNames)) {
			part(name)
			part(c.ExpressionAttributeNames[name])
		}
	}
	return [32]byte(sum.Sum(nil))
}

// transaction is one TransactWriteItems.
type transaction struct {
	engine      *Engine
	writes      []*write
	token       string
	fingerprint [32]byte
	cost        *meter

	items []target // of the writes, by position
	plans []planned
}

// transact decides all writes against what is stored and commits all of them or none; it does nothing when the token
// was used for the same request before.
func (e *Engine) transact(t *transaction) error {
	if e.contention != nil {
		return e.contention.transact(t)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if again, err := t.prepare(); again || err != nil {
		return err
	}
	t.commit()
	return nil
}

// prepare decides the writes, and charges for them whatever comes of it, unless the token was used for the same request
// before. The engine's lock must be held.
func (t *transaction) prepare() (again bool, err error) {
	if again, err = t.repeats(); again || err != nil {
		return again, err
	}
	e := t.engine
	demands, refused := make([][]demand, len(t.writes)), make([]error, len(t.writes))
	err = t.plan(func(i int, p planned, err error) error {
		demands[i] = e.demands(t.writes[i], p, 2)
		refused[i] = e.admit(t.items[i], demands[i])
		if !throttled(refused[i]) {
			t.cost.table(p.table.name, 2*writeUnits(p.size())) // also what is cancelled
		}
		return cmp.Or(refused[i], err)
	})
	for i, d := range demands {
		if err != nil && refused[i] == nil { // the indexes do not follow
			d = reached(d)
			e.giveBack(demands[i][len(d):])
		}
		t.cost.use(d, refused[i])
	}
	return false, err
}

// repeats reports whether the token was used for the same request within its lifetime; a fault when it was for another
// one, or when that request has not ended.
func (t *transaction) repeats() (bool, error) {
	e := t.engine
	use, ok := e.tokens[t.token]
	switch {
	case !ok || t.token == "" || !use.inFlight && !e.options.Now().Before(use.until):
		return false, nil
	case use.request != t.fingerprint:
		return false, newFault("IdempotentParameterMismatchException",
			"Exception of type 'com.amazonaws.dynamodb.v20120810.IdempotentParameterMismatchException' was thrown.")
	case use.inFlight:
		return false, newFault("TransactionInProgressException", "The transaction with the given request token is already "+
			"in progress.")
	}
	t.cost.read = true // it is charged for reading what it had written
	for _, w := range t.writes {
		if table, key, err := w.locate(e); err == nil {
			t.cost.table(table.name, 2*readUnits(table.get(key).bytes(), true))
		}
	}
	return true, nil
}

// plan decides all writes, and lets admit, unless it is nil, have its say on each, given what the write would do or why
// it cannot. Nothing is asked of any once one is invalid, of which the first is told. The engine's lock must be held.
func (t *transaction) plan(admit func(i int, p planned, err error) error) error {
	e := t.engine
	seen := make(map[target]bool, len(t.writes))
	tables := make([]*table, len(t.writes))
	errs := make([]error, len(t.writes))
	t.items = make([]target, len(t.writes))
	for i, w := range t.writes {
		table, key, err := w.locate(e)
		if err != nil {
			if table == nil || w.kind != writePut { // no such table, or a key that does not fit, refuses the request itself
				return err
			}
			errs[i] = err
			return cancelled(errs)
		}
		t.items[i] = target{table.name, key}
		if seen[t.items[i]] {
			return invalid("Transaction request cannot include multiple operations on one item")
		}
		seen[t.items[i]] = true
		tables[i] = table
	}
	t.plans = make([]planned, len(t.writes))
	for i, w := range t.writes {
		if w.kind != writePut {
			continue
		}
		var err error
		if w.record, err = tables[i].newRecord(w.item, w.packed); err != nil { // before any condition is looked at
			errs[i] = err
			return cancelled(errs)
		}
	}
	for i, w := range t.writes {
		t.plans[i], errs[i] = w.plan(tables[i], t.items[i].key)
		if errs[i] != nil && !conditionFailed(errs[i]) {
			alone := make([]error, len(errs))
			alone[i] = errs[i]
			return cancelled(alone)
		}
	}
	for i := range t.writes {
		if errs[i] == nil && t.writes[i].kind != writeCheck {
			t.plans[i].moves = tables[i].moves(t.plans[i].before, t.plans[i].after)
		}
		if admit != nil {
			errs[i] = admit(i, t.plans[i], errs[i])
		}
	}
	return cancelled(errs)
}

// commit carries out what was planned. The engine's lock must be held.
func (t *transaction) commit() {
	e := t.engine
	for i, p := range t.plans {
		if t.writes[i].kind != writeCheck {
			e.commit(p, false, t.cost)
		}
	}
	if t.token != "" {
		now := e.options.Now()
		e.forgetTokens(now)
		until := now.Add(tokenLifetime)
		use := tokenUse{request: t.fingerprint, until: until}
		e.tokens[t.token] = use
		e.expiring.push(expiringToken{t.token, use})
	}
}

// expiringToken is a token with what it was used for last, when this was queued.
type expiringToken struct {
	token string
	use   tokenUse
}

// forgetTokens drops the tokens whose time is over: it looks at those and one more.
func (e *Engine) forgetTokens(now time.Time) {
	for e.expiring.n > 0 && !now.Before(e.expiring.at(0).use.until) {
		gone := e.expiring.pop()
		if use := e.tokens[gone.token]; !use.inFlight && use.until.Equal(gone.use.until) { // else it was used once more
			delete(e.tokens, gone.token)
		}
	}
}

// target is an item that a transaction names.
type target struct{ table, key string }

// transactionRead is one TransactGetItems.
type transactionRead struct {
	engine *Engine
	gets   []*get
	cost   *meter

	items []target // of the gets, by position
}

// transactRead reads all items as they stood together; nil where there is none.
func (e *Engine) transactRead(r *transactionRead) ([]*record, error) {
	if e.contention != nil {
		return e.contention.transactRead(r)
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	return r.read()
}

// read reads all items, and charges for them whatever comes of it. The engine's lock must be held.
func (r *transactionRead) read() ([]*record, error) {
	e := r.engine
	records, errs := make([]*record, len(r.gets)), make([]error, len(r.gets))
	r.items = make([]target, len(r.gets))
	seen := make(map[target]bool, len(r.gets))
	total := 0
	for i, g := range r.gets {
		t, err := e.find(g.TableName)
		if err != nil {
			return nil, err
		}
		key, err := t.keys.encodeKey(g.Key)
		if err != nil {
			errs[i] = err
			return nil, cancelled(errs)
		}
		if r.items[i] = (target{t.name, key}); seen[r.items[i]] {
			return nil, invalid("Transaction request cannot include multiple operations on one item")
		}
		seen[r.items[i]] = true
		records[i] = t.get(key)
		total += records[i].bytes()
		units := 2 * readUnits(records[i].bytes(), true)
		if e.watched() {
			demands := []demand{t.demandOf(g.Key, units, false)}
			errs[i] = e.admit(r.items[i], demands)
			r.cost.use(demands, errs[i])
		}
		if !throttled(errs[i]) {
			r.cost.table(t.name, units)
		}
	}
	if err := cancelled(errs); err != nil {
		return nil, err
	}
	if total > maxTransactBytes {
		return nil, invalid("Transaction request size has exceeded the maximum allowed size of 4 MB")
	}
	return records, nil
}

type transactGetInput struct {
	TransactItems          []struct{ Get *get }
	ReturnConsumedCapacity string
}

func (e *Engine) transactGetItems(in *transactGetInput) (any, error) {
	if err := checkCapacityMode(in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	if len(in.TransactItems) < 1 || len(in.TransactItems) > maxTransactItems {
		return nil, invalid("1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member " +
			"must have length less than or equal to 100 and greater than or equal to 1")
	}
	projections := make([]*expression.Projection, len(in.TransactItems))
	for i, item := range in.TransactItems {
		if item.Get == nil {
			return nil, invalid("1 validation error detected: Value null at 'transactItems.%d.member.get' failed to satisfy "+
				"constraint: Member must not be null", i+1)
		}
		var err error
		if projections[i], err = item.Get.compile(); err != nil {
			return nil, err
		}
	}
	r := &transactionRead{engine: e, cost: &meter{read: true}}
	for _, item := range in.TransactItems {
		r.gets = append(r.gets, item.Get)
	}
	records, err := e.transactRead(r)
	capacities := r.cost.list()
	e.observe("TransactGetItems", r.cost, capacities)
	if err != nil {
		return nil, err
	}
	responses := make([]map[string]any, len(records))
	for i, found := range records {
		responses[i] = map[string]any{}
		if found != nil {
			responses[i]["Item"] = projected(found, projections[i])
		}
	}
	out := map[string]any{"Responses": responses}
	if reports := report(in.ReturnConsumedCapacity, capacities, true); reports != nil {
		out["ConsumedCapacity"] = reports
	}
	return out, nil
}
