package journal_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/journal"
	"example.com/registrar/infra/local/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

func open(t *testing.T, path string) (*dynamodb.Client, *journal.Journal) {
	t.Helper()
	clock := &journal.Clock{}
	j, err := journal.Open(t.Context(), localdynamodb.New(localdynamodb.Options{Now: clock.Now}), journal.Options{
		Path: path, Changes: journal.DynamoDBChanges, Clock: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(j),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), RetryMaxAttempts: 1,
	}), j
}

func makeTable(t *testing.T, c *dynamodb.Client) {
	t.Helper()
	_, err := c.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("table"), BillingMode: types.BillingModePayPerRequest,
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"),
			AttributeType: types.ScalarAttributeTypeS}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func count(ctx context.Context, c *dynamodb.Client, id string) error {
	_, err := c.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String("table"), Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}},
		UpdateExpression:          aws.String("ADD n :one"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
	})
	return err
}

func value(t *testing.T, c *dynamodb.Client, id string) int {
	t.Helper()
	out, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("table"),
		Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}}})
	if err != nil {
		t.Fatal(err)
	}
	n, ok := out.Item["n"].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	v, err := strconv.Atoi(n.Value)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAcknowledgedChangesAreThereAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dynamodb")
	c, j := open(t, path)
	makeTable(t, c)
	const clients, each = 16, 20
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			for range each {
				if err := count(t.Context(), c, fmt.Sprint(n%4)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	// A refused change is in no journal.
	_, err := c.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String("table"), Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "0"}},
		ConditionExpression: aws.String("attribute_not_exists(id)"),
	})
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and once more after a restart of the restarted
		again, j := open(t, path)
		for n := range 4 {
			if got := value(t, again, fmt.Sprint(n)); got != clients/4*each {
				t.Errorf("item %d: %d", n, got)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Wherever the file is cut, what is read is the beginning of what was written.
func TestACutFileIsReadUpToItsLastWholeEntry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dynamodb")
	c, j := open(t, path)
	makeTable(t, c)
	const changes = 5
	sizes := []int64{}
	for range changes {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, info.Size())
		if err := count(t.Context(), c, "a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := sizes[0]; size < int64(len(whole)); size += 13 {
		want := 0
		for _, before := range sizes[1:] {
			if size >= before {
				want++
			}
		}
		cut := filepath.Join(t.TempDir(), "cut")
		if err := os.WriteFile(cut, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		again, j := open(t, cut)
		if got := value(t, again, "a"); got != want {
			t.Errorf("cut at %d of %d: %d changes, want %d", size, len(whole), got, want)
		}
		if err := count(t.Context(), again, "a"); err != nil { // and it goes on from there
			t.Error(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		third, j := open(t, cut)
		if got := value(t, third, "a"); got != want+1 {
			t.Errorf("cut at %d, continued: %d changes, want %d", size, got, want+1)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNothingIsAcknowledgedThatCannotBeWritten(t *testing.T) {
	c, j := open(t, filepath.Join(t.TempDir(), "dynamodb"))
	makeTable(t, c)
	if err := j.Close(); err != nil { // as a full or broken disk
		t.Fatal(err)
	}
	if err := count(t.Context(), c, "a"); err == nil {
		t.Error("a change was acknowledged that is nowhere")
	}
	if err := count(t.Context(), c, "a"); err == nil {
		t.Error("and another")
	}
}

func TestS3Changes(t *testing.T) {
	for method, want := range map[string]bool{http.MethodGet: false, http.MethodHead: false, http.MethodPut: true,
		http.MethodDelete: true, http.MethodPost: true} {
		if got := journal.S3Changes(&http.Request{Method: method}); got != want {
			t.Errorf("%s: %t", method, got)
		}
	}
}

// The stream is there again, record by record with its numbers, what expiry did to it included: who read it goes on.
func TestTheStreamIsThereAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dynamodb")
	c, j := open(t, path)
	makeTable(t, c)
	table := aws.String("table")
	_, err := c.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: table,
		StreamSpecification: &types.StreamSpecification{
			StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages,
		}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName: table, TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("n"),
			Enabled: aws.Bool(true)},
	}); err != nil {
		t.Fatal(err)
	}
	const items = 20
	for n := range items { // half of them expired an hour ago, the others will in an hour
		at := time.Now().Add(time.Duration(2*(n%2)-1) * time.Hour).Unix()
		if _, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: table, Item: map[string]types.AttributeValue{
			"id": &types.AttributeValueMemberS{Value: fmt.Sprint(n)}, "n": &types.AttributeValueMemberN{Value: fmt.Sprint(at)},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{6, 4, 0} {
		if got := j.Expire(6); got != want {
			t.Errorf("%d items expired, want %d", got, want)
		}
	}
	want := records(t, j)
	if len(want) < items*3/2 {
		t.Fatalf("%d records", len(want))
	}
	for range 2 {
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		_, j = open(t, path)
		if diff := cmp.Diff(want, records(t, j)); diff != "" {
			t.Errorf("records (-before +after):\n%s", diff)
		}
	}
	if got := j.Expire(6); got != 0 {
		t.Errorf("%d items expired once more", got)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// records are all of the table's stream, in short.
func records(t *testing.T, j *journal.Journal) []string {
	t.Helper()
	streams := &lambda.HTTPStreams{Client: inprocess.Client(j), Endpoint: "http://dynamodb.local"}
	arns, err := streams.ListStreams(t.Context(), "table")
	if err != nil || len(arns) != 1 {
		t.Fatalf("streams: %v, %v", arns, err)
	}
	stream, err := streams.DescribeStream(t.Context(), arns[0], "")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, shard := range stream.Shards {
		place, err := streams.ShardIterator(t.Context(), arns[0], shard.ID, lambda.TrimHorizon, "")
		if err != nil {
			t.Fatal(err)
		}
		page, _, err := streams.Records(t.Context(), place, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			id := r.Change.Keys["id"]
			all = append(all, fmt.Sprintf("%s %s %s %s %s", arns[0], shard.ID, r.Change.SequenceNumber, r.EventName,
				id.String()))
		}
	}
	return all
}
