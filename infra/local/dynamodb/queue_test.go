package dynamodb

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A queue is a list from which its first element may be taken, however long it was.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue[int]
		var want []int
		next := 0
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			for range rapid.IntRange(0, 2*chunkLength).Draw(t, "pushed") {
				q.push(next)
				want = append(want, next)
				next++
			}
			for range min(len(want), rapid.IntRange(0, 2*chunkLength).Draw(t, "popped")) {
				if got := q.pop(); got != want[0] {
					t.Fatalf("popped %d, want %d", got, want[0])
				}
				want = want[1:]
			}
			if q.n != len(want) {
				t.Fatalf("%d elements, want %d", q.n, len(want))
			}
			for i := range want {
				if got := *q.at(i); got != want[i] {
					t.Fatalf("element %d is %d, want %d", i, got, want[i])
				}
			}
			if most := len(want)/chunkLength + 2; len(q.chunks) > most {
				t.Fatalf("%d chunks hold %d elements, want at most %d", len(q.chunks), len(want), most)
			}
		}
	})
}

// Client tokens are remembered for ten minutes and not for longer, so that after a day there are as many as in its last
// ten minutes; and a token that was used again within them is remembered from then on.
func TestGrowth_ClientTokens(t *testing.T) {
	now := time.Date(2024, 8, 1, 9, 0, 0, 0, time.UTC)
	e := New(Options{Now: func() time.Time { return now }})
	say := func(operation, request string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(request))
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
		w := httptest.NewRecorder()
		if e.ServeHTTP(w, r); w.Code != http.StatusOK {
			t.Fatalf("%s: %s", request, w.Body)
		}
	}
	say("CreateTable", `{"TableName": "table", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "P",
		"KeyType": "HASH"}], "AttributeDefinitions": [{"AttributeName": "P", "AttributeType": "S"}]}`)
	use := func(token string) {
		t.Helper()
		say("TransactWriteItems", `{"ClientRequestToken": "`+token+`", "TransactItems": [{"Put": {"TableName": "table",
			"Item": {"P": {"S": "a"}}}}]}`)
	}
	const aDay, every = 24 * time.Hour, 30 * time.Second
	const most = int(tokenLifetime/every) + 2
	for n := range int(aDay / every) {
		use(fmt.Sprint(n))
		use(fmt.Sprint("again ", n%(most+5))) // comes back soon after its time
		now = now.Add(every)
		if len(e.tokens) > 2*most || e.expiring.n > 2*most {
			t.Fatalf("after %s %d tokens are remembered and %d are to be forgotten, of %d in ten minutes",
				time.Duration(n)*every, len(e.tokens), e.expiring.n, 2*most)
		}
	}
}
