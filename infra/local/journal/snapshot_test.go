package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/journal"
	localsqs "example.com/registrar/infra/local/sqs"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// counted is an engine whose requests are counted.
type counted struct {
	*localdynamodb.Engine
	requests atomic.Int64
}

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.requests.Add(1)
	c.Engine.ServeHTTP(w, r)
}

// openKept is open with a snapshot for every few kilobytes of changes. It gives the engine too.
func openKept(t *testing.T, path string, least int64) (*dynamodb.Client, *journal.Journal, *counted) {
	t.Helper()
	clock := &journal.Clock{}
	engine := &counted{Engine: localdynamodb.New(localdynamodb.Options{Now: clock.Now})}
	j, err := journal.Open(t.Context(), engine, journal.Options{Path: path, Changes: journal.DynamoDBChanges,
		Clock: clock, Least: least, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(j),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), RetryMaxAttempts: 1,
	}), j, engine
}

// What was acknowledged is there again whenever the process was killed: while a snapshot is written, while it takes the
// place of the changes, and between.
func TestSnapshotsLoseNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dynamodb")
	const least = 8 << 10
	c, j, _ := openKept(t, path, least)
	makeTable(t, c)
	const clients, each = 8, 120
	var acknowledged [clients]atomic.Int64
	var writers sync.WaitGroup
	for n := range clients {
		writers.Go(func() {
			for range each {
				if err := count(t.Context(), c, fmt.Sprint(n)); err != nil {
					t.Error(err)
				}
				acknowledged[n].Add(1)
			}
		})
	}
	written := make(chan struct{})
	go func() { writers.Wait(); close(written) }()
	type killed struct {
		at   [clients]int64
		file []byte
	}
	var kills []killed
	for ended := false; !ended; {
		select {
		case <-written:
			ended = true
		default:
			runtime.Gosched()
		}
		var k killed
		for n := range k.at {
			k.at[n] = acknowledged[n].Load()
		}
		var err error
		if k.file, err = os.ReadFile(path); err != nil { // as it is found after kill -9 at this moment
			t.Fatal(err)
		}
		if len(kills) == 0 || k.at != kills[len(kills)-1].at {
			kills = append(kills, k)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	const looked = 25
	for i := 0; i < len(kills); i += len(kills)/looked + 1 {
		k := kills[len(kills)-1-i]
		at := filepath.Join(t.TempDir(), "killed")
		if err := errors.Join(os.WriteFile(at, k.file, 0o600), os.WriteFile(at+".new", []byte("a snapshot that was cut off"),
			0o600)); err != nil {
			t.Fatal(err)
		}
		again, j, _ := openKept(t, at, least)
		for n, want := range k.at {
			if want == 0 {
				continue // perhaps there was no table
			}
			if got := value(t, again, fmt.Sprint(n)); int64(got) < want {
				t.Errorf("killed after %d acknowledged changes of item %d, %d are there", want, n, got)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	last, j, _ := openKept(t, path, least)
	for n := range clients {
		if got := value(t, last, fmt.Sprint(n)); got != each {
			t.Errorf("item %d: %d, want %d", n, got, each)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// restart fills a table by so many changes of so many items, opens it again, and gives what that takes: requests that
// are made once more, and bytes that are read.
func restart(t *testing.T, items, changes int, least int64) (requests, read float64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dynamodb")
	c, j, _ := openKept(t, path, least)
	makeTable(t, c)
	for n := range changes {
		if err := count(t.Context(), c, fmt.Sprint(n%items)); err != nil {
			t.Fatal(err)
		}
		if n%settled == 0 { // however slow the machine is
			j.Settle()
		}
	}
	j.Settle()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	_, j, engine := openKept(t, path, least)
	requests = float64(engine.requests.Load())
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return requests, float64(size(t, path))
}

// settled is after how many changes a test waits for a snapshot.
const settled = 50

// A restart takes as long as there is much, not as much has happened: it makes once more what has happened since the
// snapshot, which is at most a snapshot's worth, and reads twelve times as much at most where there is ten times as
// much.
func TestGrowth_Restart(t *testing.T) {
	const least, entry = 64 << 10, 500 // bytes of changes before a snapshot, and of one change at least
	const most = least/entry + settled
	requests, read := restart(t, 100, 300, least)
	often, oftenRead := restart(t, 100, 3000, least)
	if requests > most || often > most {
		t.Errorf("%g requests are made once more after 300 changes, and %g after 3,000, want at most %d", requests, often,
			most)
	}
	if oftenRead > read+2*least { // one snapshot is of the same state as the other, and both have few changes
		t.Errorf("%g bytes are read after 3,000 changes, %g after 300", oftenRead, read)
	}
	const linear = 12
	_, many := restart(t, 1000, 3000, least)
	if many > linear*(read+least) {
		t.Errorf("%g bytes are read of 1,000 items, %g of 100", many, read)
	}
}

// A snapshot of which the disk lost a part is not read, and its file is left as it is: all else would be lost with it.
func TestABrokenSnapshotIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dynamodb")
	const least = 4 << 10
	c, j, _ := openKept(t, path, least)
	makeTable(t, c)
	for n := range 50 {
		if err := count(t.Context(), c, fmt.Sprint(n)); err != nil {
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
	for _, at := range []int{0, 8, 20, 200} {
		broken := bytes.Clone(whole)
		broken[at] ^= 1
		if err := os.WriteFile(path, broken[:len(whole)/2+at], 0o600); err != nil {
			t.Fatal(err)
		}
		clock := &journal.Clock{}
		o := journal.Options{Path: path, Changes: journal.DynamoDBChanges, Clock: clock}
		j, err := journal.Open(t.Context(), localdynamodb.New(localdynamodb.Options{Now: clock.Now}), o)
		if err == nil {
			t.Errorf("a snapshot that is broken at %d is read", at)
			_ = j.Close() // it should not be there
		}
		if now := size(t, path); now != int64(len(whole)/2+at) {
			t.Errorf("what is broken at %d has %d bytes left of %d", at, now, len(whole)/2+at)
		}
	}
}

// forgetful is an engine whose snapshots cannot be written.
type forgetful struct{ *localdynamodb.Engine }

func (forgetful) Freeze() func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(make([]byte, 100))
		return errors.Join(err, errors.New("no space left on device"))
	}
}

// Where no snapshot can be written, the changes stay, and nobody is refused for that.
func TestASnapshotThatFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dynamodb")
	clock := &journal.Clock{}
	j, err := journal.Open(t.Context(), forgetful{localdynamodb.New(localdynamodb.Options{Now: clock.Now})},
		journal.Options{Path: path, Changes: journal.DynamoDBChanges, Clock: clock, Least: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	c := dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(j),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), RetryMaxAttempts: 1,
	})
	makeTable(t, c)
	const changes = 40
	for range changes {
		if err := count(t.Context(), c, "a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, j, _ := openKept(t, path, 1<<10)
	if got := value(t, again, "a"); got != changes {
		t.Errorf("%d changes, want %d", got, changes)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was begun is left: %v", err)
	}
}

// A chronicle that runs for long does not grow with what went through the queues, and loses nothing of what is in them.
func TestGrowth_ChronicleOfQueues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sqs")
	chronicle := &journal.Chronicle{Path: path, Least: 16 << 10, NoSync: true}
	if err := chronicle.Open(localsqs.New(localsqs.Options{Changed: chronicle.Changed})); err != nil {
		t.Fatal(err)
	}
	q := &queues{T: t, chronicle: chronicle, client: sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(chronicle),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), RetryMaxAttempts: 1,
	})}
	made, err := q.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
	if err != nil {
		t.Fatal(err)
	}
	q.url = made.QueueUrl
	pass := func(messages int) int64 {
		for n := range messages {
			if err := q.send(fmt.Sprint(n)); err != nil {
				t.Fatal(err)
			}
			got, err := q.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q.url})
			if err != nil || len(got.Messages) != 1 {
				t.Fatalf("%+v, %v", got, err)
			}
			if _, err := q.client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: q.url,
				ReceiptHandle: got.Messages[0].ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
			if n%settled == 0 {
				chronicle.Settle()
			}
		}
		chronicle.Settle()
		return size(t, path)
	}
	once := pass(50)
	for _, body := range []string{"left 1", "left 2"} {
		if err := q.send(body); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := q.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q.url,
		MaxNumberOfMessages: 10}); err != nil { // out of the way
		t.Fatal(err)
	}
	if often, most := pass(500), max(once, 64<<10); often > most {
		t.Errorf("%d bytes after ten times as many messages, %d before", often, once)
	}
	q.close()
	again := openQueues(t, path)
	got, err := again.client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: again.url,
		AttributeNames: []sqstypes.QueueAttributeName{"ApproximateNumberOfMessagesNotVisible"}})
	if err != nil || got.Attributes["ApproximateNumberOfMessagesNotVisible"] != "2" {
		t.Errorf("%v, %v", got, err)
	}
	again.close()
}
