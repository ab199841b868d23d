package dynamodb

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
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
	Item    attr.Item `json:",omitempty"`
	Message string    `json:",omitempty"`
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
	f := newFault("TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", "))
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
	default:
		return reason{Code: "ValidationError", Message: f.Message}
	}
}

// tokenUse remembers a client request token.
type tokenUse struct {
	request [32]byte
	until   time.Time
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
		return nil, invalid("1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to 100 and greater than or equal to 1")
	}
	if len(in.ClientRequestToken) > 36 {
		return nil, invalid("1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: Member must have length less than or equal to 36")
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
			return nil, invalid("1 validation error detected: Value null at 'transactItems.%d.member.conditionCheck.conditionExpression' failed to satisfy constraint: Member must not be null", i+1)
		}
		if kind == writeUpdate && c.UpdateExpression == nil {
			return nil, invalid("1 validation error detected: Value null at 'transactItems.%d.member.update.updateExpression' failed to satisfy constraint: Member must not be null", i+1)
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
	fingerprint, err := in.fingerprint()
	if err != nil {
		return nil, err
	}
	cost := &meter{}
	again, err := e.transact(writes, in.ClientRequestToken, fingerprint, cost)
	capacities := cost.list()
	e.observe("TransactWriteItems", capacities)
	if err != nil {
		return nil, err
	}
	for i := range capacities {
		capacities[i].Read = again // a repeated request is charged for reading what it had written
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

func (in *transactWriteInput) fingerprint() ([32]byte, error) {
	if in.ClientRequestToken == "" {
		return [32]byte{}, nil
	}
	text, err := json.Marshal(in.TransactItems) // names of maps are in order
	if err != nil {
		return [32]byte{}, newFault("SerializationException", "The request cannot be written again")
	}
	return sha256.Sum256(bytes.TrimSpace(text)), nil
}

// transact decides all writes against what is stored and commits all of them or none. It tells whether the token was used
// for the same request before.
func (e *Engine) transact(writes []*write, token string, fingerprint [32]byte, cost *meter) (again bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.options.Now()
	if use, ok := e.tokens[token]; ok && token != "" && now.Before(use.until) {
		if use.request != fingerprint {
			return false, newFault("IdempotentParameterMismatchException", "Exception of type 'com.amazonaws.dynamodb.v20120810.IdempotentParameterMismatchException' was thrown.")
		}
		for _, w := range writes {
			if t, key, err := w.locate(e); err == nil {
				cost.table(t.name, 2*readUnits(t.get(key).bytes(), true))
			}
		}
		return true, nil
	}
	seen := make(map[target]bool, len(writes))
	tables, keys := make([]*table, len(writes)), make([]string, len(writes))
	errs := make([]error, len(writes))
	for i, w := range writes {
		t, key, err := w.locate(e)
		if err != nil {
			var f *fault
			if asFault(err, &f) && f.Code == "ResourceNotFoundException" {
				return false, err
			}
			if w.kind != writePut { // a key that does not fit refuses the request itself
				return false, err
			}
			errs[i] = err
			continue
		}
		if seen[target{t.name, key}] {
			return false, invalid("Transaction request cannot include multiple operations on one item")
		}
		seen[target{t.name, key}] = true
		tables[i], keys[i] = t, key
	}
	plans := make([]planned, len(writes))
	total := 0
	for i, w := range writes {
		if errs[i] != nil {
			continue
		}
		plans[i], errs[i] = w.plan(tables[i], keys[i])
		cost.table(tables[i].name, 2*writeUnits(plans[i].size())) // also what is cancelled
		total += plans[i].size()
	}
	if err := cancelled(errs); err != nil {
		return false, err
	}
	if total > maxTransactBytes {
		return false, invalid("Transaction request size has exceeded the maximum allowed size of 4 MB")
	}
	for i, p := range plans {
		if writes[i].kind != writeCheck {
			e.commit(p, false, cost)
		}
	}
	if token != "" {
		e.forgetTokens(now)
		e.tokens[token] = tokenUse{request: fingerprint, until: now.Add(tokenLifetime)}
	}
	return false, nil
}

// forgetTokens drops tokens whose time is over, once there are many.
func (e *Engine) forgetTokens(now time.Time) {
	const many = 1 << 16
	if len(e.tokens) < many {
		return
	}
	for token, use := range e.tokens {
		if !now.Before(use.until) {
			delete(e.tokens, token)
		}
	}
}

// target is an item that a transaction names.
type target struct{ table, key string }

func (e *Engine) transactGetItems(in *struct {
	TransactItems          []struct{ Get *get }
	ReturnConsumedCapacity string
}) (any, error) {
	if err := checkCapacityMode(in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	if len(in.TransactItems) < 1 || len(in.TransactItems) > maxTransactItems {
		return nil, invalid("1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to 100 and greater than or equal to 1")
	}
	projections := make([]*expression.Projection, len(in.TransactItems))
	for i, item := range in.TransactItems {
		if item.Get == nil {
			return nil, invalid("1 validation error detected: Value null at 'transactItems.%d.member.get' failed to satisfy constraint: Member must not be null", i+1)
		}
		var err error
		if projections[i], err = item.Get.compile(); err != nil {
			return nil, err
		}
	}
	cost := &meter{read: true}
	records := make([]*record, len(in.TransactItems))
	seen := make(map[target]bool, len(in.TransactItems))
	total := 0
	e.mu.RLock()
	for i, item := range in.TransactItems {
		t, r, err := e.read(item.Get.TableName, item.Get.Key)
		if err != nil {
			e.mu.RUnlock()
			return nil, err
		}
		key, err := t.keys.encodeKey(item.Get.Key)
		if err != nil || seen[target{t.name, key}] {
			e.mu.RUnlock()
			return nil, invalid("Transaction request cannot include multiple operations on one item")
		}
		seen[target{t.name, key}] = true
		records[i] = r
		total += r.bytes()
		cost.table(t.name, 2*readUnits(r.bytes(), true))
	}
	e.mu.RUnlock()
	if total > maxTransactBytes {
		return nil, invalid("Transaction request size has exceeded the maximum allowed size of 4 MB")
	}
	capacities := cost.list()
	e.observe("TransactGetItems", capacities)
	responses := make([]map[string]attr.Item, len(records))
	for i, r := range records {
		responses[i] = map[string]attr.Item{}
		if r != nil {
			responses[i]["Item"] = projected(r, projections[i])
		}
	}
	out := map[string]any{"Responses": responses}
	if reports := report(in.ReturnConsumedCapacity, capacities, true); reports != nil {
		out["ConsumedCapacity"] = reports
	}
	return out, nil
}
