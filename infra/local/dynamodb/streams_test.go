package dynamodb_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	local "example.com/registrar/infra/local/dynamodb"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// bed is an engine on a clock that the test moves, with the table "records".
type bed struct {
	t      testing.TB
	engine *local.Engine
	client *dynamodb.Client
	now    time.Time
}

func newBed(t testing.TB, options local.Options) *bed {
	b := &bed{t: t, now: time.Date(2026, 8, 24, 9, 0, 0, 500_000_000, time.UTC)}
	options.Now = func() time.Time { return b.now }
	b.engine = local.New(options)
	b.client = clientOf(t, b.engine)
	return b
}

// ask sends one request by hand. It returns the code of the error, if there is one; answer may be nil.
func (b *bed) ask(operation string, request map[string]any, answer any) (code string) {
	b.t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		b.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
	r.Header.Set("X-Amz-Target", operation)
	w := httptest.NewRecorder()
	b.engine.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		var fault struct {
			Type string `json:"__type"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &fault); err != nil {
			b.t.Fatal(err)
		}
		_, code, _ = strings.Cut(fault.Type, "#")
		return code
	}
	if answer != nil {
		if err := json.Unmarshal(w.Body.Bytes(), answer); err != nil {
			b.t.Fatal(err)
		}
	}
	return ""
}

const streams = "DynamoDBStreams_20120810."

type (
	values     map[string]map[string]any
	changeWire struct {
		ApproximateCreationDateTime    float64
		Keys, NewImage, OldImage       values
		SequenceNumber, StreamViewType string
		SizeBytes                      int
	}
	recordWire struct {
		EventID, EventName, EventVersion, EventSource, AwsRegion string
		Dynamodb                                                 changeWire
		UserIdentity                                             map[string]string
	}
	recordsWire struct {
		Records           []recordWire
		NextShardIterator *string
	}
	streamWire struct {
		StreamStatus, StreamViewType, TableName, StreamLabel string
		CreationRequestDateTime                              float64
		KeySchema                                            []map[string]string
		Shards                                               []struct {
			ShardId             string
			SequenceNumberRange struct{ StartingSequenceNumber, EndingSequenceNumber string }
		}
		LastEvaluatedShardId string
	}
)

// enable gives the table a stream and returns its ARN.
func (b *bed) enable(view string) string {
	b.t.Helper()
	out, err := b.client.UpdateTable(b.t.Context(), &dynamodb.UpdateTableInput{
		TableName: aws.String("records"),
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true),
			StreamViewType: types.StreamViewType(view)},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return *out.TableDescription.LatestStreamArn
}

func (b *bed) disable() error {
	_, err := b.client.UpdateTable(b.t.Context(), &dynamodb.UpdateTableInput{
		TableName: aws.String("records"), StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(false)},
	})
	return err
}

func (b *bed) describe(arn string) streamWire {
	b.t.Helper()
	var out struct{ StreamDescription streamWire }
	if code := b.ask(streams+"DescribeStream", map[string]any{"StreamArn": arn}, &out); code != "" {
		b.t.Fatal(code)
	}
	return out.StreamDescription
}

// iterator asks for an iterator and fails the test when there is none.
func (b *bed) iterator(arn, shard, kind, number string) string {
	b.t.Helper()
	text, code := b.tryIterator(arn, shard, kind, number)
	if code != "" {
		b.t.Fatalf("iterator %s %s: %s", kind, number, code)
	}
	return text
}

func (b *bed) tryIterator(arn, shard, kind, number string) (text, code string) {
	request := map[string]any{"StreamArn": arn, "ShardId": shard, "ShardIteratorType": kind}
	if number != "" {
		request["SequenceNumber"] = number
	}
	var out struct{ ShardIterator string }
	code = b.ask(streams+"GetShardIterator", request, &out)
	return out.ShardIterator, code
}

func (b *bed) read(iterator string, limit int) recordsWire {
	b.t.Helper()
	request := map[string]any{"ShardIterator": iterator}
	if limit > 0 {
		request["Limit"] = limit
	}
	var out recordsWire
	if code := b.ask(streams+"GetRecords", request, &out); code != "" {
		b.t.Fatal(code)
	}
	return out
}

// all reads every shard from its oldest record to where it is now.
func (b *bed) all(arn string) []recordWire {
	b.t.Helper()
	var all []recordWire
	for _, shard := range b.describe(arn).Shards {
		next := aws.String(b.iterator(arn, shard.ShardId, "TRIM_HORIZON", ""))
		for next != nil {
			page := b.read(*next, 0)
			if next = page.NextShardIterator; len(page.Records) == 0 {
				break
			}
			all = append(all, page.Records...)
		}
	}
	return all
}

func (b *bed) put(i item) { b.t.Helper(); put(b.t, b.client, i) }

func (b *bed) delete(key item) {
	b.t.Helper()
	if _, err := b.client.DeleteItem(b.t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String("records"),
		Key: key}); err != nil {
		b.t.Fatal(err)
	}
}

// Each view shows what it promises, a write that changes nothing leaves no record, and every record says all it must.
func TestStream_Views(t *testing.T) {
	for view, want := range map[string]string{
		"KEYS_ONLY":          "INSERT:: MODIFY:: REMOVE:: INSERT::",
		"NEW_IMAGE":          "INSERT::1 MODIFY::2 REMOVE:: INSERT::3",
		"OLD_IMAGE":          "INSERT:: MODIFY:1: REMOVE:2: INSERT::",
		"NEW_AND_OLD_IMAGES": "INSERT::1 MODIFY:1:2 REMOVE:2: INSERT::3",
	} {
		t.Run(view, func(t *testing.T) {
			b := newBed(t, local.Options{Region: "eu-central-1"})
			b.put(item{"PK": s("before"), "SK": n("1")})
			arn := b.enable(view)
			key := item{"PK": s("a"), "SK": n("1")}
			with := func(v string) item { return item{"PK": s("a"), "SK": n("1"), "v": s(v)} }
			b.delete(key)
			b.put(with("1"))
			b.put(with("1"))
			if err := update(t, b.client, "SET v = :v", "", item{":v": s("1")}); err != nil {
				t.Fatal(err)
			}
			if err := update(t, b.client, "SET v = :v", "v = :v", item{":v": s("2")}); err == nil {
				t.Fatal("the condition holds")
			}
			if err := update(t, b.client, "SET v = :v", "", item{":v": s("2")}); err != nil {
				t.Fatal(err)
			}
			b.delete(key)
			b.put(with("3"))
			records := b.all(arn)
			var got []string
			last := ""
			ids := map[string]bool{}
			for _, r := range records {
				old, _ := r.Dynamodb.OldImage["v"]["S"].(string)
				next, _ := r.Dynamodb.NewImage["v"]["S"].(string)
				got = append(got, r.EventName+":"+old+":"+next)
				c := r.Dynamodb
				size := len("PK") + len("a") + len("SK") + 2
				size += (len(old) + len(next)) * (size + len("v") + 1)
				if c.Keys["PK"]["S"] != "a" || c.Keys["SK"]["N"] != "1" || len(c.Keys) != 2 || c.SizeBytes != size ||
					c.StreamViewType != view ||
					c.ApproximateCreationDateTime != float64(b.now.Unix()) || len(c.SequenceNumber) < 21 || c.SequenceNumber <= last {
					t.Errorf("change %+v after %s; want %d bytes", c, last, size)
				}
				if r.EventVersion != "1.1" || r.EventSource != "aws:dynamodb" || r.AwsRegion != "eu-central-1" ||
					r.UserIdentity != nil || ids[r.EventID] || r.EventID == "" {
					t.Errorf("record %+v", r)
				}
				last, ids[r.EventID] = c.SequenceNumber, true
			}
			if strings.Join(got, " ") != want {
				t.Errorf("records %s, want %s", got, want)
			}
		})
	}
}

// Iterators begin where they say; pages follow one another without gap or repetition, by number and by size.
func TestStream_Iterators(t *testing.T) {
	b := newBed(t, local.Options{})
	arn := b.enable("NEW_IMAGE")
	shard := b.describe(arn).Shards[0].ShardId
	for i := range 5 {
		b.put(item{"PK": s("a"), "SK": n(fmt.Sprint(i))})
	}
	keys := func(records []recordWire) string {
		var list []string
		for _, r := range records {
			list = append(list, r.Dynamodb.Keys["SK"]["N"].(string))
		}
		return strings.Join(list, " ")
	}
	latest := b.iterator(arn, shard, "LATEST", "")
	b.put(item{"PK": s("a"), "SK": n("5")})
	records := b.all(arn)
	third := records[2].Dynamodb.SequenceNumber
	for what, c := range map[string]struct{ iterator, want string }{
		"TRIM_HORIZON":          {b.iterator(arn, shard, "TRIM_HORIZON", ""), "0 1 2 3 4 5"},
		"LATEST":                {latest, "5"},
		"AT_SEQUENCE_NUMBER":    {b.iterator(arn, shard, "AT_SEQUENCE_NUMBER", third), "2 3 4 5"},
		"AFTER_SEQUENCE_NUMBER": {b.iterator(arn, shard, "AFTER_SEQUENCE_NUMBER", third), "3 4 5"},
		"AT the shard's start": {b.iterator(arn, shard, "AT_SEQUENCE_NUMBER",
			b.describe(arn).Shards[0].SequenceNumberRange.StartingSequenceNumber), "0 1 2 3 4 5"},
		"AFTER the newest":       {b.iterator(arn, shard, "AFTER_SEQUENCE_NUMBER", records[5].Dynamodb.SequenceNumber), ""},
		"LATEST, nothing behind": {b.iterator(arn, shard, "LATEST", ""), ""},
	} {
		page := b.read(c.iterator, 0)
		if got := keys(page.Records); got != c.want || page.NextShardIterator == nil {
			t.Errorf("%s: %q, want %q and an iterator that goes on (%v)", what, got, c.want, page.NextShardIterator)
		}
	}
	var pages []string
	for next := b.iterator(arn, shard, "TRIM_HORIZON", ""); len(pages) < 4; {
		page := b.read(next, 2)
		pages = append(pages, keys(page.Records))
		next = *page.NextShardIterator
	}
	if want := []string{"0 1", "2 3", "4 5", ""}; !slices.Equal(pages, want) {
		t.Errorf("pages %q, want %q", pages, want)
	}
	for i := 6; i < 12; i++ {
		b.put(item{"PK": s("a"), "SK": n(fmt.Sprint(i)), "d": s(strings.Repeat("x", 390<<10))})
	}
	for page := b.read(latest, 0); ; page = b.read(*page.NextShardIterator, 0) {
		size := 0
		for _, r := range page.Records {
			size += r.Dynamodb.SizeBytes
		}
		if size > 1<<20 {
			t.Errorf("a page of %d bytes", size)
		}
		if len(page.Records) == 0 {
			break
		}
		records = append(records, page.Records...)
	}
	if len(records) != 13 || keys(records[6:]) != "5 6 7 8 9 10 11" {
		t.Errorf("by size: %s", keys(records[6:]))
	}
	for _, bad := range [][3]string{
		{"AT_SEQUENCE_NUMBER", "7", "ValidationException"}, {"AT_SEQUENCE_NUMBER", "", "ValidationException"},
		{"AFTER_SEQUENCE_NUMBER", "100000000000000999999", "ValidationException"}, {"NEWEST", "", "ValidationException"},
	} {
		if _, code := b.tryIterator(arn, shard, bad[0], bad[1]); code != bad[2] {
			t.Errorf("%s %s: %q, want %s", bad[0], bad[1], code, bad[2])
		}
	}
	if _, code := b.tryIterator(arn, "shardId-00000000000000000000-gone", "LATEST",
		""); code != "ResourceNotFoundException" {
		t.Errorf("no such shard: %q", code)
	}
	if _, code := b.tryIterator(arn+"1", shard, "LATEST", ""); code != "ResourceNotFoundException" {
		t.Errorf("no such stream: %q", code)
	}
	for _, request := range []map[string]any{{}, {"ShardIterator": "x"}, {"ShardIterator": latest, "Limit": 0},
		{"ShardIterator": latest, "Limit": 1001}} {
		if code := b.ask(streams+"GetRecords", request, nil); code != "ValidationException" {
			t.Errorf("GetRecords %v: %q", request, code)
		}
	}
	if code := b.ask(streams+"PutItem", map[string]any{}, nil); code != "UnknownOperationException" {
		t.Errorf("an operation of the other service: %q", code)
	}
}

// Iterators end after 15 minutes and records after 24 hours; who asks for a record that is gone is told so.
func TestStream_Ages(t *testing.T) {
	b := newBed(t, local.Options{})
	arn := b.enable("KEYS_ONLY")
	shard := b.describe(arn).Shards[0].ShardId
	b.put(item{"PK": s("a"), "SK": n("1")})
	b.now = b.now.Add(time.Hour)
	b.put(item{"PK": s("a"), "SK": n("2")})
	records := b.all(arn)
	begin := b.iterator(arn, shard, "TRIM_HORIZON", "")
	b.now = b.now.Add(15 * time.Minute)
	next := b.read(begin, 1).NextShardIterator
	b.now = b.now.Add(time.Second)
	if code := b.ask(streams+"GetRecords", map[string]any{"ShardIterator": begin},
		nil); code != "ExpiredIteratorException" {
		t.Errorf("an iterator of 15 minutes and a second: %q", code)
	}
	if got := b.read(*next, 0); len(got.Records) != 1 {
		t.Errorf("the iterator behind it: %d records, want 1", len(got.Records))
	}
	b.now = b.now.Add(22*time.Hour + 40*time.Minute) // the first is 23 h 55 min old
	begin = b.iterator(arn, shard, "TRIM_HORIZON", "")
	b.now = b.now.Add(10 * time.Minute)
	if code := b.ask(streams+"GetRecords", map[string]any{"ShardIterator": begin},
		nil); code != "TrimmedDataAccessException" {
		t.Errorf("an iterator whose record went: %q", code)
	}
	if _, code := b.tryIterator(arn, shard, "AT_SEQUENCE_NUMBER",
		records[0].Dynamodb.SequenceNumber); code != "TrimmedDataAccessException" {
		t.Errorf("a number that is gone: %q", code)
	}
	if got := b.all(arn); len(got) != 1 || got[0].EventID != records[1].EventID {
		t.Errorf("after 24 hours %v, want the second record", got)
	}
}

// Enabling makes a stream of a new name, disabling ends its shard, which is read to its end for another 24 hours.
func TestStream_EnableAndDisable(t *testing.T) {
	b := newBed(t, local.Options{})
	table := func() *types.TableDescription {
		out, err := b.client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("records")})
		if err != nil {
			t.Fatal(err)
		}
		return out.Table
	}
	list := func(request map[string]any) (arns []string) {
		for {
			var out struct {
				Streams                []struct{ StreamArn, StreamLabel, TableName string }
				LastEvaluatedStreamArn string
			}
			if code := b.ask(streams+"ListStreams", request, &out); code != "" {
				t.Fatal(code)
			}
			for _, s := range out.Streams {
				arns = append(arns, s.StreamArn)
				if !strings.HasSuffix(s.StreamArn, ":table/"+s.TableName+"/stream/"+s.StreamLabel) {
					t.Errorf("listed %+v", s)
				}
			}
			if out.LastEvaluatedStreamArn == "" {
				return arns
			}
			request["ExclusiveStartStreamArn"] = out.LastEvaluatedStreamArn
		}
	}
	if err := b.disable(); err == nil || !strings.Contains(err.Error(), "ValidationException") {
		t.Errorf("disable without a stream: %v", err)
	}
	first := b.enable("KEYS_ONLY")
	if d := table(); aws.ToString(d.LatestStreamArn) != first ||
		!strings.HasSuffix(first, "/"+aws.ToString(d.LatestStreamLabel)) || !*d.StreamSpecification.StreamEnabled {
		t.Errorf("described %+v", d)
	}
	_, err := b.client.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: aws.String("records"),
		StreamSpecification: &types.StreamSpecification{
			StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage}})
	if err == nil || !strings.Contains(err.Error(), "ValidationException") {
		t.Errorf("enable twice: %v", err)
	}
	b.put(item{"PK": s("a"), "SK": n("1")})
	b.put(item{"PK": s("a"), "SK": n("2")})
	shard := b.describe(first).Shards[0].ShardId
	latest := b.iterator(first, shard, "LATEST", "")
	if err := b.disable(); err != nil {
		t.Fatal(err)
	}
	b.put(item{"PK": s("a"), "SK": n("3")})
	if d := table(); d.StreamSpecification != nil || aws.ToString(d.LatestStreamArn) != first {
		t.Errorf("described %+v", d)
	}
	second := b.enable("NEW_IMAGE")
	b.put(item{"PK": s("a"), "SK": n("4")})
	d := b.describe(first)
	if d.StreamStatus != "DISABLED" || d.StreamViewType != "KEYS_ONLY" || d.TableName != "records" ||
		len(d.KeySchema) != 2 ||
		d.Shards[0].SequenceNumberRange.EndingSequenceNumber <= d.Shards[0].SequenceNumberRange.StartingSequenceNumber {
		t.Errorf("the closed stream is %+v", d)
	}
	if d := b.describe(second); second == first || d.StreamStatus != "ENABLED" ||
		d.Shards[0].SequenceNumberRange.EndingSequenceNumber != "" {
		t.Errorf("the second stream, %s, is %+v", second, d)
	}
	page := b.read(b.iterator(first, shard, "TRIM_HORIZON", ""), 1)
	if page.NextShardIterator == nil {
		t.Fatal("the closed shard ends before its end")
	}
	if page = b.read(*page.NextShardIterator, 0); len(page.Records) != 1 || page.NextShardIterator != nil {
		t.Errorf("at the closed shard's end %+v, want one record and no iterator", page)
	}
	if page = b.read(latest, 0); len(page.Records) != 0 || page.NextShardIterator != nil {
		t.Errorf("behind the closed shard's end %+v", page)
	}
	if got := b.all(second); len(got) != 1 || got[0].Dynamodb.Keys["SK"]["N"] != "4" {
		t.Errorf("the second stream has %+v", got)
	}
	if _, err := b.client.DeleteTable(t.Context(),
		&dynamodb.DeleteTableInput{TableName: aws.String("records")}); err != nil {
		t.Fatal(err)
	}
	if got := list(map[string]any{"Limit": 1}); !slices.Equal(got, []string{first, second}) {
		t.Errorf("listed %v", got)
	}
	if got := list(map[string]any{"TableName": "others"}); len(got) != 0 {
		t.Errorf("listed %v of another table", got)
	}
	if got := b.all(second); len(got) != 1 || b.describe(second).StreamStatus != "DISABLED" {
		t.Errorf("once its table is gone the stream has %+v", got)
	}
	b.now = b.now.Add(24*time.Hour + time.Second)
	if got := list(map[string]any{}); len(got) != 0 {
		t.Errorf("after 24 hours there are %v", got)
	}
	if code := b.ask(streams+"DescribeStream", map[string]any{"StreamArn": first},
		nil); code != "ResourceNotFoundException" {
		t.Errorf("after 24 hours: %q", code)
	}
}

// While many write, one reader for each shard sees every change once; a partition's changes are all in one shard and in
// the order of its writes. Simulated time: everything runs in a bubble, and lagging indexes and expiry are busy beside.
func TestStream_ShardsKeepOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := local.New(local.Options{Shards: 4, IndexLag: time.Second})
		b := &bed{t: t, engine: engine, client: clientOf(t, engine)}
		b.timeToLive(true)
		arn := b.enable("NEW_AND_OLD_IMAGES")
		shards := b.describe(arn).Shards
		if len(shards) != 4 {
			t.Fatalf("%d shards, want 4", len(shards))
		}
		var writers, readers sync.WaitGroup
		written := make(chan struct{})
		seen := make([][]recordWire, len(shards))
		for i, shard := range shards {
			next := b.iterator(arn, shard.ShardId, "LATEST", "")
			readers.Go(func() {
				for last := false; ; time.Sleep(700 * time.Millisecond) {
					page := b.read(next, 7)
					seen[i] = append(seen[i], page.Records...)
					next = *page.NextShardIterator
					b.names("all")
					engine.Expire(10)
					if last && len(page.Records) == 0 {
						return
					}
					select {
					case <-written:
						last = true
					default:
					}
				}
			})
		}
		const partitions, rounds = 16, 20
		for p := range partitions {
			writers.Go(func() {
				for range rounds {
					_, err := b.client.TransactWriteItems(t.Context(),
						&dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
							{Update: &types.Update{TableName: aws.String("records"), Key: item{"PK": s(fmt.Sprint("p", p)), "SK": n("1")},
								UpdateExpression: aws.String("SET G = :g, H = :g ADD n :one"), ExpressionAttributeValues: item{":one": n("1"),
									":g": s("g")}}},
							{Update: &types.Update{TableName: aws.String("records"), Key: item{"PK": s("shared"), "SK": n("1")},
								UpdateExpression: aws.String("ADD n :one"), ExpressionAttributeValues: item{":one": n("1")}}},
						}})
					if err != nil {
						t.Error(err)
					}
					time.Sleep(time.Second)
				}
			})
		}
		writers.Wait()
		close(written)
		readers.Wait()
		home, value, used := map[string]string{}, map[string]int{}, map[string]bool{}
		for i, shard := range shards {
			for _, r := range seen[i] {
				key := r.Dynamodb.Keys["PK"]["S"].(string)
				value[key]++
				if home[key] != "" && home[key] != shard.ShardId {
					t.Errorf("%s is in two shards", key)
				}
				if got := r.Dynamodb.NewImage["n"]["N"]; got != fmt.Sprint(value[key]) {
					t.Errorf("record %d of %s says %s", value[key], key, got)
				}
				home[key], used[shard.ShardId] = shard.ShardId, true
			}
		}
		if len(value) != partitions+1 || value["shared"] != partitions*rounds || value["p7"] != rounds || len(used) < 2 {
			t.Errorf("records of %v in %d shards", value, len(used))
		}
	})
}
