package dynamodb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	local "example.com/registrar/infra/local/dynamodb"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func (b *bed) timeToLive(enabled bool) {
	b.t.Helper()
	_, err := b.client.UpdateTimeToLive(b.t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName: aws.String("records"), TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: aws.String("until"), Enabled: aws.Bool(enabled)},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// names are the partitions of an index or, with an empty name, of the table, in the order of a scan.
func (b *bed) names(index string) string {
	b.t.Helper()
	in := &dynamodb.ScanInput{TableName: aws.String("records")}
	if index != "" {
		in.IndexName = aws.String(index)
	}
	out, err := b.client.Scan(b.t.Context(), in)
	if err != nil {
		b.t.Fatal(err)
	}
	var list []string
	for _, i := range out.Items {
		list = append(list, i["PK"].(*types.AttributeValueMemberS).Value)
	}
	return strings.Join(list, " ")
}

// Only numbers in the past five years expire; who changes the attribute in time keeps the item; the limit holds; and
// the stream tells a system's deletion from a client's.
func TestExpire(t *testing.T) {
	b := newBed(t, local.Options{})
	at := func(d time.Duration) types.AttributeValue { return n(fmt.Sprint(b.now.Add(d).Unix())) }
	stored := func(name string, until types.AttributeValue) {
		i := item{"PK": s(name), "SK": n("1"), "G": s("g"), "H": s("h")}
		if until != nil {
			i["until"] = until
		}
		b.put(i)
	}
	stored("a-early", at(-time.Hour)) // before the time to live is enabled
	stored("b-off", at(-time.Hour))
	b.timeToLive(true)
	arn := b.enable("OLD_IMAGE")
	stored("b-off", nil)
	stored("c-now", at(0))
	stored("d-later", at(time.Hour))
	stored("e-text", s(fmt.Sprint(b.now.Add(-time.Hour).Unix())))
	stored("f-ancient", n(fmt.Sprint(b.now.AddDate(-5, 0, -1).Unix())))
	stored("g-old", n(fmt.Sprint(b.now.AddDate(-5, 0, 1).Unix())))
	stored("h-fraction", n(fmt.Sprint(b.now.Add(-time.Minute).Unix())+".25"))
	stored("i-renewed", at(-time.Minute))
	stored("i-renewed", at(time.Minute))
	stored("j-client", at(-time.Minute))
	b.delete(item{"PK": s("j-client"), "SK": n("1")})
	if got := b.engine.Expire(0); got != 0 {
		t.Errorf("deleted %d of at most none", got)
	}
	if got := []int{b.engine.Expire(2), b.engine.Expire(2), b.engine.Expire(2)}; !slices.Equal(got, []int{2, 1, 0}) {
		t.Errorf("deleted %v, want 2, 1, 0", got)
	}
	const left = "b-off c-now d-later e-text f-ancient i-renewed"
	if b.names("") != left || strings.Join(slices.Sorted(slices.Values(strings.Fields(b.names("all")))), " ") != left {
		t.Errorf("left: %s, in the index %s; want %s", b.names(""), b.names("all"), left)
	}
	var removed []string
	for _, r := range b.all(arn) {
		if r.EventName == "REMOVE" {
			removed = append(removed, fmt.Sprint(r.Dynamodb.OldImage["PK"]["S"], r.UserIdentity["Type"],
				r.UserIdentity["PrincipalId"]))
		}
	}
	const system = "Servicedynamodb.amazonaws.com"
	if want := []string{"j-client", "g-old" + system, "a-early" + system, "h-fraction" + system}; !slices.Equal(removed,
		want) {
		t.Errorf("removed %v, want %v", removed, want)
	}
	b.now = b.now.Add(time.Second)
	if got := b.engine.Expire(100); got != 1 {
		t.Errorf("a second later %d go, want 1", got)
	}
	b.timeToLive(false)
	b.now = b.now.Add(2 * time.Hour)
	if got := b.engine.Expire(100); got != 0 {
		t.Errorf("%d go without a time to live", got)
	}
	b.timeToLive(true)
	if got := b.engine.Expire(100); got != 2 {
		t.Errorf("%d go once it is back, want 2", got)
	}
}
