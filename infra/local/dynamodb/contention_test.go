package dynamodb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	local "example.com/registrar/infra/local/dynamodb"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

const flight = 10 * time.Millisecond // of every transaction in the tests of conflicts

// slow has transactions in flight for so long, and nothing else.
func slow() *local.Contention {
	return &local.Contention{Transaction: local.Latency{Median: flight, P99: flight}}
}

// inBubble runs a test in simulated time.
func inBubble(t *testing.T, contention *local.Contention, test func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{T: t}
		b.Client = client(t, local.Options{Contention: contention, Observe: b.observe})
		test(b)
	})
}

// bubble is an engine in simulated time.
type bubble struct {
	*testing.T
	*dynamodb.Client

	mu    sync.Mutex
	usage []local.Usage
}

func (b *bubble) observe(u local.Usage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.usage = append(b.usage, u)
}

// spent are the write units of all operations since it was last asked.
func (b *bubble) spent() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	units := 0.0
	for _, u := range b.usage {
		for _, c := range u.Capacity {
			if !c.Read {
				units += c.Units
			}
		}
	}
	b.usage = nil
	return units
}

func keyOf(pk string, sk int) item { return item{"PK": s(pk), "SK": n(strconv.Itoa(sk))} }

func withValue(key item, v string) item {
	key["v"] = n(v)
	return key
}

func (b *bubble) value(pk string, sk int) string {
	b.Helper()
	out, err := b.GetItem(b.Context(), &dynamodb.GetItemInput{TableName: aws.String("records"), Key: keyOf(pk, sk),
		ConsistentRead: aws.Bool(true)})
	if err != nil {
		b.Error(err)
		return ""
	}
	if v, ok := out.Item["v"].(*types.AttributeValueMemberN); ok {
		return v.Value
	}
	return ""
}

func putOf(pk string, sk int, v string) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: aws.String("records"), Item: withValue(keyOf(pk, sk), v)}}
}

func checkOf(pk string, sk int) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: aws.String("records"), Key: keyOf(pk, sk),
		ConditionExpression: aws.String("attribute_not_exists(nothing)"),
	}}
}

func (b *bubble) transact(writes ...types.TransactWriteItem) error {
	_, err := b.TransactWriteItems(b.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: writes})
	return err
}

// reasons are the codes of a cancelled transaction, by position.
func reasons(err error) string {
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return fmt.Sprint(err)
	}
	var codes []string
	for _, r := range cancelled.CancellationReasons {
		codes = append(codes, aws.ToString(r.Code))
	}
	return strings.Join(codes, " ")
}

func codeOf(err error) string {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return answer.ErrorCode()
	}
	return ""
}

// during does something while a transaction over the items a/1 and a/2 is in flight, which must succeed.
func (b *bubble) during(do func(), writes ...types.TransactWriteItem) {
	b.Helper()
	if writes == nil {
		writes = []types.TransactWriteItem{putOf("a", 1, "1"), putOf("a", 2, "1")}
	}
	var first error
	var wg sync.WaitGroup
	wg.Go(func() { first = b.transact(writes...) })
	time.Sleep(flight / 4)
	do()
	wg.Wait()
	if first != nil {
		b.Errorf("the transaction that was there first: %v", first)
	}
}

// Of two transactions with a common item the one that comes later is cancelled, and is told at which of its positions.
func TestConflict_TransactionAndTransaction(t *testing.T) {
	inBubble(t, slow(), func(b *bubble) {
		b.during(func() {
			if got := reasons(b.transact(putOf("b", 1, "2"), putOf("a", 2, "2"),
				putOf("b", 2, "2"))); got != "None TransactionConflict None" {
				b.Errorf("a transaction that meets another: %s", got)
			}
			if err := b.transact(putOf("c", 1, "2"), checkOf("c", 2)); err != nil {
				b.Errorf("a transaction that meets none: %v", err)
			}
		})
		if b.value("a", 2) != "1" || b.value("b", 1) != "" {
			b.Error("a cancelled transaction did something")
		}
		if err := b.transact(putOf("b", 1, "2"), putOf("a", 2, "2")); err != nil || b.value("a", 2) != "2" {
			b.Errorf("after the flight: %v", err)
		}
		b.during(func() { // an item that is only checked is an item of the transaction
			if got := reasons(b.transact(checkOf("a", 1), putOf("d", 1, "1"))); got != "TransactionConflict None" {
				b.Errorf("two that check one item: %s", got)
			}
		}, checkOf("a", 1), putOf("e", 1, "1"))
	})
}

// A single write of an item that a transaction has is refused; what only reads is not hindered, and sees what was.
func TestConflict_TransactionAndSingleOperations(t *testing.T) {
	inBubble(t, slow(), func(b *bubble) {
		put(b, b.Client, withValue(keyOf("a", 1), "0"))
		table, key := aws.String("records"), keyOf("a", 1)
		b.during(func() {
			_, putErr := b.PutItem(b.Context(), &dynamodb.PutItemInput{TableName: table, Item: key})
			_, updateErr := b.UpdateItem(b.Context(), &dynamodb.UpdateItemInput{TableName: table, Key: key,
				UpdateExpression: aws.String("REMOVE v")})
			_, deleteErr := b.DeleteItem(b.Context(), &dynamodb.DeleteItemInput{TableName: table, Key: key})
			for name, err := range map[string]error{"put": putErr, "update": updateErr, "delete": deleteErr} {
				var conflict *types.TransactionConflictException
				if !errors.As(err, &conflict) {
					b.Errorf("%s: %v, want a conflict", name, err)
				}
			}
			if got := b.value("a", 1); got != "0" {
				b.Errorf("a read sees %q before the transaction has ended", got)
			}
			page, err := b.Query(b.Context(), &dynamodb.QueryInput{
				TableName: table, KeyConditionExpression: aws.String("PK = :a"), ExpressionAttributeValues: item{":a": s("a")},
			})
			if err != nil || len(page.Items) != 1 {
				b.Errorf("a query finds %d items, %v", len(page.Items), err)
			}
			batch, err := b.BatchGetItem(b.Context(),
				&dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"records": {Keys: []item{key}}}})
			if err != nil || len(batch.Responses["records"]) != 1 {
				b.Errorf("a batch read: %v", err)
			}
			put(b, b.Client, withValue(keyOf("a", 3), "3")) // another item of the same partition
		})
		if b.value("a", 1) != "1" {
			b.Error("the transaction is not seen after its end")
		}
	})
}

// A transaction that reads is cancelled by a write that is under way or comes in between, never the other way round.
func TestConflict_TransactGetItems(t *testing.T) {
	inBubble(t, slow(), func(b *bubble) {
		read := func() (string, error) {
			gets := []types.TransactGetItem{
				{Get: &types.Get{TableName: aws.String("records"), Key: keyOf("z", 9)}},
				{Get: &types.Get{TableName: aws.String("records"), Key: keyOf("a", 1)}},
			}
			out, err := b.TransactGetItems(b.Context(), &dynamodb.TransactGetItemsInput{TransactItems: gets})
			if err != nil {
				return reasons(err), err
			}
			v, _ := out.Responses[1].Item["v"].(*types.AttributeValueMemberN)
			if v == nil {
				return "", nil
			}
			return v.Value, nil
		}
		b.during(func() {
			if got, _ := read(); got != "None TransactionConflict" {
				b.Errorf("a read during a write: %s", got)
			}
		})
		for name, write := range map[string]func() error{
			"a single write": func() error {
				_, err := b.PutItem(b.Context(), &dynamodb.PutItemInput{TableName: aws.String("records"),
					Item: withValue(keyOf("a", 1), "5")})
				return err
			},
			"a transaction": func() error { return b.transact(putOf("a", 1, "5")) },
		} {
			var got string
			var wg sync.WaitGroup
			wg.Go(func() { got, _ = read() })
			time.Sleep(flight / 2)
			if err := write(); err != nil {
				b.Errorf("%s during a read: %v", name, err)
			}
			if wg.Wait(); got != "None TransactionConflict" {
				b.Errorf("a read during which came %s: %s", name, got)
			}
		}
		var wg sync.WaitGroup
		for range 3 { // readers do not meet
			wg.Go(func() {
				if got, err := read(); err != nil || got != "5" {
					b.Errorf("of several readers: %s, %v", got, err)
				}
			})
		}
		wg.Wait()
	})
}

// What a batch cannot write since a transaction has the item stays unprocessed; the rest is written.
func TestConflict_BatchWriteItem(t *testing.T) {
	inBubble(t, slow(), func(b *bubble) {
		b.during(func() {
			out, err := b.BatchWriteItem(b.Context(),
				&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"records": {
					{PutRequest: &types.PutRequest{Item: withValue(keyOf("a", 1), "7")}},
					{PutRequest: &types.PutRequest{Item: withValue(keyOf("b", 1), "7")}},
					{DeleteRequest: &types.DeleteRequest{Key: keyOf("a", 2)}},
				}}})
			if err != nil {
				b.Fatal(err)
			}
			if left := out.UnprocessedItems["records"]; len(left) != 2 || left[0].PutRequest == nil ||
				left[1].DeleteRequest == nil {
				b.Errorf("unprocessed: %+v", left)
			}
		})
		if b.value("a", 1) != "1" || b.value("a", 2) != "1" || b.value("b", 1) != "7" {
			b.Error("a batch wrote what it said it had not, or the other way round")
		}
	})
}

// A transaction whose token is in flight is not carried out a second time, neither then nor afterwards.
func TestConflict_TokenInFlight(t *testing.T) {
	inBubble(t, slow(), func(b *bubble) {
		send := func(value string) error {
			_, err := b.TransactWriteItems(b.Context(), &dynamodb.TransactWriteItemsInput{
				ClientRequestToken: aws.String("token"), TransactItems: []types.TransactWriteItem{{Update: &types.Update{
					TableName: aws.String("records"), Key: keyOf("a", 1), UpdateExpression: aws.String("ADD v :v"),
					ExpressionAttributeValues: item{":v": n(value)},
				}}},
			})
			return err
		}
		var first error
		var wg sync.WaitGroup
		wg.Go(func() { first = send("1") })
		time.Sleep(flight / 2)
		if err := send("1"); codeOf(err) != "TransactionInProgressException" {
			b.Errorf("the same during the flight: %v", err)
		}
		if err := send("2"); codeOf(err) != "IdempotentParameterMismatchException" {
			b.Errorf("another request with the token: %v", err)
		}
		wg.Wait()
		if err := errors.Join(first, send("1")); err != nil || b.value("a", 1) != "1" {
			b.Errorf("afterwards: %v, value %s", err, b.value("a", 1))
		}
	})
}

// A cancelled transaction costs what it attempted, whatever it was cancelled for; its items are free again.
func TestConflict_CostsWhatWasAttempted(t *testing.T) {
	inBubble(t, slow(), func(b *bubble) {
		b.during(func() {
			b.spent()
			_ = b.transact(putOf("b", 1, "2"), putOf("a", 2, "2"), checkOf("b", 2))
			if got := b.spent(); got != 6 {
				b.Errorf("cancelled for a conflict: %g write units, want two for each of three items", got)
			}
			_, _ = b.DeleteItem(b.Context(), &dynamodb.DeleteItemInput{TableName: aws.String("records"), Key: keyOf("a", 1)})
			if got := b.spent(); got != 1 {
				b.Errorf("a single write that met a transaction: %g write units, want 1", got)
			}
		})
		b.spent()
		failing := putOf("b", 3, "2")
		failing.Put.ConditionExpression = aws.String("attribute_exists(PK)")
		if got := reasons(b.transact(putOf("a", 2, "2"), failing)); got != "None ConditionalCheckFailed" {
			b.Errorf("%s", got)
		}
		if got := b.spent(); got != 4 {
			b.Errorf("cancelled for a condition: %g write units, want 4", got)
		}
		if err := b.transact(putOf("a", 2, "2")); err != nil {
			b.Errorf("an item of a cancelled transaction: %v", err)
		}
	})
}

// An item whose time is over is not deleted from under a transaction.
func TestConflict_ExpiryWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := local.New(local.Options{Contention: slow()})
		b := &bubble{T: t, Client: clientOf(t, engine)}
		_, err := b.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
			TableName: aws.String("records"), TimeToLiveSpecification: &types.TimeToLiveSpecification{
				AttributeName: aws.String("v"), Enabled: aws.Bool(true)},
		})
		if err != nil {
			t.Fatal(err)
		}
		put(t, b.Client, withValue(keyOf("a", 1), strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)))
		b.during(func() {
			if deleted := engine.Expire(10); deleted != 0 {
				t.Errorf("%d items were deleted", deleted)
			}
		}, checkOf("a", 1), putOf("b", 1, "1"))
		if deleted := engine.Expire(10); deleted != 1 { // the other expired too long ago to be deleted
			t.Errorf("%d items were deleted afterwards", deleted)
		}
	})
}

// Operations take their time without holding up others, and without contention take none.
func TestServiceTimes(t *testing.T) {
	const each = 4 * time.Millisecond
	contention := &local.Contention{Read: local.Latency{Median: each}, Write: local.Latency{Median: each}}
	for name, c := range map[string]struct {
		contention *local.Contention
		want       time.Duration
	}{"with": {contention, 2 * each}, "without": {nil, 0}} {
		inBubble(t, c.contention, func(b *bubble) {
			began := time.Now()
			var wg sync.WaitGroup
			for k := range 100 {
				wg.Go(func() {
					put(b, b.Client, withValue(keyOf("a", k), "1"))
					b.value("a", k)
				})
			}
			wg.Wait()
			if got := time.Since(began); got != c.want {
				b.Errorf("%s contention: a write and a read took %s, want %s", name, got, c.want)
			}
		})
	}
}

// Drawn service times have the median and the percentile that they are given, and a seed repeats itself.
func TestServiceTimes_Distribution(t *testing.T) {
	const runs = 1000
	times := func(seed uint64) (all []time.Duration) {
		contention := &local.Contention{Seed: seed, Read: local.Latency{Median: 3 * time.Millisecond,
			P99: 9 * time.Millisecond}}
		inBubble(t, contention, func(b *bubble) {
			for range runs {
				began := time.Now()
				b.value("a", 1)
				all = append(all, time.Since(began))
			}
		})
		return all
	}
	first := times(1)
	if !slices.Equal(first, times(1)) || slices.Equal(first, times(2)) {
		t.Error("a seed does not repeat itself, or another one does it")
	}
	slices.Sort(first)
	if p50, p99 := first[runs/2], first[runs*99/100]; p50 < 2600*time.Microsecond ||
		p50 > 3400*time.Microsecond || p99 < 6500*time.Microsecond || p99 > 12*time.Millisecond {
		t.Errorf("median %s, 99th percentile %s", p50, p99)
	}
}

// version is the attribute v of an item, a number.
func version(of item) string {
	return of["v"].(*types.AttributeValueMemberN).Value
}

// A batch reads its items one by one: a transaction over two of them is seen half done by some. A transaction that
// reads is not fooled.
func TestBatchGetItem_IsNoSnapshot(t *testing.T) {
	torn := func(contention *local.Contention) (batches, transactions int) {
		inBubble(t, contention, func(b *bubble) {
			ctx, stop := context.WithCancel(b.Context())
			var wg sync.WaitGroup
			if err := b.transact(putOf("a", 1, "0"), putOf("b", 1, "0")); err != nil {
				b.Fatal(err)
			}
			wg.Go(func() {
				for v := 1; ctx.Err() == nil; v++ {
					if err := b.transact(putOf("a", 1, strconv.Itoa(v)), putOf("b", 1, strconv.Itoa(v))); err != nil {
						b.Error(err)
					}
					time.Sleep(time.Millisecond)
				}
			})
			for range 200 {
				keys := []item{keyOf("a", 1), keyOf("b", 1)}
				out, err := b.BatchGetItem(b.Context(), &dynamodb.BatchGetItemInput{
					RequestItems: map[string]types.KeysAndAttributes{"records": {Keys: keys, ConsistentRead: aws.Bool(true)}},
				})
				if err != nil {
					b.Fatal(err)
				}
				if found := out.Responses["records"]; len(found) != 2 || version(found[0]) != version(found[1]) {
					batches++
				}
				read, err := b.TransactGetItems(b.Context(), &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
					{Get: &types.Get{TableName: aws.String("records"), Key: keys[0]}},
					{Get: &types.Get{TableName: aws.String("records"), Key: keys[1]}},
				}})
				if err == nil && version(read.Responses[0].Item) != version(read.Responses[1].Item) {
					transactions++
				}
				time.Sleep(time.Millisecond)
			}
			stop()
			wg.Wait()
		})
		return batches, transactions
	}
	contention := &local.Contention{Read: local.Latency{Median: 3 * time.Millisecond, P99: 9 * time.Millisecond},
		Transaction: local.Latency{Median: time.Millisecond}}
	if batches, transactions := torn(contention); batches == 0 || transactions != 0 {
		t.Errorf("of 200 batches %d were torn, of 200 transactions %d", batches, transactions)
	}
	if batches, _ := torn(nil); batches != 0 {
		t.Errorf("without contention %d batches were torn", batches)
	}
}

// An eventually consistent read may be behind by so much and no more; a consistent one never is.
func TestStaleReads(t *testing.T) {
	const staleness = 20 * time.Millisecond
	inBubble(t, &local.Contention{Staleness: staleness, StaleReads: 0.5}, func(b *bubble) {
		// read gives the values that a get, a query and a batch see.
		read := func(consistent bool) []string {
			table := aws.String("records")
			got, err := b.GetItem(b.Context(), &dynamodb.GetItemInput{TableName: table, Key: keyOf("a", 1),
				ConsistentRead: &consistent})
			if err != nil {
				b.Fatal(err)
			}
			page, err := b.Query(b.Context(), &dynamodb.QueryInput{
				TableName: table, KeyConditionExpression: aws.String("PK = :a"), ExpressionAttributeValues: item{":a": s("a")},
				ConsistentRead: &consistent,
			})
			if err != nil {
				b.Fatal(err)
			}
			batch, err := b.BatchGetItem(b.Context(), &dynamodb.BatchGetItemInput{
				RequestItems: map[string]types.KeysAndAttributes{"records": {Keys: []item{keyOf("a", 1)},
					ConsistentRead: &consistent}},
			})
			if err != nil {
				b.Fatal(err)
			}
			value := func(items ...item) string {
				if len(items) == 0 || items[0] == nil {
					return "none"
				}
				return items[0]["v"].(*types.AttributeValueMemberN).Value
			}
			return []string{value(got.Item), value(page.Items...), value(batch.Responses["records"]...)}
		}
		// seen counts the values of a hundred rounds.
		seen := func(consistent bool) string {
			counts := map[string]bool{}
			for range 100 {
				for _, v := range read(consistent) {
					counts[v] = true
				}
			}
			var all []string
			for v := range counts {
				all = append(all, v)
			}
			slices.Sort(all)
			return strings.Join(all, " ")
		}
		expect := func(when, eventual, consistent string) {
			b.Helper()
			if got := seen(false); got != eventual {
				b.Errorf("%s: eventually consistent reads see %s, want %s", when, got, eventual)
			}
			if got := seen(true); got != consistent {
				b.Errorf("%s: consistent reads see %s, want %s", when, got, consistent)
			}
		}
		put(b, b.Client, withValue(keyOf("a", 1), "1"))
		expect("just created", "1 none", "1")
		time.Sleep(staleness)
		expect("after the lag", "1", "1")
		put(b, b.Client, withValue(keyOf("a", 1), "2"))
		expect("just changed", "1 2", "2")
		time.Sleep(staleness)
		if _, err := b.DeleteItem(b.Context(), &dynamodb.DeleteItemInput{TableName: aws.String("records"),
			Key: keyOf("a", 1)}); err != nil {
			b.Fatal(err)
		}
		expect("just deleted", "2 none", "none")
		time.Sleep(staleness)
		expect("long deleted", "none", "none")
	})
}
