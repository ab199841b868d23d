package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/journal"
	localsqs "example.com/registrar/infra/local/sqs"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// queues are an embedded SQS with a chronicle, and its queue "q".
type queues struct {
	*testing.T
	client    *sqs.Client
	chronicle *journal.Chronicle
	url       *string
}

func openQueues(t *testing.T, path string) *queues {
	t.Helper()
	q := &queues{T: t, chronicle: &journal.Chronicle{Path: path}}
	if err := q.chronicle.Open(localsqs.New(localsqs.Options{Changed: q.chronicle.Changed})); err != nil {
		t.Fatal(err)
	}
	q.client = sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(q.chronicle),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), RetryMaxAttempts: 1,
	})
	made, err := q.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
	if err != nil {
		t.Fatal(err)
	}
	q.url = made.QueueUrl
	return q
}

func (q *queues) send(body string) error {
	_, err := q.client.SendMessage(q.Context(), &sqs.SendMessageInput{QueueUrl: q.url, MessageBody: &body})
	return err
}

// all are the bodies of all messages, by name.
func (q *queues) all() []string {
	q.Helper()
	var bodies []string
	for {
		got, err := q.client.ReceiveMessage(q.Context(), &sqs.ReceiveMessageInput{QueueUrl: q.url, MaxNumberOfMessages: 10})
		if err != nil {
			q.Fatal(err)
		}
		if len(got.Messages) == 0 {
			slices.Sort(bodies)
			return bodies
		}
		for _, m := range got.Messages {
			bodies = append(bodies, *m.Body)
		}
	}
}

// close ends it, as a process ends: nothing is written any more.
func (q *queues) close() {
	q.Helper()
	if err := q.chronicle.Close(); err != nil {
		q.Fatal(err)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	about, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return about.Size()
}

func TestAcknowledgedMessagesAreThereAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sqs")
	q := openQueues(t, path)
	const clients, each = 16, 20
	var want []string
	var wg sync.WaitGroup
	for n := range clients {
		for k := range each {
			want = append(want, fmt.Sprintf("%d-%d", n, k))
		}
		wg.Go(func() {
			for k := range each {
				if err := q.send(fmt.Sprintf("%d-%d", n, k)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(want)
	q.close()
	grown := size(t, path)
	if err := os.WriteFile(path+".new", []byte("a rewrite that was cut off"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and once more after a restart of the restarted
		q = openQueues(t, path)
		q.close()
	}
	if now := size(t, path); now >= grown {
		t.Errorf("rewritten it has %d bytes, before it had %d", now, grown)
	}
	q = openQueues(t, path)
	if got := q.all(); !slices.Equal(got, want) {
		t.Errorf("%d messages, want %d", len(got), len(want))
	}
	q.close()
	q = openQueues(t, path)
	if got := q.all(); len(got) > 0 {
		t.Errorf("%d messages that were received are visible", len(got))
	}
	q.close()
}

// Wherever the file is cut, what is read is the beginning of what was written.
func TestACutChronicleIsReadUpToItsLastWholeEntry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sqs")
	q := openQueues(t, path)
	sizes := []int64{size(t, path)}
	var bodies []string
	for n := range 5 {
		bodies = append(bodies, fmt.Sprint(n))
		if err := q.send(bodies[n]); err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, size(t, path))
	}
	q.close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cutAt := sizes[0]; cutAt < int64(len(whole)); cutAt += 13 {
		want := 0
		for _, before := range sizes[1:] {
			if cutAt >= before {
				want++
			}
		}
		cut := filepath.Join(t.TempDir(), "cut")
		if err := os.WriteFile(cut, whole[:cutAt], 0o600); err != nil {
			t.Fatal(err)
		}
		again := openQueues(t, cut)
		if err := again.send("more"); err != nil { // and it goes on from there
			t.Error(err)
		}
		again.close()
		third := openQueues(t, cut)
		if got := third.all(); !slices.Equal(got, append(slices.Clone(bodies[:want]), "more")) {
			t.Errorf("cut at %d of %d: %v, want %v and more", cutAt, len(whole), got, bodies[:want])
		}
		third.close()
	}
}

func TestNoMessageIsAcknowledgedThatCannotBeWritten(t *testing.T) {
	q := openQueues(t, filepath.Join(t.TempDir(), "sqs"))
	q.close() // as a full or broken disk
	for range 2 {
		if err := q.send("a"); err == nil {
			t.Error("a message was acknowledged that is nowhere")
		}
	}
	if _, err := q.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q.url}); err == nil {
		t.Error("a message was given out that is nowhere")
	}
}

func TestAChronicleOfAnotherEngineIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sqs")
	openQueues(t, path).close()
	c := &journal.Chronicle{Path: path}
	if err := c.Open(localsqs.New(localsqs.Options{Region: "eu-west-1", Changed: c.Changed})); err == nil {
		t.Error("the chronicle of another region was read")
	}
}
