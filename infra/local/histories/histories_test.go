package histories_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	items     = 3
	clients   = 64
	groups    = 16 // each has items of its own: finding an order for all at once takes exponential time
	perClient = 8
	table     = "history"
)

// state is the value of each item.
type state [items]int

type kind int

const (
	get      kind = iota // reads one item
	add                  // adds to one item
	swap                 // writes one item if it has the expected value
	transfer             // moves from one item to another, if the first has enough: one transaction
	readAll              // reads all items: one transaction
)

type input struct {
	group       int
	kind        kind
	a, b        int
	amount, old int
}

type output struct {
	unknown bool // the client was cut off: it may have happened, or not, or later
	met     bool // it met another's transaction, and did nothing
	refused bool // a condition failed
	values  state
}

// step is what one operation does to the state when it is alone. It gives the states that are possible afterwards: none
// when the output could not have been.
func step(s state, in input, out output) []any {
	after, refused, seen := s, false, state{}
	switch in.kind {
	case get:
		seen[in.a] = s[in.a]
	case add:
		after[in.a] += in.amount
		seen[in.a] = after[in.a]
	case swap:
		if refused = s[in.a] != in.old; !refused {
			after[in.a] = in.amount
		}
	case transfer:
		if refused = s[in.a] < in.amount; !refused {
			after[in.a] -= in.amount
			after[in.b] += in.amount
		}
	case readAll:
		seen = s
	}
	switch {
	case out.met, out.unknown && refused:
		return []any{s}
	case out.unknown:
		return []any{s, after}
	case out.refused != refused || out.values != seen:
		return nil
	case refused:
		return []any{s}
	}
	return []any{after}
}

func model() porcupine.Model {
	return (&porcupine.NondeterministicModel{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			parts := make([][]porcupine.Operation, groups)
			for _, o := range history {
				group := o.Input.(input).group
				parts[group] = append(parts[group], o)
			}
			return parts
		},
		Init:  func() []any { return []any{state{10, 10, 10}} },
		Step:  func(s, in, out any) []any { return step(s.(state), in.(input), out.(output)) },
		Equal: func(a, b any) bool { return a == b },
		DescribeOperation: func(in, out any) string {
			return fmt.Sprintf("%+v -> %+v", in, out)
		},
	}).ToModel()
}

type store struct{ client *dynamodb.Client }

func open(ctx context.Context, contention *localdynamodb.Contention) (store, error) {
	engine := localdynamodb.New(localdynamodb.Options{Contention: contention})
	s := store{client: dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(engine),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), RetryMaxAttempts: 1,
	})}
	_, err := s.client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String(table), BillingMode: types.BillingModePayPerRequest,
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"),
			AttributeType: types.ScalarAttributeTypeN}},
	})
	for n := range groups * items {
		if err == nil {
			i := key(0, n)
			i["v"] = number(10)
			_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(table), Item: i})
		}
	}
	return s, err
}

type item = map[string]types.AttributeValue

func number(n int) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.Itoa(n)}
}

func key(group, n int) item { return item{"id": number(group*items + n)} }

func value(i item) int {
	n, err := strconv.Atoi(i["v"].(*types.AttributeValueMemberN).Value)
	if err != nil {
		panic(err) // what was written is a number
	}
	return n
}

// do carries the operation out.
func (s store) do(ctx context.Context, in input) (out output) {
	var err error
	t := aws.String(table)
	switch in.kind {
	case get:
		var got *dynamodb.GetItemOutput
		if got, err = s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: t, Key: key(in.group, in.a),
			ConsistentRead: aws.Bool(true)}); err == nil {
			out.values[in.a] = value(got.Item)
		}
	case add:
		var got *dynamodb.UpdateItemOutput
		if got, err = s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: t, Key: key(in.group, in.a), UpdateExpression: aws.String("ADD v :n"),
			ReturnValues:              types.ReturnValueUpdatedNew,
			ExpressionAttributeValues: item{":n": number(in.amount)},
		}); err == nil {
			out.values[in.a] = value(got.Attributes)
		}
	case swap:
		_, err = s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: t, Key: key(in.group, in.a), UpdateExpression: aws.String("SET v = :new"),
			ConditionExpression:       aws.String("v = :old"),
			ExpressionAttributeValues: item{":new": number(in.amount), ":old": number(in.old)},
		})
	case transfer:
		_, err = s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Update: &types.Update{
				TableName: t, Key: key(in.group, in.a), UpdateExpression: aws.String("SET v = v - :n"),
				ConditionExpression:       aws.String("v >= :n"),
				ExpressionAttributeValues: item{":n": number(in.amount)},
			}},
			{Update: &types.Update{
				TableName: t, Key: key(in.group, in.b), UpdateExpression: aws.String("SET v = v + :n"),
				ExpressionAttributeValues: item{":n": number(in.amount)},
			}},
		}})
	case readAll:
		var gets []types.TransactGetItem
		for n := range items {
			gets = append(gets, types.TransactGetItem{Get: &types.Get{TableName: t, Key: key(in.group, n)}})
		}
		var got *dynamodb.TransactGetItemsOutput
		if got, err = s.client.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: gets}); err == nil {
			for n, r := range got.Responses {
				out.values[n] = value(r.Item)
			}
		}
	}
	var failed *types.ConditionalCheckFailedException
	var cancelled *types.TransactionCanceledException
	var conflict *types.TransactionConflictException
	if errors.As(err, &conflict) || errors.As(err, &cancelled) && slices.ContainsFunc(cancelled.CancellationReasons,
		func(r types.CancellationReason) bool {
			return aws.ToString(r.Code) == "TransactionConflict"
		}) {
		return output{met: true}
	}
	if errors.As(err, &failed) || errors.As(err, &cancelled) {
		return output{refused: true}
	}
	if err != nil {
		return output{unknown: true}
	}
	return out
}

func draw(random *rand.Rand, group int) input {
	in := input{group: group, kind: kind(random.IntN(5)), a: random.IntN(items), amount: 1 + random.IntN(9),
		old: 5 + random.IntN(10)}
	in.b = (in.a + 1 + random.IntN(items-1)) % items
	return in
}

// record lets the clients act and gives what they saw.
func record(t *testing.T, seed uint64, contention *localdynamodb.Contention) []porcupine.Operation {
	t.Helper()
	s, err := open(t.Context(), contention)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var mu sync.Mutex
	var history []porcupine.Operation
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(client)))
			for range perClient {
				in := draw(random, client%groups)
				ctx, cancel := context.WithCancel(t.Context())
				if random.IntN(50) == 0 { // cut off in the middle; few are enough, and each doubles what is possible
					time.AfterFunc(time.Duration(random.IntN(300))*time.Microsecond, cancel)
				}
				call := time.Since(began).Nanoseconds()
				out := s.do(ctx, in)
				done := time.Since(began).Nanoseconds()
				cancel()
				if out.unknown {
					done = time.Hour.Nanoseconds() // it may happen at any time from its call on
				}
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: done})
				mu.Unlock()
				if out.unknown {
					return // a client that was cut off is gone
				}
			}
		})
	}
	wg.Wait()
	return history
}

// TestHistories records SOAK (20) histories and looks for an order that explains each; every other engine has
// contention.
func TestHistories(t *testing.T) {
	rounds := 20
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	unknown, met, refused := 0, 0, 0
	for seed := range rounds {
		var contention *localdynamodb.Contention
		if seed%2 == 1 {
			short := localdynamodb.Latency{Median: 200 * time.Microsecond, P99: time.Millisecond}
			contention = &localdynamodb.Contention{Seed: uint64(seed), Read: short, Write: short, Transaction: short}
		}
		history := record(t, uint64(seed), contention)
		for _, o := range history {
			out, ok := o.Output.(output)
			if ok && out.unknown {
				unknown++
			}
			if ok && out.met {
				met++
			}
			if ok && out.refused {
				refused++
			}
		}
		switch result := porcupine.CheckOperationsTimeout(model(), history, time.Minute); result {
		case porcupine.Ok:
		case porcupine.Unknown:
			t.Errorf("seed %d: a minute was not enough to decide", seed)
		default:
			t.Errorf("seed %d: no order of the %d operations explains what the clients saw", seed, len(history))
		}
	}
	t.Logf("%d histories of %d clients; %d operations were cut off, %d met a transaction, %d were refused", rounds,
		clients, unknown, met, refused)
	if refused == 0 || unknown == 0 || met == 0 && rounds > 1 {
		t.Error("nothing was refused or cut off, or met a transaction: the histories say little")
	}
}

// A history that could not have been is found: else the test above could not fail.
func TestAnImpossibleHistoryIsFound(t *testing.T) {
	lost := []porcupine.Operation{ // two additions, each of which saw the same value before it
		{ClientId: 0, Input: input{kind: add, a: 0, amount: 1}, Call: 0, Output: output{values: state{11}}, Return: 10},
		{ClientId: 1, Input: input{kind: add, a: 0, amount: 1}, Call: 0, Output: output{values: state{11}}, Return: 10},
	}
	torn := []porcupine.Operation{ // a transaction that was seen half done
		{ClientId: 0, Input: input{kind: transfer, a: 0, b: 1, amount: 5}, Call: 0, Output: output{}, Return: 10},
		{ClientId: 1, Input: input{kind: readAll}, Call: 0, Output: output{values: state{5, 10, 10}}, Return: 10},
	}
	for name, history := range map[string][]porcupine.Operation{"a lost update": lost, "a torn transaction": torn} {
		if porcupine.CheckOperations(model(), history) {
			t.Errorf("%s was taken for possible", name)
		}
	}
}
