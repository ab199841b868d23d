package dynamodb_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	local "example.com/registrar/infra/local/dynamodb"
)

// filled is an engine with a table of so many items of 252 bytes, with an index that holds all of them and a stream.
func filled(t testing.TB, items int, options local.Options) *local.Engine {
	t.Helper()
	e := local.New(options)
	do(t, e, "CreateTable", `{"TableName": "grown", "BillingMode": "PAY_PER_REQUEST",
		"StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
		"KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
		"AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}, {"AttributeName": "SK", "AttributeType": "S"},
			{"AttributeName": "GSI1PK", "AttributeType": "S"}, {"AttributeName": "GSI1SK", "AttributeType": "S"}],
		"GlobalSecondaryIndexes": [{"IndexName": "GSI1", "Projection": {"ProjectionType": "ALL"},
			"KeySchema": [{"AttributeName": "GSI1PK", "KeyType": "HASH"}, {"AttributeName": "GSI1SK", "KeyType": "RANGE"}]}]}`)
	const batch = 25
	for n := 0; n < items; n += batch {
		var puts []string
		for i := n; i < min(n+batch, items); i++ {
			puts = append(puts, `{"PutRequest": {"Item": `+grownItem(i)+`}}`)
		}
		do(t, e, "BatchWriteItem", `{"RequestItems": {"grown": [`+strings.Join(puts, ", ")+`]}}`)
	}
	return e
}

// grownItem has 252 bytes by AWS's rules.
func grownItem(n int) string {
	return fmt.Sprintf(`{"PK": {"S": "SECTION#%08d"}, "SK": {"S": "REGISTRATION#%010d"}, "GSI1PK": {"S": "STUDENT#%08d"},
		"GSI1SK": {"S": "TERM#202409#%08d"}, "status": {"S": "enrolled"},
		"version": {"N": "%d"}, "credits": {"N": "4"}, "createdAt": {"S": "2024-08-01T09:00:00.000Z"},
		"changedAt": {"S": "2024-08-01T09:00:00.000Z"}, "note": {"S": "%s"}, "live": {"BOOL": true}}`,
		n/100, n, n%30_000, n/30_000, 1000+n%1000, strings.Repeat("x", 53))
}

func do(t testing.TB, e http.Handler, operation, request string) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader([]byte(request)))
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %s", operation, w.Body)
	}
	return w.Body.String()
}

// held is how many bytes the heap holds.
func held() float64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

// allocated is how many bytes the work allocates.
func allocated(work func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}

// Ten times the items take at most twelve times the work to fill and to restore and twelve times the memory, and a page
// takes what it always took. Work is counted in bytes that are allocated, which is the same on every machine. An item
// of 252 bytes takes a kilobyte at most, with its entry in an index and its record in the stream.
func TestGrowth(t *testing.T) {
	const items, times, linear = 1500, 10, 12
	type cost struct{ fill, memory, page, restore float64 }
	of := func(items int) (c cost) {
		before := held()
		var e *local.Engine
		c.fill = allocated(func() { e = filled(t, items, local.Options{}) })
		c.memory = held() - before
		const rounds = 20
		c.page = allocated(func() {
			for n := range rounds {
				page := do(t, e, "Query", fmt.Sprintf(`{"TableName": "grown", "KeyConditionExpression": "PK = :p",
					"ExpressionAttributeValues": {":p": {"S": "SECTION#%08d"}}, "Limit": 20}`, n%10))
				student := do(t, e, "Query", fmt.Sprintf(`{"TableName": "grown", "IndexName": "GSI1",
					"KeyConditionExpression": "GSI1PK = :p", "ExpressionAttributeValues": {":p": {"S": "STUDENT#%08d"}}}`, n))
				if !strings.Contains(page, `"Count":20`) || !strings.Contains(student, `"Count":1`) {
					t.Fatalf("%.200s %.200s", page, student)
				}
			}
		}) / rounds
		var snapshot bytes.Buffer
		if err := e.Freeze()(&snapshot); err != nil {
			t.Fatal(err)
		}
		c.restore = allocated(func() {
			if err := local.New(local.Options{}).Restore(&snapshot); err != nil {
				t.Fatal(err)
			}
		})
		return c
	}
	of(items) // what the first one allocates for good
	small, large := of(items), of(times*items)
	for what, ratio := range map[string]float64{"filling": large.fill / small.fill, "memory": large.memory / small.memory,
		"restoring": large.restore / small.restore} {
		if ratio > linear {
			t.Errorf("%s: %.1f times as much for %d times the items", what, ratio, times)
		}
	}
	const even = 1.5
	if ratio := large.page / small.page; ratio > even {
		t.Errorf("a page: %.1f times as much in a table of %d times the items", ratio, times)
	}
	const most = 1024
	if each := large.memory / (times * items); each > most {
		t.Errorf("%.0f bytes for an item of 252", each)
	}
}

// A stream holds so many bytes, however much is written, and who comes too late is told.
func TestGrowth_Stream(t *testing.T) {
	const most, written = 64 << 10, 5000
	e := filled(t, 1, local.Options{StreamBytes: most})
	const streams = "DynamoDBStreams_20120810."
	_, rest, _ := strings.Cut(said(e, streams+"ListStreams", `{}`), `"StreamArn":"`)
	arn, _, _ := strings.Cut(rest, `"`)
	_, rest, _ = strings.Cut(said(e, streams+"DescribeStream", `{"StreamArn": "`+arn+`"}`), `"ShardId":"`)
	shard, _, _ := strings.Cut(rest, `"`)
	from := func() string {
		answer := said(e, streams+"GetShardIterator", `{"StreamArn": "`+arn+`", "ShardId": "`+shard+`",
			"ShardIteratorType": "TRIM_HORIZON"}`)
		return strings.TrimSuffix(strings.TrimPrefix(answer, `{"ShardIterator":"`), `"}`)
	}
	early := from()
	before := held()
	for n := range written {
		do(t, e, "UpdateItem", fmt.Sprintf(`{"TableName": "grown", "Key": {"PK": {"S": "SECTION#00000000"},
			"SK": {"S": "REGISTRATION#0000000000"}}, "UpdateExpression": "SET version = :n",
			"ExpressionAttributeValues": {":n": {"N": "%d"}}}`, n))
	}
	if grown := held() - before; grown > 10*most { // far less than all images are
		t.Errorf("%.0f bytes more after %d changes of one item", grown, written)
	}
	if got := said(e, streams+"GetRecords", `{"ShardIterator": "`+early+`"}`); !strings.Contains(got,
		"TrimmedDataAccessException") {
		t.Errorf("who comes too late is answered %.300s", got)
	}
	got := said(e, streams+"GetRecords", `{"ShardIterator": "`+from()+`"}`)
	if !strings.Contains(got, fmt.Sprintf(`"version":{"N":"%d"}`, written-1)) || strings.Count(got, "eventID") < 10 {
		t.Errorf("what is left: %.300s", got)
	}
	runtime.KeepAlive(e)
}
