package dynamodb_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	local "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
)

// The tests named TestSuite_ ask the same of two engines: this one, or the one at AWS_ENDPOINT_URL_DYNAMODB (dynoxide
// in CI). What they expect is what AWS answers. Of the other engine the wording of errors is not asked, and
// [exchange.but] names what it is known to answer instead: it may answer either, so that one which comes nearer to AWS
// does not fail.

// wire speaks to an engine by hand.
type wire struct {
	t      *testing.T
	client interface {
		Do(*http.Request) (*http.Response, error)
	}
	address     string
	independent bool
}

// onTheWire is an engine with the table "records" of [clientOf], empty.
func onTheWire(t *testing.T) *wire {
	t.Helper()
	w := &wire{t: t, client: http.DefaultClient, address: os.Getenv("AWS_ENDPOINT_URL_DYNAMODB")}
	if w.independent = w.address != ""; w.independent {
		for _, name := range []string{"records", "aaa", "bbb", "zzz", "other", "names"} { // of a test before
			w.say("DeleteTable", `{"TableName": "`+name+`"}`)
		}
	} else {
		w.client, w.address = inprocess.Client(local.New(local.Options{})), "http://dynamodb.local"
	}
	answer := w.say("CreateTable", `{"TableName": "records", "BillingMode": "PAY_PER_REQUEST",
		"KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
		"AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}, {"AttributeName": "SK", "AttributeType": "N"},
			{"AttributeName": "G", "AttributeType": "S"}, {"AttributeName": "H", "AttributeType": "S"}],
		"GlobalSecondaryIndexes": [
			{"IndexName": "all", "Projection": {"ProjectionType": "ALL"},
				"KeySchema": [{"AttributeName": "G", "KeyType": "HASH"}, {"AttributeName": "H", "KeyType": "RANGE"}]},
			{"IndexName": "some",
				"KeySchema": [{"AttributeName": "H", "KeyType": "HASH"}, {"AttributeName": "G", "KeyType": "RANGE"}],
				"Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["kept"]}}]}`)
	if !strings.HasPrefix(answer, "{") {
		t.Fatal(answer)
	}
	return w
}

// say sends a request as it stands on the wire. The answer is the body, or of an error its code and message.
func (w *wire) say(operation, request string) string {
	w.t.Helper()
	return w.target("DynamoDB_20120810."+operation, request)
}

func (w *wire) target(target, request string) string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.address, strings.NewReader(request))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20261124/us-east-1/dynamodb/aws4_request, "+
		"SignedHeaders=host;x-amz-date, Signature=0")
	r.Header.Set("X-Amz-Date", "20261124T130000Z") // no local engine verifies a signature
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		w.t.Fatal(err)
	}
	if answer.StatusCode == http.StatusOK {
		return string(body)
	}
	var fault struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &fault); err != nil {
		w.t.Fatalf("%s: %s", request, body)
	}
	return fault.Type[strings.LastIndexByte(fault.Type, '#')+1:] + ": " + fault.Message
}

// exchange is a request and its answer: JSON as a whole, or the code of an error and words that its message must have.
type exchange struct {
	operation, request string
	want               string
	other, page        string // what dynoxide 3.2 answers instead, and AWS's page that decides
}

// The pages that decide between the engines.
const (
	reference       = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/"
	guide           = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
	pageUpdateItem  = reference + "API_UpdateItem.html"
	pageUpdateTable = reference + "API_UpdateTable.html"
	pageTag         = reference + "API_Tag.html"
	pageGet         = reference + "API_Get.html"
	pageTransactGet = reference + "API_TransactGetItems.html"
	pageFunctions   = guide + "Expressions.OperatorsAndFunctions.html"
	// AWS takes them too; this engine offers no legacy parameter
	pageLegacy = guide + "LegacyConditionalParameters.html"
)

// anything stands for an answer that tells of no error.
const anything = "{…}"

// but tells of a difference: what dynoxide 3.2 answers, and the page of AWS's documentation that decides.
func (x exchange) but(other, page string) exchange {
	x.other, x.page = other, page
	return x
}

func ask(operation, request, want string) exchange {
	return exchange{operation: operation, request: request, want: want}
}

// expect holds the engine to the exchanges, one after the other.
func (w *wire) expect(exchanges ...exchange) {
	w.t.Helper()
	for _, x := range exchanges {
		got := w.say(x.operation, x.request)
		if w.independent && x.other != "" && answers(got, x.other, true) {
			continue
		}
		if !answers(got, x.want, w.independent) {
			w.t.Errorf("%s %.300s\n got %.600s\nwant %s %s", x.operation, x.request, got, x.want, x.page)
		}
	}
}

// answers compares an answer with what is wanted; lenient: of an error, the code alone.
func answers(got, want string, lenient bool) bool {
	if want == "" {
		return got == ""
	}
	if want == anything {
		return strings.HasPrefix(got, "{")
	}
	if strings.HasPrefix(want, "{") {
		var g, w any
		if json.Unmarshal([]byte(want), &w) != nil || json.Unmarshal([]byte(got), &g) != nil {
			return false
		}
		return reflect.DeepEqual(g, w)
	}
	code, words, _ := strings.Cut(want, ": ")
	return strings.HasPrefix(got, code+": ") && (lenient || strings.Contains(got, words))
}

// What a write returns: nothing, the whole item before or after, or the attributes that it touched (API reference,
// UpdateItem, ReturnValues).
func TestSuite_ReturnValues(t *testing.T) {
	onTheWire(t).expect(
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "x": {"N": "1"}}, `+
			`"ReturnValues": "ALL_OLD"}`, `{}`),
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "x": {"N": "2"}, "m": {"M": {`+
			`"i": {"N": "1"}, "j": {"N": "1"}}}}, "ReturnValues": "ALL_OLD"}`,
			`{"Attributes": {"PK": {"S": "a"}, "SK": {"N": "1"}, "x": {"N": "1"}}}`),
		ask("UpdateItem",
			`{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}},
			"UpdateExpression": "SET x = x + :one, m.i = m.i + :one, y = :one",
			"ExpressionAttributeValues": {":one": {"N": "1"}}, "ReturnValues": "UPDATED_OLD"}`,
			`{"Attributes": {"x": {"N": "2"}, "m": {"M": {"i": {"N": "1"}}}}}`),
		ask("UpdateItem",
			`{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}},
			"UpdateExpression": "SET x = x + :one, m.i = m.i + :one REMOVE y",
			"ExpressionAttributeValues": {":one": {"N": "1"}}, "ReturnValues": "UPDATED_NEW"}`,
			`{"Attributes": {"x": {"N": "4"}, "m": {"M": {"i": {"N": "3"}}}}}`),
		ask("UpdateItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "UpdateExpression": `+
			`"REMOVE m", "ReturnValues": "ALL_OLD"}`,
			`{"Attributes": {"PK": {"S": "a"}, "SK": {"N": "1"}, "x": {"N": "4"}, "m": {"M": {"i": {"N": "3"}, "j": {"N": `+
				`"1"}}}}}`),
		ask("UpdateItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "ReturnValues": "ALL_NEW"}`,
			`{"Attributes": {"PK": {"S": "a"}, "SK": {"N": "1"}, "x": {"N": "4"}}}`),
		// made, and was not there
		ask("UpdateItem", `{"TableName": "records", "Key": {"PK": {"S": "b"}, "SK": {"N": "1"}}, "ReturnValues": "ALL_OLD"}`,
			`{}`).
			but(`{"Attributes": {"PK": {"S": "b"}, "SK": {"N": "1"}}}`, pageUpdateItem),
		ask("DeleteItem", `{"TableName": "records", "Key": {"PK": {"S": "b"}, "SK": {"N": "1"}}, "ReturnValues": "ALL_OLD"}`,
			`{"Attributes": {"PK": {"S": "b"}, "SK": {"N": "1"}}}`),
		ask("DeleteItem", `{"TableName": "records", "Key": {"PK": {"S": "b"}, "SK": {"N": "1"}}, "ReturnValues": "ALL_OLD"}`,
			`{}`),
		ask("DeleteItem", `{"TableName": "records", "Key": {"PK": {"S": "b"}, "SK": {"N": "1"}}, "ReturnValues": "ALL_NEW"}`,
			"ValidationException: Return values"),
		ask("PutItem",
			`{"TableName": "records", "Item": {"PK": {"S": "b"}, "SK": {"N": "1"}}, "ReturnValues": "UPDATED_NEW"}`,
			"ValidationException: Return values"),
		ask("UpdateItem", `{"TableName": "records", "Key": {"PK": {"S": "b"}, "SK": {"N": "1"}}, "ReturnValues": "SOME"}`,
			"ValidationException: Return values"),
		ask("GetItem", `{"TableName": "records", "Key": {"PK": {"S": "b"}, "SK": {"N": "1"}}}`, `{}`),
		ask("GetItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1.0"}}, "ProjectionExpression": `+
			`"#x, gone", "ExpressionAttributeNames": {"#x": "x"}}`, `{"Item": {"x": {"N": "4"}}}`),
		ask("GetItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "ProjectionExpression": "x,, `+
			`y"}`, "ValidationException: Syntax error"),
		ask("GetItem",
			`{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "ProjectionExpression": "x, x"}`,
			"ValidationException: overlap"),
		ask("GetItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "ExpressionAttributeNames": {`+
			`"#x": "x"}}`, "ValidationException: only be specified when using expressions"),
		ask("GetItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "AttributesToGet": ["x"], `+
			`"ProjectionExpression": "x"}`, "ValidationException: Can not use both"),
		ask("GetItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "AttributesToGet": ["x"]}`,
			"ValidationException: AttributesToGet").but(anything, pageLegacy),
		ask("GetItem", `{"TableName": "gone", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}}`,
			"ResourceNotFoundException: not found"),
	)
}

// Keys are whole, of the table's types, not empty, and at most 2,048 and 1,024 bytes long (Constraints in Amazon
// DynamoDB). An index takes what has its key, and refuses a key attribute of another type or an empty one.
func TestSuite_Keys(t *testing.T) {
	w := onTheWire(t)
	long := func(n int) string { return strings.Repeat("x", n) }
	w.expect(
		ask("CreateTable",
			`{"TableName": "names", "BillingMode": "PAY_PER_REQUEST",
			"KeySchema": [{"AttributeName": "P", "KeyType": "HASH"}, {"AttributeName": "S", "KeyType": "RANGE"}],
			"AttributeDefinitions": [{"AttributeName": "P", "AttributeType": "B"},
				{"AttributeName": "S", "AttributeType": "S"}, {"AttributeName": "X", "AttributeType": "S"}],
			"GlobalSecondaryIndexes": [{"IndexName": "byX", "Projection": {"ProjectionType": "KEYS_ONLY"},
				"KeySchema": [{"AttributeName": "X", "KeyType": "HASH"}]}],
			"Tags": [{"Key": "", "Value": ""}]}`, "ValidationException: ").but(anything, pageTag),
		ask("GetItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}}}`,
			"ValidationException: does not match the schema"),
		ask("GetItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}, "x": {"N": "1"}}}`,
			"ValidationException: does not match the schema"),
		ask("GetItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "XX": {"N": "1"}}}`, "ValidationException: "),
		ask("GetItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"S": "1"}}}`, "ValidationException: "),
		ask("GetItem", `{"TableName": "records", "Key": {"PK": {"S": ""}, "SK": {"N": "1"}}}`,
			"ValidationException: empty string"),
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}}}`, "ValidationException: Missing the key SK"),
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"S": "1"}}}`,
			"ValidationException: Type mismatch"),
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": ""}, "SK": {"N": "1"}}}`,
			"ValidationException: empty string"),
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "`+long(2048)+`"}, "SK": {"N": "1"}}}`, `{}`),
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "`+long(2049)+`"}, "SK": {"N": "1"}}}`,
			"ValidationException: 2048"),
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "G": {"S": "g"}, "H": {"S": "`+
			long(1024)+`"}}}`, `{}`),
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "G": {"N": "1"}}}`,
			"ValidationException: Type mismatch"),
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "G": {"S": ""}, "H": {"S": `+
			`"h"}}}`, "ValidationException: empty string"),
		ask("UpdateItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "UpdateExpression": "SET `+
			`G = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}`, "ValidationException: "),
		ask("UpdateItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "UpdateExpression": `+
			`"REMOVE SK"}`, "ValidationException: part of the key"),
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "Expected": {"x": {`+
			`"Exists": false}}}`, "ValidationException: Expected").but(anything, pageLegacy),
		ask("GetItem", `{"TableName": "a/b", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}}`, "ValidationException: tableName"),
		ask("PutItem", `{"Item": {"PK": {"S": "a"}, "SK": {"N": "1"}}}`, "ValidationException: tableName"),
		ask("PutItem", `{"TableName": "records"}`, "ValidationException: item"),
		ask("DeleteItem", `{"TableName": "records"}`, "ValidationException: key"),
	)
}

// Values that are none: of no type or of two, empty sets, sets with a member twice, numbers beyond 38 digits
// (Constraints in Amazon DynamoDB; Naming rules and data types). Empty strings, binaries, lists and maps are values.
func TestSuite_Values(t *testing.T) {
	w := onTheWire(t)
	deep := func(levels int) string {
		return strings.Repeat(`{"L": [`, levels) + `{"N": "1"}` + strings.Repeat(`]}`, levels)
	}
	for value, want := range map[string]string{
		`{"S": ""}`: `{}`, `{"B": ""}`: `{}`, `{"L": []}`: `{}`, `{"M": {}}`: `{}`, `{"NULL": true}`: `{}`,
		`{"BOOL": false}`:               `{}`,
		`{"NS": ["1", "2.50", "-3e2"]}`: `{}`, `{"BS": ["AQ==", "Ag=="]}`: `{}`,
		`{"N": "1E-130"}`: `{}`, `{"N": "-9.9999999999999999999999999999999999999E+125"}`: `{}`, `{"N": "0000.10"}`: `{}`,
		deep(31): `{}`, deep(33): "ValidationException: Nesting",
		`{}`:                       "ValidationException: ",
		`{"S": "a", "N": "1"}`:     "ValidationException: ",
		`{"N": ""}`:                "ValidationException: ",
		`{"N": "one"}`:             "ValidationException: ",
		`{"N": "1E-131"}`:          "ValidationException: underflow",
		`{"NULL": false}`:          "ValidationException: ",
		`{"SS": []}`:               "ValidationException: ",
		`{"BS": []}`:               "ValidationException: ",
		`{"SS": ["a", "a"]}`:       "ValidationException: duplicates",
		`{"NS": ["1", "1.0"]}`:     "ValidationException: duplicates",
		`{"L": [{"N": "one"}]}`:    "ValidationException: ",
		`{"M": {"a": {"SS": []}}}`: "ValidationException: ",
	} {
		w.expect(ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "v": `+value+`}}`,
			want))
	}
}

// The functions and actions of expressions over all types (Expressions in DynamoDB).
func TestSuite_Expressions(t *testing.T) {
	w := onTheWire(t)
	put := `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "s": {"S": "four"}, "bin": {"B": "AQID"},
		"l": {"L": [{"N": "1"}, {"N": "2"}]}, "m": {"M": {"k": {"S": "v"}}}, "ss": {"SS": ["x", "y", "z"]},
		"ns": {"NS": ["1", "2"]}, "bs": {"BS": ["AQ=="]}, "off1": {"BOOL": false}, "nil": {"NULL": true}}}`
	w.expect(ask("PutItem", put, `{}`))
	values := map[string]string{
		":2": `{"N": "2"}`, ":3": `{"N": "3"}`, ":4": `{"N": "4"}`, ":1": `{"N": "1"}`, ":x": `{"S": "x"}`,
		":fo": `{"S": "fo"}`, ":b": `{"B": "AQ=="}`,
		":S": `{"S": "S"}`, ":M": `{"S": "M"}`, ":zz": `{"S": "zz"}`, ":set": `{"SS": ["y", "w"]}`,
		":l": `{"L": [{"N": "9"}]}`, ":false": `{"BOOL": false}`,
	}
	with := func(expression string) string {
		var used []string
		for name, v := range values {
			if strings.Contains(expression+" ", name+" ") || strings.Contains(expression, name+")") ||
				strings.Contains(expression, name+",") {
				used = append(used, fmt.Sprintf("%q: %s", name, v))
			}
		}
		if used == nil {
			return ""
		}
		return `, "ExpressionAttributeValues": {` + strings.Join(used, ", ") + "}"
	}
	holds := func(condition string) string {
		request := `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "ConditionExpression": "` +
			condition + `"` + with(condition) + `}`
		answer := w.say("UpdateItem", request)
		if strings.HasPrefix(answer, "{") {
			return "true"
		}
		code, _, _ := strings.Cut(answer, ":")
		return code
	}
	const no = "ConditionalCheckFailedException"
	for condition, want := range map[string]string{
		"size(s) = :4 ": "true", "size(bin) = :3 ": "true", "size(l) = :2 ": "true", "size(m) = :1 ": "true",
		"size(ss) = :3 ": "true", "size(ns) = :2 ": "true",
		"size(bs) = :1 ": "true", "size(gone) = :1 ": no, "size(SK) = :1 ": no, "size(off1) = :1 ": no,
		"contains(s, :fo)": "true", "contains(ss, :x)": "true", "contains(l, :2)": "true", "contains(l, :3)": no,
		"contains(bs, :b)": "true", "contains(ns, :x)": no,
		"begins_with(s, :fo)": "true", "begins_with(bin, :b)": "true", "begins_with(ss, :x)": no,
		"attribute_type(s, :S)": "true", "attribute_type(m, :S)": no,
		"attribute_type(m, :M)": "true", "attribute_exists(m.k)": "true", "attribute_not_exists(l[2])": "true",
		"attribute_exists(s.k)": no,
		"s IN (:x, :fo)":        no, "SK IN (:x, :1)": "true", "SK BETWEEN :1 AND :2 ": "true", "NOT SK = :1 ": no,
		"SK <> :1 OR s = :fo AND s = :x ": no,
		"s < :x AND s > :fo ":             "true", "gone <> :1 ": "true", "gone = :1 ": no, "l[1] = :2 ": "true",
		"off1 = :false ": "true", "SK < :x ": no, "SK <> :x ": "true",
		"size(s)": "ValidationException", "SK BETWEEN :2 AND :1 ": "ValidationException",
		"begins_with(s, :1)": "ValidationException",
		"s = ":               "ValidationException", "": "ValidationException",
	} {
		if got := holds(condition); got != want {
			t.Errorf("%q is %s, want %s", condition, got, want)
		}
	}
	w.expect(ask("UpdateItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, `+
		`"ConditionExpression": "attribute_type(s, :zz)"`+with("attribute_type(s, :zz)")+`}`, "ValidationException: ").
		but(no+": ", pageFunctions))
	touch := func(update, want string) {
		t.Helper()
		w.expect(
			ask("PutItem", put, `{}`),
			ask("UpdateItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "UpdateExpression": "`+
				update+`", "ReturnValues": "UPDATED_NEW"`+with(update)+`}`, want),
		)
	}
	touch("ADD ss :set ", `{"Attributes": {"ss": {"SS": ["w", "x", "y", "z"]}}}`)
	touch("DELETE ss :set ", `{"Attributes": {"ss": {"SS": ["x", "z"]}}}`)
	touch("DELETE gone :set ", `{}`)
	touch("ADD gone :set ", `{"Attributes": {"gone": {"SS": ["w", "y"]}}}`)
	touch("ADD m.n :3 ", `{"Attributes": {"m": {"M": {"n": {"N": "3"}}}}}`)
	touch("SET l = list_append(:l, l)", `{"Attributes": {"l": {"L": [{"N": "9"}, {"N": "1"}, {"N": "2"}]}}}`)
	touch("SET s = if_not_exists(s, :x), gone = if_not_exists(gone, :x)",
		`{"Attributes": {"s": {"S": "four"}, "gone": {"S": "x"}}}`)
	touch("SET m.k = :x REMOVE l[0]", `{"Attributes": {"m": {"M": {"k": {"S": "x"}}}, "l": {"L": [{"N": "2"}]}}}`)
	w.expect(
		ask("UpdateItem", `{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "UpdateExpression": "SET `+
			`l[7] = :9 REMOVE m.k, l[0]", "ExpressionAttributeValues": {":9": {"N": "9"}}}`, `{}`),
		ask("GetItem",
			`{"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "ProjectionExpression": "l, m"}`,
			`{"Item": {"l": {"L": [{"N": "9"}]}, "m": {"M": {}}}}`), // beyond the end is appended
	)
	touch("SET ns = ns + :1 ", "ValidationException: ")
	touch("ADD s :1 ", "ValidationException: ")
	touch("ADD ss :1 ", "ValidationException: ")
	touch("DELETE ns :set ", "ValidationException: ")
	touch("SET s.k = :1 ", "ValidationException: ")
	touch("SET l = list_append(l, :1)", "ValidationException: ")
}

// Batches: what is not there is left out, no key stands twice, 100 keys or 25 writes at most, and what does not fit
// into 16 MB comes back unprocessed (API reference, BatchGetItem and BatchWriteItem). A batch is no transaction, but
// nothing of one that is malformed is done.
func TestSuite_Batches(t *testing.T) {
	w := onTheWire(t)
	key := func(i int) string { return fmt.Sprintf(`{"PK": {"S": "a"}, "SK": {"N": "%d"}}`, i) }
	list := func(n int, one func(int) string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = one(i)
		}
		return strings.Join(all, ", ")
	}
	get := func(table, keys string) string {
		return `{"RequestItems": {"` + table + `": {"Keys": [` + keys + `]}}}`
	}
	write := func(table, writes string) string { return `{"RequestItems": {"` + table + `": [` + writes + `]}}` }
	putOf := func(i int) string { return `{"PutRequest": {"Item": ` + key(i) + `}}` }
	deleteOf := func(i int) string { return `{"DeleteRequest": {"Key": ` + key(i) + `}}` }
	w.expect(
		ask("BatchWriteItem", `{"ReturnConsumedCapacity": "TOTAL", "RequestItems": {"records": [`+list(3, putOf)+`]}}`,
			`{"UnprocessedItems": {}, "ConsumedCapacity": [{"TableName": "records", "CapacityUnits": 3}]}`),
		ask("BatchWriteItem", write("records", deleteOf(0)+", "+deleteOf(7)+", "+putOf(3)), `{"UnprocessedItems": {}}`),
		ask("BatchGetItem", `{"RequestItems": {"records": {"Keys": [`+list(3, key)+
			`], "ProjectionExpression": "SK", "ConsistentRead": true}}, "ReturnConsumedCapacity": "TOTAL"}`,
			`{"Responses": {"records": [{"SK": {"N": "1"}}, {"SK": {"N": "2"}}]}, "UnprocessedKeys": {}, "ConsumedCapacity": `+
				`[{"TableName": "records", "CapacityUnits": 3}]}`),
		ask("BatchGetItem", get("records", key(9)), `{"Responses": {"records": []}, "UnprocessedKeys": {}}`),
		ask("BatchGetItem", get("records", key(1)+", "+key(1)), "ValidationException: duplicates"),
		ask("BatchGetItem", get("records", list(101, key)), "ValidationException: "),
		ask("BatchGetItem", get("records", ""), "ValidationException: "),
		ask("BatchGetItem", `{"RequestItems": {}}`, "ValidationException: "),
		ask("BatchGetItem", get("gone", key(1)), "ResourceNotFoundException: "),
		ask("BatchGetItem", get("records", `{"PK": {"S": "a"}}`), "ValidationException: does not match the schema"),
		ask("BatchGetItem", `{"RequestItems": {"records": {"Keys": [`+key(1)+`], "AttributesToGet": ["x"]}}}`,
			"ValidationException: AttributesToGet").but(anything, pageLegacy),
		ask("BatchWriteItem", write("records", putOf(4)+", "+deleteOf(4)), "ValidationException: duplicates"),
		ask("BatchWriteItem", write("records", list(26, putOf)), "ValidationException: "),
		ask("BatchWriteItem", write("records", ""), "ValidationException: "),
		ask("BatchWriteItem", `{"RequestItems": {}}`, "ValidationException: "),
		ask("BatchWriteItem", write("records", `{}`), "ValidationException: "),
		ask("BatchWriteItem", write("records", putOf(5)+`, {"PutRequest": {"Item": {"PK": {"S": "a"}}}}`),
			"ValidationException: "),
		ask("BatchWriteItem",
			write("records", putOf(5)+`, {"PutRequest": {"Item": {"PK": {"S": "a"}, "SK": {"N": "6"}, "x": {"S": "`+
				strings.Repeat("x", 400<<10)+`"}}}}`), "ValidationException: size"),
		ask("BatchWriteItem", `{"RequestItems": {"records": [`+putOf(5)+`], "gone": [`+putOf(5)+`]}}`,
			"ResourceNotFoundException: "),
		ask("BatchGetItem", get("records", key(4)+", "+key(5)), `{"Responses": {"records": []}, "UnprocessedKeys": {}}`),
	)
	const big, fit = 50, 40 // items of a little under 400 KB, and how many of them make 16 MB
	for i := range big {
		w.expect(ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "`+fmt.Sprint(i)+
			`"}, "x": {"S": "`+strings.Repeat("x", 409_000)+`"}}}`, `{}`))
	}
	var out struct {
		Responses       map[string][]any
		UnprocessedKeys map[string]struct{ Keys []any }
	}
	if err := json.Unmarshal([]byte(w.say("BatchGetItem", get("records", list(big, key)))), &out); err != nil {
		t.Fatal(err)
	}
	if got, left := len(out.Responses["records"]), len(out.UnprocessedKeys["records"].Keys); got < fit ||
		got > fit+1 || got+left != big {
		t.Errorf("%d items of 409,000 bytes in one answer, %d left", got, left)
	}
}

// TransactGetItems gives every item at its place, an empty place for what is not there (API reference).
func TestSuite_TransactGet(t *testing.T) {
	w := onTheWire(t)
	get := func(i int) string {
		return fmt.Sprintf(`{"Get": {"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "%d"}}}}`, i)
	}
	many := make([]string, 101)
	for i := range many {
		many[i] = get(i)
	}
	big := func(i int) string {
		return fmt.Sprintf(`{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "%d"}, "x": {"S": "%s"}}}`, i,
			strings.Repeat("x", 400_000))
	}
	w.expect(
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "1"}, "x": {"S": "1"}, "y": {"S": `+
			`"1"}}}`, `{}`),
		ask("PutItem", `{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "2"}}}`, `{}`),
		ask("TransactGetItems", `{"TransactItems": [`+get(2)+", "+get(3)+
			`, {"Get": {"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}, "ProjectionExpression": "y"}}],
			"ReturnConsumedCapacity": "TOTAL"}`,
			`{"Responses": [{"Item": {"PK": {"S": "a"}, "SK": {"N": "2"}}}, {}, {"Item": {"y": {"S": "1"}}}],
			"ConsumedCapacity": [{"TableName": "records", "CapacityUnits": 6, "ReadCapacityUnits": 6}]}`).but(anything, pageGet),
		ask("TransactGetItems", `{"TransactItems": [`+get(1)+", "+get(1)+`]}`,
			"ValidationException: multiple operations on one item"),
		ask("TransactGetItems", `{"TransactItems": [`+strings.Join(many, ", ")+`]}`, "ValidationException: "),
		ask("TransactGetItems", `{"TransactItems": [`+get(1)+
			`, {"Get": {"TableName": "records", "Key": {"PK": {"S": "a"}}}}]}`, "TransactionCanceledException: [None, "+
			"ValidationError]"),
		ask("TransactGetItems", `{"TransactItems": []}`, "ValidationException: "),
		ask("TransactGetItems", `{"TransactItems": [{}]}`, "ValidationException: "),
		ask("TransactGetItems", `{"TransactItems": [{"Get": {"TableName": "gone", "Key": {"PK": {"S": "a"}}}}]}`,
			"ResourceNotFoundException: "),
		ask("TransactGetItems", `{"TransactItems": [{"Get": {"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": `+
			`"1"}}, "ProjectionExpression": "y y"}}]}`, "ValidationException: Syntax error"),
		ask("TransactWriteItems", `{"TransactItems": [{"Put": {"TableName": "a/b", "Item": {"PK": {"S": "a"}}}}]}`,
			"ValidationException: tableName"),
		ask("TransactWriteItems", `{"TransactItems": [{"Put": {"TableName": "records", "Item": {"PK": {"S": "a"}}}}]}`,
			"TransactionCanceledException: [ValidationError]"),
		ask("TransactWriteItems", `{"TransactItems": []}`, "ValidationException: "),
		ask("TransactWriteItems", `{"TransactItems": [{"Delete": {"TableName": "gone", "Key": {"PK": {"S": "a"}}}}]}`,
			"ResourceNotFoundException: "),
		ask("TransactWriteItems", `{"TransactItems": [`+strings.ReplaceAll(strings.Join(many, ", "), `"Get"`, `"Delete"`)+
			`]}`, "ValidationException: "),
		ask("TransactWriteItems", `{"TransactItems": [`+get(1)+`]}`, "ValidationException: "),
		ask("TransactWriteItems", `{"TransactItems": [{"Delete": {"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {`+
			`"N": "2"}}}, "Put": `+big(2)+`}]}`, "ValidationException: "),
		ask("TransactWriteItems", `{"TransactItems": [{"Put": `+big(1)+
			`}, {"Delete": {"TableName": "records", "Key": {"PK": {"S": "a"}, "SK": {"N": "1"}}}}]}`,
			"ValidationException: multiple operations on one item"),
	)
	puts := make([]string, 11)
	gets := make([]string, 11)
	for i := range puts {
		puts[i], gets[i] = `{"Put": `+big(i)+`}`, get(i)
	}
	w.expect(
		ask("TransactWriteItems", `{"TransactItems": [`+strings.Join(puts, ", ")+`]}`, "ValidationException: 4 MB"),
		ask("TransactWriteItems", `{"TransactItems": [`+strings.Join(puts[:10], ", ")+`]}`, `{}`),
		ask("PutItem", big(10), `{}`),
		ask("TransactGetItems", `{"TransactItems": [`+strings.Join(gets, ", ")+`]}`, "ValidationException: 4 MB").but(
			anything, pageTransactGet),
	)
}

// Tables: what cannot be made, lists page by page, throughput, time to live.
func TestSuite_Tables(t *testing.T) {
	w := onTheWire(t)
	const keys, definitions = `"KeySchema": [{"AttributeName": "P", "KeyType": "HASH"}]`,
		`"AttributeDefinitions": [{"AttributeName": "P", "AttributeType": "S"}]`
	const onDemand = `"BillingMode": "PAY_PER_REQUEST"`
	create := func(parts ...string) string { return "{" + strings.Join(parts, ", ") + "}" }
	named := func(name string) string { return `"TableName": "` + name + `"` }
	for name, parts := range map[string][]string{
		"no name":                 {keys, definitions, onDemand},
		"a short name":            {named("ab"), keys, definitions, onDemand},
		"a long name":             {named(strings.Repeat("x", 256)), keys, definitions, onDemand},
		"a name of other letters": {named("a/b/c"), keys, definitions, onDemand},
		"no key":                  {named("other"), `"KeySchema": []`, definitions, onDemand},
		"a sort key first": {named("other"), `"KeySchema": [{"AttributeName": "P", "KeyType": "RANGE"}]`,
			definitions, onDemand},
		"one attribute as both": {named("other"),
			`"KeySchema": [{"AttributeName": "P", "KeyType": "HASH"}, {"AttributeName": "P", "KeyType": "RANGE"}]`, definitions,
			onDemand},
		"a key that is not defined": {named("other"), `"KeySchema": [{"AttributeName": "Q", "KeyType": "HASH"}]`, definitions,
			onDemand},
		"a key that is a list": {named("other"), keys,
			`"AttributeDefinitions": [{"AttributeName": "P", "AttributeType": "L"}]`, onDemand},
		"more definitions": {named("other"), keys, `"AttributeDefinitions": [{"AttributeName": "P", ` +
			`"AttributeType": "S"}, {"AttributeName": "Q", "AttributeType": "S"}]`, onDemand},
		"an unknown billing mode": {named("other"), keys, definitions, `"BillingMode": "FREE"`},
		"no throughput":           {named("other"), keys, definitions, `"BillingMode": "PROVISIONED"`},
		"throughput on demand": {named("other"), keys, definitions, onDemand,
			`"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}`},
		"an index without projection": {named("other"), keys, definitions, onDemand,
			`"GlobalSecondaryIndexes": [{"IndexName": "one", "KeySchema": [{"AttributeName": "P", "KeyType": "HASH"}]}]`},
		"an unknown projection": {named("other"), keys, definitions, onDemand,
			`"GlobalSecondaryIndexes": [{"IndexName": "one", "KeySchema": [{"AttributeName": "P", "KeyType": "HASH"}], ` +
				`"Projection": {"ProjectionType": "MOST"}}]`},
		"a local index of a table without sort key": {named("other"), keys, definitions, onDemand,
			`"LocalSecondaryIndexes": [{"IndexName": "one", "KeySchema": [{"AttributeName": "P", "KeyType": "HASH"}], ` +
				`"Projection": {"ProjectionType": "ALL"}}]`},
		"a local index of another partition": {named("other"),
			`"KeySchema": [{"AttributeName": "P", "KeyType": "HASH"}, {"AttributeName": "Q", "KeyType": "RANGE"}]`,
			`"AttributeDefinitions": [{"AttributeName": "P", "AttributeType": "S"}, {"AttributeName": "Q", "AttributeType": ` +
				`"S"}]`, onDemand,
			`"LocalSecondaryIndexes": [{"IndexName": "one", "KeySchema": [{"AttributeName": "Q", "KeyType": "HASH"}, {` +
				`"AttributeName": "P", "KeyType": "RANGE"}], "Projection": {"ProjectionType": "ALL"}}]`},
	} {
		if got := w.say("CreateTable", create(parts...)); !strings.HasPrefix(got, "ValidationException: ") {
			t.Errorf("%s: %s", name, got)
		}
	}
	w.expect(
		ask("CreateTable", create(named("records"), keys, definitions, onDemand), "ResourceInUseException: "),
		ask("DescribeTable", `{"TableName": "other"}`, "ResourceNotFoundException: "),
		ask("DeleteTable", `{"TableName": "other"}`, "ResourceNotFoundException: "),
	)
	for _, name := range []string{"aaa", "bbb", "zzz"} {
		if got := w.say("CreateTable", create(named(name), keys, definitions,
			`"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}`)); !strings.HasPrefix(got, "{") {
			t.Fatal(got)
		}
	}
	w.expect(
		ask("UpdateTable", `{"TableName": "aaa", "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}`,
			"ValidationException: "),
		ask("UpdateTable", `{"TableName": "aaa", "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 5}}`,
			"ValidationException: "),
		ask("UpdateTable",
			`{"TableName": "records", "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 5}}`,
			"ValidationException: "),
		ask("UpdateTable", `{"TableName": "aaa"}`, "ValidationException: "),
		ask("UpdateTable", `{"TableName": "aaa", "BillingMode": "FREE"}`, "ValidationException: "),
		ask("UpdateTable", `{"TableName": "records", "BillingMode": "PROVISIONED"}`, "ValidationException: "),
		ask("UpdateTable", `{"TableName": "records", "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "none"}}]}`,
			"ResourceNotFoundException: "),
		ask("UpdateTable", `{"TableName": "records", "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "all"}}, {`+
			`"Delete": {"IndexName": "some"}}]}`, "LimitExceededException: ").but(anything, pageUpdateTable),
		ask("UpdateTable", `{"TableName": "gone", "BillingMode": "PAY_PER_REQUEST"}`, "ResourceNotFoundException: "),
		ask("DescribeTimeToLive", `{"TableName": "gone"}`, "ResourceNotFoundException: "),
		ask("DescribeTimeToLive", `{"TableName": "records"}`, `{"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}`),
		ask("UpdateTimeToLive", `{"TableName": "records", "TimeToLiveSpecification": {"Enabled": true, "AttributeName": ""}}`,
			"ValidationException: "),
		ask("UpdateTimeToLive", `{"TableName": "gone", "TimeToLiveSpecification": {"Enabled": true, "AttributeName": `+
			`"expires"}}`, "ResourceNotFoundException: "),
		ask("UpdateTimeToLive", `{"TableName": "records", "TimeToLiveSpecification": {"Enabled": true, "AttributeName": `+
			`"expires"}}`,
			`{"TimeToLiveSpecification": {"Enabled": true, "AttributeName": "expires"}}`),
		ask("DescribeTimeToLive", `{"TableName": "records"}`,
			`{"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}}`),
	)
	if !w.independent { // that one may hold tables of others
		w.expect(
			ask("ListTables", `{"Limit": 3}`, `{"TableNames": ["aaa", "bbb", "records"], "LastEvaluatedTableName": "records"}`),
			ask("ListTables", `{"Limit": 3, "ExclusiveStartTableName": "records"}`, `{"TableNames": ["zzz"]}`),
			ask("ListTables", `{"Limit": 0}`, "ValidationException: "),
			ask("ListTables", `{"Limit": 101}`, "ValidationException: "),
		)
	}
	type described struct {
		Table, TableDescription struct {
			TableName, TableStatus string
			BillingModeSummary     struct{ BillingMode string }
			ProvisionedThroughput  struct{ ReadCapacityUnits, WriteCapacityUnits int }
		}
	}
	look := func(operation, request string) described {
		t.Helper()
		var d described
		if got := w.say(operation, request); json.Unmarshal([]byte(got), &d) != nil {
			t.Fatal(got)
		}
		return d
	}
	look("UpdateTable", `{"TableName": "aaa", "ProvisionedThroughput": {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8}}`)
	if d := look("DescribeTable", `{"TableName": "aaa"}`).Table; d.TableStatus != "ACTIVE" ||
		d.ProvisionedThroughput.ReadCapacityUnits != 7 || d.ProvisionedThroughput.WriteCapacityUnits != 8 {
		t.Errorf("with other throughput: %+v", d)
	}
	look("UpdateTable", `{"TableName": "aaa", "BillingMode": "PAY_PER_REQUEST"}`)
	d := look("DescribeTable", `{"TableName": "aaa"}`).Table
	if d.BillingModeSummary.BillingMode != "PAY_PER_REQUEST" || d.ProvisionedThroughput.ReadCapacityUnits != 0 {
		t.Errorf("on demand: %+v", d)
	}
	if d := look("DeleteTable", `{"TableName": "aaa"}`).TableDescription; d.TableName != "aaa" ||
		d.TableStatus != "DELETING" {
		t.Errorf("deleted: %+v", d)
	}
	w.expect(ask("GetItem", `{"TableName": "aaa", "Key": {"P": {"S": "a"}}}`, "ResourceNotFoundException: "))
}

// Queries and scans: what they select, filter, count and refuse (API reference, Query and Scan), and pages of 1 MB.
func TestSuite_Pages(t *testing.T) {
	w := onTheWire(t)
	for i := range 4 {
		w.expect(ask("PutItem", fmt.Sprintf(`{"TableName": "records", "Item": {"PK": {"S": "a"}, "SK": {"N": "%d"}, "G": {`+
			`"S": "g"}, "H": {"S": "h%d"}, "odd": {"BOOL": %t}, "kept": {"S": "k"}, "more": {"S": "m"}}}`, i, i,
			i%2 == 1), `{}`))
	}
	const of = `"TableName": "records", "KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": ` +
		`"a"}`
	key := func(i int) string { return fmt.Sprintf(`{"PK": {"S": "a"}, "SK": {"N": "%d"}}`, i) }
	w.expect(
		ask("Query", `{`+of+`}, "Select": "COUNT"}`, `{"Count": 4, "ScannedCount": 4}`),
		ask("Query", `{`+of+`, ":t": {"BOOL": true}}, "FilterExpression": "odd = :t", "ProjectionExpression": "SK"}`,
			`{"Items": [{"SK": {"N": "1"}}, {"SK": {"N": "3"}}], "Count": 2, "ScannedCount": 4}`),
		ask("Query", `{`+of+`, ":t": {"BOOL": true}}, "FilterExpression": "odd = :t", "Limit": 1, "Select": "COUNT"}`,
			`{"Count": 0, "ScannedCount": 1, "LastEvaluatedKey": `+key(0)+`}`),
		ask("Query", `{`+of+`}, "ExclusiveStartKey": `+key(2)+
			`, "ProjectionExpression": "SK", "Select": "SPECIFIC_ATTRIBUTES"}`,
			`{"Items": [{"SK": {"N": "3"}}], "Count": 1, "ScannedCount": 1}`),
		ask("Query", `{`+of+`}, "ExclusiveStartKey": `+key(2)+
			`, "ProjectionExpression": "SK", "ScanIndexForward": false, "Limit": 1}`,
			`{"Items": [{"SK": {"N": "1"}}], "Count": 1, "ScannedCount": 1, "LastEvaluatedKey": `+key(1)+`}`),
		ask("Query", `{"TableName": "records", "IndexName": "all", "KeyConditionExpression": "G = :g AND begins_with(H, `+
			`:h)", "ExpressionAttributeValues": {":g": {"S": "g"}, ":h": {"S": "h2"}}, "ProjectionExpression": "SK, more"}`,
			`{"Items": [{"SK": {"N": "2"}, "more": {"S": "m"}}], "Count": 1, "ScannedCount": 1}`),
		ask("Query", `{"TableName": "records", "IndexName": "all", "KeyConditionExpression": "G = :g", `+
			`"ExpressionAttributeValues": {":g": {"S": "g"}}, "Limit": 1, "ProjectionExpression": "SK"}`,
			`{"Items": [{"SK": {"N": "0"}}], "Count": 1, "ScannedCount": 1, "LastEvaluatedKey": {"PK": {"S": "a"}, "SK": {`+
				`"N": "0"}, "G": {"S": "g"}, "H": {"S": "h0"}}}`),
		ask("Query", `{"TableName": "records", "IndexName": "some", "KeyConditionExpression": "H = :h", `+
			`"ExpressionAttributeValues": {":h": {"S": "h1"}}}`,
			`{"Items": [{"PK": {"S": "a"}, "SK": {"N": "1"}, "G": {"S": "g"}, "H": {"S": "h1"}, "kept": {"S": "k"}}], `+
				`"Count": 1, "ScannedCount": 1}`),
		ask("Query", `{`+of+`}, "Select": "SPECIFIC_ATTRIBUTES"}`, "ValidationException: "),
		ask("Query", `{`+of+`}, "Select": "COUNT", "ProjectionExpression": "SK"}`, "ValidationException: "),
		ask("Query", `{`+of+`}, "Select": "ALL_PROJECTED_ATTRIBUTES"}`, "ValidationException: "),
		ask("Query", `{`+of+`}, "Select": "SOME"}`, "ValidationException: "),
		ask("Query", `{`+of+`}, "Limit": 0}`, "ValidationException: "),
		ask("Query", `{`+of+`}, "FilterExpression": "odd ="}`, "ValidationException: Syntax error"),
		ask("Query", `{`+of+`}, "FilterExpression": "SK = :p"}`, "ValidationException: primary key"),
		ask("Query", `{`+of+`}, "ExclusiveStartKey": {"PK": {"S": "a"}}}`, "ValidationException: "),
		ask("Query", `{`+of+`}, "ExclusiveStartKey": {"PK": {"S": "b"}, "SK": {"N": "1"}}}`, "ValidationException: "),
		ask("Query", `{`+of+`}, "IndexName": "none"}`, "ValidationException: "),
		ask("Query", `{"TableName": "records", "IndexName": "all", "ConsistentRead": true, "KeyConditionExpression": "G = `+
			`:g", "ExpressionAttributeValues": {":g": {"S": "g"}}}`, "ValidationException: Consistent read"),
		ask("Query", `{"TableName": "records", "IndexName": "some", "Select": "ALL_ATTRIBUTES", "KeyConditionExpression": `+
			`"H = :g", "ExpressionAttributeValues": {":g": {"S": "g"}}}`, "ValidationException: "),
		ask("Query", `{"TableName": "records"}`, "ValidationException: KeyConditionExpression"),
		ask("Query", `{"TableName": "records", "KeyConditionExpression": "PK > :p", "ExpressionAttributeValues": {":p": {`+
			`"S": "a"}}}`, "ValidationException: "),
		ask("Query", `{"TableName": "records", "KeyConditionExpression": "PK = :p OR SK = :p", `+
			`"ExpressionAttributeValues": {":p": {"S": "a"}}}`, "ValidationException: "),
		ask("Query", `{"TableName": "records", "KeyConditionExpression": "SK = :p", "ExpressionAttributeValues": {":p": {`+
			`"N": "1"}}}`, "ValidationException: "),
		ask("Query", `{"TableName": "records", "KeyConditionExpression": "PK = :p AND odd = :p", `+
			`"ExpressionAttributeValues": {":p": {"S": "a"}}}`, "ValidationException: "),
		ask("Query", `{"TableName": "records", "KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {`+
			`"N": "1"}}}`, "ValidationException: "),
		ask("Query", `{"TableName": "records", "KeyConditions": {"PK": {"ComparisonOperator": "EQ", "AttributeValueList": `+
			`[{"S": "a"}]}}, "Select": "COUNT"}`, `{"Count": 4, "ScannedCount": 4}`),
		ask("Scan", `{"TableName": "records", "Select": "COUNT"}`, `{"Count": 4, "ScannedCount": 4}`),
		ask("Scan", `{"TableName": "records", "FilterExpression": "SK >= :n", "ExpressionAttributeValues": {":n": {"N": `+
			`"3"}}, "ProjectionExpression": "SK"}`, `{"Items": [{"SK": {"N": "3"}}], "Count": 1, "ScannedCount": 4}`),
		ask("Scan", `{"TableName": "records", "ExclusiveStartKey": {"PK": {"S": "a"}}}`, "ValidationException: "),
		ask("Scan", `{"TableName": "records", "ScanFilter": {}}`, "ValidationException: ").but(anything, pageLegacy),
		ask("Scan", `{"TableName": "gone"}`, "ResourceNotFoundException: "),
	)
	const big = 6 // of 300 KB
	for i := range big {
		w.expect(ask("PutItem",
			fmt.Sprintf(`{"TableName": "records", "Item": {"PK": {"S": "big"}, "SK": {"N": "%d"}, "x": {"S": "%s"}}}`, i,
				strings.Repeat("x", 300<<10)), `{}`))
	}
	// A page is at most 1 MB of what was read, whatever the filter or the projection leaves of it.
	for request, count := range map[string]int{
		`"ExpressionAttributeValues": {":p": {"S": "big"}}, "ProjectionExpression": "SK"`:                   3,
		`"ExpressionAttributeValues": {":p": {"S": "big"}, ":n": {"S": "n"}}, "FilterExpression": "x = :n"`: 0,
	} {
		var page struct {
			Count            int
			LastEvaluatedKey struct{ SK struct{ N string } }
		}
		answer := w.say("Query", `{"TableName": "records", "KeyConditionExpression": "PK = :p", `+request+`}`)
		if err := json.Unmarshal([]byte(answer), &page); err != nil || page.Count != count ||
			page.LastEvaluatedKey.SK.N != "2" {
			t.Errorf("%s: %.300s", request, answer)
		}
	}
}
