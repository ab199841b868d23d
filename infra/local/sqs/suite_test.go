package sqs_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"
)

// The tests named TestSuite_ ask the same of two engines: this one, or the one at AWS_ENDPOINT_URL_SQS (ElasticMQ in
// CI). What they ask holds for both, except in the table of differences.

// engineCloud is a client of the engine that the suite runs on.
type engineCloud struct {
	cloud
	independent bool
}

// suite runs a test: on this engine in simulated time, on another in real time and beside the suite's other tests.
func suite(t *testing.T, test func(t *testing.T, c engineCloud)) {
	t.Helper()
	endpoint := os.Getenv("AWS_ENDPOINT_URL_SQS")
	if endpoint == "" {
		synctest.Test(t, func(t *testing.T) { test(t, engineCloud{cloud: start(t)}) })
		return
	}
	t.Parallel()
	test(t, engineCloud{independent: true, cloud: cloud{t: t, Client: sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(endpoint), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})}})
}

// queue makes a queue whose name no other has, and returns its URL and ARN.
func (c engineCloud) queue(suffix string, attributes map[string]string) (url *string, arn string) {
	c.t.Helper()
	url = c.create("suite-"+uuid.NewString()+suffix, attributes)
	return url, c.attributes(url)["QueueArn"]
}

// code is the error's code, or "none". The engines spell it as the older protocol did, or as a shape of the model.
func code(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return "none"
	case !errors.As(err, &api):
		return err.Error()
	}
	name := api.ErrorCode()
	name = strings.TrimPrefix(name[strings.LastIndexByte(name, '#')+1:], "AWS.SimpleQueueService.")
	return strings.Replace(name, "QueueAlreadyExists", "QueueNameExists", 1)
}

// refuses compares an error's code with that of both engines.
func (c engineCloud) refuses(what string, err error, want string) {
	c.t.Helper()
	if got := code(err); got != want {
		c.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// difference is what each engine answers, and AWS's page that decides.
type difference struct{ embedded, elasticMQ, page string }

// differences are all that the engines answer differently in the suite.
func differences() map[string]difference {
	const api = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/"
	const guide = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
	return map[string]difference{
		"attribute MessageRetentionPeriod, unless set": {"345600", "", api + "API_GetQueueAttributes.html"},
		"attribute MaximumMessageSize, unless set":     {"1048576", "", api + "API_GetQueueAttributes.html"},
		"CreateQueue right after DeleteQueue":          {"QueueDeletedRecently", "none", api + "API_DeleteQueue.html"},
		"PurgeQueue twice in a minute":                 {"PurgeQueueInProgress", "none", api + "API_PurgeQueue.html"},
		"ReceiveMessage for a.*":                       {"a.x a.y", "", api + "API_ReceiveMessage.html"},
		"DeleteMessage, twice":                         {"none", "ReceiptHandleIsInvalid", api + "API_DeleteMessage.html"},
		"DeleteMessage with an older handle":           {"none", "ReceiptHandleIsInvalid", api + "API_DeleteMessage.html"},
		"DeleteMessage with an older handle, FIFO": {"InvalidParameterValue", "ReceiptHandleIsInvalid",
			api + "API_DeleteMessage.html"},
		"ChangeMessageVisibility of what is deleted": {"InvalidParameterValue", "ReceiptHandleIsInvalid",
			guide + "sqs-visibility-timeout.html"},
		"a batch without entries":       {"EmptyBatchRequest", "none", api + "API_SendMessageBatch.html"},
		"a batch entry's Id with a dot": {"InvalidBatchEntryId", "none", api + "API_SendMessageBatchRequestEntry.html"},
		"a control character":           {"InvalidMessageContents", "InvalidAttributeValue", api + "API_SendMessage.html"},
		"more than a MiB":               {"InvalidParameterValue", "InvalidAttributeValue", api + "API_SendMessage.html"},
		"MaxNumberOfMessages 11":        {"InvalidParameterValue", "InvalidAttributeValue", api + "API_ReceiveMessage.html"},
		"WaitTimeSeconds 21":            {"InvalidParameterValue", "InvalidAttributeValue", api + "API_ReceiveMessage.html"},
		"VisibilityTimeout 43201":       {"InvalidParameterValue", "none", api + "API_ReceiveMessage.html"},
		"ApproximateNumberOfMessagesToMove, when three were moved": {"3", "0",
			api + "API_ListMessageMoveTasksResultEntry.html"},
		"DeduplicationScope messageGroup": {"2", "1", api + "API_SetQueueAttributes.html"},
	}
}

// differs compares an answer with the engine's own.
func (c engineCloud) differs(what, got string) {
	c.t.Helper()
	d, ok := differences()[what]
	if known := c.independent && got == d.elasticMQ; !ok || got != d.embedded && !known {
		c.t.Errorf("%s: %s, want %s (AWS decides: %s)", what, got, d.embedded, d.page)
	}
}

func TestSuite_SendReceiveDelete(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		queue, _ := c.queue("", nil)
		attributes := map[string]types.MessageAttributeValue{
			"text": text("ü"), "number": {DataType: aws.String("Number.x"), StringValue: aws.String("1.5")},
			"bytes": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 255}},
		}
		before := time.Now()
		sent, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("héllo <&> 𝄞"),
			MessageAttributes: attributes})
		c.must(err)
		m := c.one(queue, 20)
		if *m.MessageId != *sent.MessageId || *m.Body != "héllo <&> 𝄞" || *m.MD5OfBody != *sent.MD5OfMessageBody ||
			*m.MD5OfMessageAttributes != *sent.MD5OfMessageAttributes || *m.ReceiptHandle == "" {
			t.Fatalf("received %+v", m)
		}
		for name, want := range attributes {
			got := m.MessageAttributes[name]
			if *got.DataType != *want.DataType || aws.ToString(got.StringValue) != aws.ToString(want.StringValue) ||
				!slices.Equal(got.BinaryValue, want.BinaryValue) {
				t.Errorf("attribute %s is %+v", name, got)
			}
		}
		sentAt, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64)
		first, err2 := strconv.ParseInt(m.Attributes["ApproximateFirstReceiveTimestamp"], 10, 64)
		if err != nil || err2 != nil || sentAt < before.UnixMilli() || first < sentAt ||
			m.Attributes["ApproximateReceiveCount"] != "1" ||
			m.Attributes["SenderId"] == "" {
			t.Errorf("system attributes %v", m.Attributes)
		}
		c.wantDepth(queue, 0, 1, 0)
		c.wantBodies(queue)
		c.delete(queue, m)
		c.wantDepth(queue, 0, 0, 0)
		_, err = c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: m.ReceiptHandle})
		c.differs("DeleteMessage, twice", code(err))
	})
}

func TestSuite_AttributesThatAreAskedFor(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		queue, _ := c.queue("", nil)
		for _, test := range []struct{ ask, want []string }{
			{nil, nil}, {[]string{"a.x"}, []string{"a.x"}}, {[]string{"a.x", "b"}, []string{"a.x", "b"}}, {[]string{"a.*"}, nil},
			{[]string{"All"}, []string{"a.x", "a.y", "b"}},
		} {
			_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("body"),
				MessageAttributes: map[string]types.MessageAttributeValue{"a.x": text("1"), "a.y": text("2"), "b": text("3")}})
			c.must(err)
			out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue, MessageAttributeNames: test.ask,
				WaitTimeSeconds: 20})
			c.must(err)
			var got []string
			for _, name := range []string{"a.x", "a.y", "b"} {
				if _, ok := out.Messages[0].MessageAttributes[name]; ok {
					got = append(got, name)
				}
			}
			if slices.Equal(test.ask, []string{"a.*"}) {
				c.differs("ReceiveMessage for a.*", strings.Join(got, " "))
			} else if !slices.Equal(got, test.want) {
				t.Errorf("asked for %q: got %q, want %q", test.ask, got, test.want)
			}
			c.delete(queue, out.Messages[0])
		}
	})
}

func TestSuite_QueueAttributes(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		queue, arn := c.queue("", map[string]string{"VisibilityTimeout": "7"})
		_, err := c.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: queue,
			Attributes: map[string]string{"DelaySeconds": "3", "ReceiveMessageWaitTimeSeconds": "2"}})
		c.must(err)
		all := c.attributes(queue)
		for name, want := range map[string]string{
			"VisibilityTimeout": "7", "DelaySeconds": "3", "ReceiveMessageWaitTimeSeconds": "2",
			"ApproximateNumberOfMessages":        "0",
			"ApproximateNumberOfMessagesDelayed": "0", "ApproximateNumberOfMessagesNotVisible": "0",
		} {
			if all[name] != want {
				t.Errorf("%s is %q, want %q", name, all[name], want)
			}
		}
		c.differs("attribute MessageRetentionPeriod, unless set", all["MessageRetentionPeriod"])
		c.differs("attribute MaximumMessageSize, unless set", all["MaximumMessageSize"])
		if !strings.HasPrefix(arn, "arn:aws:sqs:us-east-1:") ||
			!strings.HasSuffix(*queue, arn[strings.LastIndexByte(arn, ':')+1:]) {
			t.Errorf("ARN %s of %s", arn, *queue)
		}
		name := arn[strings.LastIndexByte(arn, ':')+1:]
		again, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name,
			Attributes: map[string]string{"VisibilityTimeout": "7"}})
		c.must(err)
		found, err := c.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
		c.must(err)
		if *again.QueueUrl != *queue || *found.QueueUrl != *queue {
			t.Errorf("the same queue is %s, %s and %s", *queue, *again.QueueUrl, *found.QueueUrl)
		}
		_, err = c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name,
			Attributes: map[string]string{"VisibilityTimeout": "8"}})
		c.refuses("CreateQueue with another attribute", err, "QueueNameExists")
		listed, err := c.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: &name})
		c.must(err)
		if !slices.Equal(listed.QueueUrls, []string{*queue}) {
			t.Errorf("listed %q", listed.QueueUrls)
		}
		_, err = c.TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: queue, Tags: map[string]string{"a": "1", "b": "2"}})
		c.must(err)
		_, err = c.UntagQueue(t.Context(), &sqs.UntagQueueInput{QueueUrl: queue, TagKeys: []string{"a"}})
		c.must(err)
		tags, err := c.ListQueueTags(t.Context(), &sqs.ListQueueTagsInput{QueueUrl: queue})
		c.must(err)
		if len(tags.Tags) != 1 || tags.Tags["b"] != "2" {
			t.Errorf("tags %v", tags.Tags)
		}
		_, err = c.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: queue})
		c.must(err)
		_, sending := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("a")})
		_, receiving := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue})
		_, finding := c.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
		for _, err := range []error{sending, receiving, finding} {
			var gone *types.QueueDoesNotExist
			if !errors.As(err, &gone) {
				t.Errorf("a deleted queue: %v", err)
			}
		}
		_, err = c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
		c.differs("CreateQueue right after DeleteQueue", code(err))
	})
}

func TestSuite_Visibility(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		queue, _ := c.queue("", nil)
		c.send(queue, "a")
		first := c.one(queue, 20)
		c.wantBodies(queue)
		c.must(c.hide(queue, first, 0))
		second := c.one(queue, 20)
		if second.Attributes["ApproximateReceiveCount"] != "2" || *second.ReceiptHandle == *first.ReceiptHandle ||
			second.Attributes["ApproximateFirstReceiveTimestamp"] != first.Attributes["ApproximateFirstReceiveTimestamp"] {
			t.Errorf("second receive: %v", second.Attributes)
		}
		c.must(c.hide(queue, second, 1)) // so a long poll gets it when that has passed
		third := c.one(queue, 20)
		c.must(c.hide(queue, third, 3600))
		c.wantDepth(queue, 0, 1, 0)
		c.delete(queue, third)

		c.send(queue, "b")
		out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue, VisibilityTimeout: 1,
			WaitTimeSeconds: 20})
		c.must(err)
		if len(out.Messages) != 1 {
			t.Fatalf("received %q", bodies(out.Messages))
		}
		last := c.one(queue, 20) // for one receive; by the queue's own it would take thirty seconds
		_, err = c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: queue,
			ReceiptHandle: out.Messages[0].ReceiptHandle})
		c.differs("DeleteMessage with an older handle", code(err))
		c.wantDepth(queue, 0, 1, 0) // either way it deletes nothing
		c.must(c.hide(queue, last, 0))
		c.one(queue, 20)
	})
}

func TestSuite_Delay(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		queue, _ := c.queue("", map[string]string{"DelaySeconds": "900"})
		c.send(queue, "queue's delay")
		_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("its own"),
			DelaySeconds: 2})
		c.must(err)
		c.wantBodies(queue)
		c.wantDepth(queue, 0, 0, 2)
		c.delete(queue, c.one(queue, 20))
		c.wantDepth(queue, 0, 0, 1)
	})
}

func TestSuite_LongPoll(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		queue, _ := c.queue("", map[string]string{"ReceiveMessageWaitTimeSeconds": "20"})
		if none := c.receive(queue, 1); len(none) != 0 {
			t.Fatalf("received %q from an empty queue", bodies(none))
		}
		received := make(chan []string)
		go func() { // waits as the queue says
			out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue})
			if err != nil {
				t.Error(err)
				received <- nil
				return
			}
			received <- bodies(out.Messages)
		}()
		time.Sleep(time.Second) // it waits by now
		c.send(queue, "a")
		if got := <-received; !slices.Equal(got, []string{"a"}) {
			t.Fatalf("received %q", got)
		}
	})
}

func TestSuite_BatchesFailInPart(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		queue, _ := c.queue("", nil)
		sent, err := c.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: queue,
			Entries: []types.SendMessageBatchRequestEntry{
				{Id: aws.String("good"), MessageBody: aws.String("a"), MessageAttributes: map[string]types.MessageAttributeValue{
					"n": text("v")}},
				{Id: aws.String("bad"), MessageBody: aws.String("\x01")},
				{Id: aws.String("good-2"), MessageBody: aws.String("b")},
			}})
		c.must(err)
		if len(sent.Successful) != 2 || *sent.Successful[0].Id != "good" || *sent.Successful[1].Id != "good-2" ||
			sent.Successful[0].MD5OfMessageAttributes == nil || len(sent.Failed) != 1 || *sent.Failed[0].Id != "bad" ||
			!sent.Failed[0].SenderFault {
			t.Fatalf("sent %+v, failed %+v", sent.Successful, sent.Failed)
		}
		c.differs("a control character", *sent.Failed[0].Code)
		m := c.wantBodies(queue, "a", "b")
		changed, err := c.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{
			QueueUrl: queue, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
				{Id: aws.String("0"), ReceiptHandle: m[0].ReceiptHandle, VisibilityTimeout: 0},
				{Id: aws.String("1"), ReceiptHandle: aws.String("nonsense"), VisibilityTimeout: 0},
			},
		})
		c.must(err)
		if len(changed.Successful) != 1 || *changed.Successful[0].Id != "0" || len(changed.Failed) != 1 ||
			*changed.Failed[0].Id != "1" {
			t.Fatalf("changed %+v, failed %+v", changed.Successful, changed.Failed)
		}
		c.wantDepth(queue, 1, 1, 0)
		deleted, err := c.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: queue,
			Entries: []types.DeleteMessageBatchRequestEntry{
				{Id: aws.String("0"), ReceiptHandle: aws.String("nonsense")}, {Id: aws.String("1"),
					ReceiptHandle: m[1].ReceiptHandle},
			}})
		c.must(err)
		if len(deleted.Successful) != 1 || *deleted.Successful[0].Id != "1" || len(deleted.Failed) != 1 ||
			*deleted.Failed[0].Id != "0" {
			t.Fatalf("deleted %+v, failed %+v", deleted.Successful, deleted.Failed)
		}
		c.wantDepth(queue, 1, 0, 0)
	})
}

func TestSuite_BatchesAreRefusedAsAWhole(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		queue, _ := c.queue("", nil)
		try := func(ids ...string) error {
			all := []types.SendMessageBatchRequestEntry{}
			for _, id := range ids {
				all = append(all, types.SendMessageBatchRequestEntry{Id: aws.String(id), MessageBody: aws.String("a")})
			}
			_, err := c.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: queue, Entries: all})
			return err
		}
		c.refuses("eleven entries", try(strings.Split("a b c d e f g h i j k", " ")...), "TooManyEntriesInBatchRequest")
		c.refuses("an Id twice", try("a", "a"), "BatchEntryIdsNotDistinct")
		c.wantDepth(queue, 0, 0, 0)
		c.differs("a batch without entries", code(try()))
		c.differs("a batch entry's Id with a dot", code(try("a.b")))
	})
}

func TestSuite_Redrive(t *testing.T) {
	for _, suffix := range []string{"", ".fifo"} {
		t.Run("queue"+suffix, func(t *testing.T) {
			suite(t, func(t *testing.T, c engineCloud) {
				dead, deadARN := c.queue(suffix, nil)
				queue, queueARN := c.queue(suffix, map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + deadARN +
					`","maxReceiveCount":2}`})
				send := func(body string) *sqs.SendMessageOutput {
					if suffix == "" {
						return c.send(queue, body)
					}
					return c.sendFIFO(queue, "g", body)
				}
				sent := send("poison")
				for range 2 {
					c.must(c.hide(queue, c.one(queue, 20), 0))
				}
				send("sound")
				c.wantBodies(queue, "sound") // and moves the other to the dead letters
				m := c.one(dead, 20)
				if *m.MessageId != *sent.MessageId || *m.Body != "poison" || m.Attributes["DeadLetterQueueSourceArn"] != queueARN ||
					m.Attributes["ApproximateReceiveCount"] != "3" || suffix != "" &&
					m.Attributes["MessageDeduplicationId"] != *m.MessageId {
					t.Errorf("in the dead letter queue: %+v", m)
				}
				sources, err := c.ListDeadLetterSourceQueues(t.Context(), &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: dead})
				c.must(err)
				if !slices.Equal(sources.QueueUrls, []string{*queue}) {
					t.Errorf("sources %v", sources.QueueUrls)
				}
			})
		})
	}
}

func TestSuite_Move(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		dead, deadARN := c.queue("", nil)
		queue, _ := c.queue("", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + deadARN +
			`","maxReceiveCount":1}`})
		for i := range 3 {
			c.send(queue, strconv.Itoa(i))
		}
		for _, m := range c.wantBodies(queue, "0", "1", "2") {
			c.must(c.hide(queue, m, 0))
		}
		c.wantBodies(queue)
		c.wantDepth(dead, 3, 0, 0)
		_, err := c.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: &deadARN})
		c.must(err)
		var got []string
		for len(got) < 3 {
			some := c.receive(queue, 20)
			if len(some) == 0 {
				t.Fatalf("moved %q", got)
			}
			got = append(got, bodies(some)...)
		}
		if slices.Sort(got); !slices.Equal(got, []string{"0", "1", "2"}) {
			t.Fatalf("moved %q", got)
		}
		c.wantDepth(dead, 0, 0, 0)
		tasks, err := c.ListMessageMoveTasks(t.Context(), &sqs.ListMessageMoveTasksInput{SourceArn: &deadARN})
		c.must(err)
		if len(tasks.Results) != 1 || *tasks.Results[0].SourceArn != deadARN ||
			tasks.Results[0].ApproximateNumberOfMessagesMoved != 3 {
			t.Fatalf("tasks %+v", tasks.Results)
		}
		c.differs("ApproximateNumberOfMessagesToMove, when three were moved",
			strconv.FormatInt(aws.ToInt64(tasks.Results[0].ApproximateNumberOfMessagesToMove), 10))
	})
}

func TestSuite_FIFO(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		queue, _ := c.queue(".fifo", nil)
		var numbers []string
		for i := range 12 {
			numbers = append(numbers, *c.sendFIFO(queue, "a", "a"+strconv.Itoa(i)).SequenceNumber)
		}
		c.sendFIFO(queue, "b", "b0")
		if !slices.IsSorted(numbers) || len(slices.Compact(numbers)) != 12 {
			t.Fatalf("sequence numbers %v", numbers)
		}
		first := c.wantBodies(queue, "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9") // ten of a group
		if a := first[0].Attributes; a["MessageGroupId"] != "a" || a["MessageDeduplicationId"] != "a0" ||
			a["SequenceNumber"] != numbers[0] {
			t.Fatalf("attributes %v", a)
		}
		c.wantBodies(queue, "b0") // group a is closed
		for _, m := range first[:9] {
			c.delete(queue, m)
		}
		c.wantBodies(queue) // a9 is still in flight
		c.must(c.hide(queue, first[9], 0))
		again := c.wantBodies(queue, "a9", "a10", "a11") // in the old order
		for _, m := range again {
			c.must(c.hide(queue, m, 1))
		}
		if got := c.receive(queue, 20); !slices.Equal(bodies(got), []string{"a9", "a10", "a11"}) {
			t.Fatalf("received %q after their visibility", bodies(got))
		}
		_, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: queue,
			ReceiptHandle: again[0].ReceiptHandle})
		c.differs("DeleteMessage with an older handle, FIFO", code(err))
	})
}

func TestSuite_FIFODeleteOpensTheGroupToWhoWaits(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		queue, _ := c.queue(".fifo", nil)
		c.sendFIFO(queue, "g", "1")
		m := c.one(queue, 20)
		c.sendFIFO(queue, "g", "2")
		received := make(chan []types.Message)
		go func() {
			out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue, WaitTimeSeconds: 20})
			if err != nil {
				t.Error(err)
				received <- nil
				return
			}
			received <- out.Messages
		}()
		time.Sleep(time.Second) // it waits by now
		c.delete(queue, m)
		if got := bodies(<-received); !slices.Equal(got, []string{"2"}) {
			t.Fatalf("received %q", got)
		}
	})
}

func TestSuite_FIFODeduplication(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		queue, _ := c.queue(".fifo", map[string]string{"ContentBasedDeduplication": "true"})
		byContent := func(group, body string) string {
			t.Helper()
			out, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String(body),
				MessageGroupId: &group})
			c.must(err)
			return *out.MessageId
		}
		first := byContent("g", "same")
		if duplicate := byContent("h", "same"); duplicate != first {
			t.Errorf("the duplicate is %s, want %s", duplicate, first)
		}
		byContent("g", "other")
		for _, m := range c.wantBodies(queue, "same", "other") {
			c.delete(queue, m)
		}
		byContent("g", "same") // remembered though it was deleted
		c.sendFIFO(queue, "g", "id")
		c.sendFIFO(queue, "g", "id")
		c.wantBodies(queue, "id")

		strict, _ := c.queue(".fifo", nil)
		send := func(in *sqs.SendMessageInput) error {
			in.QueueUrl, in.MessageBody = strict, aws.String("a")
			_, err := c.SendMessage(t.Context(), in)
			return err
		}
		c.refuses("no deduplication identifier", send(&sqs.SendMessageInput{MessageGroupId: aws.String("g")}),
			"InvalidParameterValue")
		c.refuses("no group", send(&sqs.SendMessageInput{MessageDeduplicationId: aws.String("d")}), "MissingParameter")
		c.wantDepth(strict, 0, 0, 0)

		perGroup, _ := c.queue(".fifo", map[string]string{"DeduplicationScope": "messageGroup",
			"FifoThroughputLimit": "perMessageGroupId"})
		for _, group := range []string{"g", "g", "h"} {
			c.sendFIFO(perGroup, group, "1")
		}
		c.differs("DeduplicationScope messageGroup", c.attributes(perGroup)["ApproximateNumberOfMessages"])
	})
}

func TestSuite_WrongHandlesAndParameters(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		queue, _ := c.queue("", nil)
		_, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: queue,
			ReceiptHandle: aws.String("nonsense")})
		c.refuses("DeleteMessage with nonsense", err, "ReceiptHandleIsInvalid")
		c.refuses("ChangeMessageVisibility with nonsense", c.hide(queue, types.Message{ReceiptHandle: aws.String("nonsense")},
			1), "ReceiptHandleIsInvalid")
		c.send(queue, "a")
		m := c.one(queue, 20)
		c.delete(queue, m)
		c.differs("ChangeMessageVisibility of what is deleted", code(c.hide(queue, m, 1)))
		for name, in := range map[string]*sqs.ReceiveMessageInput{
			"MaxNumberOfMessages 11": {MaxNumberOfMessages: 11}, "WaitTimeSeconds 21": {WaitTimeSeconds: 21},
			"VisibilityTimeout 43201": {VisibilityTimeout: 43_201},
		} {
			in.QueueUrl = queue
			_, err := c.ReceiveMessage(t.Context(), in)
			c.differs(name, code(err))
		}
		_, err = c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("a"),
			DelaySeconds: 901})
		c.refuses("DelaySeconds 901", err, "InvalidParameterValue")
		_, err = c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("\x01")})
		c.differs("a control character", code(err))
		_, err = c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue,
			MessageBody: aws.String(strings.Repeat("a", 1<<20+1))})
		c.differs("more than a MiB", code(err))
	})
}

func TestSuite_Purge(t *testing.T) {
	suite(t, func(t *testing.T, c engineCloud) {
		queue, _ := c.queue("", nil)
		c.send(queue, "1")
		c.one(queue, 20)
		c.send(queue, "2")
		purge := func() error {
			_, err := c.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: queue})
			return err
		}
		c.must(purge())
		c.wantDepth(queue, 0, 0, 0)
		c.differs("PurgeQueue twice in a minute", code(purge()))
	})
}
