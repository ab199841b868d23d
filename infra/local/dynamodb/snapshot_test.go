package dynamodb_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	local "example.com/registrar/infra/local/dynamodb"
)

// said is an engine's answer by hand, of an error too.
func said(e http.Handler, target, request string) string {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(request))
	r.Header.Set("X-Amz-Target", target)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Body.String()
}

// whole is everything that an engine shows: tables, items in all orders, streams record by record.
func whole(t *testing.T, e http.Handler) []string {
	t.Helper()
	var all []string
	for _, name := range []string{"records", "local", "gone"} {
		for _, request := range []string{`DescribeTable {"TableName": "%s"}`, `DescribeTimeToLive {"TableName": "%s"}`,
			`Scan {"TableName": "%s"}`,
			`Scan {"TableName": "%s", "IndexName": "all"}`, `Scan {"TableName": "%s", "IndexName": "some"}`,
			`ListTagsOfResource {"ResourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/%s"}`} {
			operation, body, _ := strings.Cut(request, " ")
			all = append(all, said(e, "DynamoDB_20120810."+operation, fmt.Sprintf(body, name)))
		}
	}
	const streams = "DynamoDBStreams_20120810."
	list := said(e, streams+"ListStreams", `{}`)
	all = append(all, list)
	for _, part := range strings.Split(list, `"StreamArn":"`)[1:] {
		arn, _, _ := strings.Cut(part, `"`)
		described := said(e, streams+"DescribeStream", `{"StreamArn": "`+arn+`"}`)
		all = append(all, described)
		for _, shard := range strings.Split(described, `"ShardId":"`)[1:] {
			id, _, _ := strings.Cut(shard, `"`)
			iterator := said(e, streams+"GetShardIterator", `{"StreamArn": "`+arn+`", "ShardId": "`+id+`",
				"ShardIteratorType": "TRIM_HORIZON"}`)
			_, iterator, _ = strings.Cut(iterator, `:"`)
			for {
				records := said(e, streams+"GetRecords", `{"ShardIterator": "`+strings.TrimSuffix(iterator,
					`"}`)+`", "Limit": 1000}`)
				next, page, _ := strings.Cut(strings.TrimPrefix(records, `{"NextShardIterator":"`), `"`)
				all = append(all, page)
				if !strings.Contains(page, "eventID") {
					break
				}
				iterator = next
			}
		}
	}
	return all
}

// An engine that was restored from a snapshot shows what the other showed at that moment, whatever became of that
// meanwhile, and goes on as it does: with its numbers, its client tokens and its expiry.
func TestSnapshot(t *testing.T) {
	now := time.Date(2024, 8, 1, 9, 0, 0, 0, time.UTC)
	options := local.Options{Now: func() time.Time { return now }, Shards: 2}
	e := local.New(options)
	clientOf(t, e)
	must := func(e http.Handler, operation, request string) {
		t.Helper()
		if got := said(e, "DynamoDB_20120810."+operation, request); strings.Contains(got, "__type") {
			t.Fatalf("%s %s: %s", operation, request, got)
		}
	}
	stream := func(on bool) string {
		return fmt.Sprintf(`{"TableName": "records",
			"StreamSpecification": {"StreamEnabled": %t, "StreamViewType": "NEW_AND_OLD_IMAGES"}}`, on)
	}
	must(e, "UpdateTable", stream(true))
	must(e, "UpdateTimeToLive", `{"TableName": "records", "TimeToLiveSpecification": {"AttributeName": "until",
		"Enabled": true}}`)
	must(e, "TagResource", `{"ResourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/records",
		"Tags": [{"Key": "a", "Value": "b"}]}`)
	must(e, "CreateTable", `{"TableName": "local",
		"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}, "DeletionProtectionEnabled": true,
		"KeySchema": [{"AttributeName": "P", "KeyType": "HASH"}, {"AttributeName": "S", "KeyType": "RANGE"}],
		"StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"},
		"AttributeDefinitions": [{"AttributeName": "P", "AttributeType": "B"}, {"AttributeName": "S", "AttributeType": "S"},
		{"AttributeName": "L", "AttributeType": "N"}],
		"LocalSecondaryIndexes": [{"IndexName": "some", "KeySchema": [{"AttributeName": "P", "KeyType": "HASH"},
		{"AttributeName": "L", "KeyType": "RANGE"}], "Projection": {"ProjectionType": "KEYS_ONLY"}}]}`)
	random := rand.New(rand.NewPCG(1, 2))
	changes := func(e http.Handler, random *rand.Rand, n int) {
		for range n {
			key := fmt.Sprintf(`{"PK": {"S": "p%d"}, "SK": {"N": "%d"}}`, random.IntN(5), random.IntN(20))
			switch random.IntN(5) {
			case 0:
				must(e, "DeleteItem", `{"TableName": "records", "Key": `+key+`}`)
			case 1:
				must(e, "UpdateItem", `{"TableName": "records", "Key": `+key+`, "UpdateExpression": "ADD n :one SET H = :h",
					"ExpressionAttributeValues": {":one": {"N": "1"}, ":h": {"S": "h"}}}`)
			case 2:
				must(e, "PutItem", fmt.Sprintf(`{"TableName": "local", "Item": {"P": {"B": "AQ=="}, "S": {"S": "%d"},
					"L": {"N": "%d"}}}`, random.IntN(9), random.IntN(9)))
			default:
				must(e, "PutItem", `{"TableName": "records", "Item": `+strings.TrimSuffix(key, "}")+
					fmt.Sprintf(`, "G": {"S": "g%d"}, "H": {"S": "h%d"}, "kept": {"BOOL": true}, "l": {"L": [{"NULL": true},
						{"NS": ["1", "2"]}]}, "until": {"N": "%d"}}}`,
						random.IntN(3), random.IntN(3), now.Unix()+random.Int64N(3600)))
			}
		}
	}
	changes(e, random, 300)
	must(e, "UpdateTable", stream(false)) // its records are still read
	must(e, "UpdateTable", stream(true))
	const once = `{"ClientRequestToken": "once", "TransactItems": [{"Update": {"TableName": "records",
		"Key": {"PK": {"S": "once"}, "SK": {"N": "1"}}, "UpdateExpression": "ADD n :one",
		"ExpressionAttributeValues": {":one": {"N": "1"}}}}]}`
	must(e, "TransactWriteItems", once)
	changes(e, random, 300)

	want := whole(t, e)
	write := e.Freeze()
	changes(e, random, 50) // after that moment
	var snapshot bytes.Buffer
	if err := write(&snapshot); err != nil {
		t.Fatal(err)
	}
	restored := local.New(options)
	if err := restored.Restore(bytes.NewReader(snapshot.Bytes())); err != nil {
		t.Fatal(err)
	}
	same := func(want, got []string) {
		t.Helper()
		if len(want) != len(got) {
			t.Fatalf("%d answers, want %d", len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("answer %d:\n got %.900s\nwant %.900s", i, got[i], want[i])
			}
		}
	}
	same(want, whole(t, restored))

	again := local.New(options) // and once more, and then both go on alike
	var second bytes.Buffer
	if err := restored.Freeze()(&second); err != nil {
		t.Fatal(err)
	}
	if err := again.Restore(&second); err != nil {
		t.Fatal(err)
	}
	for _, e := range []*local.Engine{restored, again} {
		changes(e, rand.New(rand.NewPCG(3, 4)), 100)
		must(e, "TransactWriteItems", once)
	}
	now = now.Add(30 * time.Minute)
	if a, b := restored.Expire(1000), again.Expire(1000); a == 0 || a != b {
		t.Errorf("%d and %d items expired", a, b)
	}
	same(whole(t, restored), whole(t, again))
	if got := said(again, "DynamoDB_20120810.GetItem", `{"TableName": "records", "Key": {"PK": {"S": "once"},
		"SK": {"N": "1"}}, "ProjectionExpression": "n"}`); got != `{"Item":{"n":{"N":"1"}}}` {
		t.Errorf("a transaction that was repeated after a restart: %s", got)
	}

	for cut := 0; cut < snapshot.Len(); cut += 97 {
		if err := local.New(options).Restore(bytes.NewReader(snapshot.Bytes()[:cut])); err == nil {
			t.Fatalf("a snapshot that was cut off at %d of %d is restored", cut, snapshot.Len())
		}
	}
	if err := local.New(local.Options{Region: "eu-west-1"}).Restore(&snapshot); err == nil {
		t.Error("the snapshot of another region is restored")
	}
}
