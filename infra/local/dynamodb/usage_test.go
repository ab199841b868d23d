package dynamodb_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	local "example.com/registrar/infra/local/dynamodb"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A ledger adds up, by operation and key, what a run of known requests cost and met, and what that is at list price.
func TestLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := local.NewLedger(nil)
		contention := slow()
		contention.PartitionWrites = 10
		b := &bubble{T: t, Client: client(t, local.Options{Contention: contention, Observe: ledger.Observe})}
		second()
		for i := range 12 { // two are throttled
			_ = b.put("hot", i, nil)
		}
		if err := b.put("warm", 1, item{"G": s("g"), "H": s("h")}); err != nil { // two indexes follow
			t.Fatal(err)
		}
		b.during(func() {
			_ = b.transact(putOf("b", 1, "2"), putOf("a", 2, "2"))
			_ = b.put("a", 1, nil)
		})
		b.value("hot", 1)
		_, err := b.Query(t.Context(), &dynamodb.QueryInput{
			TableName: aws.String("records"), KeyConditionExpression: aws.String("PK = :hot"), ExpressionAttributeValues: item{
				":hot": s("hot")},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("records")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)

		report := ledger.Report()
		tallies := map[string]local.Tally{}
		for _, tally := range append(report.Operations, report.Hottest...) {
			tally.Dollars = 0
			tallies[tally.Name] = tally
		}
		for _, want := range []local.Tally{
			{Name: "PutItem", Requests: 14, WriteUnits: 10 + 3 + 1, Conflicts: 1, Throttles: 2},
			{Name: "TransactWriteItems", Requests: 2, WriteUnits: 8, Conflicts: 1},
			{Name: "GetItem", Requests: 1, ReadUnits: 1},
			{Name: "Query", Requests: 1, ReadUnits: 0.5},
			{Name: "Scan", Requests: 1, ReadUnits: 0.5},
			{Name: "records PK=a SK=1", Requests: 2, WriteUnits: 3, Conflicts: 1},
			{Name: "records PK=a SK=2", Requests: 2, WriteUnits: 4, Conflicts: 1},
			{Name: "records PK=hot SK=1", Requests: 2, WriteUnits: 1, ReadUnits: 1},
			{Name: "records PK=hot SK=11", Requests: 1, Throttles: 1},
			{Name: "records PK=hot", Requests: 1, ReadUnits: 0.5},
			{Name: "records.all G=g", Requests: 1, WriteUnits: 1},
			{Name: "records.some H=h", Requests: 1, WriteUnits: 1},
		} {
			if got := tallies[want.Name]; got != want {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		}
		if got := report.Hottest[0].Name; got != "records PK=a SK=2" {
			t.Errorf("the hottest key is %s", got)
		}
		peaks := map[string]local.Peak{}
		for _, p := range report.Busiest {
			p.Second = time.Time{}
			peaks[p.Name] = p
		}
		for _, want := range []local.Peak{
			{Name: "records PK=hot", WriteUnits: 10, Share: 0.01, Throttles: 2}, // its reads came later, and were fewer
			{Name: "records PK=a", WriteUnits: 7, Share: 0.007},
			{Name: "records.all G=g", WriteUnits: 1, Share: 0.001},
		} {
			if got := peaks[want.Name]; got != want {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		}
		if got := report.Busiest[0].Name; got != "records PK=hot" {
			t.Errorf("the busiest second is of %s", got)
		}
		total := report.Total
		if total.Requests != 19 || total.WriteUnits != 22 || total.ReadUnits != 2 || total.Conflicts != 2 ||
			total.Throttles != 2 {
			t.Errorf("in all: %+v", total)
		}
		if want := 22*0.625/1e6 + 2*0.125/1e6; total.Dollars < want*0.999 || total.Dollars > want*1.001 {
			t.Errorf("22 write and 2 read units are $%g, want $%g", total.Dollars, want)
		}
		if got := report.Until.Sub(report.From); got < time.Minute || got > 2*time.Minute {
			t.Errorf("the report is about %s", got)
		}
	})
}

// The report is there for people and for programs.
func TestLedger_HTTP(t *testing.T) {
	ledger := local.NewLedger(nil)
	c := client(t, local.Options{Observe: ledger.Observe})
	put(t, c, item{"PK": s("a"), "SK": n("1")})
	_, err := c.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		putOf("a", 1, "1")}})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		ledger.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		return w
	}
	text := get("/_report").Body.String()
	for _, part := range []string{"PutItem", "TransactWriteItems", "all", "records PK=a SK=1", "records PK=a  ", "0 %",
		"0.000002", "us-east-1 since 2024-11-01"} {
		if !strings.Contains(text, part) {
			t.Errorf("the report does not say %q:\n%s", part, text)
		}
	}
	answer := get("/_report?format=json")
	var report local.Report
	if err := json.Unmarshal(answer.Body.Bytes(), &report); err != nil ||
		answer.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%v: %s", err, answer.Body)
	}
	if report.Total.Requests != 2 || report.Total.WriteUnits != 3 || report.Prices.Writes == 0 {
		t.Errorf("%+v", report)
	}
	if line := report.Line(); !strings.Contains(line, "2 requests, 3 write and 0 read units: $0.000002") {
		t.Error(line)
	}
}
