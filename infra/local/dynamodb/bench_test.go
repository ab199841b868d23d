package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"

	local "example.com/registrar/infra/local/dynamodb"
)

// BenchmarkEngine is what an operation costs without a socket and without a client.
func BenchmarkEngine(b *testing.B) {
	const items = 20_000
	e := filled(b, items, local.Options{Observe: func(local.Usage) {}})
	key := func(n int) string {
		return fmt.Sprintf(`{"PK": {"S": "SECTION#%08d"}, "SK": {"S": "REGISTRATION#%010d"}}`, n%items/100, n%items)
	}
	put := func(n int) string {
		return `{"Put": {"TableName": "grown", "ConditionExpression": "attribute_exists(PK)",
			"Item": ` + grownItem(n%items) + `}}`
	}
	for _, o := range []struct {
		name    string
		request func(n int) string
	}{
		{"GetItem", func(n int) string { return `{"TableName": "grown", "Key": ` + key(n) + `}` }},
		{"PutItem", func(n int) string { return `{"TableName": "grown", "Item": ` + grownItem(n%items) + `}` }},
		{"UpdateItem", func(n int) string {
			return `{"TableName": "grown", "Key": ` + key(n) + `, "UpdateExpression": "SET changed = :one",
				"ConditionExpression": "attribute_exists(PK)", "ExpressionAttributeValues": {":one": {"N": "1"}}}`
		}},
		{"Query", func(n int) string {
			return fmt.Sprintf(`{"TableName": "grown", "KeyConditionExpression": "PK = :pk",
				"Limit": 20, "ExpressionAttributeValues": {":pk": {"S": "SECTION#%08d"}}}`, n%items/100)
		}},
		{"TransactWriteItems", func(n int) string {
			return `{"TransactItems": [` + strings.Join([]string{put(n), put(n + 101), put(n + 202), put(n + 303)}, ", ") + `]}`
		}},
	} {
		requests := make([]string, 500)
		for n := range requests {
			requests[n] = o.request(n * 7919)
		}
		b.Run(o.name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				do(b, e, o.name, requests[n%len(requests)])
			}
		})
	}
}
