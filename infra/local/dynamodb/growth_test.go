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
	do(t, e, "CreateTable", `{"TableName": "grown", "BillingMode": "PAY_PER_REQUEST", "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
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
	return fmt.Sprintf(`{"PK": {"S": "SECTION#%08d"}, "SK": {"S": "REGISTRATION#%010d"}, "GSI1PK": {"S": "STUDENT#%08d"}, "GSI1SK": {"S": "TERM#202409#%08d"}, "status": {"S": "enrolled"},
		"version": {"N": "%d"}, "credits": {"N": "4"}, "createdAt": {"S": "2024-08-01T09:00:00.000Z"}, "changedAt": {"S": "2024-08-01T09:00:00.000Z"}, "note": {"S": "%s"}, "live": {"BOOL": true}}`,
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

func TestMemoryX(t *testing.T) {
	for _, items := range []int{2000, 20000, 200000} {
		before := held()
		e := filled(t, items, local.Options{})
		t.Logf("%d: %.0f bytes an item %s", items, (held()-before)/float64(items), do(t, e, "DescribeTable", `{"TableName":"grown"}`)[:0])
		t.Log(do(t, e, "GetItem", `{"TableName":"grown","Key":{"PK":{"S":"SECTION#00000000"},"SK":{"S":"REGISTRATION#0000000000"}},"ReturnConsumedCapacity":"TOTAL"}`))
		d := do(t, e, "DescribeTable", `{"TableName":"grown"}`)
		t.Log(d[strings.Index(d, `"TableSizeBytes"`):])
		runtime.KeepAlive(e)
	}
}
