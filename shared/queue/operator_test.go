package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/queue"
	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// office is a queue with dead letters, and who looks after it.
type office struct {
	client    *sqs.Client
	url, dead string
	consumer  *queue.Consumer
	operator  *queue.Operator
	logs      bytes.Buffer
	log       *slog.Logger
}

const receives = 3

func newOffice(t *testing.T, suffix string, attributes map[string]string) *office {
	t.Helper()
	o := &office{client: client(t)}
	o.dead = create(t, o.client, "work-dead"+suffix, attributes)
	const policy = `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:work-dead%s","maxReceiveCount":"%d"}`
	with := map[string]string{"RedrivePolicy": fmt.Sprintf(policy, suffix, receives)}
	for name, value := range attributes {
		with[name] = value
	}
	o.url = create(t, o.client, "work"+suffix, with)
	o.consumer = queue.NewConsumer(o.client, o.url, o.dead)
	o.log = slog.New(slog.NewTextHandler(&o.logs, nil))
	o.operator = o.over(o.client)
	return o
}

func (o *office) over(c queue.OperatorClient) *queue.Operator {
	return queue.NewOperator(c, o.log, queue.Address{Name: "work", URL: o.url, DeadLetters: o.dead})
}

// id is a message's, as SQS makes them.
func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func (o *office) kill(t *testing.T, n int, group string) {
	t.Helper()
	m := consumer.Message{ID: id(n), Body: []byte(fmt.Sprint("body ", n)), Receives: 2, Trace: "Root=1", Group: group}
	if err := o.consumer.SendToDeadLetters(t.Context(), m, fmt.Sprint("reason ", n)); err != nil {
		t.Fatal(err)
	}
}

// count tells how many messages are in the queue, and visible among its dead letters.
func (o *office) count(t *testing.T) (queued, dead int) {
	t.Helper()
	var counts [2]int
	for i, url := range []string{o.url, o.dead} {
		out, err := o.client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages},
		})
		if err != nil {
			t.Fatal(err)
		}
		counts[i], _ = strconv.Atoi(out.Attributes["ApproximateNumberOfMessages"])
	}
	return counts[0], counts[1]
}

func wantNotFound(t *testing.T, err error, lookedAt any) {
	t.Helper()
	var refusal *registrar.Refusal
	if !errors.As(err, &refusal) || refusal.Code != registrar.NotFound || refusal.Evidence["lookedAt"] != lookedAt {
		t.Errorf("error %v, want NOT_FOUND after %v letters", err, lookedAt)
	}
}

func TestOperator_CountsWhatLiesInQueues(t *testing.T) {
	o := newOffice(t, "", nil)
	send := func(body string, delay int32) {
		if _, err := o.client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &o.url, MessageBody: &body,
			DelaySeconds: delay}); err != nil {
			t.Fatal(err)
		}
	}
	send("taken", 0)
	receive(t, o.client, o.url)
	send("waiting", 0)
	send("waiting", 0)
	send("delayed", 60)
	o.kill(t, 1, "")
	o.kill(t, 2, "")
	receive(t, o.client, o.dead) // somebody looks at them
	o.kill(t, 3, "")
	got, err := o.operator.Depths(t.Context())
	if want := []consumer.Depth{{Queue: "work", Waiting: 2, Delayed: 1, InFlight: 1, Dead: 3}}; err != nil ||
		!slices.Equal(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestOperator_ShowsWhyAMessageDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "", nil)
		began := time.Now().UTC()
		send := func(url, body string) {
			if _, err := o.client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url,
				MessageBody: &body}); err != nil {
				t.Fatal(err)
			}
		}
		crash := func() (message string) { // what is left when a function is killed each time
			for range receives {
				for _, m := range receive(t, o.client, o.url) {
					message = *m.MessageId
				}
				time.Sleep(time.Minute)
			}
			receive(t, o.client, o.url)
			return message
		}
		send(o.url, "kills")
		killed := crash()
		o.kill(t, 1, "")
		time.Sleep(time.Second)
		send(o.dead, "by hand")
		for range 2 { // a look changes nothing of what is told
			got, all, err := o.operator.Letters(t.Context(), "work", 100)
			if err != nil || all != 3 || len(got) != 3 {
				t.Fatalf("%d of %d letters, %v", len(got), all, err)
			}
			if l := got[0]; l.Message != killed || !l.Moved || l.Reason != "" || l.Receives != receives ||
				!l.At.Equal(began) || string(l.Body) != "kills" {
				t.Errorf("what SQS moved: %+v", l)
			}
			if l := got[1]; l.Message != id(1) || l.Moved || l.Reason != "reason 1" || l.Receives != 2 ||
				!l.At.Equal(began.Add(3*time.Minute)) || l.Trace != "Root=1" {
				t.Errorf("what was dead: %+v", l)
			}
			if l := got[2]; l.Moved || l.Reason != "" || l.Receives != 0 || string(l.Body) != "by hand" {
				t.Errorf("what was sent there: %+v", l)
			}
			if _, dead := o.count(t); dead != 3 {
				t.Errorf("%d letters are visible afterwards", dead)
			}
		}
		// A dead letter is redriven with its attributes, and then kills its function.
		if err := o.operator.Discard(t.Context(), "work", killed); err != nil {
			t.Fatal(err)
		}
		if _, err := o.client.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{
			SourceArn:      aws.String("arn:aws:sqs:us-east-1:000000000000:work-dead"),
			DestinationArn: aws.String("arn:aws:sqs:us-east-1:000000000000:work"),
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		crash()
		got, _, err := o.operator.Letters(t.Context(), "work", 100)
		if err != nil || len(got) != 2 {
			t.Fatalf("%d letters, %v", len(got), err)
		}
		for _, l := range got {
			if !l.Moved || l.Message == id(1) || (string(l.Body) == "body 1") != (l.Reason == "reason 1") {
				t.Errorf("what died twice: %+v", l)
			}
		}
	})
}

func TestOperator_ReplaysOneAndLeavesTheOthers(t *testing.T) {
	o := newOffice(t, "", nil)
	for n := range 25 {
		o.kill(t, n, "")
	}
	if _, err := o.client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &o.dead, MessageBody: aws.String("b"),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"message": {DataType: aws.String("String"), StringValue: aws.String(id(99))},
			"reason":  {DataType: aws.String("String"), StringValue: aws.String("r")},
			"own":     {DataType: aws.String("Number"), StringValue: aws.String("7")},
		}}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{17, 99} {
		as, err := o.operator.Replay(t.Context(), "work", id(n))
		if err != nil {
			t.Fatal(err)
		}
		got := receive(t, o.client, o.url)
		if len(got) != 1 || *got[0].MessageId != as || as == "" {
			t.Fatalf("message %d is sent back as %q: %+v", n, as, got)
		}
		if n == 17 && (*got[0].Body != "body 17" || len(got[0].MessageAttributes) != 0 ||
			got[0].Attributes["AWSTraceHeader"] != "Root=1") {
			t.Errorf("sent back: %q %v", *got[0].Body, got[0].MessageAttributes)
		}
		if n == 99 && (len(got[0].MessageAttributes) != 1 || *got[0].MessageAttributes["own"].StringValue != "7") {
			t.Errorf("sent back with attributes %v", got[0].MessageAttributes)
		}
		if !strings.Contains(o.logs.String(), "message="+id(n)+" as="+as) {
			t.Errorf("log: %s", o.logs.String())
		}
	}
	if err := o.operator.Discard(t.Context(), "work", id(3)); err != nil {
		t.Fatal(err)
	}
	if queued, dead := o.count(t); queued != 0 || dead != 23 {
		t.Errorf("%d queued, %d dead letters visible, want 23: of 26, two were replayed and one discarded", queued, dead)
	}
	_, err := o.operator.Replay(t.Context(), "work", id(17))
	wantNotFound(t, err, 23)
	wantNotFound(t, o.operator.Discard(t.Context(), "work", id(17)), 23)
	_, err = o.operator.Replay(t.Context(), "play", id(1))
	wantNotFound(t, err, nil)
}

// cut is a client whose deletions do not reach SQS.
type cut struct{ *sqs.Client }

func (cut) DeleteMessage(
	context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options),
) (*sqs.DeleteMessageOutput, error) {
	return nil, errors.New("connection reset")
}

// Nothing is lost when a replay is cut off in its middle: it is there twice. A FIFO queue notices.
func TestOperator_ReplayIsSentFirst(t *testing.T) {
	for suffix, want := range map[string]int{"": 2, ".fifo": 1} {
		attributes, group := map[string]string(nil), ""
		if suffix != "" {
			attributes, group = map[string]string{"FifoQueue": "true"}, "g"
		}
		o := newOffice(t, suffix, attributes)
		o.kill(t, 1, group)
		if _, err := o.over(cut{o.client}).Replay(t.Context(), "work", id(1)); err == nil {
			t.Error("a replay that was cut off is said to be good")
		}
		if _, dead := o.count(t); dead != 1 {
			t.Errorf("work%s: %d dead letters visible after a replay that was cut off", suffix, dead)
		}
		if _, err := o.operator.Replay(t.Context(), "work", id(1)); err != nil {
			t.Error(err)
		}
		if queued, dead := o.count(t); queued != want || dead != 0 {
			t.Errorf("work%s: %d queued, want %d; %d dead", suffix, queued, want, dead)
		}
		for _, m := range receive(t, o.client, o.url) {
			if m.Attributes["MessageGroupId"] != group || *m.Body != "body 1" {
				t.Errorf("sent back: %+v", m)
			}
		}
	}
}

// Operators who work at once do not see what another holds, and try again; each letter is sent back once.
func TestOperator_SeveralAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "", nil)
		const letters, operators = 30, 6
		for n := range letters {
			o.kill(t, n, "")
		}
		var mu sync.Mutex
		replayed := map[int]int{}
		var wg sync.WaitGroup
		for range operators {
			wg.Go(func() {
				for n := range letters {
					for range 3 * operators {
						_, err := o.over(o.client).Replay(t.Context(), "work", id(n))
						if err == nil {
							mu.Lock()
							replayed[n]++
							mu.Unlock()
						}
						if err == nil || !registrar.IsRefusal(err, registrar.NotFound) {
							break
						}
						mu.Lock()
						done := replayed[n] > 0
						mu.Unlock()
						if done {
							break
						}
						time.Sleep(time.Second)
					}
				}
			})
		}
		wg.Wait()
		queued, dead := o.count(t)
		if len(replayed) != letters || queued != letters || dead != 0 {
			t.Errorf("%d letters replayed, %d queued, %d dead", len(replayed), queued, dead)
		}
		for n, times := range replayed {
			if times != 1 {
				t.Errorf("letter %d was replayed %d times", n, times)
			}
		}
	})
}

// SQS has no random access: what lies behind a thousand, or behind the first of a group, or further than the time
// lasts, is not found; and all that was looked at is visible again.
func TestOperator_LooksNoFurtherThanItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "", nil)
		for n := range 1001 {
			o.kill(t, n, "")
		}
		wantNotFound(t, o.operator.Discard(t.Context(), "work", id(1000)), 1000)
		if _, dead := o.count(t); dead != 1001 {
			t.Errorf("%d letters visible afterwards", dead)
		}
		if err := o.operator.Discard(t.Context(), "work", id(999)); err != nil {
			t.Errorf("the thousandth: %v", err)
		}
		short, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		wantNotFound(t, o.operator.Discard(short, "work", id(1)), 0)
		if letters, all, err := o.operator.Letters(t.Context(), "work", 15); len(letters) != 15 || all != 1000 || err != nil {
			t.Errorf("%d of %d letters, %v", len(letters), all, err)
		}

		fifo := newOffice(t, ".fifo", map[string]string{"FifoQueue": "true"})
		for n := range 12 {
			fifo.kill(t, n, "a")
		}
		fifo.kill(t, 20, "b")
		wantNotFound(t, fifo.operator.Discard(t.Context(), "work", id(10)), 11)
		letters, all, err := fifo.operator.Letters(t.Context(), "work", 100)
		if len(letters) != 11 || all != 13 || err != nil || letters[0].Group != "a" {
			t.Errorf("%d of %d letters, %v", len(letters), all, err)
		}
		if err := fifo.operator.Discard(t.Context(), "work", id(0)); err != nil {
			t.Error(err)
		}
		if err := fifo.operator.Discard(t.Context(), "work", id(10)); err != nil {
			t.Errorf("the tenth of its group: %v", err)
		}
	})
}

// Letters that are long are not all in memory at once; whoever looks for one finds it behind them, whole.
func TestOperator_HoldsSoManyBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "", nil)
		const long, shown = 1_000_000, 40 // of 32 MiB and ten more
		for n := range shown + 1 {
			m := consumer.Message{ID: id(n), Body: bytes.Repeat([]byte{'a' + byte(n%26)}, long), Receives: 2, Trace: "Root=1"}
			if err := o.consumer.SendToDeadLetters(t.Context(), m, "reason"); err != nil {
				t.Fatal(err)
			}
		}
		letters, all, err := o.operator.Letters(t.Context(), "work", 100)
		if len(letters) != shown || all != shown+1 || err != nil {
			t.Errorf("%d of %d letters, %v", len(letters), all, err)
		}
		if _, dead := o.count(t); dead != shown+1 {
			t.Errorf("%d letters are visible afterwards", dead)
		}
		if _, err := o.operator.Replay(t.Context(), "work", id(shown)); err != nil {
			t.Fatal(err)
		}
		out, err := o.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &o.url})
		if err != nil || len(out.Messages) != 1 || len(*out.Messages[0].Body) != long ||
			(*out.Messages[0].Body)[0] != 'a'+shown%26 {
			t.Errorf("%d messages came back, %v", len(out.Messages), err)
		}
	})
}

func TestOpenOperator_NamesWhatIsMissing(t *testing.T) {
	env := map[string]string{"QUEUES": "imports,late-mail"}
	_, err := queue.OpenOperator(aws.Config{}, func(name string) string { return env[name] }, nil)
	for _, part := range []string{"QUEUE_URL_PREFIX is not set", "FEEDBACK_QUEUES is not set"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v lacks %q", err, part)
		}
	}
	if _, err := queue.OpenOperator(aws.Config{}, func(string) string { return "" }, nil); err == nil ||
		!strings.Contains(err.Error(), "QUEUES is not set") {
		t.Errorf("error %v", err)
	}
}

func TestOperator_KnowsFeedback(t *testing.T) {
	o := newOffice(t, "", nil)
	o.kill(t, 1, "")
	for _, feedback := range []bool{false, true} {
		told := queue.NewOperator(o.client, o.log, queue.Address{Name: "work", URL: o.url, DeadLetters: o.dead,
			Feedback: feedback})
		letters, _, err := told.Letters(t.Context(), "work", 10)
		if err != nil || len(letters) != 1 || letters[0].Feedback != feedback {
			t.Errorf("of a queue that is told of mail (%t): %+v, %v", feedback, letters, err)
		}
	}
}
