package dynamodb_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	local "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// What one would get wrong who has not read the pages. Each test says what AWS's documentation says, or what others
// have seen of the service (Scylla's suite of its own DynamoDB interface, which runs against both).
const (
	pageAddingToList = guide + "Expressions.UpdateExpressions.html"
	pageRawUpdate    = reference + "API_AttributeValueUpdate.html"
	pageQuery        = reference + "API_Query.html"
	pageScan         = reference + "API_Scan.html"
	pageCreate       = reference + "API_CreateTable.html"
	pageProjection   = reference + "API_Projection.html"
	pageConstraints  = guide + "Constraints.html"
	pageErrors       = guide + "Programming.Errors.html"
	pageTagging      = guide + "Tagging.html"
	pageCondition    = guide + "LegacyConditionalParameters.KeyConditions.html"
)

const first = `"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}`

// "If you add multiple elements in a single SET operation, the elements are sorted in order by element number", and
// every position of an update is one of the list before it.
func TestSuite_PositionsAreThoseOfTheOldList(t *testing.T) {
	w := onTheWire(t)
	for update, want := range map[string]string{
		"SET l[9] = :x, l[7] = :y, l[5] = :z": `[{"S": "0"}, {"S": "1"}, {"S": "2"}, {"S": "z"}, {"S": "y"},
			{"S": "x"}]`,
		"SET l[1] = :x REMOVE l[0], l[2] ADD n :one ":        `[{"S": "x"}]`,
		"REMOVE l[2], l[0]":                                  `[{"S": "1"}]`,
		"REMOVE l[0], l[1], l[2]":                            `[]`,
		"SET l[8] = :x REMOVE l[3]":                          `[{"S": "0"}, {"S": "1"}, {"S": "2"}, {"S": "x"}]`,
		"SET l[3] = :x, l[0] = :y REMOVE l[1]":               `[{"S": "y"}, {"S": "2"}, {"S": "x"}]`,
		"REMOVE l[17]":                                       `[{"S": "0"}, {"S": "1"}, {"S": "2"}]`,
		"SET l[0] = l[2], l[2] = l[0] REMOVE l[1]":           `[{"S": "2"}, {"S": "0"}]`,
		"SET k = :x REMOVE l[1], deep[0].l[0], deep[0].gone": `[{"S": "0"}, {"S": "2"}]`,
	} {
		var values []string
		for name, v := range map[string]string{":x": `{"S": "x"}`, ":y": `{"S": "y"}`, ":z": `{"S": "z"}`,
			":one": `{"N": "1"}`} {
			if strings.Contains(update, name) {
				values = append(values, fmt.Sprintf("%q: %s", name, v))
			}
		}
		given := ""
		if values != nil {
			given = `, "ExpressionAttributeValues": {` + strings.Join(values, ", ") + "}"
		}
		w.expect(
			ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "l": {"L": [{"S": "0"},
				{"S": "1"}, {"S": "2"}]},
				"deep": {"L": [{"M": {"l": {"L": [{"S": "0"}]}}}]}}}`, `{}`),
			ask("UpdateItem", `{`+first+`, "UpdateExpression": "`+update+`"`+given+`}`, anything),
			ask("GetItem", `{`+first+`, "ProjectionExpression": "l"}`, `{"Item": {"l": {"L": `+want+`}}}`),
		)
	}
	w.expect( // within an element whose neighbour goes, and a set that DELETE empties goes as one that REMOVE names
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "l": {"L": [{"S": "0"},
			{"M": {"a": {"N": "1"}, "b": {"N": "1"}}}, {"SS": ["x"]}, {"S": "3"}]}}}`, `{}`),
		ask("UpdateItem", `{`+first+`, "UpdateExpression": "REMOVE l[1].a, l[0] DELETE l[2] :s SET l[3] = :three",
			"ExpressionAttributeValues": {":s": {"SS": ["x", "y"]}, ":three": {"N": "3"}}}`, `{}`),
		ask("GetItem", `{`+first+`, "ProjectionExpression": "l"}`, `{"Item": {"l": {"L": [{"M": {"b": {"N": "1"}}},
			{"N": "3"}]}}}`),
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "s": {"NS": ["1", "2"]}}}`,
			`{}`),
		ask("UpdateItem", `{`+first+`, "UpdateExpression": "DELETE s :s", "ExpressionAttributeValues": {":s": {"NS": ["2.0",
			"1"]}}}`, `{}`),
		ask("GetItem", `{`+first+`}`, `{"Item": {"PK": {"S": "a"}, "SK": {"N": "1"}}}`).but(anything, pageAddingToList),
	)
}

// "If no item with the specified Key is found: … DELETE – causes nothing to happen; there is no attribute to delete".
// An update without actions makes an item.
func TestSuite_AnUpdateThatOnlyRemovesMakesNoItem(t *testing.T) {
	w := onTheWire(t)
	w.expect(
		ask("UpdateItem", `{`+first+`, "UpdateExpression": "REMOVE x", "ReturnValues": "ALL_NEW"}`, `{}`).but(anything,
			pageRawUpdate),
		ask("UpdateItem", `{`+first+`, "UpdateExpression": "REMOVE x.y, l[0]", "ReturnValues": "UPDATED_NEW"}`,
			`{}`).but("ValidationException: ", pageRawUpdate),
		ask("UpdateItem", `{`+first+`, "UpdateExpression": "DELETE x :s",
			"ExpressionAttributeValues": {":s": {"SS": ["a"]}}}`, `{}`),
		ask("TransactWriteItems", `{"TransactItems": [{"Update": {`+first+`, "UpdateExpression": "REMOVE x"}}]}`, `{}`),
		ask("GetItem", `{`+first+`}`, `{}`).but(anything, pageRawUpdate),
		ask("UpdateItem", `{`+first+`, "UpdateExpression": "SET y = :s REMOVE x",
			"ExpressionAttributeValues": {":s": {"SS": ["a"]}}}`, `{}`),
		ask("GetItem", `{`+first+`}`, `{"Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "y": {"SS": ["a"]}}}`),
		ask("UpdateItem", `{`+first+`, "UpdateExpression": "REMOVE x.y"}`, "ValidationException: document path"),
		ask("UpdateItem", `{"TableName": "records", "Key": {"PK": {"S": "b"}, "SK": {"N": "1"}}}`, `{}`),
		ask("GetItem", `{"TableName": "records", "Key": {"PK": {"S": "b"}, "SK": {"N": "1"}}}`,
			`{"Item": {"PK": {"S": "b"}, "SK": {"N": "1"}}}`),
	)
}

// "a <> b – true if a is not equal to b": what is missing equals nothing, not even what is missing too.
func TestSuite_WhatIsMissingEqualsNothing(t *testing.T) {
	w := onTheWire(t)
	w.expect(
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}}}`, `{}`),
		ask("UpdateItem", `{`+first+`, "ConditionExpression": "gone <> nowhere"}`, `{}`),
		ask("UpdateItem", `{`+first+`, "ConditionExpression": "NOT gone <> nowhere"}`, "ConditionalCheckFailedException: "),
		ask("UpdateItem", `{`+first+`, "ConditionExpression": "gone = nowhere"}`, "ConditionalCheckFailedException: "),
	)
}

// A function stands where it may: size not within size, list_append not within a function, and no sum within one.
func TestSuite_NestedFunctions(t *testing.T) {
	w := onTheWire(t)
	update := func(expression, want string) exchange {
		given := ""
		if strings.Contains(expression, ":l") {
			given = `, "ExpressionAttributeValues": {":l": {"L": [{"N": "1"}]}}`
		}
		return ask("UpdateItem", `{`+first+`, "UpdateExpression": "`+expression+`"`+given+`}`, want)
	}
	w.expect(
		update("SET l = list_append(if_not_exists(l, :l), :l)", `{}`),
		update("SET m = if_not_exists(gone, if_not_exists(nowhere, :l))", `{}`),
		update("SET l = list_append(list_append(l, :l), :l)", "ValidationException: not allowed").but(anything,
			pageAddingToList),
		update("SET l = if_not_exists(l, list_append(l, :l))", "ValidationException: not allowed").but(anything,
			pageAddingToList),
		update("SET l = if_not_exists(l, l + :l)", "ValidationException: Syntax error"),
		update("SET _l = :l", "ValidationException: Syntax error").but(anything,
			guide+"Expressions.ExpressionAttributeNames.html"),
		ask("UpdateItem", `{`+first+`, "ConditionExpression": "size(size(l)) = :n",
			"ExpressionAttributeValues": {":n": {"N": "1"}}}`, "ValidationException: "),
		ask("UpdateItem", `{`+first+`, "ConditionExpression": "attribute_exists(l) = :n",
			"ExpressionAttributeValues": {":n": {"N": "1"}}}`, "ValidationException: "),
		ask("GetItem", `{`+first+`, "ProjectionExpression": "l, m"}`, `{"Item": {"l": {"L": [{"N": "1"}, {"N": "1"}]},
			"m": {"L": [{"N": "1"}]}}}`).but(anything, pageAddingToList),
	)
}

// "There cannot be more than 4 MB of data per transaction": of data that is sent, so that more than that can be
// deleted.
func TestSuite_ATransactionsSizeIsTheRequests(t *testing.T) {
	w := onTheWire(t)
	deletes := make([]string, 12)
	for i := range deletes {
		w.expect(ask("PutItem", fmt.Sprintf(`{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "%d"},
			"x": {"S": "%s"}}}`, i, strings.Repeat("x", 400_000)), `{}`))
		deletes[i] = fmt.Sprintf(`{"Delete": {"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "%d"}}}}`, i)
	}
	sets := make([]string, 11)
	for i := range sets {
		sets[i] = fmt.Sprintf(`{"Update": {"TableName": "records", "Key": {"PK": {"S": "b"}, "SK": {"N": "%d"}},
			"UpdateExpression": "SET x = :x",
			"ExpressionAttributeValues": {":x": {"S": "%s"}}}}`, i, strings.Repeat("x", 400_000))
	}
	w.expect(
		ask("TransactWriteItems", `{"TransactItems": [`+strings.Join(deletes, ", ")+`]}`, `{}`),
		ask("TransactWriteItems", `{"TransactItems": [`+strings.Join(sets, ", ")+`]}`, "ValidationException: 4 MB"),
		ask("Scan", `{"TableName": "records", "Select": "COUNT"}`, `{"Count": 0, "ScannedCount": 0}`),
	)
}

// A transaction is validated before any of its conditions is looked at, and told of the first action that is invalid
// alone.
func TestSuite_ATransactionIsToldOfItsFirstFault(t *testing.T) {
	w := onTheWire(t)
	put := func(item, condition string) string {
		return `{"Put": {"TableName": "records", "Item": {` + item + `}` + condition + `}}`
	}
	fails := `, "ConditionExpression": "attribute_exists(PK)"`
	long := strings.Repeat("x", 2049)
	for _, actions := range []string{
		put(`"PK": {"S": "a"}, "SK": {"N": "1"}`, fails) + ", " + put(`"PK": {"N": "7"}, "SK": {"N": "1"}`,
			"") + ", " + put(`"PK": {"N": "8"}, "SK": {"N": "1"}`, ""),
		put(`"PK": {"S": "a"}, "SK": {"N": "1"}`, fails) + ", " + put(`"PK": {"S": "b"}, "SK": {"N": "1"}, "G": {"N": "1"}`,
			"") + ", " + put(`"PK": {"S": "c"}, "SK": {"N": "1"}, "G": {"N": "1"}`, ""),
		put(`"PK": {"S": "a"}, "SK": {"N": "1"}`, fails) + ", " + put(`"PK": {"S": "b"}, "SK": {"N": "1"},
			"G": {"S": "`+long+`"}`, fails) + ", " + put(`"PK": {"S": "c"}, "SK": {"N": "1"}`, fails),
		put(`"PK": {"S": "a"}, "SK": {"N": "1"}`, fails) + `, {"Update": {"TableName": "records", "Key": {"PK": {"S": "b"},
			"SK": {"N": "1"}}, "UpdateExpression": "SET x = gone"}}, ` + put(`"PK": {"S": "c"}, "SK": {"N": "1"}`, fails),
	} {
		w.expect(ask("TransactWriteItems", `{"TransactItems": [`+actions+`]}`,
			"TransactionCanceledException: [None, ValidationError, None]"))
	}
}

// An online build leaves out of an index what its key attributes cannot hold: another type, nothing, or too many bytes
// (developer guide, "Managing Global Secondary Indexes", detecting and correcting index key violations).
func TestSuite_AnIndexLeavesOutWhatCannotBeAKey(t *testing.T) {
	w := onTheWire(t)
	long := func(n int) string { return `{"S": "` + strings.Repeat("x", n) + `"}` }
	for i, x := range []string{
		`{"S": "x"}`, `{"S": ""}`, `{"N": "1"}`, `{"SS": ["x"]}`, long(1024), long(1025), long(2049),
	} {
		w.expect(ask("PutItem", fmt.Sprintf(`{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "%d"},
			"x": %s}}`, i, x), `{}`))
	}
	create := func(name, keys string) exchange {
		return ask("UpdateTable", `{"TableName": "records", "AttributeDefinitions": [{"AttributeName": "PK",
			"AttributeType": "S"}, {"AttributeName": "x", "AttributeType": "S"}],
			"GlobalSecondaryIndexUpdates": [{"Create": {"IndexName": "`+name+`", "KeySchema": [`+keys+`],
			"Projection": {"ProjectionType": "KEYS_ONLY"}}}]}`, anything)
	}
	w.expect(
		create("byx", `{"AttributeName": "x", "KeyType": "HASH"}`),
		ask("Scan", `{"TableName": "records", "IndexName": "byx", "Select": "COUNT"}`,
			`{"Count": 3, "ScannedCount": 3}`).but(anything, guide+"GSI.OnlineOps.ViolationDetection.html"),
	)
	if !w.independent { // it builds its indexes in the background
		w.expect(
			create("upx", `{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "x", "KeyType": "RANGE"}`),
			ask("Scan", `{"TableName": "records", "IndexName": "upx", "Select": "COUNT"}`, `{"Count": 2, "ScannedCount": 2}`),
			ask("UpdateItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}},
				"UpdateExpression": "SET y = PK"}`, "ValidationException: empty string"),
			ask("UpdateItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}},
				"UpdateExpression": "SET x = PK"}`, `{}`),
			ask("Scan", `{"TableName": "records", "IndexName": "upx", "Select": "COUNT"}`, `{"Count": 3, "ScannedCount": 3}`),
		)
	}
}

// A page begins behind a key: a whole one, of the right types, within what is asked, with the table's key besides an
// index's.
func TestSuite_ExclusiveStartKeys(t *testing.T) {
	w := onTheWire(t)
	w.expect(ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "5"}, "G": {"S": "g"},
		"H": {"S": "h"}}}`, `{}`))
	const of = `"TableName": "records", "KeyConditionExpression": "PK = :p",
		"ExpressionAttributeValues": {":p": {"S": "a"}}`
	const some = `"TableName": "records", "KeyConditionExpression": "PK = :p AND SK > :s",
		"ExpressionAttributeValues": {":p": {"S": "a"}, ":s": {"N": "3"}}`
	const one = `"TableName": "records", "KeyConditionExpression": "PK = :p AND SK = :s",
		"ExpressionAttributeValues": {":p": {"S": "a"}, ":s": {"N": "5"}}`
	const index = `"TableName": "records", "IndexName": "all", "KeyConditionExpression": "G = :g AND H = :h",
		"ExpressionAttributeValues": {":g": {"S": "g"}, ":h": {"S": "h"}}`
	from := func(key string) string { return `, "Select": "COUNT", "ExclusiveStartKey": {` + key + `}}` }
	const no = "ValidationException: "
	w.expect(
		ask("Query", `{`+of+from(`"PK": {"S": "a"}, "SK": {"N": "1"}`), `{"Count": 1, "ScannedCount": 1}`),
		ask("Query", `{`+of+from(`"PK": {"S": "a"}`), no+"starting key"),
		ask("Query", `{`+of+from(`"PK": {"S": "a"}, "SK": {"S": "1"}`), no+"starting key"),
		ask("Query", `{`+of+from(`"PK": {"S": "a"}, "SK": {"N": "1"}, "x": {"S": "a"}`), no+"starting key"),
		ask("Query", `{`+of+from(`"PK": {"S": "b"}, "SK": {"N": "1"}`), no+"outside query boundaries"),
		ask("Query", `{`+of+from(``), no+"starting key"),
		ask("Query", `{`+some+from(`"PK": {"S": "a"}, "SK": {"N": "4"}`), `{"Count": 1, "ScannedCount": 1}`),
		ask("Query", `{`+some+from(`"PK": {"S": "a"}, "SK": {"N": "2"}`), no+"range key predicate"),
		ask("Query", `{`+one+from(`"PK": {"S": "a"}, "SK": {"N": "5"}`), no+"cannot be restarted").but(anything, pageQuery),
		ask("Query", `{`+one+`, "Limit": 1, "Select": "COUNT"}`, `{"Count": 1, "ScannedCount": 1}`).but(anything, pageQuery),
		ask("Query", `{`+index+from(`"PK": {"S": "a"}, "SK": {"N": "1"}, "G": {"S": "g"}, "H": {"S": "h"}`),
			`{"Count": 1, "ScannedCount": 1}`),
		ask("Query", `{`+index+from(`"PK": {"S": "a"}, "SK": {"N": "1"}, "G": {"S": "g"}`), no+"starting key"),
		ask("Query", `{`+index+from(`"PK": {"S": "a"}, "G": {"S": "g"}, "H": {"S": "h"}`), no+"starting key"),
		ask("Query", `{`+index+from(`"PK": {"S": "a"}, "SK": {"N": "1"}, "G": {"S": "g"}, "H": {"S": "i"}`),
			no+"starting key"),
		ask("Query", `{`+index+from(`"PK": {"S": "a"}, "SK": {"N": "1"}, "G": {"S": "f"}, "H": {"S": "h"}`),
			no+"starting key"),
		ask("Query", `{`+index+from(`"PK": {"S": "a"}, "SK": {"N": "1"}, "G": {"S": "g"}, "H": {"S": "h"}, "x": {"S": "x"}`),
			no+"starting key"),
		ask("Scan", `{"TableName": "records"`+from(`"PK": {"S": "a"}, "SK": {"N": "1"}, "x": {"S": "x"}`), no+"starting key"),
		ask("Scan", `{"TableName": "records"`+from(`"PK": {"S": ""}, "SK": {"N": "1"}`), no).but(anything, pageScan),
	)
	refused := 0
	for segment := range 8 {
		got := w.say("Scan", fmt.Sprintf(`{"TableName": "records", "Segment": %d, "TotalSegments": 8`,
			segment)+from(`"PK": {"S": "a"}, "SK": {"N": "1"}`))
		if strings.HasPrefix(got, no) && (w.independent || strings.Contains(got, "Exclusive start key")) {
			refused++
		}
	}
	if refused != 7 && !w.independent {
		t.Errorf("a key is refused by %d of 8 segments, want all but its own", refused)
	}
}

// KeyConditions, which expressions replaced, is still a way to ask, and the only one of some libraries.
func TestSuite_KeyConditions(t *testing.T) {
	w := onTheWire(t)
	for i := range 5 {
		w.expect(ask("PutItem", fmt.Sprintf(`{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "%d"},
			"G": {"S": "g"}, "H": {"S": "h%d"}, "odd": {"BOOL": %t}}}`, i, i/2, i%2 == 1), `{}`))
	}
	query := func(conditions, more string) string {
		return `{"TableName": "records", "Select": "COUNT", "KeyConditions": {` + conditions + `}` + more + `}`
	}
	eq := `"PK": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}`
	sort := func(operator, values string) string {
		return eq + `, "SK": {"ComparisonOperator": "` + operator + `", "AttributeValueList": [` + values + `]}`
	}
	const no = "ValidationException: "
	for conditions, want := range map[string]string{
		eq: "5", sort("EQ", `{"N": "2.0"}`): "1", sort("LT", `{"N": "2"}`): "2", sort("LE", `{"N": "2"}`): "3",
		sort("GT", `{"N": "2"}`): "2", sort("GE", `{"N": "2"}`): "3", sort("BETWEEN", `{"N": "1"}, {"N": "3"}`): "3",
		sort("BETWEEN", `{"N": "3"}, {"N": "1"}`): no, sort("BETWEEN", `{"N": "3"}`): no,
		sort("EQ", ``): no, sort("EQ", `{"N": "1"}, {"N": "2"}`): no,
		sort("EQ", `{"S": "2"}`): no, sort("EQ", `{"NS": ["2"]}`): no, sort("BEGINS_WITH", `{"N": "2"}`): no,
		sort("eq", `{"N": "2"}`): no, sort("DOG", `{"N": "2"}`): no,
		sort("NE", `{"N": "2"}`): no, sort("IN", `{"N": "2"}`): no, sort("NOT_NULL", ``): no,
		`"SK": {"ComparisonOperator": "EQ", "AttributeValueList": [{"N": "2"}]}`:               no,
		`"PK": {"ComparisonOperator": "GT", "AttributeValueList": [{"S": "a"}]}`:               no,
		`"PK": {"ComparisonOperator": "EQ", "AttributeValueList": [{"N": "1"}]}`:               no,
		eq + `, "odd": {"ComparisonOperator": "EQ", "AttributeValueList": [{"BOOL": true}]}`:   no,
		eq + `, "other": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "other"}]}`: no,
		``: no,
	} {
		if want != no {
			want = `{"Count": ` + want + `, "ScannedCount": ` + want + `}`
		}
		w.expect(ask("Query", query(conditions, ""), want))
	}
	g := `"G": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "g"}]},
		"H": {"ComparisonOperator": "BEGINS_WITH", "AttributeValueList": [{"S": "h1"}]}`
	w.expect(
		ask("Query", query(g, `, "IndexName": "all"`), `{"Count": 2, "ScannedCount": 2}`),
		ask("Query", query(eq, `, "FilterExpression": "odd = :t", "ExpressionAttributeValues": {":t": {"BOOL": true}}`),
			`{"Count": 2, "ScannedCount": 5}`).but(no, pageCondition),
		ask("Query", query(eq, `, "Limit": 2, "ScanIndexForward": false`),
			`{"Count": 2, "ScannedCount": 2, "LastEvaluatedKey": {"PK": {"S": "a"}, "SK": {"N": "3"}}}`),
		ask("Query", query(eq, `, "KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}`),
			no+"Can not use both"),
		ask("Scan", `{"TableName": "records", "KeyConditions": {`+eq+`}}`, no).but(anything, pageCondition),
	)
}

// What a table is made of: definitions of exactly the attributes that keys use, names of a length, projections that say
// what they mean, throughput of at least one, tags of letters.
func TestSuite_TablesThatAreRefused(t *testing.T) {
	w := onTheWire(t)
	const keys, definitions, onDemand = `"KeySchema": [{"AttributeName": "P", "KeyType": "HASH"}]`,
		`"AttributeDefinitions": [{"AttributeName": "P", "AttributeType": "S"}]`, `"BillingMode": "PAY_PER_REQUEST"`
	const more = `"AttributeDefinitions": [{"AttributeName": "P", "AttributeType": "S"}, {"AttributeName": "Q",
		"AttributeType": "S"}, {"AttributeName": "R", "AttributeType": "S"}]`
	index := func(schema, rest string) string {
		return `"GlobalSecondaryIndexes": [{"IndexName": "index", "KeySchema": [` + schema + `]` + rest + `}]`
	}
	const byQ, all = `{"AttributeName": "Q", "KeyType": "HASH"}`, `, "Projection": {"ProjectionType": "ALL"}`
	const two = `"AttributeDefinitions": [{"AttributeName": "P", "AttributeType": "S"}, {"AttributeName": "Q",
		"AttributeType": "S"}]`
	long := strings.Repeat("x", 256)
	var many []string
	for i := range 21 {
		many = append(many, fmt.Sprintf(`"a%d"`, i))
	}
	for what, parts := range map[string][]string{
		"no definitions": {keys, onDemand},
		"a definition twice": {keys, onDemand, `"AttributeDefinitions": [{"AttributeName": "P",
			"AttributeType": "S"}, {"AttributeName": "P", "AttributeType": "N"}]`},
		"a definition that nobody uses": {keys, onDemand, two},
		"a definition without a name":   {keys, onDemand, `"AttributeDefinitions": [{"AttributeType": "S"}]`},
		"a definition without a type":   {keys, onDemand, `"AttributeDefinitions": [{"AttributeName": "P"}]`},
		"a key's name of 256 bytes": {`"KeySchema": [{"AttributeName": "` + long + `", "KeyType": "HASH"}]`,
			onDemand, `"AttributeDefinitions": [{"AttributeName": "` + long + `", "AttributeType": "S"}]`},
		"two partition keys": {`"KeySchema": [{"AttributeName": "P", "KeyType": "HASH"},
			{"AttributeName": "Q", "KeyType": "HASH"}]`, onDemand, two},
		"three keys": {`"KeySchema": [{"AttributeName": "P", "KeyType": "HASH"},
			{"AttributeName": "Q", "KeyType": "RANGE"}, {"AttributeName": "R", "KeyType": "RANGE"}]`, onDemand, more},
		"a key of an unknown kind": {`"KeySchema": [{"AttributeName": "P", "KeyType": "hash"}]`, definitions,
			onDemand},
		"an index of an undefined attribute": {keys, definitions, onDemand, index(byQ, all)},
		"an index of a short name": {keys, two, onDemand, `"GlobalSecondaryIndexes": [{"IndexName": "in",
			"KeySchema": [` + byQ + `]` + all + `}]`},
		"two indexes of a name": {keys, two, onDemand, `"GlobalSecondaryIndexes": [{"IndexName": "index",
			"KeySchema": [` + byQ + `]` + all + `}, {"IndexName": "index", "KeySchema": [` + byQ + `]` + all + `}]`},
		"no indexes":       {keys, definitions, onDemand, `"GlobalSecondaryIndexes": []`},
		"no local indexes": {keys, definitions, onDemand, `"LocalSecondaryIndexes": []`},
		"an include of nothing": {keys, two, onDemand, index(byQ,
			`, "Projection": {"ProjectionType": "INCLUDE"}`)},
		"keys only and more": {keys, two, onDemand, index(byQ,
			`, "Projection": {"ProjectionType": "KEYS_ONLY", "NonKeyAttributes": ["a"]}`)},
		"all and more": {keys, two, onDemand, index(byQ,
			`, "Projection": {"ProjectionType": "ALL", "NonKeyAttributes": ["a"]}`)},
		"an include of 21": {keys, two, onDemand, index(byQ,
			`, "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": [`+strings.Join(many, ", ")+`]}`)},
		"an included name of 256 bytes": {keys, two, onDemand, index(byQ,
			`, "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["`+long+`"]}`)},
		"an index with throughput on demand": {keys, two, onDemand, index(byQ,
			all+`, "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}`)},
		"a provisioned index without": {keys, two,
			`"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}`, index(byQ, all)},
		"throughput of none": {keys, definitions,
			`"ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 1}`},
		"a tag of strange letters": {keys, definitions, onDemand, `"Tags": [{"Key": "ok", "Value": "#!%"}]`},
		"a tag twice": {keys, definitions, onDemand, `"Tags": [{"Key": "a", "Value": "1"},
			{"Key": "a", "Value": "2"}]`},
		"a tag of the service's own": {keys, definitions, onDemand, `"Tags": [{"Key": "aws:a", "Value": "1"}]`},
		"a tag's key of 129 letters": {keys, definitions, onDemand, `"Tags": [{"Key": "` + strings.Repeat("é",
			129) + `", "Value": "1"}]`},
		"an unknown view of its stream": {keys, definitions, onDemand,
			`"StreamSpecification": {"StreamEnabled": true, "StreamViewType": "SOME"}`},
	} {
		w.expect(ask("CreateTable", `{"TableName": "other", `+strings.Join(parts, ", ")+`}`,
			"ValidationException: ").but(anything, pageCreate))
		if w.independent { // where it was made
			w.say("DeleteTable", `{"TableName": "other"}`)
			continue
		}
		w.expect(ask("DescribeTable", `{"TableName": "other"}`, "ResourceNotFoundException: "))
		if t.Failed() {
			t.Fatalf("with %s", what)
		}
	}
	w.expect(ask("CreateTable", `{"TableName": "other", `+keys+`, `+definitions+`, `+onDemand+`,
		"Tags": [{"Key": "`+strings.Repeat("é", 128)+`", "Value": "ключ 1+-=._:/@"}, {"Key": "b", "Value": ""}]}`, anything))
}

// A global index may have up to four partition and four sort attributes on AWS. It is not offered here, by name.
func TestMultiAttributeKeysAreRefusedByName(t *testing.T) {
	w := onTheWire(t)
	if w.independent {
		t.Skip("only of this engine")
	}
	for _, schema := range []string{
		`{"AttributeName": "Q", "KeyType": "HASH"}, {"AttributeName": "R", "KeyType": "HASH"}`,
		`{"AttributeName": "Q", "KeyType": "HASH"}, {"AttributeName": "R", "KeyType": "RANGE"}, {"AttributeName": "P",
			"KeyType": "RANGE"}`,
	} {
		index := `{"IndexName": "many", "KeySchema": [` + schema + `], "Projection": {"ProjectionType": "ALL"}}`
		definitions := `"AttributeDefinitions": [{"AttributeName": "P", "AttributeType": "S"}, {"AttributeName": "Q",
			"AttributeType": "S"}, {"AttributeName": "R", "AttributeType": "S"}]`
		w.expect(
			ask("CreateTable", `{"TableName": "other", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "P",
				"KeyType": "HASH"}], `+definitions+`, "GlobalSecondaryIndexes": [`+index+`]}`,
				"ValidationException: does not offer multi-attribute keys"),
			ask("UpdateTable", `{"TableName": "records", `+definitions+`, "GlobalSecondaryIndexUpdates": [{"Create": `+index+
				`}]}`,
				"ValidationException: does not offer multi-attribute keys"),
		)
	}
}

// "TableName: … you can also provide the Amazon Resource Name (ARN) of the table": a whole one, of a table, and of
// nothing else.
func TestSuite_NamesAndARNs(t *testing.T) {
	w := onTheWire(t)
	const arn = "arn:aws:dynamodb:us-east-1:000000000000:table/records"
	get := func(name string) string {
		return `{"TableName": "` + name + `", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}}`
	}
	const no = "ValidationException: "
	w.expect(
		ask("GetItem", get("ab"), no), ask("GetItem", get(strings.Repeat("x", 256)), no), ask("GetItem", get("re cords"),
			no), ask("GetItem", get(strings.Repeat("x", 255)), "ResourceNotFoundException: "),
	)
	if w.independent {
		return // its account is another
	}
	w.expect(
		ask("GetItem", get(arn), `{}`),
		ask("Query", `{"TableName": "`+arn+`", "Select": "COUNT", "KeyConditionExpression": "PK = :p",
			"ExpressionAttributeValues": {":p": {"S": "a"}}}`, `{"Count": 0, "ScannedCount": 0}`),
		ask("GetItem", get(arn+"x"), "ResourceNotFoundException: "),
		ask("GetItem", get(strings.Replace(arn, "us-east-1", "us-west-2", 1)), "ResourceNotFoundException: "),
		ask("GetItem", get(strings.Replace(arn, "000000000000", "123456789012", 1)), "ResourceNotFoundException: "),
	)
	for _, bad := range []string{
		"arn:aws:dynamodb:us-east-1:0000:table/records", "arn:aws:dynamodb::000000000000:table/records",
		"arn:aws:s3:us-east-1:000000000000:table/records", "arn:aws:dynamodb:us-east-1:000000000000:records",
		"arn:aws:dynamodb:us-east-1:000000000000:table/", "arn:aws:dynamodb:us-east-1:000000000000:table/ab",
		arn + "/index/all", arn + "/stream/2024-01-01T00:00:00.000", "arn:x", "x:table/records",
	} {
		w.expect(ask("GetItem", get(bad), no), ask("ListTagsOfResource", `{"ResourceArn": "`+bad+`"}`, no))
	}
	w.expect(
		ask("TagResource", `{"ResourceArn": "`+arn+`", "Tags": []}`, no), ask("TagResource", `{"ResourceArn": "`+arn+`"}`,
			no), ask("UntagResource", `{"ResourceArn": "`+arn+`", "TagKeys": []}`, no),
		ask("TagResource", `{"ResourceArn": "`+arn+`x", "Tags": [{"Key": "a", "Value": "b"}]}`,
			"ResourceNotFoundException: "),
		ask("TagResource", `{"ResourceArn": "`+arn+`", "Tags": [{"Key": "a", "Value": "b"}]}`, ``), // its answer has no body
		ask("UntagResource", `{"ResourceArn": "`+arn+`", "TagKeys": ["a"]}`, ``),
	)
	const streams = "DynamoDBStreams_20120810."
	for request, want := range map[string]string{
		`DescribeStream {"StreamArn": "x"}`:                   no,
		`DescribeStream {"StreamArn": "` + arn + `"}`:         no,
		`DescribeStream {"StreamArn": "` + arn + `/stream/"}`: no,
		`DescribeStream {"StreamArn": "` + arn +
			`/stream/2024-01-01T00:00:00.000"}`: "ResourceNotFoundException: ",
		`GetShardIterator {"StreamArn": "` + arn + `/index/all", "ShardId": "x", "ShardIteratorType": "LATEST"}`: no,
		`ListStreams {"ExclusiveStartStreamArn": "kossa"}`:                                                       no,
		`ListStreams {"TableName": "a/b"}`:                                                                       no,
		`ListStreams {"TableName": "` + arn +
			`"}`: `{"Streams": []}`,
	} {
		operation, body, _ := strings.Cut(request, " ")
		if got := w.target(streams+operation, body); !answers(got, want, false) {
			t.Errorf("%s: %s, want %s", request, got, want)
		}
	}
}

// A request is read as it stands: names of members letter by letter, values of their types, text in UTF-8; what cannot
// be read is a SerializationException, whatever else is wrong.
func TestSuite_RequestsThatCannotBeRead(t *testing.T) {
	w := onTheWire(t)
	const no = "SerializationException: "
	key := `"Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}`
	put := func(value string) string {
		return `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "v": ` + value + `}}`
	}
	w.expect(
		ask("GetItem", `{"tableName": "records", `+key+`}`, "ValidationException: tableName"),
		ask("GetItem", `{"TableName": "records", "key": {"PK": {"S": "a"}, "SK": {"N": "1"}}}`, "ValidationException: "),
		ask("GetItem", `{"TableName": "records", `+key+`, "Unknown": {"a": [1]}}`, `{}`),
		ask("GetItem", `{"TableName": "records", `+key+`, "ConsistentRead": null}`, `{}`),
		ask("GetItem", `{"TableName": 7, `+key+`}`, no),
		ask("GetItem", `{"TableName": ["records"], `+key+`}`, no),
		ask("GetItem", `{"TableName": "records", `+key+`, "ConsistentRead": "true"}`, no).but(anything, pageErrors),
		ask("GetItem", `{"TableName": "records", "Key": []}`, no),
		ask("GetItem", `{"TableName": "records", "Key": {"PK": "a", "SK": {"N": "1"}}}`, no),
		ask("GetItem", `{"TableName": "records", `+key+`, "ProjectionExpression": "#x",
			"ExpressionAttributeNames": {"#x": 7}}`, no),
		ask("Query", `{"TableName": "records", "Limit": "1"}`, no),
		ask("BatchGetItem", `{"RequestItems": []}`, no),
		ask("BatchWriteItem", `{"RequestItems": {"records": {}}}`, no),
		ask("TransactWriteItems", `{"TransactItems": {}}`, no),
		ask("PutItem", put(`{"N": 3}`), no), ask("PutItem", put(`{"S": true}`), no), ask("PutItem", put(`{"BOOL": "true"}`),
			no).but(anything, pageErrors), ask("PutItem", put(`{"L": {}}`), no),
		ask("PutItem", put(`{"B": "YWJj??!!"}`), no), ask("PutItem", put(`{"B": "fakebase64"}`), no), ask("PutItem",
			put(`{"BS": ["?"]}`), no), ask("PutItem", put(`{"M": {"a": 1}}`), no).but("ValidationException: ", pageErrors),
		ask("PutItem", put(`{"s": "lower case"}`), "ValidationException: "),
		ask("PutItem", put(`null`), "ValidationException: ").but(no, pageErrors),
		ask("PutItem", put(`{"L": [null]}`), "ValidationException: ").but(no, pageErrors),
		ask("PutItem", put(`{"S": null}`), "ValidationException: ").but(no, pageErrors),
		ask("UpdateItem", `{`+first+`, "UpdateExpression": "SET v = :v", "ExpressionAttributeValues": {":v": null}}`,
			"ValidationException: ").but(no, pageErrors),
		ask("UpdateItem", `{"TableName": "records", "Key": null}`, "ValidationException: ").but(no, pageErrors),
		ask("PutItem", put(`{"dog": "cat"}`), "ValidationException: "),
		ask("PutItem", put(`{"N": "one"}, "w": {"N": 1}`), no).but("ValidationException: ", pageErrors),
		// before what can be read and is wrong
		ask("PutItem", put(`{"N": "one"}`)+"}", no),
		ask("PutItem", put(`{"S": "\ud83d\ude00"}`), `{}`),
		ask("GetItem", `{"TableName": "records", `+key+`, "ProjectionExpression": "v"}`, `{"Item": {"v": {"S": "😀"}}}`),
		ask("ListTables", ``, no), ask("ListTables", `null`, no).but("ValidationException: ", pageErrors), ask("ListTables",
			`[]`, no).but(anything, pageErrors), ask("ListTables", `{`, no), ask("ListTables", `{}}`, no),
		ask("PutItem", `{"TableName": "records", "Item": `+strings.Repeat(`{"":`, 100_000)+`{}`+strings.Repeat(`}`,
			100_000)+`}`, no),
	)
}

// Text is in UTF-8, names included.
func TestRequestsThatAreNotUTF8(t *testing.T) {
	w := onTheWire(t)
	if w.independent {
		t.Skip("dynoxide answers in no JSON")
	}
	for _, value := range []string{"{\"S\": \"\xff\"}", "{\"S\": \"\xc3\"}", "{\"S\": \"\xed\xa0\x80\"}",
		"{\"S\": \"\\ud800\"}", "{\"S\": \"ok\"}, \"\xff\": {\"S\": \"a\"}"} {
		w.expect(ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "v": `+value+`}}`,
			"SerializationException: "))
	}
	w.expect(ask("GetItem", `{`+first+`}`, `{}`))
}

// raw sends a request with headers and gives the answer as it came over the wire.
func (w *wire) raw(target string, body []byte, headers map[string]string) (*http.Response, []byte) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.address, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", target)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		w.t.Fatal(err)
	}
	return answer, text
}

// The model of the API spells the member with the error's text in two ways: "Message" of these, "message" of all
// others.
func TestErrorsSpellTheirMessage(t *testing.T) {
	w := onTheWire(t)
	if w.independent {
		t.Skip("SDKs read either")
	}
	token := `"ClientRequestToken": "once", "TransactItems": [{"Put": {"TableName": "records", "Item": {"PK": {"S": "a"},
		"SK": {"N": "1"}`
	w.expect(ask("TransactWriteItems", `{`+token+`}}}]}`, `{}`))
	for request, want := range map[string]string{
		`ListTables {`: `coral.service#SerializationException","Message":`,
		`TransactWriteItems {` + token +
			`, "x": {"S": "y"}}}}]}`: `v20120810#IdempotentParameterMismatchException","Message":`,
		`TransactWriteItems {"TransactItems": [{"Delete": {` + first +
			`, "ConditionExpression": "attribute_exists(x)"}}]}`: `v20120810#TransactionCanceledException","Message":`,
		`ListTables {"Limit": 0}`: `coral.validate#ValidationException",` +
			`"message":`,
		`DescribeTable {"TableName": "other"}`: `v20120810#ResourceNotFoundException",` +
			`"message":`,
		`DeleteItem {` + first +
			`, "ConditionExpression": "attribute_exists(x)"}`: `v20120810#ConditionalCheckFailedException","message":`,
		`ExecuteStatement {}`: `coral.service#UnknownOperationException","message":`,
	} {
		operation, body, _ := strings.Cut(request, " ")
		if answer, text := w.raw("DynamoDB_20120810."+operation, []byte(body),
			nil); answer.StatusCode != http.StatusBadRequest ||
			!strings.HasPrefix(string(text), `{"__type":"com.amazon`) || !strings.Contains(string(text), want) {
			t.Errorf("%s: %d %.300s, want %s…", request, answer.StatusCode, text, want)
		}
	}
}

// Requests may come in gzip ("Request compression"), answers of 4 KB and more go out in it to who accepts it, and
// X-Amz-Crc32 is of the bytes that go over the wire. What says that it is in gzip and is not, or in what nobody knows,
// is an InternalServerError.
func TestGzip(t *testing.T) {
	w := onTheWire(t)
	if w.independent {
		t.Skip("dynoxide reads no compressed requests")
	}
	zip := func(text string) []byte {
		var zipped bytes.Buffer
		writer := gzip.NewWriter(&zipped)
		_, err := io.WriteString(writer, text)
		if err = errors.Join(err, writer.Close()); err != nil {
			t.Fatal(err)
		}
		return zipped.Bytes()
	}
	put := `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "x": {"S": "` + strings.Repeat("x",
		10_000) + `"}}}`
	zipped := zip(put)
	for what, request := range map[string]struct {
		body     []byte
		encoding string
		status   int
	}{
		"whole":                    {zipped, "gzip", http.StatusOK},
		"in two":                   {append(zip(put[:10]), zip(put[10:])...), "gzip", http.StatusOK},
		"not compressed":           {[]byte(put), "", http.StatusOK},
		"not compressed by name":   {[]byte(put), "identity", http.StatusOK},
		"no gzip":                  {[]byte(put), "gzip", http.StatusInternalServerError},
		"nothing":                  {nil, "gzip", http.StatusInternalServerError},
		"cut off":                  {zipped[:len(zipped)-1], "gzip", http.StatusInternalServerError},
		"unknown":                  {zipped, "garbage", http.StatusInternalServerError},
		"more than 16 MB unzipped": {zip(put[:1] + strings.Repeat(" ", 16<<20) + put[1:]), "gzip", http.StatusBadRequest},
	} {
		headers := map[string]string{}
		if request.encoding != "" {
			headers["Content-Encoding"] = request.encoding
		}
		if answer, text := w.raw("DynamoDB_20120810.PutItem", request.body, headers); answer.StatusCode != request.status {
			t.Errorf("%s: %d %.200s, want %d", what, answer.StatusCode, text, request.status)
		}
	}
	_, plain := w.raw("DynamoDB_20120810.GetItem", []byte(`{`+first+`}`), map[string]string{"Accept-Encoding": "identity"})
	for accept, want := range map[string]bool{
		"gzip": true, "deflate, gzip;q=0.5": true, "*": true, "br, *;q=0.1": true, "gzip ;q=0": false, "identity": false,
		"": false, "deflate": false, "*;q=0": false, "gzip;q=x": true,
	} {
		answer, text := w.raw("DynamoDB_20120810.GetItem", []byte(`{`+first+`}`),
			map[string]string{"Accept-Encoding": accept})
		if got := answer.Header.Get("X-Amz-Crc32"); got != strconv.FormatUint(uint64(crc32.ChecksumIEEE(text)), 10) {
			t.Errorf("%q: checksum %s is not of what was sent", accept, got)
		}
		if got := answer.Header.Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("%q: compressed is %t", accept, got)
		}
		if !want {
			continue
		}
		reader, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if unzipped, err := io.ReadAll(reader); err != nil || !bytes.Equal(unzipped, plain) {
			t.Errorf("%q: %.100s, %v", accept, unzipped, err)
		}
	}
	if answer, _ := w.raw("DynamoDB_20120810.GetItem", []byte(`{`+first+`, "ProjectionExpression": "PK"}`),
		map[string]string{"Accept-Encoding": "gzip"}); answer.Header.Get("Content-Encoding") != "" {
		t.Error("a short answer is compressed")
	}
	// And the SDK, which verifies the checksum, reads it.
	engine := local.New(local.Options{})
	clientOf(t, engine)
	zipping := dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://dynamodb.local"), RetryMaxAttempts: 1,
		EnableAcceptEncodingGzip: true,
		HTTPClient:               inprocess.Client(engine), Credentials: credentials.NewStaticCredentialsProvider("local",
			"local", ""),
	})
	put3 := item{"PK": s("a"), "SK": n("1"), "x": s(strings.Repeat("y", 20_000))}
	if _, err := zipping.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("records"),
		Item: put3}); err != nil {
		t.Fatal(err)
	}
	out, err := zipping.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("records"),
		Key: item{"PK": s("a"), "SK": n("1")}})
	if err != nil || len(out.Item) != len(put3) {
		t.Errorf("the SDK reads %d attributes, %v", len(out.Item), err)
	}
}

// What an account may use, where the endpoint is, and whether a table is backed up: libraries and consoles ask before
// they begin.
func TestSuite_DescribesWhatLibrariesAskFor(t *testing.T) {
	w := onTheWire(t)
	limits := `{"AccountMaxReadCapacityUnits": 80000, "AccountMaxWriteCapacityUnits": 80000,
		"TableMaxReadCapacityUnits": 40000, "TableMaxWriteCapacityUnits": 40000}`
	other := "UnknownOperationException: "
	w.expect(
		ask("DescribeLimits", `{}`, limits).but(other, reference+"API_DescribeLimits.html"),
		ask("DescribeContinuousBackups", `{"TableName": "records"}`,
			`{"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED",
			"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"}}}`).
			but(other, reference+"API_DescribeContinuousBackups.html"),
		ask("DescribeContinuousBackups", `{"TableName": "gone"}`, "TableNotFoundException: ").but(other,
			reference+"API_DescribeContinuousBackups.html"),
	)
	if !w.independent {
		w.expect(ask("DescribeEndpoints", `{}`, `{"Endpoints": [{"Address": "dynamodb.local",
			"CachePeriodInMinutes": 1440}]}`))
	}
}
