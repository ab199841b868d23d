package sqs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	soakGroups, soakEach = 100, 100 // groups, messages of each
	soakVisibility       = 30 * time.Second
	soakConsumers        = 16
)

// TestFIFO_OrderSurvivesConsumersThatDie sends 10,000 messages, each twice, to consumers that die, dawdle and give
// back. SOAK=n does so n times, each with other random choices.
func TestFIFO_OrderSurvivesConsumersThatDie(t *testing.T) {
	rounds := 1
	if n := os.Getenv("SOAK"); n != "" {
		var err error
		if rounds, err = strconv.Atoi(n); err != nil || rounds < 1 {
			t.Fatalf("SOAK=%s is no number of rounds", n)
		}
	}
	for range rounds {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { soak(t, seed) }) })
	}
}

// progress is what consumers know of a group. Between a request to delete a message and the answer another consumer may
// find it or not.
type progress struct {
	deleted            [soakEach]bool
	deleting, receives [soakEach]int // requests under way; times it was received
}

// ledger checks every receive against what was deleted before it.
type ledger struct {
	mu     sync.Mutex
	groups [soakGroups]progress
	left   int // messages that are not deleted
}

// received checks that the messages of each group in one receive are its next ones, whole: the first that nobody has
// deleted, and those that follow it without a gap. The SDK's client returns within the instant of the receive, and a
// group that is in flight is closed, so that receives come here in the order that the queue made them.
func (l *ledger) received(messages []types.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := map[int]int{}
	for _, m := range messages {
		group, number, err := soakNumbers(&m)
		if err != nil {
			return err
		}
		g := &l.groups[group]
		at := next[group]
		for at < number && (g.deleted[at] || g.deleting[at] > 0) {
			at++
		}
		if at != number || g.deleted[number] {
			return fmt.Errorf("group %d: received %d, deleted: %v; the next was %d", group, number, g.deleted[number], at)
		}
		next[group] = number + 1
		g.receives[number]++
	}
	return nil
}

func soakNumbers(m *types.Message) (group, number int, err error) {
	_, err = fmt.Sscanf(*m.Body, "%d %d", &group, &number)
	if err == nil && (group >= soakGroups || number >= soakEach || m.Attributes["MessageGroupId"] != strconv.Itoa(group)) {
		err = fmt.Errorf("message %q of group %s was never sent", *m.Body, m.Attributes["MessageGroupId"])
	}
	return group, number, err
}

// deleting says that a request to delete a message begins.
func (l *ledger) deleting(group, number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups[group].deleting[number]++
}

// answered says how it ended, and returns how many messages are left. To delete what another has deleted succeeds.
func (l *ledger) answered(group, number int, deleted bool) (left int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := &l.groups[group]
	g.deleting[number]--
	if deleted && !g.deleted[number] {
		g.deleted[number] = true
		l.left--
	}
	return l.left
}

func soak(t *testing.T, seed uint64) {
	c := start(t)
	queue := c.create("jobs.fifo", map[string]string{"VisibilityTimeout": strconv.Itoa(int(soakVisibility / time.Second))})
	book := &ledger{left: soakGroups * soakEach}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var work sync.WaitGroup
	for p := range soakGroups / 10 {
		work.Go(func() { soakSend(t, c, queue, p, rand.New(rand.NewPCG(seed, uint64(p)))) })
	}
	var lives, late atomic.Int32
	for i := range soakConsumers {
		work.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(1000+i)))
			for ctx.Err() == nil { // who dies is followed by another
				lives.Add(1)
				if err := soakConsume(ctx, c, queue, book, random, stop, &late); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
					stop()
				}
			}
		})
	}
	work.Wait()
	c.wantDepth(queue, 0, 0, 0)
	twice := 0
	for group := range book.groups {
		g := &book.groups[group]
		for number := range soakEach {
			if g.receives[number] == 0 || !g.deleted[number] {
				t.Errorf("message %d of group %d: received %d times, deleted: %v", number, group, g.receives[number],
					g.deleted[number])
			}
			if g.receives[number] > 1 {
				twice++
			}
		}
	}
	t.Logf("%d consumers; %d of %d messages received again; %d handles expired", lives.Load(), twice, soakGroups*soakEach,
		late.Load())
	if lives.Load() <= soakConsumers || late.Load() == 0 || twice < soakGroups {
		t.Error("nothing was put to the test")
	}
}

// soakSend sends ten groups' messages in their order, a message of each at once, and every batch again before long.
func soakSend(t *testing.T, c cloud, queue *string, producer int, random *rand.Rand) {
	for number := range soakEach {
		in := &sqs.SendMessageBatchInput{QueueUrl: queue}
		for i := range 10 {
			group := producer*10 + i
			body := fmt.Sprintf("%d %d", group, number)
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)),
				MessageBody:    &body,
				MessageGroupId: aws.String(strconv.Itoa(group)), MessageDeduplicationId: aws.String(strings.ReplaceAll(body, " ",
					"-"))})
		}
		var first []string
		for again := range 2 {
			out, err := c.SendMessageBatch(t.Context(), in)
			if err != nil || len(out.Failed) > 0 {
				t.Errorf("send: %+v, %v", out, err)
				return
			}
			var ids []string
			for _, sent := range out.Successful {
				ids = append(ids, *sent.MessageId)
			}
			if again == 0 {
				first = ids
			} else if !slices.Equal(ids, first) {
				t.Errorf("a duplicate got an identifier of its own: %v, %v", first, ids)
			}
			time.Sleep(time.Duration(random.Int64N(int64(5 * time.Second))))
		}
	}
}

// soakConsume is the life of a consumer: it receives, works and deletes until it dies, with messages in flight, or ctx
// ends.
func soakConsume(
	ctx context.Context, c cloud, queue *string, book *ledger, random *rand.Rand, done func(), late *atomic.Int32,
) error {
	for {
		out, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue,
			MaxNumberOfMessages: int32(1 + random.IntN(10)),
			WaitTimeSeconds:     20, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		received := time.Now()
		if err := book.received(out.Messages); err != nil {
			return err
		}
		for _, m := range out.Messages {
			switch random.IntN(40) {
			case 0:
				return nil
			case 1:
				time.Sleep(soakVisibility + time.Duration(random.Int64N(int64(soakVisibility)))) // dawdles
			case 2: // gives it back, though it may be too late
				if err := c.hide(queue, m, int32(random.IntN(10))); err != nil && time.Since(received) < soakVisibility {
					return fmt.Errorf("give back %q: %w", *m.Body, err)
				}
				continue
			default:
				time.Sleep(time.Duration(random.Int64N(int64(200 * time.Millisecond))))
			}
			group, number, err := soakNumbers(&m)
			if err != nil {
				return err
			}
			book.deleting(group, number)
			_, err = c.DeleteMessage(context.WithoutCancel(ctx), &sqs.DeleteMessageInput{QueueUrl: queue,
				ReceiptHandle: m.ReceiptHandle})
			switch {
			case err == nil:
				if book.answered(group, number, true) == 0 {
					done()
				}
			case code(err) == "InvalidParameterValue" && time.Since(received) >= soakVisibility:
				book.answered(group, number, false)
				late.Add(1)
			default:
				return fmt.Errorf("delete %q after %v: %w", *m.Body, time.Since(received), err)
			}
		}
	}
}
