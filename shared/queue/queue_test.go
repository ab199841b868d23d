package queue_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/infra/local/inprocess"
	local "example.com/registrar/infra/local/sqs"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/consumer/cloudevents"
	"example.com/registrar/shared/queue"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry/request"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// client speaks with an engine of its own.
func client(t *testing.T) *sqs.Client {
	t.Helper()
	return sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(
			local.New(local.Options{})),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), RetryMaxAttempts: 1,
	})
}

func create(t *testing.T, c *sqs.Client, name string, attributes map[string]string) string {
	t.Helper()
	out, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	return *out.QueueUrl
}

// receive takes what is there.
func receive(t *testing.T, c *sqs.Client, url string) []types.Message {
	t.Helper()
	var all []types.Message
	for {
		out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
			QueueUrl: &url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return all
		}
		all = append(all, out.Messages...)
	}
}

func event(n int, note string) registrar.Event {
	return registrar.Event{
		ID: registrar.EventID(fmt.Sprint("e", n)), Type: registrar.RegistrationEnrolled, Schema: 1, At: time.Unix(int64(n),
			0).UTC(), Trace: "Root=1",
		Record: registrar.Record{Kind: registrar.KindSection, ID: "s"}, Facts: registrar.Facts{"note": note},
	}
}

func TestSendEvents_SendsAllTenAtATime(t *testing.T) {
	c := client(t)
	url := create(t, c, "events", nil)
	var sent []registrar.Event
	for n := range 23 {
		sent = append(sent, event(n, ""))
	}
	if errs := queue.New(c, url).SendEvents(t.Context(), sent); errs != nil {
		t.Fatal(errs)
	}
	var got []string
	for _, m := range receive(t, c, url) {
		e, err := cloudevents.Unmarshal([]byte(*m.Body))
		if err != nil || m.Attributes["AWSTraceHeader"] != "Root=1" {
			t.Errorf("%v: %s", err, *m.Body)
		}
		got = append(got, string(e.ID))
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != len(sent) {
		t.Errorf("received %q", got)
	}
}

// flaky fails single entries of batches, as SQS may.
type flaky struct {
	*sqs.Client

	fail  func(id string, call int) *types.BatchResultErrorEntry
	calls int
}

func (f *flaky) SendMessageBatch(
	ctx context.Context, in *sqs.SendMessageBatchInput, o ...func(*sqs.Options),
) (*sqs.SendMessageBatchOutput, error) {
	f.calls++
	var failed []types.BatchResultErrorEntry
	let := in.Entries[:0:0]
	for _, e := range in.Entries {
		if no := f.fail(*e.Id, f.calls); no != nil {
			if no.Id == nil {
				no.Id = e.Id
			}
			failed = append(failed, *no)
			continue
		}
		let = append(let, e)
	}
	out := &sqs.SendMessageBatchOutput{}
	if len(let) > 0 {
		var err error
		if out, err = f.Client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: in.QueueUrl, Entries: let},
			o...); err != nil {
			return nil, err
		}
	}
	out.Failed = append(out.Failed, failed...)
	return out, nil
}

func TestSendEvents_TellsWhichWereNotSent(t *testing.T) {
	c := client(t)
	url := create(t, c, "events", nil)
	f := &flaky{Client: c, fail: func(id string, call int) *types.BatchResultErrorEntry {
		switch {
		case id == "1": // for good
			return &types.BatchResultErrorEntry{Code: aws.String("InvalidMessageContents"), SenderFault: true}
		case id == "2" && call == 1: // once
			return &types.BatchResultErrorEntry{Code: aws.String("InternalError")}
		case id == "3": // again and again
			return &types.BatchResultErrorEntry{Code: aws.String("InternalError")}
		}
		return nil
	}}
	errs := queue.New(f, url).SendEvents(t.Context(), []registrar.Event{event(0, ""), event(1, ""), event(2, ""),
		event(3, ""), event(4, "")})
	if len(errs) != 5 {
		t.Fatalf("errors %v", errs)
	}
	for i, want := range []string{"", "InvalidMessageContents", "", "InternalError", ""} {
		if want == "" && errs[i] != nil || want != "" && (errs[i] == nil || !strings.Contains(errs[i].Error(), want)) {
			t.Errorf("event %d: %v, want %q", i, errs[i], want)
		}
	}
	if got := receive(t, c, url); len(got) != 3 || f.calls != 2 {
		t.Errorf("%d messages arrived in %d calls", len(got), f.calls)
	}
}

// An answer that names an entry which was not sent is about some of the batch, nobody knows which: none counts as sent.
func TestSendEvents_AnAnswerThatCannotBeReadIsOfAll(t *testing.T) {
	c := client(t)
	f := &flaky{Client: c, fail: func(id string, _ int) *types.BatchResultErrorEntry {
		if id == "1" {
			return &types.BatchResultErrorEntry{Id: aws.String("another"), Code: aws.String("Odd"), SenderFault: true}
		}
		return nil
	}}
	errs := queue.New(f, create(t, c, "events", nil)).SendEvents(t.Context(), []registrar.Event{event(0, ""), event(1, ""),
		event(2, "")})
	for i := range 3 {
		if len(errs) != 3 || errs[i] == nil {
			t.Errorf("event %d: errors %v", i, errs)
		}
	}
}

// Batches stay below a mebibyte, and one event that is too large holds up none but itself.
func TestSendEvents_PartsLargeBatches(t *testing.T) {
	c := client(t)
	url := create(t, c, "events", nil)
	large := strings.Repeat("x", 400<<10)
	errs := queue.New(c, url).SendEvents(t.Context(), []registrar.Event{
		event(0, large), event(1, large), event(2, large), event(3, strings.Repeat("x", 1<<20)), event(4, large),
	})
	for i, err := range errs {
		if (err != nil) != (i == 3) {
			t.Errorf("event %d: %v", i, err)
		}
	}
	if got := receive(t, c, url); len(got) != 4 || errs == nil {
		t.Errorf("%d messages arrived, errors %v", len(got), errs)
	}
}

func TestRefused_TellsWhoAsked(t *testing.T) {
	c := client(t)
	url := create(t, c, "audit", nil)
	ctx := request.With(t.Context(), request.Info{ID: "req", Correlation: "cor", Trace: "Root=1", OnBehalfOf: "p"})
	e := event(1, "")
	e.Type = registrar.RegistrationRefused
	if err := queue.New(c, url).Refused(ctx, e); err != nil {
		t.Fatal(err)
	}
	got, err := cloudevents.Unmarshal([]byte(*receive(t, c, url)[0].Body))
	if err != nil || got.Request != "req" || got.Correlation != "cor" || got.Trace != "Root=1" || got.OnBehalfOf != "p" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := queue.New(c, url+"-not-there").Refused(ctx, e); err == nil || errors.Is(err, registrar.ErrBusy) {
		t.Errorf("a refusal that no queue has: %v, want an error that does not pass", err)
	}
}

// Only what passes is a want of time. All else would have clients ask again for ever.
func TestSendEvents_SaysWhatPasses(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		status int // 0: no answer
		code   string
		body   string
		busy   bool
	}{
		"throttled":         {status: http.StatusBadRequest, code: "RequestThrottled", busy: true},
		"SQS is in trouble": {status: http.StatusInternalServerError, code: "InternalFailure", busy: true},
		"unavailable":       {status: http.StatusServiceUnavailable, busy: true},
		"no answer":         {busy: true},
		"the time is over":  {ctx: ended, status: http.StatusOK, busy: true},
		"no right":          {status: http.StatusForbidden, code: "AccessDeniedException"},
		"no queue":          {status: http.StatusBadRequest, code: "QueueDoesNotExist"},
		"one failed for now": {status: http.StatusOK,
			body: `{"Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": false}]}`, busy: true},
		"one failed by itself": {status: http.StatusOK,
			body: `{"Failed": [{"Id": "0", "Code": "InvalidMessageContents", "SenderFault": true}]}`},
	} {
		handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.Header().Set("X-Amzn-Errortype", c.code)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, cmp.Or(c.body, `{"__type": "`+c.code+`"}`))
		})
		options := sqs.Options{
			Region: "us-east-1", BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(handler),
			Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), RetryMaxAttempts: 1,
		}
		if c.status == 0 {
			options.BaseEndpoint, options.HTTPClient = aws.String("http://127.0.0.1:1"), nil // nobody listens there
		}
		ctx := t.Context()
		if c.ctx != nil {
			ctx = c.ctx
		}
		errs := queue.New(sqs.New(options), "http://sqs.local/000000000000/q").SendEvents(ctx,
			[]registrar.Event{event(0, "")})
		if len(errs) != 1 || errs[0] == nil || errors.Is(errs[0], registrar.ErrBusy) != c.busy {
			t.Errorf("%s: %v, want it to pass: %t", name, errs, c.busy)
		}
	}
}

func TestConsumer_HidesAndBuries(t *testing.T) {
	c := client(t)
	url, dead := create(t, c, "work", nil), create(t, c, "work-dead", nil)
	q := queue.NewConsumer(c, url, dead)
	if _, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url,
		MessageBody: aws.String("body")}); err != nil {
		t.Fatal(err)
	}
	m := receive(t, c, url)[0]
	taken := consumer.Message{ID: *m.MessageId, Receipt: *m.ReceiptHandle, Body: []byte(*m.Body), Receives: 4,
		Trace: "Root=1"}
	if err := q.ChangeVisibility(t.Context(), taken, 0); err != nil {
		t.Fatal(err)
	}
	if again := receive(t, c, url); len(again) != 1 {
		t.Fatalf("%d messages after it was shown again", len(again))
	}
	reason := "bad \x00 \x1b[31m" + strings.Repeat("é", 3000)
	if err := q.SendToDeadLetters(t.Context(), taken, reason); err != nil {
		t.Fatal(err)
	}
	letter := receive(t, c, dead)[0]
	told := func(name string) string { return aws.ToString(letter.MessageAttributes[name].StringValue) }
	if *letter.Body != "body" || !strings.HasPrefix(told("reason"), "bad   ") || len(told("reason")) > 2000 ||
		told("message") != taken.ID ||
		told("receives") != "4" || letter.Attributes["AWSTraceHeader"] != "Root=1" {
		t.Errorf("letter %q, attributes %v", *letter.Body, letter.MessageAttributes)
	}
	if _, err := time.Parse(time.RFC3339, told("buriedAt")); err != nil {
		t.Error(err)
	}
}

func TestConsumer_BuriesInTheGroup(t *testing.T) {
	c := client(t)
	fifo := map[string]string{"FifoQueue": "true"}
	q := queue.NewConsumer(c, create(t, c, "work.fifo", fifo), create(t, c, "work-dead.fifo", fifo))
	for range 2 { // the first reply was lost
		if err := q.SendToDeadLetters(t.Context(), consumer.Message{ID: "m", Body: []byte("b"), Group: "g"}, ""); err != nil {
			t.Fatal(err)
		}
	}
	letters := receive(t, c, "http://sqs.local/000000000000/work-dead.fifo")
	if len(letters) != 1 || letters[0].Attributes["MessageGroupId"] != "g" ||
		*letters[0].MessageAttributes["reason"].StringValue != "unknown" {
		t.Errorf("letters %+v", letters)
	}
}

// A standard queue may have groups, for fairness, and takes no deduplication.
func TestConsumer_BuriesInTheGroupOfAStandardQueue(t *testing.T) {
	c := client(t)
	dead := create(t, c, "work-dead", nil)
	if err := queue.NewConsumer(c, create(t, c, "work", nil), dead).SendToDeadLetters(t.Context(),
		consumer.Message{ID: "m", Body: []byte("b"), Group: "g"}, "told"); err != nil {
		t.Fatal(err)
	}
	if letters := receive(t, c, dead); len(letters) != 1 || letters[0].Attributes["MessageGroupId"] != "g" {
		t.Errorf("letters %+v", letters)
	}
}

func TestOpenConsumer_NamesWhatIsMissing(t *testing.T) {
	env := map[string]string{"QUEUE_URL": "u", "QUEUE_RECEIVES": "0", "QUEUE_VISIBILITY": "x"}
	_, err := queue.OpenConsumer(aws.Config{}, func(name string) string { return env[name] }, nil)
	for _, part := range []string{"DEAD_LETTER_QUEUE_URL is not set", "QUEUE_RECEIVES is no number",
		"QUEUE_VISIBILITY is no number"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v lacks %q", err, part)
		}
	}
	if _, err := queue.Open(aws.Config{}, func(string) string { return "" }, "late-mail"); err == nil ||
		!strings.Contains(err.Error(), "LATE_MAIL_QUEUE_URL") {
		t.Errorf("error %v", err)
	}
}
