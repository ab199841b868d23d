package dynamodb_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	local "example.com/registrar/infra/local/dynamodb"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// partitions gives each partition so many write and read units a second, and tables all that they want.
func partitions(writes, reads float64) *local.Contention {
	return &local.Contention{PartitionWrites: writes, PartitionReads: reads}
}

// second waits until all throughput is there again.
func second() { time.Sleep(time.Second) }

// passed counts how many of n requests at once are answered; all others must have been throttled as said.
func (b *bubble) passed(n int, reason string, request func(i int) error) int {
	b.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	count := 0
	for i := range n {
		wg.Go(func() {
			err := request(i)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				count++
			} else if got := throttlingOf(err); got != reason {
				b.Errorf("request %d: %v (%s), want %s", i, err, got, reason)
			}
		})
	}
	wg.Wait()
	return count
}

// throttlingOf is the exception and the reason for which a request was throttled.
func throttlingOf(err error) string {
	var onDemand *types.ThrottlingException
	var provisioned *types.ProvisionedThroughputExceededException
	var reasons []types.ThrottlingReason
	switch {
	case errors.As(err, &onDemand):
		reasons = onDemand.ThrottlingReasons
	case errors.As(err, &provisioned):
		reasons = provisioned.ThrottlingReasons
	}
	if len(reasons) != 1 {
		return codeOf(err)
	}
	return codeOf(err) + " " + aws.ToString(reasons[0].Reason) + " " + aws.ToString(reasons[0].Resource)
}

const arn = " arn:aws:dynamodb:us-east-1:000000000000:table/records"

func (b *bubble) put(pk string, sk int, more item) error {
	i := keyOf(pk, sk)
	for name, v := range more {
		i[name] = v
	}
	_, err := b.PutItem(b.Context(), &dynamodb.PutItemInput{TableName: aws.String("records"), Item: i})
	return err
}

// A partition takes 1,000 write and 3,000 read units a second, each apart from the other, and other partitions' apart
// from its own. What is throttled has cost nothing and done nothing.
func TestThroughput_OfAPartition(t *testing.T) {
	of := local.AWSContention()
	inBubble(t, partitions(of.PartitionWrites, of.PartitionReads), func(b *bubble) {
		second()
		b.spent()
		if got := b.passed(1200, "ThrottlingException TableWriteKeyRangeThroughputExceeded"+arn,
			func(i int) error { return b.put("hot", i, nil) }); got != 1000 {
			b.Errorf("%d writes of a partition passed", got)
		}
		if got := b.spent(); got != 1000 {
			b.Errorf("they cost %g units", got)
		}
		if got := b.value("hot", 1199); got != "" {
			b.Errorf("a write that was throttled did something: %s", got)
		}
		get := func(int) error {
			_, err := b.GetItem(b.Context(), &dynamodb.GetItemInput{TableName: aws.String("records"), Key: keyOf("hot", 0),
				ConsistentRead: aws.Bool(true)})
			return err
		}
		// one was read before
		if got := b.passed(3200, "ThrottlingException TableReadKeyRangeThroughputExceeded"+arn, get); got != 2999 {
			b.Errorf("%d reads of a partition passed", got)
		}
		if err := b.put("cold", 1, nil); err != nil {
			b.Errorf("another partition: %v", err)
		}
	})
}

// A transaction writes twice, so 500 of one item pass in a second, as far as its partition goes. Those that do not are
// told where, and pay for their other items.
func TestThroughput_OfTransactions(t *testing.T) {
	inBubble(t, partitions(1000, 3000), func(b *bubble) {
		second()
		passed := 0
		for i := range 600 {
			b.spent()
			err := b.transact(putOf("other", i, "1"), putOf("hot", 1, strconv.Itoa(i)))
			switch got := reasons(err); {
			case err == nil:
				passed++
			// both partitions are used up
			case i < 500 && got != "None ThrottlingError", i >= 500 && got != "ThrottlingError ThrottlingError":
				b.Fatalf("transaction %d: %s", i, got)
			}
		}
		if passed != 500 {
			b.Errorf("%d transactions on one item passed in a second", passed)
		}
		b.spent()
		if got := reasons(b.transact(putOf("fresh", 1, "1"),
			putOf("hot", 1, "1"))); got != "None ThrottlingError" || b.spent() != 2 {
			b.Errorf("a transaction that is throttled at one of two items: %s", got)
		}
		second()
		gets := []types.TransactGetItem{{Get: &types.Get{TableName: aws.String("records"), Key: keyOf("hot", 1)}}}
		passed = 0
		for range 1600 {
			_, err := b.TransactGetItems(b.Context(), &dynamodb.TransactGetItemsInput{TransactItems: gets})
			if err == nil {
				passed++
			} else if got := reasons(err); got != "ThrottlingError" {
				b.Fatal(got)
			}
		}
		if passed != 1500 {
			b.Errorf("%d transactional reads of one item passed in a second", passed)
		}
	})
}

// What a batch asks of a hot partition stays unprocessed; a batch of which nothing passes is throttled.
func TestThroughput_OfBatches(t *testing.T) {
	inBubble(t, partitions(10, 10), func(b *bubble) {
		write := func(partitions ...string) (*dynamodb.BatchWriteItemOutput, error) {
			var requests []types.WriteRequest
			for i, pk := range partitions {
				requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: keyOf(pk, i)}})
			}
			return b.BatchWriteItem(b.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
				"records": requests}})
		}
		read := func(partitions ...string) (*dynamodb.BatchGetItemOutput, error) {
			var keys []item
			for i, pk := range partitions {
				keys = append(keys, keyOf(pk, i))
			}
			return b.BatchGetItem(b.Context(), &dynamodb.BatchGetItemInput{
				RequestItems: map[string]types.KeysAndAttributes{"records": {Keys: keys, ConsistentRead: aws.Bool(true)}},
			})
		}
		mixed := append(slices.Repeat([]string{"hot"}, 12), "cold", "cold")
		second()
		written, err := write(mixed...)
		if err != nil || len(written.UnprocessedItems["records"]) != 2 {
			b.Fatalf("of 14 writes, 12 of one partition: %+v, %v", written, err)
		}
		if _, err := write("hot", "hot"); throttlingOf(err) != "ThrottlingException TableWriteKeyRangeThroughputExceeded"+
			arn {
			b.Errorf("nothing of a batch passes: %v", err)
		}
		got, err := read(mixed...)
		if err != nil || len(got.UnprocessedKeys["records"].Keys) != 2 ||
			!aws.ToBool(got.UnprocessedKeys["records"].ConsistentRead) {
			b.Fatalf("of 14 reads, 12 of one partition: %+v, %v", got, err)
		}
		if _, err := read("hot", "hot"); throttlingOf(err) != "ThrottlingException TableReadKeyRangeThroughputExceeded"+arn {
			b.Errorf("nothing of a batch passes: %v", err)
		}
		second()
		if got, err := read("hot", "cold"); err != nil || len(got.UnprocessedKeys) != 0 {
			b.Errorf("a second later: %v", err)
		}
	})
}

// A query asks its partition, of a table or an index, for what it looks at.
func TestThroughput_OfQueries(t *testing.T) {
	inBubble(t, partitions(0, 10), func(b *bubble) {
		for i := range 20 {
			if err := b.put("a", i, item{"G": s("g"), "H": s(fmt.Sprint(i)),
				"text": s(string(make([]byte, 1000)))}); err != nil {
				b.Fatal(err)
			}
		}
		query := func(index *string, key, value string) func(int) error {
			return func(int) error {
				_, err := b.Query(b.Context(), &dynamodb.QueryInput{
					TableName: aws.String("records"), IndexName: index, KeyConditionExpression: aws.String(key + " = :v"),
					ExpressionAttributeValues: item{":v": s(value)},
				})
				return err
			}
		}
		second() // 20 KB are 2.5 units, as the reads need not be consistent
		if got := b.passed(10, "ThrottlingException TableReadKeyRangeThroughputExceeded"+arn,
			query(nil, "PK", "a")); got != 4 {
			b.Errorf("%d queries of a table passed", got)
		}
		if got := b.passed(10, "ThrottlingException IndexReadKeyRangeThroughputExceeded"+arn+"/index/all",
			query(aws.String("all"), "G", "g")); got != 4 {
			b.Errorf("%d queries of an index passed", got)
		}
	})
}

// What is asked for all the time passes evenly, as it comes in, not all at the beginning of each second.
func TestThroughput_ComesInEvenly(t *testing.T) {
	inBubble(t, partitions(100, 0), func(b *bubble) {
		b.passed(100, "", func(i int) error { return b.put("hot", i, nil) }) // what is there
		for tenth := range 20 {
			time.Sleep(100 * time.Millisecond)
			if got := b.passed(30, "ThrottlingException TableWriteKeyRangeThroughputExceeded"+arn,
				func(i int) error { return b.put("hot", i, nil) }); got != 10 {
				b.Errorf("in tenth %d of a second %d writes passed", tenth, got)
			}
		}
	})
}

// A table in on-demand mode begins with a number of units a second, however they are spread (4,000 and 12,000; here 10
// and 30). Half an hour after a minute of such traffic it has twice as many, and not before.
func TestThroughput_OfATable(t *testing.T) {
	const scale = 400
	of := local.AWSContention()
	inBubble(t, &local.Contention{TableWrites: of.TableWrites / scale, TableReads: of.TableReads / scale,
		Growth: of.Growth}, func(b *bubble) {
		key := 0
		// minute asks for so much in each second of a minute, and gives how much passed in the last one.
		minute := func(each int) (passed int) {
			for range 60 {
				key += each
				from := key
				passed = b.passed(each, "ThrottlingException TableWriteKeyRangeThroughputExceeded"+arn, func(i int) error {
					return b.put(fmt.Sprint(from+i), 1, nil)
				})
				second()
			}
			return passed
		}
		for _, step := range []struct {
			wait     time.Duration
			ask, get int
		}{
			{0, 12, 10},
			{0, 12, 10},
			{27 * time.Minute, 12, 10},
			{2 * time.Minute, 24, 20},
			{time.Minute, 24, 20},
			{time.Hour, 24, 24}, // of 40
		} {
			time.Sleep(step.wait)
			if got := minute(step.ask); got != step.get {
				b.Errorf("%s later: %d of %d writes passed, want %d", step.wait, got, step.ask, step.get)
			}
		}
		read := b.passed(35, "ThrottlingException TableReadKeyRangeThroughputExceeded"+arn, func(i int) error {
			_, err := b.GetItem(b.Context(), &dynamodb.GetItemInput{TableName: aws.String("records"),
				Key: keyOf(fmt.Sprint(i), 1), ConsistentRead: aws.Bool(true)})
			return err
		})
		if read != 30 {
			b.Errorf("%d reads passed", read)
		}
	})
}

// A global index has partitions of its own. One that is too hot throttles the writes of its table, however they are
// spread.
func TestThroughput_OfAnIndex(t *testing.T) {
	inBubble(t, partitions(1000, 3000), func(b *bubble) {
		second()
		hot := func(i int) error {
			return b.put(fmt.Sprint("spread", i), 1, item{"G": s("hot"), "H": s(fmt.Sprint(i))})
		}
		if err := hot(0); err != nil {
			b.Error(err)
		}
		if got := b.passed(1200, "ThrottlingException IndexWriteKeyRangeThroughputExceeded"+arn+"/index/all",
			func(i int) error { return hot(1 + i) }); got != 999 {
			b.Errorf("%d writes passed after the first that meet in one partition of an index", got)
		}
		b.spent()
		if err := hot(0); err != nil { // the index does not change
			b.Errorf("a write that leaves the index as it is: %v", err)
		}
		if got := b.spent(); got != 1 {
			b.Errorf("it took %g units", got)
		}
		if err := b.put("spread", 1, item{"G": s("cold"), "H": s("h")}); err != nil {
			b.Errorf("a write to another partition of the index: %v", err)
		}
		if got := reasons(b.transact(types.TransactWriteItem{Put: &types.Put{
			TableName: aws.String("records"), Item: item{"PK": s("new"), "SK": n("1"), "G": s("hot"), "H": s("h")},
		}})); got != "ThrottlingError" {
			b.Errorf("a transaction: %s", got)
		}
	})
}

// A provisioned table gives what it is provisioned with.
func TestThroughput_OfAProvisionedTable(t *testing.T) {
	inBubble(t, local.AWSContention(), func(b *bubble) {
		_, err := b.UpdateTable(b.Context(), &dynamodb.UpdateTableInput{
			TableName: aws.String("records"), BillingMode: types.BillingModeProvisioned,
			ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(5),
				WriteCapacityUnits: aws.Int64(3)},
		})
		if err != nil {
			b.Fatal(err)
		}
		second()
		if got := b.passed(10, "ProvisionedThroughputExceededException TableWriteProvisionedThroughputExceeded"+arn,
			func(i int) error {
				return b.put(fmt.Sprint(i), 1, nil)
			}); got != 3 {
			b.Errorf("%d writes passed, 3 are provisioned", got)
		}
		if got := reasons(b.transact(putOf("a", 1, "1"))); got != "ProvisionedThroughputExceeded" {
			b.Errorf("a transaction: %s", got)
		}
	})
}

// A request that is larger than all that a second has is not refused for ever.
func TestThroughput_OfAGiant(t *testing.T) {
	inBubble(t, partitions(10, 10), func(b *bubble) {
		giant := item{"text": s(string(make([]byte, 20_000)))}
		second()
		if err := b.put("a", 1, giant); err != nil {
			b.Errorf("alone: %v", err)
		}
		if err := b.put("a", 2, nil); throttlingOf(err) == "" {
			b.Errorf("after a giant: %v", err)
		}
		second()
		second() // it had borrowed one
		if err := b.put("a", 2, nil); err != nil {
			b.Error(err)
		}
		if err := b.put("a", 1, giant); throttlingOf(err) == "" {
			b.Errorf("besides another: %v", err)
		}
	})
}

// An index follows what is carried out: a transaction that is cancelled, or a write that meets one, asks nothing of it.
func TestThroughput_WhatIsCancelledReachesNoIndex(t *testing.T) {
	contention := partitions(4, 0)
	contention.Transaction = slow().Transaction
	inBubble(t, contention, func(b *bubble) {
		indexed := func(pk string) item { return item{"PK": s(pk), "SK": n("1"), "G": s("hot"), "H": s(pk)} }
		second()
		for i := range 5 {
			failing := putOf(fmt.Sprint("failing", i), 1, "1")
			failing.Put.ConditionExpression = aws.String("attribute_exists(PK)")
			err := b.transact(types.TransactWriteItem{Put: &types.Put{TableName: aws.String("records"),
				Item: indexed(fmt.Sprint("a", i))}}, failing)
			if got := reasons(err); got != "None ConditionalCheckFailed" {
				b.Fatalf("transaction %d: %s", i, got)
			}
		}
		b.during(func() {
			for range 2 {
				_, err := b.PutItem(b.Context(), &dynamodb.PutItemInput{TableName: aws.String("records"), Item: indexed("b")})
				if codeOf(err) != "TransactionConflictException" {
					b.Fatal(err)
				}
			}
		}, putOf("b", 1, "1"))
		for i := range 4 {
			put(b, b.Client, indexed(fmt.Sprint("c", i)))
		}
		_, err := b.PutItem(b.Context(), &dynamodb.PutItemInput{TableName: aws.String("records"), Item: indexed("d")})
		if throttlingOf(err) != "ThrottlingException IndexWriteKeyRangeThroughputExceeded"+arn+"/index/all" {
			b.Errorf("after four writes of its partition: %v", err)
		}
	})
}
