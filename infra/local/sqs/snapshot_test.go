package sqs_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	local "example.com/registrar/infra/local/sqs"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"pgregory.net/rapid"
)

// subject is an engine and what a client has seen of it. Identifiers are random: where two engines are compared, each
// is called by the place of its first appearance.
type subject struct {
	engine  *local.Engine
	names   map[string]string // by identifier
	handles []string          // receipt and task handles, in the order of their appearance
}

func (s *subject) clone(engine *local.Engine) *subject {
	return &subject{engine: engine, names: maps.Clone(s.names), handles: slices.Clone(s.handles)}
}

// named replaces identifiers, those within handles too.
func (s *subject) named(text string) string {
	text = regexp.MustCompile(`"(ReceiptHandle|TaskHandle)":"([^"]*)"`).ReplaceAllStringFunc(text,
		func(field string) string {
			parts := strings.Split(field, `"`)
			plain, err := base64.StdEncoding.DecodeString(parts[3])
			if err != nil {
				return field
			}
			return string(plain)
		})
	return regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllStringFunc(text,
		func(id string) string {
			if s.names[id] == "" {
				s.names[id] = fmt.Sprint("#", len(s.names))
			}
			return s.names[id]
		})
}

// step is a request. In its body, %HANDLE% is a handle that was seen.
type step struct {
	operation, body string
	handle          int // which one, from the newest
}

func (s *subject) do(in step) string {
	handle := "none yet"
	if len(s.handles) > 0 {
		handle = s.handles[len(s.handles)-1-in.handle%len(s.handles)]
	}
	w := post(s.engine, in.operation, strings.ReplaceAll(in.body, "%HANDLE%", handle))
	inAnswer := regexp.MustCompile(`"(?:ReceiptHandle|TaskHandle)":"([^"]*)"`)
	for _, found := range inAnswer.FindAllStringSubmatch(w.Body.String(), -1) {
		s.handles = append(s.handles, found[1])
	}
	answer := strings.ReplaceAll(w.Body.String(), handle, "%HANDLE%") // in errors
	return fmt.Sprint(w.Code, " ", s.named(answer))
}

func snapshot(t interface {
	Helper()
	Fatal(...any)
}, e *local.Engine) string {
	t.Helper()
	var b bytes.Buffer
	if err := e.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// steps draws requests about four queues, two of which are the others' dead letter queues.
func steps() *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step {
		queue := rapid.SampledFrom([]string{"jobs", "jobs.fifo", "dead", "dead.fifo"}).Draw(t, "queue")
		n := rapid.IntRange(0, 9).Draw(t, "n")
		url := `"QueueUrl":"` + queue + `"`
		send := step{operation: "SendMessage",
			body: fmt.Sprintf(`{%s,"MessageBody":"<%d>","DelaySeconds":%d,"MessageAttributes":{"n":`+
				`{"DataType":"Binary","BinaryValue":"AAE="}}}`, url, n, max(0, n-6)*10)}
		if strings.HasSuffix(queue, ".fifo") {
			send.body = fmt.Sprintf(`{%s,"MessageBody":"<%d>","MessageGroupId":"%d","MessageDeduplicationId":"%d"}`, url, n, n%3,
				n)
		}
		receive := step{operation: "ReceiveMessage",
			body: fmt.Sprintf(`{%s,"MaxNumberOfMessages":%d,"MessageAttributeNames":["All"],`+
				`"MessageSystemAttributeNames":["All"],"VisibilityTimeout":%d}`, url, n+1, n*5)}
		list := step{operation: "ListMessageMoveTasks", body: `{"SourceArn":"` + arn + queue + `","MaxResults":10}`}
		about := func(operation, rest string) step {
			return step{operation: operation, body: `{` + url + rest + `}`, handle: n}
		}
		return rapid.SampledFrom([]step{
			send, send, send, receive, receive, receive, list,
			about("DeleteMessage", `,"ReceiptHandle":"%HANDLE%"`), about("DeleteMessage", `,"ReceiptHandle":"%HANDLE%"`),
			about("ChangeMessageVisibility", fmt.Sprintf(`,"ReceiptHandle":"%%HANDLE%%","VisibilityTimeout":%d`, n*7)),
			about("GetQueueAttributes", `,"AttributeNames":["All"]`), about("PurgeQueue", ""),
			about("SetQueueAttributes", fmt.Sprintf(`,"Attributes":{"DelaySeconds":"%d"}`, n)),
			about("TagQueue", fmt.Sprintf(`,"Tags":{"a":"%d"}`, n)), about("UntagQueue", `,"TagKeys":["a"]`),
			about("ListQueueTags", ""),
			{operation: "DeleteQueue", body: fmt.Sprintf(`{"QueueUrl":"other-%d"}`, n%2)},
			{operation: "CreateQueue", body: fmt.Sprintf(`{"QueueName":"other-%d","Attributes":{"VisibilityTimeout":"7"}}`,
				n%2)},
			{operation: "StartMessageMoveTask", body: fmt.Sprintf(`{"SourceArn":"%sdead%s","MaxNumberOfMessagesPerSecond":%d}`,
				arn,
				strings.TrimPrefix(strings.TrimPrefix(queue, "jobs"), "dead"), n/5+1)},
			{operation: "CancelMessageMoveTask", body: `{"TaskHandle":"%HANDLE%"}`, handle: n},
			{operation: "pass time", handle: rapid.SampledFrom([]int{1, 7, 30, 100, 301}).Draw(t, "seconds")},
		}).Draw(t, "step")
	})
}

// TestSnapshot_RestoredEngineBehavesAsTheFirst asks the same of an engine, of one that is restored from a snapshot, and
// of one that is made from what a journal would hold: all changes, or a snapshot in between and the changes since.
func TestSnapshot_RestoredEngineBehavesAsTheFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 24, 8, 0, 0, 123_456_789, time.UTC)
		options := local.Options{Region: "us-east-1", Account: "123456789012", Now: func() time.Time { return now }}
		journal := &journal{options: options}
		journalled := options
		journalled.Changed = func(change []byte) { journal.changes = append(journal.changes, string(change)) }
		first := subject{engine: local.New(journalled), names: map[string]string{}}
		for _, suffix := range []string{"", ".fifo"} {
			kind := ""
			if suffix != "" {
				kind = `"FifoQueue":"true",`
			}
			first.do(step{operation: "CreateQueue", body: `{"QueueName":"dead` + suffix + `","Attributes":{` + kind +
				`"MessageRetentionPeriod":"600"}}`})
			first.do(step{operation: "CreateQueue", body: `{"QueueName":"jobs` + suffix + `","Attributes":{` + kind +
				`"RedrivePolicy":"{\"deadLetterTargetArn\":\"` + arn + `dead` + suffix + `\",\"maxReceiveCount\":1}"}}`})
			for i := range 6 { // for dead letters to begin with
				body := fmt.Sprintf(`{"QueueUrl":"jobs%s","MessageBody":"dead %d"`, suffix, i)
				if suffix != "" {
					body += fmt.Sprintf(`,"MessageGroupId":"%d","MessageDeduplicationId":"dead-%d"`, i%2, i)
				}
				first.do(step{operation: "SendMessage", body: body + `}`})
			}
			for range 2 {
				now = now.Add(time.Second)
				first.do(step{operation: "ReceiveMessage", body: `{"QueueUrl":"jobs` + suffix +
					`","MaxNumberOfMessages":10,"VisibilityTimeout":0}`})
			}
		}
		do := func(in step, subjects ...*subject) {
			if in.operation == "pass time" {
				now = now.Add(time.Duration(in.handle) * time.Second)
				return
			}
			want := subjects[0].do(in)
			for _, s := range subjects[1:] {
				if got := s.do(in); got != want {
					t.Fatalf("%s %s\nthe first: %s\nthe other: %s", in.operation, in.body, want, got)
				}
			}
		}
		compact := rapid.IntRange(0, 80).Draw(t, "a snapshot is taken at")
		before := rapid.SliceOfN(steps(), 0, 80).Draw(t, "before")
		for n, in := range before {
			if n == compact {
				journal.snapshot, journal.changes = snapshot(t, journal.read(t)), nil
			}
			do(in, &first)
			const every = 5 // a journal is read from its beginning, which takes its time
			if n%every != 0 && n != len(before)-1 {
				continue
			}
			var states [2]string
			for i, engine := range []*local.Engine{restored(t, options, snapshot(t, first.engine)), journal.read(t)} {
				s := first.clone(engine)
				// so that time has its effect
				for _, queue := range []string{"dead", "dead.fifo", "jobs", "jobs.fifo", "other-0", "other-1"} {
					s.do(step{operation: "GetQueueAttributes", body: `{"QueueUrl":"` + queue + `"}`})
				}
				states[i] = s.named(snapshot(t, s.engine))
			}
			if states[1] != states[0] {
				t.Fatalf("after %s %s the journal has\n%s\nnot\n%s", in.operation, in.body, states[1], states[0])
			}
		}
		state := snapshot(t, first.engine)
		fromState, fromJournal := first.clone(restored(t, options, state)), first.clone(journal.read(t))
		if again := snapshot(t, fromState.engine); again != state {
			t.Fatalf("a snapshot of what was restored differs:\n%s\nwas\n%s", again, state)
		}
		for _, in := range rapid.SliceOfN(steps(), 0, 80).Draw(t, "after") {
			do(in, &first, fromState, fromJournal)
		}
		want := first.named(snapshot(t, first.engine))
		if got := fromState.named(snapshot(t, fromState.engine)); got != want {
			t.Fatalf("afterwards:\n%s\nwant\n%s", got, want)
		}
	})
}

// journal is a snapshot and the changes since.
type journal struct {
	options  local.Options
	snapshot string // empty: none
	changes  []string
}

func (j *journal) read(t *rapid.T) *local.Engine {
	t.Helper()
	e := local.New(j.options)
	if j.snapshot != "" {
		e = restored(t, j.options, j.snapshot)
	}
	for _, change := range j.changes {
		if err := e.Repeat([]byte(change)); err != nil {
			t.Fatalf("%s: %v", change, err)
		}
	}
	return e
}

func restored(t *rapid.T, options local.Options, snapshot string) *local.Engine {
	t.Helper()
	e := local.New(options)
	if err := e.Restore(strings.NewReader(snapshot)); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRepeat_RefusesWhatDoesNotFit(t *testing.T) {
	for name, change := range map[string]string{
		"no JSON":               "jobs",
		"a message of no queue": `{"Queues":[{"Name":"jobs","Gone":["a"]}]}`,
		"a message that is not there": `{"Queues":[{"Name":"jobs","Settings":{"Name":"jobs"},"Messages":[{"ID":"a",` +
			`"Known":true}]}]}`,
	} {
		if err := local.New(local.Options{}).Repeat([]byte(change)); err == nil {
			t.Errorf("%s: it was repeated", name)
		}
	}
}

func TestSnapshot_IsWholeOrRefused(t *testing.T) {
	c, e := startWith(t, local.Options{Region: "us-east-1", Account: "123456789012"})
	queue := c.create("jobs.fifo", nil)
	c.sendFIFO(queue, "g", "1")
	c.one(queue, 0)
	c.create("more", nil)
	whole := snapshot(t, e)
	lines := strings.SplitAfter(whole, "\n")
	other, target := startWith(t, local.Options{Region: "us-east-1", Account: "123456789012"})
	kept := other.create("kept", nil)
	other.send(kept, "a")
	for name, bad := range map[string]string{
		"empty": "", "a line": lines[0], "two lines": lines[0] + lines[1], "half a line": whole[:len(whole)-20],
		"no JSON":         "jobs",
		"another version": strings.Replace(whole, `"Version":1`, `"Version":2`, 1),
		"another account": strings.ReplaceAll(whole, "123456789012", "000000000000"),
		"another region":  strings.ReplaceAll(whole, "us-east-1", "eu-west-1"),
	} {
		if bad == whole {
			t.Fatal(name, "is no other snapshot")
		}
		err := target.Restore(strings.NewReader(bad))
		if err == nil || name == "two lines" && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", name, err)
		}
		other.wantDepth(kept, 1, 0, 0)
	}
	other.must(target.Restore(strings.NewReader(whole)))
	_, err := other.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("kept")})
	other.wantCode(err, "AWS.SimpleQueueService.NonExistentQueue")
	other.wantDepth(queue, 0, 1, 0)
	if err := e.Snapshot(broken{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestRestore_WakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		options := local.Options{}
		full, from := startWith(t, options)
		full.send(full.create("jobs", nil), "a")
		c, e := startWith(t, options)
		got := c.poll(c.create("jobs", nil), 20)
		began := time.Now()
		c.must(e.Restore(strings.NewReader(snapshot(t, from))))
		if b := <-got; !slices.Equal(b, []string{"a"}) || time.Since(began) != 0 {
			t.Fatalf("received %q after %v", b, time.Since(began))
		}
	})
}

func TestChanged_TellsOfEveryChangeAndOfNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes atomic.Int32
		c, _ := startWith(t, local.Options{Region: "us-east-1", Account: "123456789012",
			Changed: func([]byte) { changes.Add(1) }})
		want := func(n int32, what string) {
			t.Helper()
			if got := changes.Swap(0); got != n {
				t.Errorf("%s: told %d times, want %d", what, got, n)
			}
		}
		_, dead := c.withDeadLetters("jobs", "", "0", "1")
		changes.Store(0)
		c.wantDepth(dead, 2, 0, 0)
		c.wantMoves("dead")
		_, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: dead, ReceiptHandle: aws.String("nonsense")})
		c.wantCode(err, "ReceiptHandleIsInvalid")
		fifo := c.create("jobs.fifo", nil)
		want(1, "create a queue")
		c.create("jobs.fifo", nil)
		c.receive(fifo, 20)
		want(0, "nothing")
		c.sendFIFO(fifo, "g", "1")
		want(1, "send")
		c.sendFIFO(fifo, "g", "1")
		want(0, "send a duplicate")
		m := c.one(fifo, 0)
		want(1, "receive")
		c.delete(fifo, m)
		want(1, "delete")
		slowly := &sqs.StartMessageMoveTaskInput{
			SourceArn: aws.String(arn + "dead"), MaxNumberOfMessagesPerSecond: aws.Int32(1),
		}
		task := c.move(slowly)
		want(1, "start to move")
		_, err = c.CancelMessageMoveTask(t.Context(), &sqs.CancelMessageMoveTaskInput{TaskHandle: task})
		c.must(err)
		want(1, "cancel")
		time.Sleep(time.Second)
		c.wantMoves("dead", "CANCELLED 1/2")
		want(1, "end of a task")
		c.send(dead, "2")
		c.move(slowly)
		changes.Store(0)
		time.Sleep(time.Second)
		c.wantMoves("dead", "FAILED 1/2", "CANCELLED 1/2") // what was sent there has no source
		want(1, "move")
	})
}

func TestSnapshot_IsOfOneMomentWhileOthersSend(t *testing.T) {
	c, e := startWith(t, local.Options{})
	one, two := c.create("one", nil), c.create("two", nil)
	var group sync.WaitGroup
	group.Go(func() {
		for range 300 { // never more in the second than in the first
			for _, queue := range []*string{one, two} {
				if _, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue, MessageBody: queue}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 20 {
		state := snapshot(t, e)
		if err := local.New(local.Options{}).Restore(strings.NewReader(state)); err != nil {
			t.Fatal(err)
		}
		first, second := strings.Count(state, `"Body":"`+*one), strings.Count(state, `"Body":"`+*two)
		if ahead := first - second; ahead < 0 || ahead > 1 {
			t.Fatalf("%d messages in the first queue, %d in the second", first, second)
		}
	}
	group.Wait()
}

// startWith is start with options, and gives the engine too.
func startWith(t *testing.T, options local.Options) (cloud, *local.Engine) {
	t.Helper()
	e := local.New(options)
	return of(t, e), e
}
