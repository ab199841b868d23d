package sqs_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// withDeadLetters makes a queue whose messages have one try, and its dead letter queue with these messages of it.
func (c cloud) withDeadLetters(name, suffix string, bodies ...string) (queue, dead *string) {
	c.t.Helper()
	dead = c.create("dead"+suffix, nil)
	queue = c.create(name+suffix, map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + arn + `dead` + suffix +
		`","maxReceiveCount":1}`})
	for _, body := range bodies {
		if suffix == "" {
			c.send(queue, body)
		} else {
			c.sendFIFO(queue, "g", body)
		}
	}
	for _, m := range c.wantBodies(queue, bodies...) {
		c.must(c.hide(queue, m, 0))
	}
	c.wantBodies(queue)
	c.wantDepth(queue, 0, 0, 0)
	return queue, dead
}

func (c cloud) move(in *sqs.StartMessageMoveTaskInput) *string {
	c.t.Helper()
	out, err := c.StartMessageMoveTask(c.t.Context(), in)
	c.must(err)
	return out.TaskHandle
}

// moves lists the tasks of dead, newest first, each as "status moved/to move".
func (c cloud) moves(source string, most int32) (short []string, tasks []types.ListMessageMoveTasksResultEntry) {
	c.t.Helper()
	in := &sqs.ListMessageMoveTasksInput{SourceArn: aws.String(arn + source)}
	if most > 0 {
		in.MaxResults = aws.Int32(most)
	}
	out, err := c.ListMessageMoveTasks(c.t.Context(), in)
	c.must(err)
	for _, r := range out.Results {
		short = append(short, fmt.Sprintf("%s %d/%d", *r.Status, r.ApproximateNumberOfMessagesMoved,
			*r.ApproximateNumberOfMessagesToMove))
	}
	return short, out.Results
}

func (c cloud) wantMoves(source string, want ...string) {
	c.t.Helper()
	if got, _ := c.moves(source, 10); !slices.Equal(got, want) {
		c.t.Fatalf("tasks %q, want %q", got, want)
	}
}

func TestMove_BackToWhereEachMessageCameFrom(t *testing.T) {
	for _, suffix := range []string{"", ".fifo"} {
		t.Run("dead"+suffix, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := start(t)
				one, dead := c.withDeadLetters("one", suffix, "1", "2")
				two, _ := c.withDeadLetters("two", suffix, "3")
				old := c.wantBodies(dead, "1", "2", "3")
				for _, m := range old {
					c.must(c.hide(dead, m, 0))
				}
				time.Sleep(time.Minute)
				began := time.Now()
				handle := c.move(&sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn + "dead" + suffix)})
				short, tasks := c.moves("dead"+suffix, 0)
				if r := tasks[0]; short[0] != "RUNNING 1/3" || *r.TaskHandle != *handle || *r.SourceArn != arn+"dead"+
					suffix || r.DestinationArn != nil ||
					r.MaxNumberOfMessagesPerSecond != nil || r.StartedTimestamp != began.UnixMilli() || r.FailureReason != nil {
					t.Fatalf("task %q: %+v", short, r)
				}
				time.Sleep(4 * time.Millisecond) // 500 a second
				c.wantMoves("dead"+suffix, "COMPLETED 3/3")
				if _, tasks := c.moves("dead"+suffix, 0); tasks[0].TaskHandle != nil {
					t.Error("a task that is over has a handle")
				}
				c.wantDepth(dead, 0, 0, 0)
				m := c.wantBodies(one, "1", "2")[0] // a new message
				if a := m.Attributes; *m.MessageId == *old[0].MessageId ||
					a["SentTimestamp"] != strconv.FormatInt(began.UnixMilli(), 10) ||
					a["ApproximateReceiveCount"] != "1" || a["DeadLetterQueueSourceArn"] != "" {
					t.Fatalf("moved: %+v", m)
				}
				c.wantBodies(two, "3")
			})
		})
	}
}

func TestMove_AtItsRateToAnotherQueueWhoseReceiversWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		_, dead := c.withDeadLetters("jobs", "", "0", "1", "2", "3", "4")
		other := c.create("other", nil)
		got := c.poll(other, 20) // it waits before there is a task
		began := time.Now()
		task := &sqs.StartMessageMoveTaskInput{
			SourceArn: aws.String(arn + "dead"), DestinationArn: aws.String(arn + "other"),
			MaxNumberOfMessagesPerSecond: aws.Int32(2),
		}
		c.move(task)
		for i := range 5 {
			if i > 0 {
				got = c.poll(other, 20)
			}
			b, after := <-got, time.Since(began)
			if want := time.Duration(i) * 500 * time.Millisecond; !slices.Equal(b, []string{strconv.Itoa(i)}) || after != want {
				t.Fatalf("received %q after %v, want %d after %v", b, after, i, want)
			}
			if i < 4 {
				c.wantDepth(dead, 4-i, 0, 0)
				_, err := c.StartMessageMoveTask(t.Context(), task)
				c.wantCode(err, "InvalidParameterValue") // one at a time
			}
		}
		_, tasks := c.moves("dead", 0)
		if r := tasks[0]; *r.Status != "COMPLETED" || *r.DestinationArn != arn+"other" ||
			*r.MaxNumberOfMessagesPerSecond != 2 {
			t.Fatalf("task %+v", r)
		}
	})
}

func TestMove_WakesWhoWaitsAtASourceWhoseTurnComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		c.withDeadLetters("one", "", "1")
		two, _ := c.withDeadLetters("two", "", "2")
		got := c.poll(two, 20)
		began := time.Now()
		c.move(&sqs.StartMessageMoveTaskInput{
			SourceArn: aws.String(arn + "dead"), MaxNumberOfMessagesPerSecond: aws.Int32(1),
		})
		if b := <-got; !slices.Equal(b, []string{"2"}) || time.Since(began) != time.Second {
			t.Fatalf("received %q after %v", b, time.Since(began))
		}
	})
}

func TestMove_IsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue, dead := c.withDeadLetters("jobs", "", "0", "1", "2")
		handle := c.move(&sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn + "dead"),
			MaxNumberOfMessagesPerSecond: aws.Int32(1)})
		time.Sleep(1500 * time.Millisecond)
		cancel := func() (int64, error) {
			out, err := c.CancelMessageMoveTask(t.Context(), &sqs.CancelMessageMoveTaskInput{TaskHandle: handle})
			if err != nil {
				return 0, err
			}
			return out.ApproximateNumberOfMessagesMoved, nil
		}
		moved, err := cancel()
		c.must(err)
		if moved != 2 {
			t.Fatalf("%d messages moved", moved)
		}
		c.wantMoves("dead", "CANCELLING 2/3")
		_, err = cancel()
		var unsupported *types.UnsupportedOperation
		if !errors.As(err, &unsupported) {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		c.wantMoves("dead", "CANCELLED 2/3")
		time.Sleep(time.Minute)
		c.wantDepth(queue, 2, 0, 0)
		c.wantDepth(dead, 1, 0, 0)
		c.move(&sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn + "dead")})
		c.wantMoves("dead", "COMPLETED 1/1", "CANCELLED 2/3")
	})
}

func TestMove_EndsWhenNothingIsLeftOrCannotGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		queue, dead := c.withDeadLetters("jobs", "", "0", "1", "2")
		slowly := &sqs.StartMessageMoveTaskInput{
			SourceArn: aws.String(arn + "dead"), MaxNumberOfMessagesPerSecond: aws.Int32(1),
		}
		c.move(slowly)
		c.wantBodies(dead, "1", "2") // somebody else has them
		time.Sleep(time.Second)
		c.wantMoves("dead", "COMPLETED 1/3")
		c.wantBodies(queue, "0")

		time.Sleep(30 * time.Second) // visible again, and 0 with them, which the next receive moves to the dead letters
		c.wantBodies(queue)
		c.move(slowly)
		_, err := c.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: queue})
		c.must(err)
		time.Sleep(time.Second)
		_, tasks := c.moves("dead", 1)
		if r := tasks[0]; *r.Status != "FAILED" ||
			aws.ToString(r.FailureReason) != "AWS.SimpleQueueService.NonExistentQueue" {
			t.Fatalf("the destination is gone: %+v", r)
		}
		c.wantDepth(dead, 2, 0, 0)

		time.Sleep(time.Minute)
		queue = c.create("jobs", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + arn +
			`dead","maxReceiveCount":1}`})
		c.move(slowly)
		c.send(dead, "of its own")
		time.Sleep(time.Minute)
		c.wantDepth(queue, 2, 0, 0)
		c.move(slowly)
		if short, tasks := c.moves("dead", 1); short[0] != "FAILED 0/1" ||
			*tasks[0].FailureReason != "CouldNotDetermineMessageSource" {
			t.Fatalf("sent to the dead letter queue itself: %s, %s", short, *tasks[0].FailureReason)
		}

		// The source goes, and its tasks with it.
		other := c.create("other", nil)
		slowly.DestinationArn = aws.String(arn + "other")
		c.send(dead, "another")
		c.move(slowly)
		_, err = c.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: dead})
		c.must(err)
		time.Sleep(time.Minute)
		c.wantDepth(other, 1, 0, 0)
	})
}

func TestMove_TenAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		_, dead := c.withDeadLetters("jobs", "", "0")
		c.create("other", nil)
		for i := range 12 {
			if i > 0 {
				c.send(dead, "m")
			}
			c.move(&sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn + "dead"),
				DestinationArn: aws.String(arn + "other")})
			time.Sleep(time.Second)
		}
		_, all := c.moves("dead", 10)
		if len(all) != 10 || all[0].StartedTimestamp != time.Now().Add(-time.Second).UnixMilli() ||
			all[0].StartedTimestamp-all[9].StartedTimestamp != 9000 {
			t.Fatalf("%d tasks: %+v", len(all), all)
		}
		if _, few := c.moves("dead", 0); len(few) != 1 || few[0].StartedTimestamp != all[0].StartedTimestamp {
			t.Fatalf("one unless more are asked for: %+v", few)
		}
		for _, most := range []int32{0, 11} {
			_, err := c.ListMessageMoveTasks(t.Context(), &sqs.ListMessageMoveTasksInput{SourceArn: aws.String(arn + "dead"),
				MaxResults: &most})
			c.wantCode(err, "InvalidParameterValue")
		}
	})
}

func TestMove_IsRefused(t *testing.T) {
	c := start(t)
	c.withDeadLetters("jobs", "")
	c.create("other.fifo", nil)
	for name, test := range map[string]struct{ source, destination, code string }{
		"no source":                 {"", "", "MissingParameter"},
		"source does not exist":     {arn + "nowhere", "", "ResourceNotFoundException"},
		"source is no ARN":          {"dead", "", "ResourceNotFoundException"},
		"no dead letter queue":      {arn + "jobs", "", "InvalidParameterValue"},
		"no such destination":       {arn + "dead", arn + "nowhere", "ResourceNotFoundException"},
		"destination of the kind":   {arn + "dead", arn + "other.fifo", "InvalidParameterValue"},
		"destination is the source": {arn + "dead", arn + "dead", "InvalidParameterValue"},
	} {
		t.Run(name, func(t *testing.T) {
			in := &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(test.source)}
			if test.destination != "" {
				in.DestinationArn = aws.String(test.destination)
			}
			_, err := c.StartMessageMoveTask(t.Context(), in)
			cloud{t: t}.wantCode(err, test.code)
		})
	}
	for _, rate := range []int32{0, 501} {
		_, err := c.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn + "dead"),
			MaxNumberOfMessagesPerSecond: &rate})
		c.wantCode(err, "InvalidParameterValue")
	}
	c.wantMoves("dead")
	_, err := c.ListMessageMoveTasks(t.Context(), &sqs.ListMessageMoveTasksInput{SourceArn: aws.String(arn + "nowhere")})
	c.wantCode(err, "ResourceNotFoundException")
	for text, code := range map[string]string{
		"{}": "InvalidParameterValue", "nonsense": "InvalidParameterValue",
		`{"taskId":"x","sourceArn":"` + arn + `nowhere"}`: "ResourceNotFoundException",
		`{"taskId":"x","sourceArn":"` + arn + `dead"}`:    "ResourceNotFoundException",
	} {
		_, err := c.CancelMessageMoveTask(t.Context(), &sqs.CancelMessageMoveTaskInput{
			TaskHandle: aws.String(base64.StdEncoding.EncodeToString([]byte(text)))})
		c.wantCode(err, code)
	}
	_, err = c.CancelMessageMoveTask(t.Context(),
		&sqs.CancelMessageMoveTaskInput{TaskHandle: aws.String(strings.Repeat("!", 9))})
	c.wantCode(err, "InvalidParameterValue")
}

func TestRedrive_FIFOIdentifierBecomesDeduplicationIdentifier(t *testing.T) {
	c := start(t)
	_, dead := c.withDeadLetters("jobs", ".fifo", "1")
	if m := c.one(dead, 0); m.Attributes["MessageDeduplicationId"] != *m.MessageId {
		t.Fatalf("deduplication identifier %s of message %s", m.Attributes["MessageDeduplicationId"], *m.MessageId)
	}
}
