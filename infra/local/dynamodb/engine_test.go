package dynamodb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	local "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

type item = map[string]types.AttributeValue

func s(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
func n(v string) types.AttributeValue { return &types.AttributeValueMemberN{Value: v} }

func client(t testing.TB, options local.Options) *dynamodb.Client {
	t.Helper()
	return clientOf(t, local.New(options))
}

// clientOf makes the table "records" in an engine.
func clientOf(t testing.TB, engine *local.Engine) *dynamodb.Client {
	t.Helper()
	c := dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://dynamodb.local"), RetryMaxAttempts: 1,
		HTTPClient: inprocess.Client(engine), Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	attribute := func(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: kind}
	}
	key := func(hash, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{
			{AttributeName: aws.String(hash), KeyType: types.KeyTypeHash}, {AttributeName: aws.String(sort),
				KeyType: types.KeyTypeRange},
		}
	}
	_, err := c.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("records"), BillingMode: types.BillingModePayPerRequest, KeySchema: key("PK", "SK"),
		AttributeDefinitions: []types.AttributeDefinition{
			attribute("PK", "S"), attribute("SK", "N"), attribute("G", "S"), attribute("H", "S"),
		},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			{IndexName: aws.String("all"), KeySchema: key("G", "H"),
				Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}},
			{IndexName: aws.String("some"), KeySchema: key("H", "G"), Projection: &types.Projection{
				ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"kept"}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t testing.TB, c *dynamodb.Client, i item) {
	t.Helper()
	if _, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("records"), Item: i}); err != nil {
		t.Fatal(err)
	}
}

// numbers lists the sort keys of a query's items.
func numbers(items []item) string {
	var list []string
	for _, i := range items {
		list = append(list, i["SK"].(*types.AttributeValueMemberN).Value)
	}
	return strings.Join(list, " ")
}

// Sort keys that are numbers sort as numbers, and every range finds exactly its keys, forwards and backwards, page by
// page.
func TestQuery_Ranges(t *testing.T) {
	c := client(t, local.Options{})
	for _, k := range []string{"10", "9", "-1", "0.5", "100", "0", "-20"} {
		put(t, c, item{"PK": s("a"), "SK": n(k)})
		put(t, c, item{"PK": s("a\x00"), "SK": n(k)})
	}
	for condition, want := range map[string]string{
		"PK = :p":                              "-20 -1 0 0.5 9 10 100",
		"PK = :p AND SK < :a":                  "-20 -1 0 0.5",
		"PK = :p AND SK <= :a":                 "-20 -1 0 0.5 9",
		"PK = :p AND SK > :a":                  "10 100",
		"PK = :p AND SK >= :a":                 "9 10 100",
		"PK = :p AND SK = :a":                  "9",
		":a > SK AND :p = PK":                  "-20 -1 0 0.5",
		"PK = :p AND SK BETWEEN :z AND :a":     "-1 0 0.5 9",
		"(PK = :p) AND (SK BETWEEN :z AND :z)": "-1",
	} {
		values := item{":p": s("a")}
		for name, v := range (item{":a": n("9"), ":z": n("-1")}) {
			if strings.Contains(condition, name) {
				values[name] = v
			}
		}
		for _, forward := range []bool{true, false} {
			for _, limit := range []int32{1, 2, 100} {
				var found []item
				pages := dynamodb.NewQueryPaginator(c, &dynamodb.QueryInput{
					TableName: aws.String("records"), KeyConditionExpression: aws.String(condition),
					ExpressionAttributeValues: values, ScanIndexForward: aws.Bool(forward), Limit: aws.Int32(limit),
				})
				for pages.HasMorePages() {
					page, err := pages.NextPage(t.Context())
					if err != nil {
						t.Fatalf("%s: %v", condition, err)
					}
					found = append(found, page.Items...)
				}
				expected := strings.Fields(want)
				if !forward {
					for i, j := 0, len(expected)-1; i < j; i, j = i+1, j-1 {
						expected[i], expected[j] = expected[j], expected[i]
					}
				}
				if got := numbers(found); got != strings.Join(expected, " ") {
					t.Errorf("%s, forward %t, by %d: %s, want %s", condition, forward, limit, got, expected)
				}
			}
		}
	}
}

// An index follows each change of its items, and an item that loses a key attribute leaves it.
func TestIndex_IsSparseAndExact(t *testing.T) {
	c := client(t, local.Options{})
	entries := func(index, partition, value string) int {
		t.Helper()
		out, err := c.Query(t.Context(), &dynamodb.QueryInput{
			TableName: aws.String("records"), IndexName: aws.String(index), KeyConditionExpression: aws.String("#k = :v"),
			ExpressionAttributeNames: map[string]string{"#k": partition}, ExpressionAttributeValues: item{":v": s(value)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Items)
	}
	put(t, c, item{"PK": s("a"), "SK": n("1"), "G": s("g"), "H": s("h"), "kept": s("x"), "left": s("y")})
	put(t, c, item{"PK": s("a"), "SK": n("2"), "G": s("g")})
	if got := entries("all", "G", "g"); got != 1 {
		t.Errorf("%d entries, want 1: the second item has no H", got)
	}
	out, err := c.Query(t.Context(), &dynamodb.QueryInput{
		TableName: aws.String("records"), IndexName: aws.String("some"), KeyConditionExpression: aws.String("H = :v"),
		ExpressionAttributeValues: item{":v": s("h")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Items) != 1 || len(out.Items[0]) != 5 || out.Items[0]["left"] != nil {
		t.Errorf("projected %v, want the keys and what INCLUDE names", out.Items)
	}
	_, err = c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String("records"), Key: item{"PK": s("a"), "SK": n("1")}, UpdateExpression: aws.String("REMOVE G"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := entries("all", "G", "g") + entries("some", "H", "h"); got != 0 {
		t.Errorf("%d entries are left of an item without G", got)
	}
}

// update runs one update on the item a/1 and returns its error.
func update(t testing.TB, c *dynamodb.Client, expression, condition string, values item) error {
	in := &dynamodb.UpdateItemInput{
		TableName: aws.String("records"), Key: item{"PK": s("a"), "SK": n("1")}, UpdateExpression: aws.String(expression),
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if condition != "" {
		in.ConditionExpression = aws.String(condition)
	}
	_, err := c.UpdateItem(t.Context(), in)
	return err
}

// All actions of a cancelled transaction tell their reason, by position, and nothing was written.
func TestTransactWrite_AllOrNothing(t *testing.T) {
	c := client(t, local.Options{})
	put(t, c, item{"PK": s("a"), "SK": n("1"), "free": n("0")})
	put(t, c, item{"PK": s("a"), "SK": n("2"), "free": n("5")})
	take := func(key string) types.TransactWriteItem {
		return types.TransactWriteItem{Update: &types.Update{
			TableName: aws.String("records"), Key: item{"PK": s("a"), "SK": n(key)},
			UpdateExpression: aws.String("SET #f = #f - :one"), ConditionExpression: aws.String("#f >= :one"),
			ExpressionAttributeNames: map[string]string{"#f": "free"}, ExpressionAttributeValues: item{":one": n("1")},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}}
	}
	fresh := types.TransactWriteItem{Put: &types.Put{
		TableName: aws.String("records"), Item: item{"PK": s("b"), "SK": n("1")},
		ConditionExpression: aws.String("attribute_not_exists(PK)"),
	}}
	_, err := c.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		take("2"), take("1"), fresh}})
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		t.Fatalf("err = %v, want a cancelled transaction", err)
	}
	var codes []string
	for _, r := range cancelled.CancellationReasons {
		codes = append(codes, aws.ToString(r.Code))
	}
	if got := strings.Join(codes, " "); got != "None ConditionalCheckFailed None" {
		t.Errorf("reasons %q", got)
	}
	if free, ok := cancelled.CancellationReasons[1].Item["free"].(*types.AttributeValueMemberN); !ok || free.Value != "0" {
		t.Errorf("the failed condition does not show the item: %v", cancelled.CancellationReasons[1].Item)
	}
	scan, err := c.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("records")})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range scan.Items {
		if i["SK"].(*types.AttributeValueMemberN).Value == "2" && i["free"].(*types.AttributeValueMemberN).Value != "5" {
			t.Errorf("a cancelled transaction changed %v", i)
		}
	}
	if len(scan.Items) != 2 {
		t.Errorf("%d items, want 2", len(scan.Items))
	}
}

// A client request token makes a repeated transaction one, for ten minutes, and is refused for another transaction.
func TestTransactWrite_Token(t *testing.T) {
	now := time.Date(2024, 8, 1, 9, 0, 0, 0, time.UTC)
	ledger := local.NewLedger(nil)
	c := client(t, local.Options{Now: func() time.Time { return now }, Observe: ledger.Observe})
	var consumed []types.ConsumedCapacity
	send := func(by string) error {
		out, err := c.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
			ClientRequestToken: aws.String("token"), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
			TransactItems: []types.TransactWriteItem{{Update: &types.Update{
				TableName: aws.String("records"), Key: item{"PK": s("a"), "SK": n("1")}, UpdateExpression: aws.String("ADD n :by"),
				ExpressionAttributeValues: item{":by": n(by)},
			}}},
		})
		if err == nil {
			consumed = append(consumed, out.ConsumedCapacity...)
		}
		return err
	}
	value := func() string {
		out, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("records"),
			Key: item{"PK": s("a"), "SK": n("1")}})
		if err != nil {
			t.Fatal(err)
		}
		return out.Item["n"].(*types.AttributeValueMemberN).Value
	}
	for range 3 {
		if err := send("1"); err != nil {
			t.Fatal(err)
		}
	}
	if got := value(); got != "1" {
		t.Errorf("n = %s after the same transaction three times", got)
	}
	for i, c := range consumed { // a repeated one reads what it had written
		written, read := aws.ToFloat64(c.WriteCapacityUnits), aws.ToFloat64(c.ReadCapacityUnits)
		if first := i == 0; first && (written != 2 || read != 0) || !first && (written != 0 || read != 2) {
			t.Errorf("time %d used %g write and %g read units", i+1, written, read)
		}
	}
	for _, o := range ledger.Report().Operations {
		if o.Name == "TransactWriteItems" && (o.WriteUnits != 2 || o.ReadUnits != 4) {
			t.Errorf("the ledger has %+v", o)
		}
	}
	var mismatch *types.IdempotentParameterMismatchException
	if err := send("2"); !errors.As(err, &mismatch) {
		t.Errorf("another transaction with the token: %v", err)
	}
	now = now.Add(10*time.Minute + time.Second)
	if err := send("1"); err != nil {
		t.Fatal(err)
	}
	if got := value(); got != "2" {
		t.Errorf("n = %s once the token's time is over, want 2", got)
	}
}

// Units are those of the developer guide: whole kilobytes written, four read, half for an eventual read, double in a
// transaction but not on its indexes.
func TestConsumedCapacity(t *testing.T) {
	c := client(t, local.Options{})
	all := types.ReturnConsumedCapacityIndexes
	units := func(c *types.ConsumedCapacity) string {
		text := fmt.Sprintf("%g: table %g", *c.CapacityUnits, *c.Table.CapacityUnits)
		for _, name := range []string{"all", "some"} {
			if x, ok := c.GlobalSecondaryIndexes[name]; ok {
				text += fmt.Sprintf(", %s %g", name, *x.CapacityUnits)
			}
		}
		return text
	}
	check := func(what, want string, got *types.ConsumedCapacity, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if units(got) != want {
			t.Errorf("%s: %s, want %s", what, units(got), want)
		}
	}
	key := item{"PK": s("a"), "SK": n("1")}
	write := func(i item) (*types.ConsumedCapacity, error) {
		out, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("records"), Item: i,
			ReturnConsumedCapacity: all})
		if err != nil {
			return nil, err
		}
		return out.ConsumedCapacity, nil
	}
	got, err := write(item{"PK": s("a"), "SK": n("1"), "G": s("g"), "H": s("h"), "d": s(strings.Repeat("x", 2500))})
	check("put 2.5 KB, new in both indexes", "7: table 3, all 3, some 1", got, err)
	got, err = write(item{"PK": s("a"), "SK": n("1"), "G": s("g"), "H": s("h"), "d": s("y")})
	check("put a smaller one", "6: table 3, all 3", got, err)
	got, err = write(item{"PK": s("a"), "SK": n("1"), "G": s("g2"), "H": s("h"), "d": s("y")})
	check("put with another index key", "5: table 1, all 2, some 2", got, err)
	for consistent, want := range map[bool]string{true: "1: table 1", false: "0.5: table 0.5"} {
		out, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("records"), Key: key,
			ConsistentRead: aws.Bool(consistent), ReturnConsumedCapacity: all})
		if err != nil {
			t.Fatal(err)
		}
		check("get", want, out.ConsumedCapacity, nil)
	}
	out, err := c.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{ReturnConsumedCapacity: all,
		TransactItems: []types.TransactWriteItem{
			{Update: &types.Update{TableName: aws.String("records"), Key: key, UpdateExpression: aws.String("SET kept = :v"),
				ExpressionAttributeValues: item{":v": s("v")}}},
			{ConditionCheck: &types.ConditionCheck{TableName: aws.String("records"), Key: item{"PK": s("b"), "SK": n("1")},
				ConditionExpression: aws.String("attribute_not_exists(PK)")}},
		}})
	if err != nil {
		t.Fatal(err)
	}
	check("transaction", "6: table 4, all 1, some 1", &out.ConsumedCapacity[0], nil)
}

func TestRefusals(t *testing.T) {
	c := client(t, local.Options{})
	put(t, c, item{"PK": s("a"), "SK": n("1"), "words": s("x"), "free": n("1")})
	one := item{":v": n("1")}
	for name, err := range map[string]error{
		"reserved keyword: free":          update(t, c, "SET free = :v", "", one),
		"unused in expressions":           update(t, c, "SET a = :v", "", item{":v": n("1"), ":w": n("1")}),
		"not defined; attribute value":    update(t, c, "SET a = :w", "", one),
		"Syntax error":                    update(t, c, "SET a := :v", "", one),
		"part of the key":                 update(t, c, "SET SK = :v", "", one),
		"overlap with each other":         update(t, c, "SET a = :v, a.b = :v", "", one),
		"incorrect data type":             update(t, c, "SET a = words + :v", "", one),
		"does not exist in the item":      update(t, c, "SET a = gone + :v", "", one),
		"only be used once":               update(t, c, "SET a = :v SET b = :v", "", one),
		"redundant parentheses":           update(t, c, "SET a = :v", "((a = :v))", one),
		"Invalid function name":           update(t, c, "SET a = :v", "exists(a)", one),
		"invalid for update":              update(t, c, "SET gone.a = :v", "", one),
		"conditional request failed":      update(t, c, "SET a = :v", "attribute_not_exists(PK)", one),
		"more than 38 significant digits": update(t, c, "SET a = :v", "", item{":v": n(strings.Repeat("1", 39))}),
		"overflow":                        update(t, c, "SET a = :v", "", item{":v": n("1e126")}),
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
	}
	_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("records"),
		Item: item{"PK": s("a"), "SK": n("1"), "d": s(strings.Repeat("x", 400<<10))}})
	if err == nil || !strings.Contains(err.Error(), "maximum allowed size") {
		t.Errorf("an item over 400 KB: %v", err)
	}
	_, err = c.ExecuteStatement(t.Context(),
		&dynamodb.ExecuteStatementInput{Statement: aws.String("SELECT * FROM records")})
	if err == nil || !strings.Contains(err.Error(), "ExecuteStatement") {
		t.Errorf("PartiQL is not refused by name: %v", err)
	}
}

// Thirty seats and many takers at once: exactly thirty are taken, and the conditions say no to everyone else.
func TestTransactWrite_Race(t *testing.T) {
	c := client(t, local.Options{})
	put(t, c, item{"PK": s("seats"), "SK": n("1"), "n": n("30")})
	var won, lost atomic.Int64
	var takers sync.WaitGroup
	for taker := range 64 {
		takers.Go(func() {
			for round := range 10 {
				_, err := c.TransactWriteItems(context.Background(),
					&dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
						{Update: &types.Update{TableName: aws.String("records"), Key: item{"PK": s("seats"), "SK": n("1")},
							UpdateExpression: aws.String("SET n = n - :one"), ConditionExpression: aws.String("n >= :one"),
							ExpressionAttributeValues: item{":one": n("1")}}},
						{Put: &types.Put{TableName: aws.String("records"),
							Item: item{"PK": s("taken"), "SK": n(fmt.Sprint(taker*10 + round))}}},
					}})
				var cancelled *types.TransactionCanceledException
				switch {
				case err == nil:
					won.Add(1)
				case errors.As(err, &cancelled):
					lost.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	takers.Wait()
	rows, err := c.Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String("records"),
		KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": s("taken")}})
	if err != nil {
		t.Fatal(err)
	}
	if won.Load() != 30 || lost.Load() != 610 || rows.Count != 30 {
		t.Errorf("%d won, %d lost, %d rows: want 30, 610, 30", won.Load(), lost.Load(), rows.Count)
	}
}
