package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/journal"
	"example.com/registrar/shared/dynamo"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// grown is what a number of items costs: the table's own stream and indexes included, with a journal before the engine,
// as DATA_DIR has it.
type grown struct {
	items         int
	fill, restart time.Duration // of the processor
	bytes         float64       // that the heap holds for an item
	restored      float64       // after the restart
}

// growRecord has 252 bytes by AWS's rules.
func growRecord(n int) item {
	const wide = 30_000
	r := record(n)
	r["PK"], r["SK"] = text(fmt.Sprintf("SECTION#%08d", n/perPartition)), text(fmt.Sprintf("REGISTRATION#%010d", n))
	r["GSI1PK"], r["GSI1SK"] = text(fmt.Sprintf("STUDENT#%08d", n%wide)), text(fmt.Sprintf("TERM#202409#%08d", n/wide))
	r["text"] = text(strings.Repeat("x", 150-len(strconv.Itoa(n))/2))
	return r
}

// processor is the CPU time that this program has used. Unlike elapsed time it does not depend on other programs.
func processor() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0 // the call has no other fault than a wrong argument
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// heap is how many bytes are in use.
func heap() float64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

func openGrown(ctx context.Context, folder string) (*journal.Journal, *sdk.Client, error) {
	clock := &journal.Clock{}
	j, err := journal.Open(ctx, dynamodb.New(dynamodb.Options{Now: clock.Now}), journal.Options{
		Path: filepath.Join(folder, "dynamodb"), Changes: journal.DynamoDBChanges, Clock: clock, NoSync: true,
	})
	if err != nil {
		return nil, nil, err
	}
	return j, sdk.New(sdk.Options{
		Region: cloud.Region, BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(j),
		Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
	}), nil
}

// grow fills a table, ends it, and begins it again.
func grow(ctx context.Context, items int) (g grown, err error) {
	g.items = items
	folder, err := os.MkdirTemp("", "bench")
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	before := heap()
	j, client, err := openGrown(ctx, folder)
	if err != nil {
		return g, err
	}
	const table, batch = "grown", 25
	if _, err := client.CreateTable(ctx, dynamo.TableDefinition(table)); err != nil {
		return g, err
	}
	began := processor()
	for n := 0; n < items; n += batch {
		var puts []types.WriteRequest
		for i := n; i < min(n+batch, items); i++ {
			puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: growRecord(i)}})
		}
		in := &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: puts}}
		if _, err := client.BatchWriteItem(ctx, in); err != nil {
			return g, err
		}
	}
	g.fill = processor() - began
	g.bytes = (heap() - before) / float64(items)
	if err := j.Close(); err != nil {
		return g, err
	}
	j, client = nil, nil //nolint:wastedassign // so that it is free
	before = heap()
	began = processor()
	if j, client, err = openGrown(ctx, folder); err != nil {
		return g, err
	}
	g.restart = processor() - began
	g.restored = (heap() - before) / float64(items)
	out, err := client.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: aws.String(table)})
	if err == nil && aws.ToInt64(out.Table.ItemCount) != int64(items) {
		err = fmt.Errorf("%d of %d items are there again", aws.ToInt64(out.Table.ItemCount), items)
	}
	return g, errors.Join(err, j.Close())
}

// growth prints what ten and a hundred times as many items cost, as ratios to the first.
func growth(ctx context.Context, sizes string) error {
	fmt.Printf("%-10s %18s %18s %16s %16s\n", "items", "CPU to fill, ratio", "to restart, ratio", "bytes an item",
		"after restart")
	var first grown
	var all []int
	for word := range strings.SplitSeq(sizes, ",") {
		items, err := strconv.Atoi(word)
		if err != nil || items < 1 {
			return fmt.Errorf("-growth: %q must be a number of items", word)
		}
		g, err := grow(ctx, items)
		if err != nil {
			return err
		}
		all = append(all, items)
		if first.items == 0 {
			first = g
		}
		fmt.Printf("%-10d %10.2fs %7.1f %9.3fs %7.1f %16.0f %16.0f\n", items, g.fill.Seconds(),
			g.fill.Seconds()/first.fill.Seconds(),
			g.restart.Seconds(), g.restart.Seconds()/first.restart.Seconds(), g.bytes, g.restored)
	}
	return growthOfOthers(ctx, os.Stdout, all)
}
