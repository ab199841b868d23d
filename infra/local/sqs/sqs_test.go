package sqs_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/infra/local/inprocess"
	local "example.com/registrar/infra/local/sqs"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

const arn = "arn:aws:sqs:us-east-1:123456789012:"

func newEngine() *local.Engine {
	return local.New(local.Options{Region: "us-east-1", Account: "123456789012", Endpoint: "http://127.0.0.1:8000/sqs"})
}

// cloud is the SDK's client of an engine, with the few lines that every test would repeat.
type cloud struct {
	*sqs.Client
	t *testing.T
}

func start(t *testing.T) cloud {
	t.Helper()
	return of(t, newEngine())
}

func of(t *testing.T, engine *local.Engine) cloud {
	return cloud{t: t, Client: sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(engine),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), RetryMaxAttempts: 1,
	})}
}

func (c cloud) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c cloud) create(name string, attributes map[string]string) *string {
	c.t.Helper()
	if strings.HasSuffix(name, ".fifo") {
		attributes = maps.Clone(attributes)
		if attributes == nil {
			attributes = map[string]string{}
		}
		attributes["FifoQueue"] = "true"
	}
	out, err := c.CreateQueue(c.t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name), Attributes: attributes})
	c.must(err)
	return out.QueueUrl
}

func (c cloud) send(queue *string, body string) *sqs.SendMessageOutput {
	c.t.Helper()
	out, err := c.SendMessage(c.t.Context(), &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String(body)})
	c.must(err)
	return out
}

func (c cloud) sendFIFO(queue *string, group, body string) *sqs.SendMessageOutput {
	c.t.Helper()
	out, err := c.SendMessage(c.t.Context(), &sqs.SendMessageInput{
		QueueUrl: queue, MessageBody: aws.String(body), MessageGroupId: aws.String(group),
		MessageDeduplicationId: aws.String(body),
	})
	c.must(err)
	return out
}

// receive takes up to ten messages, with all attributes.
func (c cloud) receive(queue *string, waitSeconds int32) []types.Message {
	c.t.Helper()
	out, err := c.ReceiveMessage(c.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: waitSeconds, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	c.must(err)
	return out.Messages
}

// poll begins to receive in a bubble, and returns when it waits or has received.
func (c cloud) poll(queue *string, waitSeconds int32) <-chan []string {
	got := make(chan []string, 1)
	go func() {
		out, err := c.ReceiveMessage(c.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue, MaxNumberOfMessages: 10,
			WaitTimeSeconds: waitSeconds})
		if err != nil {
			got <- []string{err.Error()}
			return
		}
		got <- bodies(out.Messages)
	}()
	synctest.Wait()
	return got
}

func (c cloud) one(queue *string, waitSeconds int32) types.Message {
	c.t.Helper()
	messages := c.receive(queue, waitSeconds)
	if len(messages) != 1 {
		c.t.Fatalf("received %q, want one message", bodies(messages))
	}
	return messages[0]
}

func (c cloud) wantBodies(queue *string, want ...string) []types.Message {
	c.t.Helper()
	messages := c.receive(queue, 0)
	if got := bodies(messages); !slices.Equal(got, want) {
		c.t.Fatalf("received %q, want %q", got, want)
	}
	return messages
}

func (c cloud) delete(queue *string, m types.Message) {
	c.t.Helper()
	_, err := c.DeleteMessage(c.t.Context(), &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: m.ReceiptHandle})
	c.must(err)
}

func (c cloud) hide(queue *string, m types.Message, seconds int32) error {
	_, err := c.ChangeMessageVisibility(c.t.Context(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl: queue, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: seconds,
	})
	return err
}

func (c cloud) attributes(queue *string) map[string]string {
	c.t.Helper()
	out, err := c.GetQueueAttributes(c.t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: queue, AttributeNames: []types.QueueAttributeName{"All"},
	})
	c.must(err)
	return out.Attributes
}

// wantDepth compares the numbers of visible, in-flight and delayed messages.
func (c cloud) wantDepth(queue *string, visible, inFlight, delayed int) {
	c.t.Helper()
	a := c.attributes(queue)
	got := a["ApproximateNumberOfMessages"] + " " + a["ApproximateNumberOfMessagesNotVisible"] + " " +
		a["ApproximateNumberOfMessagesDelayed"]
	if want := fmt.Sprint(visible, inFlight, delayed); got != want {
		c.t.Fatalf("visible, in flight, delayed: %s, want %s", got, want)
	}
}

func (c cloud) wantCode(err error, code string) {
	c.t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		c.t.Fatalf("error %v, want %s", err, code)
	}
}

func bodies(messages []types.Message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, aws.ToString(m.Body))
	}
	return all
}

func text(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
}

func TestMessage_IsSentReceivedAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs", nil)
		if *queue != "http://127.0.0.1:8000/sqs/123456789012/jobs" {
			t.Fatalf("queue URL %s", *queue)
		}
		sentAt := time.Now()
		sent := c.send(queue, "héllo <&>")
		time.Sleep(time.Second)
		m := c.one(queue, 0)
		if *m.MessageId != *sent.MessageId || *m.Body != "héllo <&>" || *m.MD5OfBody != *sent.MD5OfMessageBody {
			t.Fatalf("received %+v", m)
		}
		want := map[string]string{
			"SenderId": "123456789012", "ApproximateReceiveCount": "1",
			"SentTimestamp":                    strconv.FormatInt(sentAt.UnixMilli(), 10),
			"ApproximateFirstReceiveTimestamp": strconv.FormatInt(sentAt.Add(time.Second).UnixMilli(), 10),
		}
		if !maps.Equal(m.Attributes, want) {
			t.Fatalf("attributes %v, want %v", m.Attributes, want)
		}
		c.wantDepth(queue, 0, 1, 0)
		c.delete(queue, m)
		c.delete(queue, m) // again, which succeeds
		c.wantDepth(queue, 0, 0, 0)
	})
}

func TestMessageAttributes_ComeBackWithAWSChecksums(t *testing.T) {
	c := start(t)
	queue := c.create("jobs", nil)
	number := func(kind string) map[string]types.MessageAttributeValue {
		return map[string]types.MessageAttributeValue{
			"timestamp": {DataType: aws.String(kind), StringValue: aws.String("1493147359900")},
		}
	}
	// The documented algorithm by hand: names in order, each with its type, its transport and its value.
	sum := md5.Sum([]byte("\x00\x00\x00\x01a\x00\x00\x00\x06Binary\x02\x00\x00\x00\x02\x00\xff" +
		"\x00\x00\x00\x01b\x00\x00\x00\x06String\x01\x00\x00\x00\x01x"))
	for _, test := range []struct {
		attributes map[string]types.MessageAttributeValue
		md5        string
	}{
		// The first two are known answers of AWS.
		{number("Number"), "235c5c510d26fb653d073faed50ae77c"},
		{number("Number.java.lang.Long"), "2e2e4876d8e0bd6b8c2c8f556831c349"},
		{map[string]types.MessageAttributeValue{"b": text("x"), "a": {DataType: aws.String("Binary"),
			BinaryValue: []byte{0, 255}}},
			hex.EncodeToString(sum[:])},
	} {
		sent, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: queue, MessageBody: aws.String("body"), MessageAttributes: test.attributes,
			MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{
				"AWSTraceHeader": {DataType: aws.String("String"),
					StringValue: aws.String("Root=1-5759e988-bd862e3fe1be46a994272793")},
			},
		})
		c.must(err)
		m := c.one(queue, 0)
		if *sent.MD5OfMessageAttributes != test.md5 || *m.MD5OfMessageAttributes != test.md5 {
			t.Errorf("checksums %s and %s, want %s", *sent.MD5OfMessageAttributes, *m.MD5OfMessageAttributes, test.md5)
		}
		for name, want := range test.attributes {
			got := m.MessageAttributes[name]
			if *got.DataType != *want.DataType || aws.ToString(got.StringValue) != aws.ToString(want.StringValue) ||
				!slices.Equal(got.BinaryValue, want.BinaryValue) {
				t.Errorf("attribute %s is %+v", name, got)
			}
		}
		if m.Attributes["AWSTraceHeader"] == "" || sent.MD5OfMessageSystemAttributes == nil {
			t.Error("the trace header is lost")
		}
		c.delete(queue, m)
	}
}

func TestReceive_ReturnsTheAttributesThatAreAskedFor(t *testing.T) {
	c := start(t)
	queue := c.create("jobs", nil)
	for _, test := range []struct{ ask, want []string }{
		{nil, nil}, {[]string{"a.x"}, []string{"a.x"}}, {[]string{"a.*"}, []string{"a.x", "a.y"}}, {[]string{".*"},
			[]string{"a.x", "a.y", "b"}},
	} {
		_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: queue, MessageBody: aws.String("body"),
			MessageAttributes: map[string]types.MessageAttributeValue{"a.x": text("1"), "a.y": text("2"), "b": text("3")},
		})
		c.must(err)
		out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue, MessageAttributeNames: test.ask})
		c.must(err)
		if got := slices.Sorted(maps.Keys(out.Messages[0].MessageAttributes)); !slices.Equal(got, test.want) {
			t.Errorf("asked for %q: got %q, want %q", test.ask, got, test.want)
		}
		if out.Messages[0].Attributes != nil {
			t.Error("system attributes that nobody asked for")
		}
		c.delete(queue, out.Messages[0])
	}
}

func TestSend_RefusesBadMessages(t *testing.T) {
	c := start(t)
	standard, fifo := c.create("jobs", map[string]string{"MaximumMessageSize": "1024"}), c.create("jobs.fifo", nil)
	large := c.create("large", nil)
	with := func(name string, v types.MessageAttributeValue) *sqs.SendMessageInput {
		return &sqs.SendMessageInput{QueueUrl: standard, MessageBody: aws.String("b"),
			MessageAttributes: map[string]types.MessageAttributeValue{name: v}}
	}
	many := &sqs.SendMessageInput{QueueUrl: standard, MessageBody: aws.String("b"),
		MessageAttributes: map[string]types.MessageAttributeValue{}}
	for i := range 11 {
		many.MessageAttributes[fmt.Sprint("a", i)] = text("v")
	}
	typed := func(kind, value string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String(kind), StringValue: aws.String(value)}
	}
	for name, test := range map[string]struct {
		in   *sqs.SendMessageInput
		code string
	}{
		"empty body": {&sqs.SendMessageInput{QueueUrl: standard, MessageBody: aws.String("")}, "MissingParameter"},
		"control character": {&sqs.SendMessageInput{QueueUrl: standard, MessageBody: aws.String("a\x01")},
			"InvalidMessageContents"},
		"noncharacter": {&sqs.SendMessageInput{QueueUrl: standard, MessageBody: aws.String("\uFFFE")},
			"InvalidMessageContents"},
		"too long for queue": {&sqs.SendMessageInput{QueueUrl: standard, MessageBody: aws.String(strings.Repeat("a", 1025))},
			"InvalidParameterValue"},
		"too long with attribute": {&sqs.SendMessageInput{QueueUrl: standard,
			MessageBody:       aws.String(strings.Repeat("a", 1015)),
			MessageAttributes: map[string]types.MessageAttributeValue{"abc": text("v")}}, "InvalidParameterValue"},
		"too long": {&sqs.SendMessageInput{QueueUrl: large, MessageBody: aws.String(strings.Repeat("a", 1<<20+1))},
			"InvalidParameterValue"},
		"delay": {&sqs.SendMessageInput{QueueUrl: standard, MessageBody: aws.String("b"), DelaySeconds: 901},
			"InvalidParameterValue"},
		"many attributes":    {many, "InvalidParameterValue"},
		"attribute name":     {with("a b", text("v")), "InvalidParameterValue"},
		"dots":               {with("a..b", text("v")), "InvalidParameterValue"},
		"reserved":           {with("Aws.b", text("v")), "InvalidParameterValue"},
		"attribute type":     {with("a", typed("Text", "v")), "InvalidParameterValue"},
		"no value":           {with("a", typed("String", "")), "InvalidParameterValue"},
		"string as binary":   {with("a", typed("Binary", "v")), "InvalidParameterValue"},
		"not a number":       {with("a", typed("Number", "NaN")), "InvalidParameterValue"},
		"39 digits":          {with("a", typed("Number", strings.Repeat("1", 39))), "InvalidParameterValue"},
		"large number":       {with("a", typed("Number.x", "1e127")), "InvalidParameterValue"},
		"attribute contents": {with("a", text("\x02")), "InvalidParameterValue"},
		"list value": {with("a", types.MessageAttributeValue{DataType: aws.String("String"),
			StringListValues: []string{"v"}}),
			"AWS.SimpleQueueService.UnsupportedOperation"},
		"dedup id of standard": {&sqs.SendMessageInput{QueueUrl: standard, MessageBody: aws.String("b"),
			MessageDeduplicationId: aws.String("d")},
			"InvalidParameterValue"},
		"no group": {&sqs.SendMessageInput{QueueUrl: fifo, MessageBody: aws.String("b"),
			MessageDeduplicationId: aws.String("d")},
			"MissingParameter"},
		"no dedup id": {&sqs.SendMessageInput{QueueUrl: fifo, MessageBody: aws.String("b"), MessageGroupId: aws.String("g")},
			"InvalidParameterValue"},
		"group's characters": {&sqs.SendMessageInput{QueueUrl: fifo, MessageBody: aws.String("b"),
			MessageGroupId:         aws.String("g h"),
			MessageDeduplicationId: aws.String("d")}, "InvalidParameterValue"},
		"delay of fifo": {&sqs.SendMessageInput{QueueUrl: fifo, MessageBody: aws.String("b"), MessageGroupId: aws.String("g"),
			MessageDeduplicationId: aws.String("d"), DelaySeconds: 1}, "InvalidParameterValue"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.SendMessage(t.Context(), test.in)
			cloud{t: t}.wantCode(err, test.code)
		})
	}
	for _, value := range []string{"0", "-1.5e-10", strings.Repeat("9", 38)} {
		_, err := c.SendMessage(t.Context(), with("a", typed("Number", value)))
		c.must(err)
	}
	c.send(standard, strings.Repeat("a", 1024))
	c.send(large, strings.Repeat("é", 1<<19))
	c.wantDepth(standard, 4, 0, 0)
	c.wantDepth(fifo, 0, 0, 0)
}

func TestVisibility_MessageIsRedeliveredAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs", map[string]string{"VisibilityTimeout": "10"})
		c.send(queue, "a")
		first := c.one(queue, 0)
		time.Sleep(10*time.Second - 1)
		c.wantBodies(queue)
		time.Sleep(time.Nanosecond)
		second := c.one(queue, 0)
		if second.Attributes["ApproximateReceiveCount"] != "2" || *second.ReceiptHandle == *first.ReceiptHandle ||
			second.Attributes["ApproximateFirstReceiveTimestamp"] != first.Attributes["ApproximateFirstReceiveTimestamp"] {
			t.Fatalf("second receive: %v", second.Attributes)
		}
		c.delete(queue, first) // an old handle: succeeds and deletes nothing
		c.wantCode(c.hide(queue, first, 5), "InvalidParameterValue")
		c.wantDepth(queue, 0, 1, 0)
		c.must(c.hide(queue, second, 100))
		time.Sleep(99 * time.Second)
		c.wantBodies(queue)
		c.must(c.hide(queue, second, 0))
		third := c.one(queue, 0)
		c.wantCode(c.hide(queue, third, 43_201), "InvalidParameterValue")
		time.Sleep(time.Second)
		c.wantCode(c.hide(queue, third, 43_200), "InvalidParameterValue") // 12 hours count from the receive
		time.Sleep(9 * time.Second)
		err := c.hide(queue, third, 5)
		var notInFlight *types.MessageNotInflight
		if !errors.As(err, &notInFlight) {
			t.Fatalf("visible again: %v", err)
		}
		c.delete(queue, third) // its timeout has passed, but nobody else has received it
		c.wantDepth(queue, 0, 0, 0)
		c.wantCode(c.hide(queue, third, 5), "InvalidParameterValue")
	})
}

func TestVisibility_OfOneReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs", nil)
		c.send(queue, "a")
		_, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue, VisibilityTimeout: 3})
		c.must(err)
		time.Sleep(3 * time.Second)
		c.wantBodies(queue, "a")
	})
}

func TestDelayAndRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs", map[string]string{"DelaySeconds": "5", "MessageRetentionPeriod": "60"})
		c.send(queue, "queue's delay")
		_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("its own"),
			DelaySeconds: 2})
		c.must(err)
		c.wantDepth(queue, 0, 0, 2)
		time.Sleep(2 * time.Second)
		c.wantDepth(queue, 1, 0, 1)
		c.wantBodies(queue, "its own")
		time.Sleep(3 * time.Second)
		c.wantBodies(queue, "queue's delay")
		time.Sleep(45 * time.Second) // both are visible again
		c.wantDepth(queue, 2, 0, 0)
		time.Sleep(10*time.Second - 1)
		c.wantDepth(queue, 2, 0, 0)
		time.Sleep(time.Nanosecond)
		c.wantDepth(queue, 0, 0, 0)
	})
}

func TestRedrive_MovesToTheDeadLetterQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		dead := c.create("dead", nil)
		queue := c.create("jobs", map[string]string{
			"VisibilityTimeout": "1", "RedrivePolicy": `{"deadLetterTargetArn":"` + arn + `dead","maxReceiveCount":"2"}`,
		})
		sent := c.send(queue, "poison")
		first := c.one(queue, 0)
		time.Sleep(time.Second)
		c.one(queue, 0)
		time.Sleep(time.Second)
		c.wantDepth(queue, 1, 0, 0) // it is moved by the next receive
		c.send(queue, "sound")
		c.wantBodies(queue, "sound")
		c.wantDepth(queue, 0, 1, 0)
		m := c.one(dead, 0)
		if *m.MessageId != *sent.MessageId || m.Attributes["SentTimestamp"] != first.Attributes["SentTimestamp"] ||
			m.Attributes["DeadLetterQueueSourceArn"] != arn+"jobs" || m.Attributes["ApproximateReceiveCount"] != "3" {
			t.Fatalf("in the dead letter queue: %+v", m)
		}
		sources, err := c.ListDeadLetterSourceQueues(t.Context(), &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: dead})
		c.must(err)
		if !slices.Equal(sources.QueueUrls, []string{*queue}) {
			t.Fatalf("sources %v", sources.QueueUrls)
		}
	})
}

func TestRedrive_WakesWhoWaitsAtTheDeadLetterQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		dead := c.create("dead.fifo", nil)
		queue := c.create("jobs.fifo", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + arn +
			`dead.fifo","maxReceiveCount":1}`})
		c.sendFIFO(queue, "g", "1")
		c.sendFIFO(queue, "g", "2")
		for _, m := range c.wantBodies(queue, "1", "2") {
			c.must(c.hide(queue, m, 0))
		}
		c.sendFIFO(queue, "g", "3")
		got := c.poll(dead, 20)
		began := time.Now()
		c.wantBodies(queue, "3")
		if b := <-got; len(b) == 0 || b[0] != "1" || time.Since(began) != 0 {
			t.Fatalf("received %q after %v", b, time.Since(began))
		}
	})
}

func TestRedrive_AgeGoesOnInStandardQueuesOnly(t *testing.T) {
	for suffix, kept := range map[string]int{"": 0, ".fifo": 1} {
		t.Run("dead"+suffix, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := start(t)
				dead := c.create("dead"+suffix, map[string]string{"MessageRetentionPeriod": "60"})
				queue := c.create("jobs"+suffix, map[string]string{
					"RedrivePolicy": `{"deadLetterTargetArn":"` + arn + "dead" + suffix + `","maxReceiveCount":1}`,
				})
				if suffix == "" {
					c.send(queue, "a")
				} else {
					c.sendFIFO(queue, "g", "a")
				}
				c.wantBodies(queue, "a")
				time.Sleep(50 * time.Second)
				c.wantBodies(queue)
				c.wantDepth(dead, 1, 0, 0)
				time.Sleep(10 * time.Second)
				c.wantDepth(dead, kept, 0, 0)
			})
		})
	}
}

func TestRedrivePolicy_IsChecked(t *testing.T) {
	c := start(t)
	queue := c.create("jobs", nil)
	c.create("dead.fifo", nil)
	c.create("dead", nil)
	for name, policy := range map[string]string{
		"no such queue": `{"deadLetterTargetArn":"` + arn + `nowhere","maxReceiveCount":1}`,
		"other region":  `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:123456789012:dead","maxReceiveCount":1}`,
		"other kind":    `{"deadLetterTargetArn":"` + arn + `dead.fifo","maxReceiveCount":1}`,
		"itself":        `{"deadLetterTargetArn":"` + arn + `jobs","maxReceiveCount":1}`,
		"count":         `{"deadLetterTargetArn":"` + arn + `dead","maxReceiveCount":1001}`,
		"no count":      `{"deadLetterTargetArn":"` + arn + `dead"}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: queue,
				Attributes: map[string]string{"RedrivePolicy": policy}})
			cloud{t: t}.wantCode(err, "InvalidParameterValue")
		})
	}
	set := func(policy string) {
		_, err := c.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
			QueueUrl: queue, Attributes: map[string]string{"RedrivePolicy": policy,
				"RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`},
		})
		c.must(err)
	}
	set(`{"deadLetterTargetArn":"` + arn + `dead","maxReceiveCount":1000}`)
	if a := c.attributes(queue); a["RedrivePolicy"] == "" || a["RedriveAllowPolicy"] != `{"redrivePermission":"denyAll"}` {
		t.Fatalf("policies are not kept: %v", a)
	}
	set("")
	if _, has := c.attributes(queue)["RedrivePolicy"]; has {
		t.Fatal("the policy is not removed")
	}
}

func TestLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs", map[string]string{"ReceiveMessageWaitTimeSeconds": "7", "VisibilityTimeout": "6"})
		// waits runs a receive while something happens, and returns what it got and how long that took.
		waits := func(seconds int32, happens func()) ([]string, time.Duration) {
			t.Helper()
			began, polled := time.Now(), c.poll(queue, seconds)
			happens()
			return <-polled, time.Since(began)
		}
		check := func(got []string, after time.Duration, want []string, wantAfter time.Duration) {
			t.Helper()
			if !slices.Equal(got, want) || after != wantAfter {
				t.Fatalf("received %q after %v, want %q after %v", got, after, want, wantAfter)
			}
		}
		got, after := waits(20, func() {})
		check(got, after, nil, 20*time.Second)
		got, after = waits(0, func() {}) // the queue's default
		check(got, after, nil, 7*time.Second)
		got, after = waits(20, func() { time.Sleep(3 * time.Second); c.send(queue, "a") })
		check(got, after, []string{"a"}, 3*time.Second)
		got, after = waits(20, func() {}) // until its visibility timeout has passed
		check(got, after, []string{"a"}, 6*time.Second)
		time.Sleep(6 * time.Second)
		m := c.one(queue, 1)
		got, after = waits(20, func() { time.Sleep(time.Second); c.must(c.hide(queue, m, 0)) })
		check(got, after, []string{"a"}, time.Second)
		time.Sleep(6 * time.Second)
		m = c.one(queue, 1)
		c.must(c.hide(queue, m, 1000))
		got, after = waits(20, func() { c.must(c.hide(queue, m, 2)) }) // sooner than the receiver thought
		check(got, after, []string{"a"}, 2*time.Second)
		got, after = waits(20, func() {
			_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("late"),
				DelaySeconds: 4})
			c.must(err)
		})
		check(got, after, []string{"late"}, 4*time.Second)
	})
}

func TestLongPoll_EndsWithItsRequestAndItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs", nil)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue, WaitTimeSeconds: 20})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		synctest.Wait()
		c.send(queue, "a")
		c.wantDepth(queue, 1, 0, 0) // the one who left did not take it
		c.delete(queue, c.one(queue, 0))

		failed := make(chan error)
		go func() {
			_, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue, WaitTimeSeconds: 20})
			failed <- err
		}()
		synctest.Wait()
		_, err = c.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: queue})
		c.must(err)
		var gone *types.QueueDoesNotExist
		if err := <-failed; !errors.As(err, &gone) {
			t.Fatal(err)
		}
	})
}

func TestLongPoll_EachMessageWakesOneOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs", nil)
		var group sync.WaitGroup
		got := make(chan string, 5)
		for range 5 {
			group.Go(func() {
				out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue, WaitTimeSeconds: 20})
				if err != nil || len(out.Messages) != 1 {
					t.Errorf("received %v, %v", out, err)
					return
				}
				got <- *out.Messages[0].Body
			})
		}
		synctest.Wait()
		began := time.Now()
		for i := range 5 {
			c.send(queue, strconv.Itoa(i))
		}
		group.Wait()
		close(got)
		all := slices.Sorted(func(yield func(string) bool) {
			for body := range got {
				if !yield(body) {
					return
				}
			}
		})
		if !slices.Equal(all, []string{"0", "1", "2", "3", "4"}) || time.Since(began) != 0 {
			t.Fatalf("received %q after %v", all, time.Since(began))
		}
	})
}

func TestBatches_FailInPart(t *testing.T) {
	c := start(t)
	queue := c.create("jobs", map[string]string{"MaximumMessageSize": "1024"})
	sent, err := c.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: queue,
		Entries: []types.SendMessageBatchRequestEntry{
			{Id: aws.String("good"), MessageBody: aws.String("a"), MessageAttributes: map[string]types.MessageAttributeValue{
				"n": text("v")}},
			{Id: aws.String("bad"), MessageBody: aws.String("\x00")},
			{Id: aws.String("long"), MessageBody: aws.String(strings.Repeat("a", 1025))},
			{Id: aws.String("good-2"), MessageBody: aws.String("b")},
		}})
	c.must(err)
	if len(sent.Successful) != 2 || *sent.Successful[0].Id != "good" || *sent.Successful[1].Id != "good-2" ||
		sent.Successful[0].MD5OfMessageAttributes == nil {
		t.Fatalf("sent %+v", sent.Successful)
	}
	if f := sent.Failed; len(f) != 2 || *f[0].Id != "bad" || *f[0].Code != "InvalidMessageContents" || !f[0].SenderFault ||
		*f[1].Id != "long" || *f[1].Code != "InvalidParameterValue" {
		t.Fatalf("failed %+v", f)
	}
	m := c.wantBodies(queue, "a", "b")
	changed, err := c.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{
		QueueUrl: queue, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
			{Id: aws.String("0"), ReceiptHandle: m[0].ReceiptHandle, VisibilityTimeout: 0},
			{Id: aws.String("1"), ReceiptHandle: m[1].ReceiptHandle, VisibilityTimeout: -1},
		},
	})
	c.must(err)
	if len(changed.Successful) != 1 || *changed.Successful[0].Id != "0" || len(changed.Failed) != 1 ||
		*changed.Failed[0].Code != "InvalidParameterValue" {
		t.Fatalf("changed %+v", changed)
	}
	c.wantDepth(queue, 1, 1, 0)
	deleted, err := c.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: queue,
		Entries: []types.DeleteMessageBatchRequestEntry{
			{Id: aws.String("0"), ReceiptHandle: aws.String("nonsense")}, {Id: aws.String("1"),
				ReceiptHandle: m[1].ReceiptHandle},
		}})
	c.must(err)
	if len(deleted.Successful) != 1 || *deleted.Successful[0].Id != "1" || len(deleted.Failed) != 1 ||
		*deleted.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Fatalf("deleted %+v", deleted)
	}
	c.wantDepth(queue, 1, 0, 0)
}

func TestBatches_AreRefusedAsAWhole(t *testing.T) {
	c := start(t)
	queue := c.create("jobs", nil)
	entries := func(size int, ids ...string) []types.SendMessageBatchRequestEntry {
		all := []types.SendMessageBatchRequestEntry{}
		for _, id := range ids {
			all = append(all, types.SendMessageBatchRequestEntry{Id: aws.String(id),
				MessageBody: aws.String(strings.Repeat("a", size))})
		}
		return all
	}
	send := func(e []types.SendMessageBatchRequestEntry) error {
		_, err := c.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: queue, Entries: e})
		return err
	}
	var (
		empty    *types.EmptyBatchRequest
		many     *types.TooManyEntriesInBatchRequest
		twice    *types.BatchEntryIdsNotDistinct
		malNamed *types.InvalidBatchEntryId
		long     *types.BatchRequestTooLong
	)
	if err := send(entries(1)); !errors.As(err, &empty) {
		t.Error("no entries:", err)
	}
	if err := send(entries(1, strings.Split("a b c d e f g h i j k", " ")...)); !errors.As(err, &many) {
		t.Error("eleven entries:", err)
	}
	if err := send(entries(1, "a", "a")); !errors.As(err, &twice) {
		t.Error("the same twice:", err)
	}
	for _, id := range []string{"a.b", "", strings.Repeat("a", 81)} {
		if err := send(entries(1, id)); !errors.As(err, &malNamed) {
			t.Error("identifier:", id, err)
		}
	}
	if err := send(entries(1<<19+1, "a", "b")); !errors.As(err, &long) {
		t.Error("more than a MiB:", err)
	}
	c.wantDepth(queue, 0, 0, 0)
	c.must(send(entries(1<<19, "a", "b")))
	c.must(send(entries(1, strings.Split("a b c d e f g h i j", " ")...)))
	c.wantDepth(queue, 12, 0, 0)
}

func TestFIFO_OrderAndClosedGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs.fifo", map[string]string{"VisibilityTimeout": "10"})
		var numbers []string
		for i := range 12 {
			numbers = append(numbers, *c.sendFIFO(queue, "a", "a"+strconv.Itoa(i)).SequenceNumber)
		}
		c.sendFIFO(queue, "b", "b0")
		if !slices.IsSorted(numbers) || len(slices.Compact(numbers)) != 12 {
			t.Fatalf("sequence numbers %v", numbers)
		}
		first := c.wantBodies(queue, "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9")
		if a := first[0].Attributes; a["MessageGroupId"] != "a" || a["MessageDeduplicationId"] != "a0" ||
			a["SequenceNumber"] != numbers[0] {
			t.Fatalf("attributes %v", a)
		}
		c.wantBodies(queue, "b0") // group a is closed
		c.wantDepth(queue, 2, 11, 0)
		for _, m := range first[:9] {
			c.delete(queue, m)
		}
		c.wantBodies(queue) // a9 is still in flight
		c.must(c.hide(queue, first[9], 0))
		again := c.wantBodies(queue, "a9", "a10", "a11") // in the old order
		time.Sleep(10 * time.Second)
		c.wantBodies(queue, "a9", "a10", "a11", "b0")
		_, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: queue,
			ReceiptHandle: again[0].ReceiptHandle})
		c.wantCode(err, "InvalidParameterValue") // the handle has expired
		time.Sleep(10 * time.Second)
		for _, m := range c.wantBodies(queue, "a9", "a10", "a11", "b0") {
			c.delete(queue, m)
		}
		c.wantDepth(queue, 0, 0, 0)
	})
}

func TestFIFO_OrderIsKeptWhateverBecomesVisibleFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs.fifo", nil)
		for _, body := range []string{"1", "2", "3"} {
			c.sendFIFO(queue, "g", body)
		}
		for i, m := range c.wantBodies(queue, "1", "2", "3") {
			c.must(c.hide(queue, m, int32(3-i)))
		}
		time.Sleep(2 * time.Second)
		c.wantBodies(queue)
		time.Sleep(time.Second)
		c.wantBodies(queue, "1", "2", "3")
	})
}

func TestFIFO_DeleteOpensTheGroupToWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs.fifo", nil)
		c.sendFIFO(queue, "g", "1")
		m := c.one(queue, 0)
		c.sendFIFO(queue, "g", "2")
		got := c.poll(queue, 20)
		began := time.Now()
		c.delete(queue, m)
		if b := <-got; !slices.Equal(b, []string{"2"}) || time.Since(began) != 0 {
			t.Fatalf("received %q after %v", b, time.Since(began))
		}
	})
}

func TestFIFO_DelayOfTheQueueIsRetroactive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs.fifo", nil)
		delay := func(seconds string) {
			t.Helper()
			_, err := c.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: queue,
				Attributes: map[string]string{"DelaySeconds": seconds}})
			c.must(err)
		}
		c.sendFIFO(queue, "other", "0")
		c.wantBodies(queue, "0")
		delay("100")
		c.sendFIFO(queue, "g", "1")
		c.wantDepth(queue, 0, 1, 1)
		delay("1")
		time.Sleep(time.Second)
		c.sendFIFO(queue, "g", "2")
		c.wantBodies(queue, "1") // or 2 would overtake it
		c.wantDepth(queue, 0, 2, 1)
	})
}

func TestFIFO_Deduplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs.fifo", map[string]string{"ContentBasedDeduplication": "true"})
		byContent := func(group, body string) *sqs.SendMessageOutput {
			t.Helper()
			out, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String(body),
				MessageGroupId: aws.String(group)})
			c.must(err)
			return out
		}
		first, duplicate := byContent("g", "same"), byContent("h", "same")
		if *first.MessageId != *duplicate.MessageId || *first.SequenceNumber != *duplicate.SequenceNumber {
			t.Fatalf("duplicate is %s, want %s", *duplicate.MessageId, *first.MessageId)
		}
		byContent("g", "other")
		for _, m := range c.wantBodies(queue, "same", "other") {
			c.delete(queue, m)
		}
		time.Sleep(5*time.Minute - 1)
		byContent("g", "same") // remembered though it was deleted
		c.wantDepth(queue, 0, 0, 0)
		time.Sleep(time.Nanosecond)
		byContent("g", "same")
		c.wantDepth(queue, 1, 0, 0)

		perGroup := c.create("groups.fifo", map[string]string{"DeduplicationScope": "messageGroup",
			"FifoThroughputLimit": "perMessageGroupId"})
		c.sendFIFO(perGroup, "g", "1")
		c.sendFIFO(perGroup, "g", "1")
		c.sendFIFO(perGroup, "h", "1")
		c.wantDepth(perGroup, 2, 0, 0)
	})
}

func TestHandles_ThatAreWrong(t *testing.T) {
	c := start(t)
	queue, other := c.create("jobs", nil), c.create("other", nil)
	c.send(other, "a")
	foreign := c.one(other, 0)
	for _, handle := range []string{"nonsense", "!", aws.ToString(foreign.ReceiptHandle)} {
		_, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: aws.String(handle)})
		var wrong *types.ReceiptHandleIsInvalid
		if !errors.As(err, &wrong) {
			t.Errorf("delete %q: %v", handle, err)
		}
		if err := c.hide(queue, types.Message{ReceiptHandle: aws.String(handle)}, 1); !errors.As(err, &wrong) {
			t.Errorf("change %q: %v", handle, err)
		}
	}
	c.wantDepth(other, 0, 1, 0)
}

func TestReceive_RefusesParametersOutOfRange(t *testing.T) {
	c := start(t)
	queue := c.create("jobs", nil)
	for _, in := range []*sqs.ReceiveMessageInput{
		{MaxNumberOfMessages: 11}, {MaxNumberOfMessages: -1}, {WaitTimeSeconds: 21}, {VisibilityTimeout: 43_201},
	} {
		in.QueueUrl = queue
		_, err := c.ReceiveMessage(t.Context(), in)
		c.wantCode(err, "InvalidParameterValue")
	}
	_, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"Colour"}})
	c.wantCode(err, "InvalidAttributeName") // the client has no type of it for this operation
	_, err = c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue,
		ReceiveRequestAttemptId: aws.String("a")})
	var unsupported *types.UnsupportedOperation
	if !errors.As(err, &unsupported) {
		t.Fatal(err)
	}
}

func TestCreateQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs", map[string]string{"VisibilityTimeout": "7"})
		if again := c.create("jobs", map[string]string{"VisibilityTimeout": "7"}); *again != *queue {
			t.Fatalf("the same queue is %s, then %s", *queue, *again)
		}
		try := func(name string, attributes map[string]string) error {
			_, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name), Attributes: attributes})
			return err
		}
		var exists *types.QueueNameExists
		if err := try("jobs", map[string]string{"VisibilityTimeout": "8"}); !errors.As(err, &exists) {
			t.Fatal(err)
		}
		c.wantCode(try("jobs.fifo", nil), "InvalidParameterValue")
		c.wantCode(try("jobs", map[string]string{"FifoQueue": "true"}), "InvalidParameterValue")
		c.wantCode(try("a b", nil), "InvalidParameterValue")
		c.wantCode(try(strings.Repeat("a", 81), nil), "InvalidParameterValue")
		c.wantCode(try("x", map[string]string{"Colour": "red"}), "InvalidAttributeName")
		c.wantCode(try("x", map[string]string{"QueueArn": "a"}), "InvalidAttributeName")
		c.wantCode(try("x", map[string]string{"ContentBasedDeduplication": "true"}), "InvalidAttributeName")
		for _, bad := range []map[string]string{
			{"DelaySeconds": "901"}, {"DelaySeconds": "one"}, {"MaximumMessageSize": "1048577"},
			{"MessageRetentionPeriod": "59"},
			{"ReceiveMessageWaitTimeSeconds": "21"}, {"VisibilityTimeout": "-1"}, {"Policy": "{"},
			{"SqsManagedSseEnabled": "yes"},
		} {
			var value *types.InvalidAttributeValue
			if err := try("x", bad); !errors.As(err, &value) {
				t.Errorf("%v: %v", bad, err)
			}
		}
		c.wantCode(try("x.fifo", map[string]string{"FifoQueue": "true", "FifoThroughputLimit": "perMessageGroupId"}),
			"InvalidAttributeValue")

		_, err := c.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: queue})
		c.must(err)
		var recently *types.QueueDeletedRecently
		if err := try("jobs", nil); !errors.As(err, &recently) {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		c.must(try("jobs", nil))
		if c.attributes(queue)["VisibilityTimeout"] != "30" {
			t.Fatal("the new queue has the old one's attributes")
		}
	})
}

func TestQueueAttributes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs", nil)
		created := strconv.FormatInt(time.Now().Unix(), 10)
		time.Sleep(time.Second)
		_, err := c.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: queue,
			Attributes: map[string]string{"DelaySeconds": "3"}})
		c.must(err)
		want := map[string]string{
			"QueueArn": arn + "jobs", "CreatedTimestamp": created, "LastModifiedTimestamp": strconv.FormatInt(time.Now().Unix(),
				10),
			"DelaySeconds": "3", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600",
			"ReceiveMessageWaitTimeSeconds": "0",
			"VisibilityTimeout":             "30", "SqsManagedSseEnabled": "true", "ApproximateNumberOfMessages": "0",
			"ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0",
		}
		if got := c.attributes(queue); !maps.Equal(got, want) {
			t.Fatalf("attributes %v, want %v", got, want)
		}
		get := func(names ...types.QueueAttributeName) (map[string]string, error) {
			out, err := c.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: queue, AttributeNames: names})
			if err != nil {
				return nil, err
			}
			return out.Attributes, nil
		}
		some, err := get("QueueArn", "Policy")
		if err != nil || !maps.Equal(some, map[string]string{"QueueArn": arn + "jobs"}) {
			t.Fatalf("some attributes: %v, %v", some, err)
		}
		if none, err := get(); err != nil || len(none) != 0 {
			t.Fatalf("no attributes: %v, %v", none, err)
		}
		_, err = get("Colour")
		c.wantCode(err, "InvalidAttributeName")
		// All of a change or nothing.
		_, err = c.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
			QueueUrl: queue, Attributes: map[string]string{"DelaySeconds": "4", "VisibilityTimeout": "x"},
		})
		c.wantCode(err, "InvalidAttributeValue")
		if got := c.attributes(queue); !maps.Equal(got, want) {
			t.Fatalf("attributes %v, want %v", got, want)
		}
		fifo := c.create("jobs.fifo", nil)
		if a := c.attributes(fifo); a["FifoQueue"] != "true" || a["DeduplicationScope"] != "queue" ||
			a["FifoThroughputLimit"] != "perQueue" || a["ContentBasedDeduplication"] != "false" {
			t.Fatalf("attributes %v", a)
		}
	})
}

func TestPurge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue := c.create("jobs.fifo", nil)
		purge := func() error {
			_, err := c.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: queue})
			return err
		}
		c.sendFIFO(queue, "g", "1")
		m := c.one(queue, 0)
		c.sendFIFO(queue, "g", "2")
		c.must(purge())
		c.wantDepth(queue, 0, 0, 0)
		c.delete(queue, m)
		c.sendFIFO(queue, "g", "3")
		c.wantBodies(queue, "3")
		var again *types.PurgeQueueInProgress
		if err := purge(); !errors.As(err, &again) {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		c.must(purge())
	})
}

func TestListQueues_InPages(t *testing.T) {
	c := start(t)
	for _, name := range []string{"b-2", "a-1", "b-3", "b-1"} {
		c.create(name, nil)
	}
	var pages [][]string
	p := sqs.NewListQueuesPaginator(c.Client, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("b-"),
		MaxResults: aws.Int32(2)})
	for p.HasMorePages() {
		out, err := p.NextPage(t.Context())
		c.must(err)
		var names []string
		for _, address := range out.QueueUrls {
			names = append(names, address[strings.LastIndex(address, "/")+1:])
		}
		pages = append(pages, names)
	}
	if want := [][]string{{"b-1", "b-2"}, {"b-3"}}; fmt.Sprint(pages) != fmt.Sprint(want) {
		t.Fatalf("pages %v, want %v", pages, want)
	}
	all, err := c.ListQueues(t.Context(), &sqs.ListQueuesInput{})
	c.must(err)
	if len(all.QueueUrls) != 4 || all.NextToken != nil {
		t.Fatalf("all queues: %v", all)
	}
	for _, in := range []*sqs.ListQueuesInput{{MaxResults: aws.Int32(0)}, {MaxResults: aws.Int32(1001)},
		{NextToken: aws.String("!")}} {
		_, err := c.ListQueues(t.Context(), in)
		c.wantCode(err, "InvalidParameterValue")
	}
	found, err := c.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("a-1")})
	c.must(err)
	if *found.QueueUrl != all.QueueUrls[0] {
		t.Fatalf("found %s", *found.QueueUrl)
	}
}

func TestTags(t *testing.T) {
	c := start(t)
	out, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("jobs"),
		Tags: map[string]string{"a": "1", "b": "2"}})
	c.must(err)
	_, err = c.TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: out.QueueUrl, Tags: map[string]string{"b": "3",
		"c": ""}})
	c.must(err)
	_, err = c.UntagQueue(t.Context(), &sqs.UntagQueueInput{QueueUrl: out.QueueUrl, TagKeys: []string{"a"}})
	c.must(err)
	tags, err := c.ListQueueTags(t.Context(), &sqs.ListQueueTagsInput{QueueUrl: out.QueueUrl})
	c.must(err)
	if !maps.Equal(tags.Tags, map[string]string{"b": "3", "c": ""}) {
		t.Fatalf("tags %v", tags.Tags)
	}
	_, err = c.TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: out.QueueUrl, Tags: map[string]string{"aws:x": "1"}})
	c.wantCode(err, "InvalidParameterValue")
}

func TestErrors_AreTyped(t *testing.T) {
	c := start(t)
	nowhere := aws.String("http://127.0.0.1:8000/sqs/123456789012/nowhere")
	_, sent := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: nowhere, MessageBody: aws.String("a")})
	_, received := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: nowhere})
	_, found := c.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("nowhere")})
	for _, err := range []error{sent, received, found} {
		var gone *types.QueueDoesNotExist
		if !errors.As(err, &gone) || gone.ErrorCode() != "AWS.SimpleQueueService.NonExistentQueue" ||
			gone.ErrorMessage() == "" {
			t.Errorf("error %v", err)
		}
	}
	_, err := c.AddPermission(t.Context(), &sqs.AddPermissionInput{QueueUrl: nowhere, Label: aws.String("l"),
		AWSAccountIds: []string{"123456789012"}, Actions: []string{"SendMessage"}})
	var unsupported *types.UnsupportedOperation
	if !errors.As(err, &unsupported) || !strings.Contains(unsupported.ErrorMessage(), "AddPermission") {
		t.Errorf("error %v", err)
	}
}

// post sends a request as it is on the wire.
func post(engine http.Handler, operation, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, r)
	return w
}

func TestWire_Errors(t *testing.T) {
	for _, test := range []struct{ operation, body, shape, query string }{
		{"GetQueueUrl", `{"QueueName":"x"}`, "com.amazonaws.sqs#QueueDoesNotExist",
			"AWS.SimpleQueueService.NonExistentQueue;Sender"},
		{"DeleteQueue", `{}`, "com.amazon.coral.service#MissingRequiredParameterException", "MissingParameter;Sender"},
		{"AddPermission", `{}`, "com.amazonaws.sqs#UnsupportedOperation",
			"AWS.SimpleQueueService.UnsupportedOperation;Sender"},
		{"ListQueues", `{"MaxResults":"many"}`, "com.amazon.coral.service#SerializationException",
			"SerializationException;Sender"},
		{"ListQueues", "{\"QueueNamePrefix\":\"\xff\"}", "com.amazon.coral.service#SerializationException",
			"SerializationException;Sender"},
		{"ListQueues", `{`, "com.amazon.coral.service#SerializationException", "SerializationException;Sender"},
	} {
		w := post(newEngine(), test.operation, test.body)
		var answer struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if err := json.NewDecoder(w.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusBadRequest || answer.Type != test.shape || answer.Message == "" ||
			w.Header().Get("x-amzn-query-error") != test.query ||
			w.Header().Get("Content-Type") != "application/x-amz-json-1.0" {
			t.Errorf("%s %s: %d %v %+v", test.operation, test.body, w.Code, w.Header(), answer)
		}
	}
}

func TestInFlight_IsLimited(t *testing.T) {
	for _, name := range []string{"jobs", "jobs.fifo"} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { fillInFlight(t, name) }) })
	}
}

func fillInFlight(t *testing.T, name string) {
	engine, fifo := newEngine(), strings.HasSuffix(name, ".fifo")
	attributes, body := `{}`, func(i, j int) string { return fmt.Sprintf(`{"Id":"%d","MessageBody":"m"}`, j) }
	if fifo {
		attributes = `{"FifoQueue":"true"}`
		body = func(i, j int) string {
			return fmt.Sprintf(`{"Id":"%d","MessageBody":"m","MessageGroupId":"%d","MessageDeduplicationId":"%d-%d"}`, j, i, i,
				j)
		}
	}
	do := func(operation, in string) string {
		t.Helper()
		w := post(engine, operation, in)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %s", operation, w.Body)
		}
		out, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	do("CreateQueue", `{"QueueName":"`+name+`","Attributes":`+attributes+`}`)
	var last string
	for i := range 12_001 {
		var entries []string
		for j := range 10 {
			entries = append(entries, body(i, j))
		}
		do("SendMessageBatch", `{"QueueUrl":"`+name+`","Entries":[`+strings.Join(entries, ",")+`]}`)
		if i < 12_000 {
			last = do("ReceiveMessage", `{"QueueUrl":"`+name+`","MaxNumberOfMessages":10,"VisibilityTimeout":43200}`)
		}
	}
	full := post(engine, "ReceiveMessage", `{"QueueUrl":"`+name+`"}`)
	if fifo && (full.Code != http.StatusOK || strings.TrimSpace(full.Body.String()) != "{}") {
		t.Fatalf("a full FIFO queue: %d %s", full.Code, full.Body)
	}
	if !fifo && full.Header().Get("X-Amzn-Query-Error") != "OverLimit;Sender" {
		t.Fatalf("a full queue: %d %s", full.Code, full.Body)
	}
	var out sqs.ReceiveMessageOutput
	if err := json.Unmarshal([]byte(last), &out); err != nil || len(out.Messages) != 10 {
		t.Fatalf("the last receive: %s", last)
	}
	next := make(chan string, 1)
	go func() {
		next <- post(engine, "ReceiveMessage", `{"QueueUrl":"`+name+
			`","MaxNumberOfMessages":10,"WaitTimeSeconds":20}`).Body.String()
	}()
	synctest.Wait()
	began := time.Now()
	do("DeleteMessage", `{"QueueUrl":"`+name+`","ReceiptHandle":"`+*out.Messages[0].ReceiptHandle+`"}`)
	if got := <-next; strings.Count(got, `"MessageId"`) != 1 || time.Since(began) != 0 {
		t.Fatalf("room for one, after %v: %s", time.Since(began), got)
	}
}

func TestConcurrency_EachMessageGoesToOneReceiver(t *testing.T) {
	const messages, receivers = 2000, 8
	for _, name := range []string{"jobs", "jobs.fifo"} {
		t.Run(name, func(t *testing.T) {
			c := start(t)
			queue := c.create(name, map[string]string{"VisibilityTimeout": "43200"})
			var mu sync.Mutex
			times, order := map[string]int{}, map[string][]int{} // by body, and by group
			ctx, enough := context.WithCancel(t.Context())
			defer enough()
			var group sync.WaitGroup
			for range receivers {
				group.Go(func() {
					for {
						out, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
							QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 20,
							MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
						})
						if ctx.Err() != nil {
							return
						}
						if err != nil {
							t.Error(err)
							enough()
							return
						}
						for i, m := range out.Messages {
							number, _ := strconv.Atoi(*m.Body) // only numbers are sent
							mu.Lock()
							times[*m.Body]++
							order[m.Attributes["MessageGroupId"]] = append(order[m.Attributes["MessageGroupId"]], number)
							all := len(times) == messages
							mu.Unlock()
							if all {
								enough()
								return
							}
							if i%2 == 0 || strings.HasSuffix(name, ".fifo") { // the others stay in flight
								if _, err := c.DeleteMessage(context.WithoutCancel(ctx), &sqs.DeleteMessageInput{QueueUrl: queue,
									ReceiptHandle: m.ReceiptHandle}); err != nil {
									t.Error(err)
								}
							}
						}
					}
				})
			}
			for i := range messages {
				if body := strconv.Itoa(i); strings.HasSuffix(name, ".fifo") {
					c.sendFIFO(queue, strconv.Itoa(i%20), body)
				} else {
					c.send(queue, body)
				}
			}
			group.Wait()
			if len(times) != messages {
				t.Fatalf("%d of %d messages were received", len(times), messages)
			}
			for body, n := range times {
				if n != 1 {
					t.Errorf("message %s was received %d times", body, n)
				}
			}
			for g, numbers := range order {
				if strings.HasSuffix(name, ".fifo") && !slices.IsSorted(numbers) {
					t.Errorf("group %s was received in the order %v", g, numbers)
				}
			}
		})
	}
}
