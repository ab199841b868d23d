package dynamodb

import (
	"errors"
	"maps"
	"net/http"
	"slices"

	"example.com/registrar/infra/local/dynamodb/attr"
	"example.com/registrar/infra/local/dynamodb/expression"
	"example.com/registrar/infra/local/iam"
)

// caller is who asks for an operation.
type caller struct {
	request   *http.Request
	operation string // for example "PutItem"
}

// The condition keys that policies use (DynamoDB developer guide, "Using IAM policy conditions for fine-grained access
// control" and "Using IAM with DynamoDB transactions").
const (
	leadingKeys        = "dynamodb:LeadingKeys"
	enclosingOperation = "dynamodb:EnclosingOperation"
)

// authorize refuses what the caller's policy does not allow.
func (e *Engine) authorize(c caller, in any) error {
	if e.options.Access == nil {
		return nil
	}
	accessKey := iam.Caller(c.request)
	if !e.options.Access.Restricts(accessKey) {
		return nil
	}
	requests, err := e.requestsOf(c.operation, in)
	if err != nil {
		return err
	}
	for _, r := range requests {
		var denied *iam.Denied
		if err := e.options.Access.Check(c.request.Context(), accessKey, r); errors.As(err, &denied) {
			return newFault("AccessDeniedException", "%s", denied.Error())
		} else if err != nil {
			return err
		}
	}
	return nil
}

// requestsOf are what an operation asks for. A transaction is one request for each of its items, by the action that the
// item would be by itself; a batch is one for each table, with all keys.
func (e *Engine) requestsOf(operation string, in any) ([]iam.Request, error) {
	of := asked{engine: e}
	switch in := in.(type) {
	case *writeInput:
		return []iam.Request{of.item(operation, &in.change, "")}, nil
	case *getInput:
		return []iam.Request{of.keys(operation, in.TableName, in.Key)}, nil
	case *pageInput:
		return e.onPage(operation, in)
	case *batchGetInput:
		var all []iam.Request
		for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
			all = append(all, of.keys(operation, name, in.RequestItems[name].Keys...))
		}
		return all, nil
	case *batchWriteInput:
		var all []iam.Request
		for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
			var keys []attr.Item
			for _, r := range in.RequestItems[name] {
				if r.PutRequest != nil {
					keys = append(keys, r.PutRequest.Item)
				}
				if r.DeleteRequest != nil {
					keys = append(keys, r.DeleteRequest.Key)
				}
			}
			all = append(all, of.keys(operation, name, keys...))
		}
		return all, nil
	case *transactWriteInput:
		all := make([]iam.Request, 0, len(in.TransactItems))
		for _, item := range in.TransactItems {
			for _, part := range [...]struct {
				action string
				change *change
			}{{"ConditionCheckItem", item.ConditionCheck}, {"PutItem", item.Put}, {"UpdateItem", item.Update},
				{"DeleteItem", item.Delete}} {
				if part.change != nil {
					all = append(all, of.item(part.action, part.change, operation))
				}
			}
		}
		return all, nil
	case *transactGetInput:
		var all []iam.Request
		for _, item := range in.TransactItems {
			if item.Get != nil {
				all = append(all, enclosed(operation, of.keys("GetItem", item.Get.TableName, item.Get.Key)))
			}
		}
		return all, nil
	case *tableName:
		return []iam.Request{of.keys(operation, in.TableName)}, nil
	case *describeStreamInput:
		return []iam.Request{{Action: action(operation), Resource: in.StreamArn}}, nil
	case *shardIteratorInput:
		return []iam.Request{{Action: action(operation), Resource: in.StreamArn}}, nil
	case *getRecordsInput:
		i, err := parseIterator(in.ShardIterator)
		return []iam.Request{{Action: action(operation), Resource: i.Stream}}, err
	}
	return []iam.Request{{Action: action(operation), Resource: "*"}}, nil
}

// action is the permission of an operation. Those of transactions' items are often asked for.
func action(operation string) string {
	switch operation {
	case "PutItem":
		return "dynamodb:PutItem"
	case "UpdateItem":
		return "dynamodb:UpdateItem"
	}
	return "dynamodb:" + operation
}

// enclosed says which operation a request is a part of.
func enclosed(operation string, r iam.Request) iam.Request {
	r.Context = append(r.Context, iam.Attribute{Key: enclosingOperation, Values: []string{operation}})
	return r
}

// asked makes requests for items, and keeps what it found out of the table of the one before.
type asked struct {
	engine *Engine
	table  string
	arn    string
	schema keySchema
	known  bool
}

func (a *asked) item(operation string, c *change, enclosing string) iam.Request {
	key := c.Key
	if key == nil {
		key = c.Item
	}
	r := a.keys(operation, c.TableName, key)
	if enclosing != "" {
		return enclosed(enclosing, r)
	}
	return r
}

// keys is a request for items of a table. Of a table that there is none of, nobody knows what the partition key is: the
// request has no leading keys.
func (a *asked) keys(operation, table string, keys ...attr.Item) iam.Request {
	if a.arn == "" || a.table != table {
		a.table, a.arn = table, a.engine.arnOf(resource{table: table})
		a.schema, a.known = a.engine.schemaOf(table, "")
	}
	r := iam.Request{Action: action(operation), Resource: a.arn}
	if len(keys) == 0 || !a.known {
		return r
	}
	values := make([]string, 0, len(keys))
	for _, key := range keys {
		values = append(values, leadingKey(key[a.schema.partition]))
	}
	const most = 2 // condition keys
	r.Context = append(make(iam.Context, 0, most), iam.Attribute{Key: leadingKeys, Values: values})
	return r
}

// onPage is a request to read a page of a table or an index, whose leading key is that of the index.
func (e *Engine) onPage(operation string, in *pageInput) ([]iam.Request, error) {
	r := iam.Request{Action: action(operation), Resource: e.arnOf(resource{table: in.TableName, index: in.IndexName})}
	schema, ok := e.schemaOf(in.TableName, in.IndexName)
	if !ok || operation != "Query" {
		return []iam.Request{r}, nil
	}
	var condition *expression.KeyCondition
	var err error
	switch {
	case in.KeyConditions != nil:
		condition, err = schema.legacyCondition(in.KeyConditions)
	case in.KeyConditionExpression != nil:
		holders := expression.NewPlaceholders(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
		condition, err = expression.ParseKeyCondition(*in.KeyConditionExpression, holders, schema.partition, schema.sort)
	default:
		return []iam.Request{r}, nil
	}
	if err != nil { // the operation would refuse it for the same reason
		return nil, err
	}
	r.Context = iam.Context{{Key: leadingKeys, Values: []string{leadingKey(condition.Partition)}}}
	return []iam.Request{r}, nil
}

// leadingKey is a partition key's value as a policy compares it.
func leadingKey(v attr.Value) string {
	if v.Kind == attr.String || v.Kind == attr.Number {
		return v.Str
	}
	return ""
}

// schemaOf is the key schema of a table or an index.
func (e *Engine) schemaOf(table, index string) (keySchema, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	t, err := e.find(table)
	if err != nil {
		return keySchema{}, false
	}
	if index == "" {
		return t.keys, true
	}
	x := t.indexes[index]
	if x == nil {
		return keySchema{}, false
	}
	return x.keys, true
}
