// Command bench is `make bench`: what the embedded DynamoDB takes for an operation in a table of 100,000 items, as a ratio
// to one of 1,000. It prints; it judges nothing, since times are a machine's and not the code's.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/shared/dynamo"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	small, large = 1_000, 100_000
	perPartition = 100
	rounds       = 30
	perRound     = 50
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type item = map[string]types.AttributeValue

func text(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }

func record(n int) item {
	return item{
		"PK": text("P#" + strconv.Itoa(n/perPartition)), "SK": text(fmt.Sprintf("S#%03d", n%perPartition)),
		"GSI1PK": text("G#" + strconv.Itoa(n%perPartition)), "GSI1SK": text(strconv.Itoa(n)), "text": text("a record of about a hundred bytes"),
		"count": &types.AttributeValueMemberN{Value: strconv.Itoa(n)},
	}
}

func keyOf(n int) item { r := record(n); return item{"PK": r["PK"], "SK": r["SK"]} }

func filled(ctx context.Context, items int) (*sdk.Client, error) {
	client := sdk.New(sdk.Options{
		Region: cloud.Region, BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(dynamodb.New(dynamodb.Options{})),
		Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
	})
	if _, err := client.CreateTable(ctx, dynamo.TableDefinition(cloud.Table)); err != nil {
		return nil, err
	}
	const batch = 25
	for n := 0; n < items; n += batch {
		var puts []types.WriteRequest
		for i := n; i < n+batch; i++ {
			puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: record(i)}})
		}
		if _, err := client.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{cloud.Table: puts}}); err != nil {
			return nil, err
		}
	}
	return client, nil
}

// operations are done with the nth record of a table.
func operations() map[string]func(ctx context.Context, c *sdk.Client, n int) error {
	table := aws.String(cloud.Table)
	return map[string]func(context.Context, *sdk.Client, int) error{
		"get": func(ctx context.Context, c *sdk.Client, n int) error {
			_, err := c.GetItem(ctx, &sdk.GetItemInput{TableName: table, Key: keyOf(n)})
			return err
		},
		"put": func(ctx context.Context, c *sdk.Client, n int) error {
			_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: record(n)})
			return err
		},
		"query a page": func(ctx context.Context, c *sdk.Client, n int) error {
			_, err := c.Query(ctx, &sdk.QueryInput{
				TableName: table, KeyConditionExpression: aws.String("PK = :pk"), Limit: aws.Int32(20),
				ExpressionAttributeValues: item{":pk": record(n)["PK"]},
			})
			return err
		},
		"transaction of 4": func(ctx context.Context, c *sdk.Client, n int) error {
			var writes []types.TransactWriteItem
			for i := range 4 {
				writes = append(writes, types.TransactWriteItem{Put: &types.Put{
					TableName: table, Item: record((n/4)*4 + i), ConditionExpression: aws.String("attribute_exists(PK)"),
				}})
			}
			_, err := c.TransactWriteItems(ctx, &sdk.TransactWriteItemsInput{TransactItems: writes})
			return err
		},
	}
}

func run(ctx context.Context) error {
	few, err := filled(ctx, small)
	if err != nil {
		return err
	}
	many, err := filled(ctx, large)
	if err != nil {
		return err
	}
	fmt.Printf("%-18s %14s %14s %7s\n", "operation", "1,000 items", "100,000 items", "ratio")
	all := operations()
	for _, name := range []string{"get", "put", "query a page", "transaction of 4"} {
		var times [2][]float64
		for round := range rounds { // by turns, so that what else the machine does falls on both
			for i, side := range []struct {
				client *sdk.Client
				items  int
			}{{few, small}, {many, large}} {
				began := time.Now()
				for k := range perRound {
					if err := all[name](ctx, side.client, (round*perRound+k)*7919%side.items); err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
				}
				times[i] = append(times[i], float64(time.Since(began).Microseconds())/perRound)
			}
		}
		slices.Sort(times[0])
		slices.Sort(times[1])
		a, b := times[0][rounds/2], times[1][rounds/2]
		fmt.Printf("%-18s %11.1f µs %11.1f µs %7.2f\n", name, a, b, b/a)
	}
	return nil
}
