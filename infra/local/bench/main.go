// Command bench is `make bench`: it measures operations per second of the embedded DynamoDB over HTTP, in a small table
// and in a large one, and of the engines that -against names, in one run. It only prints. Absolute figures depend on
// the machine: read the ratios to the first column, which stand beside each figure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/dynamodb"
	memory "example.com/registrar/infra/local/heap"
	"example.com/registrar/shared/dynamo"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	perPartition = 100
	rounds       = 20
	perRound     = 50
	longestTurn  = 250 * time.Millisecond // of a slow engine, so that the others need not wait for it long
)

func main() {
	sizes := flag.String("sizes", "1000,100000,1000000", "numbers of items")
	against := flag.String("against", "", "other engines, as in "+
		"dynoxide=http://127.0.0.1:8000,moto=http://127.0.0.1:5000@1000; after @ the most items that it gets")
	engine := flag.Bool("serve", false, "be the embedded engine")
	grows := flag.String("growth", "", "instead: what so many items cost the embedded engine to fill, to hold and to "+
		"restart, as in 5860,58600,586000")
	flag.Parse()
	if *grows != "" {
		if err := growth(context.Background(), *grows); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if *engine {
		memory.Roomy() // as `make run`
		fmt.Fprintln(os.Stderr, "bench:", serve(os.Stdout))
		os.Exit(1)
	}
	if err := run(context.Background(), *sizes, *against); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// side is one engine with one number of items.
type side struct {
	name   string
	items  int
	client *sdk.Client
	table  string
}

type item = map[string]types.AttributeValue

func text(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }

func record(n int) item {
	return item{
		"PK": text("P#" + strconv.Itoa(n/perPartition)), "SK": text(fmt.Sprintf("S#%03d", n%perPartition)),
		"GSI1PK": text("G#" + strconv.Itoa(n%perPartition)), "GSI1SK": text(strconv.Itoa(n)),
		"text":  text("a record of about a hundred bytes"),
		"count": &types.AttributeValueMemberN{Value: strconv.Itoa(n)},
	}
}

func keyOf(n int) item { r := record(n); return item{"PK": r["PK"], "SK": r["SK"]} }

// fill makes a table of so many items: the project's own, but without its stream, in which a write to dynoxide costs
// the more the more records there are (measured with 3.2.0: 50 times as much after 20,000).
func (s side) fill(ctx context.Context) error {
	definition := dynamo.TableDefinition(s.table)
	definition.StreamSpecification = nil
	if _, err := s.client.CreateTable(ctx, definition); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	const batch, atOnce = 25, 4
	var wg sync.WaitGroup
	errs := make([]error, atOnce)
	for worker := range atOnce {
		wg.Go(func() {
			for n := worker * batch; n < s.items && errs[worker] == nil; n += atOnce * batch {
				var puts []types.WriteRequest
				for i := n; i < min(n+batch, s.items); i++ {
					puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: record(i)}})
				}
				_, errs[worker] = s.client.BatchWriteItem(ctx,
					&sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{s.table: puts}})
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func clientOf(address string) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: cloud.Region, BaseEndpoint: aws.String(address), Credentials: credentials.StaticCredentialsProvider{
			Value: cloud.Credentials()},
	})
}

// serve is the embedded engine on a socket, until the process is killed. It prints its address.
func serve(out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "http://"+listener.Addr().String())
	const patience = 10 * time.Second
	return (&http.Server{Handler: dynamodb.New(dynamodb.Options{}), ReadHeaderTimeout: patience}).Serve(listener)
}

// embedded starts this program again as an engine: a process of its own, as the others are.
func embedded(ctx context.Context) (address string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	engine := exec.CommandContext(ctx, self, "-serve")
	engine.Stderr = os.Stderr
	out, err := engine.StdoutPipe()
	if err == nil {
		err = engine.Start()
	}
	if err != nil {
		return "", nil, fmt.Errorf("start the embedded engine: %w", err)
	}
	stop = func() { _ = errors.Join(engine.Process.Kill(), engine.Wait()) } // it is killed, and says so
	if _, err := fmt.Fscanln(out, &address); err != nil {
		return "", stop, fmt.Errorf("the address of the embedded engine: %w", err)
	}
	return address, stop, nil
}

func sidesOf(ctx context.Context, sizes, against string) (sides []side, stop func(), err error) {
	address, stop, err := embedded(ctx)
	if err != nil {
		return nil, stop, err
	}
	engines := []struct {
		name, address string
		most          int
	}{{"embedded", address, 0}}
	for word := range strings.SplitSeq(against, ",") {
		if word == "" {
			continue
		}
		name, rest, ok := strings.Cut(word, "=")
		address, most, limited := strings.Cut(rest, "@")
		limit := 0
		if limited {
			if limit, err = strconv.Atoi(most); err != nil {
				return nil, stop, fmt.Errorf("-against: %q: %w", word, err)
			}
		}
		if !ok {
			return nil, stop, fmt.Errorf("-against: %q is not name=address", word)
		}
		engines = append(engines, struct {
			name, address string
			most          int
		}{name, address, limit})
	}
	for _, engine := range engines {
		for text := range strings.SplitSeq(sizes, ",") {
			n, err := strconv.Atoi(text)
			if err != nil || n < perPartition {
				return nil, stop, fmt.Errorf("-sizes: %q must be a number of at least %d", text, perPartition)
			}
			if engine.most > 0 && n > engine.most {
				continue
			}
			sides = append(sides, side{name: engine.name, items: n, client: clientOf(engine.address),
				table: fmt.Sprintf("bench-%d-%d", n, time.Now().UnixNano())})
		}
	}
	return sides, stop, nil
}

// operations are done with the nth record of a table.
func operations() map[string]func(ctx context.Context, s side, n int) error {
	return map[string]func(context.Context, side, int) error{
		"get": func(ctx context.Context, s side, n int) error {
			_, err := s.client.GetItem(ctx, &sdk.GetItemInput{TableName: &s.table, Key: keyOf(n)})
			return err
		},
		"put": func(ctx context.Context, s side, n int) error {
			_, err := s.client.PutItem(ctx, &sdk.PutItemInput{TableName: &s.table, Item: record(n)})
			return err
		},
		"update": func(ctx context.Context, s side, n int) error {
			_, err := s.client.UpdateItem(ctx, &sdk.UpdateItemInput{
				TableName: &s.table, Key: keyOf(n), UpdateExpression: aws.String("SET changed = :one"),
				ConditionExpression:       aws.String("attribute_exists(PK)"),
				ExpressionAttributeValues: item{":one": &types.AttributeValueMemberN{Value: "1"}},
			})
			return err
		},
		"query a page": func(ctx context.Context, s side, n int) error {
			_, err := s.client.Query(ctx, &sdk.QueryInput{
				TableName: &s.table, KeyConditionExpression: aws.String("PK = :pk"), Limit: aws.Int32(20),
				ExpressionAttributeValues: item{":pk": record(n)["PK"]},
			})
			return err
		},
		"transaction of 4": func(ctx context.Context, s side, n int) error {
			var writes []types.TransactWriteItem
			for i := range 4 {
				writes = append(writes, types.TransactWriteItem{Put: &types.Put{
					TableName: &s.table, Item: record((n/4)*4 + i), ConditionExpression: aws.String("attribute_exists(PK)"),
				}})
			}
			_, err := s.client.TransactWriteItems(ctx, &sdk.TransactWriteItemsInput{TransactItems: writes})
			return err
		},
	}
}

func run(ctx context.Context, sizes, against string) error {
	sides, stop, err := sidesOf(ctx, sizes, against)
	if stop != nil {
		defer stop()
	}
	if err != nil {
		return err
	}
	fmt.Printf("%-18s", "a second, ratio")
	for _, s := range sides {
		if err := s.fill(ctx); err != nil {
			return err
		}
		fmt.Printf(" %22s", fmt.Sprintf("%s %d", s.name, s.items))
	}
	fmt.Println()
	all := operations()
	for _, name := range []string{"get", "put", "update", "query a page", "transaction of 4"} {
		times := make([][]float64, len(sides))
		for round := range rounds { // by turns, so that what else the machine does falls on all
			for i, s := range sides {
				began, done := time.Now(), 0
				for done < perRound && time.Since(began) < longestTurn {
					if err := all[name](ctx, s, (round*perRound+done)*7919%s.items); err != nil {
						return fmt.Errorf("%s, %s: %w", s.name, name, err)
					}
					done++
				}
				times[i] = append(times[i], time.Since(began).Seconds()/float64(done))
			}
		}
		fmt.Printf("%-18s", name)
		var first float64
		for i := range sides {
			slices.Sort(times[i])
			perSecond := 1 / times[i][rounds/2]
			if i == 0 {
				first = perSecond
			}
			fmt.Printf(" %14.0f %7.2f", perSecond, perSecond/first)
		}
		fmt.Println()
	}
	return nil
}
