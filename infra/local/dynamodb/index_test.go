package dynamodb_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	local "example.com/registrar/infra/local/dynamodb"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// However many segments, each item of a table or index is in exactly one, page by page.
func TestScan_Segments(t *testing.T) {
	b := newBed(t, local.Options{})
	const partitions, each = 40, 3
	for p := range partitions {
		for i := range each {
			b.put(item{"PK": s(fmt.Sprint("p", p)), "SK": n(fmt.Sprint(i)), "G": s(fmt.Sprint("g", p%7)), "H": s("h")})
		}
	}
	for _, index := range []*string{nil, aws.String("all")} {
		for _, segments := range []int32{1, 2, 7, 1000} {
			seen, home := map[string]int{}, map[string]int32{}
			for segment := range segments {
				pages := dynamodb.NewScanPaginator(b.client, &dynamodb.ScanInput{
					TableName: aws.String("records"), IndexName: index, Segment: aws.Int32(segment), TotalSegments: aws.Int32(
						segments), Limit: aws.Int32(4),
				})
				for pages.HasMorePages() {
					page, err := pages.NextPage(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					for _, i := range page.Items {
						partition := i["PK"].(*types.AttributeValueMemberS).Value
						seen[partition+" "+i["SK"].(*types.AttributeValueMemberN).Value]++
						home[partition] = segment
					}
				}
			}
			for key, times := range seen {
				if times != 1 {
					t.Errorf("%s of %d segments is seen %d times", key, segments, times)
				}
			}
			used := map[int32]bool{}
			for _, segment := range home {
				used[segment] = true
			}
			if len(seen) != partitions*each || len(used) < int(min(segments, 2)) {
				t.Errorf("%d items in %d of %d segments", len(seen), len(used), segments)
			}
		}
	}
	for _, bad := range [][2]*int32{{aws.Int32(0), nil}, {nil, aws.Int32(1)}, {aws.Int32(2), aws.Int32(2)},
		{aws.Int32(-1), aws.Int32(2)}, {aws.Int32(0), aws.Int32(1_000_001)}} {
		_, err := b.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("records"), Segment: bad[0],
			TotalSegments: bad[1]})
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != "ValidationException" {
			t.Errorf("segment %v of %v: %v", aws.ToInt32(bad[0]), aws.ToInt32(bad[1]), err)
		}
	}
}

// A global index lags behind the table by IndexLag and no longer, change by change; the capacity is told at once.
func TestIndexLag(t *testing.T) {
	b := newBed(t, local.Options{IndexLag: 3 * time.Second})
	b.put(item{"PK": s("a"), "SK": n("1"), "G": s("g"), "H": s("h")})
	b.now = b.now.Add(time.Second)
	out, err := b.client.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String("records"), Item: item{"PK": s("b"), "SK": n("1"), "G": s("g"), "H": s("h")},
		ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := *out.ConsumedCapacity.CapacityUnits; got != 3 {
		t.Errorf("%g units, want 3", got)
	}
	b.now = b.now.Add(time.Second)
	b.delete(item{"PK": s("a"), "SK": n("1")})
	if got := b.names(""); got != "b" {
		t.Errorf("the table has %q: it must not lag", got)
	}
	for i, want := range []string{"", "a", "a b", "b", "b"} { // 2, 3, 4 … seconds after the first write
		if got := b.names("all"); got != want {
			t.Errorf("after %d s the index has %q, want %q", i+2, got, want)
		}
		b.now = b.now.Add(time.Second)
	}
}

// localTable makes a table with a local index of each projection, beside a global one.
func localTable(b *bed) {
	b.t.Helper()
	key := func(sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: aws.String("P"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(sort), KeyType: types.KeyTypeRange}}
	}
	index := func(name string, p types.ProjectionType, also ...string) types.LocalSecondaryIndex {
		return types.LocalSecondaryIndex{IndexName: aws.String(name), KeySchema: key("L"),
			Projection: &types.Projection{ProjectionType: p, NonKeyAttributes: also}}
	}
	var definitions []types.AttributeDefinition
	for _, name := range []string{"P", "S", "L"} {
		definitions = append(definitions, types.AttributeDefinition{AttributeName: aws.String(name),
			AttributeType: types.ScalarAttributeTypeS})
	}
	_, err := b.client.CreateTable(b.t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("local"), BillingMode: types.BillingModePayPerRequest, KeySchema: key("S"),
		AttributeDefinitions: definitions,
		LocalSecondaryIndexes: []types.LocalSecondaryIndex{
			index("keys", types.ProjectionTypeKeysOnly), index("some", types.ProjectionTypeInclude, "x"), index("whole",
				types.ProjectionTypeAll),
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// A local index is in step with its table even where global ones lag, and gives what it does not project from the
// table, at the table's price.
func TestLocalIndex(t *testing.T) {
	b := newBed(t, local.Options{IndexLag: time.Hour})
	localTable(b)
	big := strings.Repeat("y", 5000)
	for i, l := range []string{"m", "k", "l"} {
		_, err := b.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("local"), Item: item{
			"P": s("a"), "S": s(fmt.Sprint(i)), "L": s(l), "x": s("x"), "y": s(big)}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("local"),
		Item: item{"P": s("a"), "S": s("without")}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		index      string
		choose     types.Select
		projection *string
		attributes int
		units      string // whole, table, index
	}{
		{"keys", "", nil, 3, "1 0 1"},
		{"some", "", nil, 4, "1 0 1"},
		{"whole", "", nil, 5, "4 0 4"},
		{"keys", types.SelectAllAttributes, nil, 5, "7 6 1"},
		{"some", "", aws.String("L, x"), 2, "1 0 1"},
		{"some", "", aws.String("x, y"), 2, "7 6 1"},
	} {
		var sorted []string
		var capacity []string
		pages := dynamodb.NewQueryPaginator(b.client, &dynamodb.QueryInput{
			TableName: aws.String("local"), IndexName: aws.String(c.index),
			KeyConditionExpression: aws.String("P = :p AND L >= :l"), ConsistentRead: aws.Bool(true),
			ExpressionAttributeValues: item{":p": s("a"), ":l": s("k")}, Select: c.choose, ProjectionExpression: c.projection,
			ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes,
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatalf("%+v: %v", c, err)
			}
			for _, i := range page.Items {
				if l, ok := i["L"].(*types.AttributeValueMemberS); ok {
					sorted = append(sorted, l.Value)
				}
				if len(i) != c.attributes {
					t.Errorf("%+v: %d attributes", c, len(i))
				}
			}
			used := page.ConsumedCapacity
			capacity = append(capacity, fmt.Sprintf("%g %g %g", *used.CapacityUnits, *used.Table.CapacityUnits,
				*used.LocalSecondaryIndexes[c.index].CapacityUnits))
		}
		if !slices.IsSorted(sorted) || c.attributes > 2 && len(sorted) != 3 || !slices.Equal(capacity, []string{c.units}) {
			t.Errorf("%+v: in order %v, units %v", c, sorted, capacity)
		}
	}
	d, err := b.client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("local")})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Table.LocalSecondaryIndexes) != 3 || d.Table.GlobalSecondaryIndexes != nil ||
		*d.Table.LocalSecondaryIndexes[0].ItemCount != 3 {
		t.Errorf("described %+v", d.Table.LocalSecondaryIndexes)
	}
	_, err = b.client.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: aws.String("local"),
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{
			{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: aws.String("keys")}}}})
	if err == nil {
		t.Error("a local index was deleted")
	}
}

// A write of a table with local indexes tells the size of its item's collection, when it is asked.
func TestItemCollectionMetrics(t *testing.T) {
	b := newBed(t, local.Options{})
	localTable(b)
	row := item{"P": s("a"), "S": s("1"), "L": s("l")}
	write := types.TransactWriteItem{Put: &types.Put{TableName: aws.String("local"), Item: row}}
	other := types.TransactWriteItem{Put: &types.Put{TableName: aws.String("local"), Item: item{"P": s("a"), "S": s("2")}}}
	out, err := b.client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
		TransactItems:               []types.TransactWriteItem{write, other},
		ReturnItemCollectionMetrics: types.ReturnItemCollectionMetricsSize,
	})
	if err != nil {
		t.Fatal(err)
	}
	metrics := out.ItemCollectionMetrics["local"]
	if len(metrics) != 1 || metrics[0].ItemCollectionKey["P"].(*types.AttributeValueMemberS).Value != "a" ||
		!slices.Equal(metrics[0].SizeEstimateRangeGB, []float64{0, 1}) {
		t.Errorf("metrics %+v", metrics)
	}
	alone, err := b.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String("local"), Key: item{"P": s("a"), "S": s("1")},
		ReturnItemCollectionMetrics: types.ReturnItemCollectionMetricsSize,
	})
	if err != nil || alone.ItemCollectionMetrics == nil ||
		alone.ItemCollectionMetrics.ItemCollectionKey["P"].(*types.AttributeValueMemberS).Value != "a" {
		t.Errorf("a delete by itself: %+v, %v", alone, err)
	}
	plain, err := b.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("records"),
		Item: item{"PK": s("a"), "SK": n("1")}, ReturnItemCollectionMetrics: types.ReturnItemCollectionMetricsSize})
	if err != nil || plain.ItemCollectionMetrics != nil {
		t.Errorf("a table without local indexes: %+v, %v", plain, err)
	}
}

func TestTags(t *testing.T) {
	b := newBed(t, local.Options{})
	arn := aws.String("arn:aws:dynamodb:us-east-1:000000000000:table/records")
	give := func(tags ...string) error {
		in := &dynamodb.TagResourceInput{ResourceArn: arn}
		for _, pair := range tags {
			key, value, _ := strings.Cut(pair, "=")
			in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(value)})
		}
		_, err := b.client.TagResource(t.Context(), in)
		return err
	}
	if err := errors.Join(give("a=1", "b=2"), give("a=3", "c=")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.client.UntagResource(t.Context(), &dynamodb.UntagResourceInput{ResourceArn: arn,
		TagKeys: []string{"b", "none"}}); err != nil {
		t.Fatal(err)
	}
	out, err := b.client.ListTagsOfResource(t.Context(), &dynamodb.ListTagsOfResourceInput{ResourceArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tag := range out.Tags {
		got = append(got, *tag.Key+"="+*tag.Value)
	}
	if !slices.Equal(got, []string{"a=3", "c="}) {
		t.Errorf("tags %v", got)
	}
	var many []string
	for i := range 49 {
		many = append(many, fmt.Sprint("k", i, "=v"))
	}
	if err := give(many...); err == nil {
		t.Error("51 tags were taken")
	}
}
