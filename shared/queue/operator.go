package queue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// OperatorClient is what [Operator] needs of the SDK's client.
type OperatorClient interface {
	GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput,
		o ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, o ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput,
		error)
	ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput,
		o ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
	SendMessage(ctx context.Context, in *sqs.SendMessageInput, o ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	DeleteMessage(ctx context.Context, in *sqs.DeleteMessageInput, o ...func(*sqs.Options)) (*sqs.DeleteMessageOutput,
		error)
}

// Operator counts the messages in queues, and shows, sends back and discards their dead letters. It is safe for
// concurrent use, and several may be used at once.
//
// SQS cannot list messages or get one by its id: to read dead letters is to receive them. The operator receives them,
// ten at a time and hidden from everybody else, until it has seen enough, and makes those visible again that it does
// not need. This has limits:
//
//   - A letter that another operator holds cannot be seen, for a moment, or for [hold] when that one was killed.
//   - At most [longestSearch] letters are read, and of what they say at most [mostHeld] bytes and ten letters more.
//     Letters behind them are found when those before are gone.
//   - In a FIFO queue, only the first ten of a group are seen, because SQS delivers no more of a group while some are
//     in flight.
//   - Each read counts as a delivery, of which dead letters may have any number. Receives is the number before.
type Operator struct {
	client OperatorClient
	queues []Address
	log    *slog.Logger
}

// Address has the addresses of a queue and its dead letters.
type Address struct {
	Name, URL, DeadLetters string

	Feedback bool // the queue gets reports about mail: see [consumer.DeadLetter]
}

const (
	// hold is how long letters stay hidden when nobody makes them visible again: longer than a function behind the API may
	// take.
	hold = 30 * time.Second
	// longestSearch bounds how many letters are read to find one: a hundred requests.
	longestSearch = 1000
	// mostHeld bounds the bytes of letters that are shown, but for the last ten of them: a message has up to 1 MiB, and a
	// hundred of those are more than a function of 256 MB can hold in the SDK's copies.
	mostHeld = 32 << 20
	// wait makes SQS ask all of its servers, not only a few of them (SQS developer guide, "Amazon SQS short and long
	// polling"). Only then an empty answer means an empty queue.
	wait = time.Second
	// giveBackTime is the part of a function's time that is reserved for making letters visible again.
	giveBackTime = 3 * time.Second
)

// NewOperator makes one over a client.
func NewOperator(client OperatorClient, log *slog.Logger, queues ...Address) *Operator {
	return &Operator{client: client, queues: queues, log: log}
}

// DeadLetterName is what a queue's dead-letter queue is called.
func DeadLetterName(name string) string { return name + "-dead" }

// OpenOperator makes one for the queues in the environment: QUEUES, separated by commas. QUEUE_URL_PREFIX is what their
// addresses begin with, before the names: with an address for each, some twenty queues would not fit into the 4 KB that
// Lambda allows. FEEDBACK_QUEUES names the queues that get reports about mail. The error names every variable that is
// missing.
func OpenOperator(sdk aws.Config, getenv func(string) string, log *slog.Logger) (*Operator, error) {
	var queues []Address
	var wrong []string
	variable := func(name string) string {
		if getenv(name) == "" {
			wrong = append(wrong, name+" is not set")
		}
		return getenv(name)
	}
	feedback, prefix := strings.Split(variable("FEEDBACK_QUEUES"), ","), variable("QUEUE_URL_PREFIX")
	for name := range strings.SplitSeq(variable("QUEUES"), ",") {
		if name != "" {
			queues = append(queues, Address{
				Name: name, URL: prefix + name, DeadLetters: prefix + DeadLetterName(name),
				Feedback: slices.Contains(feedback, name),
			})
		}
	}
	if len(wrong) > 0 {
		return nil, errors.New("configuration of the queues: " + strings.Join(wrong, "; "))
	}
	return NewOperator(sqs.NewFromConfig(sdk), log, queues...), nil
}

func (o *Operator) address(name string) (Address, error) {
	i := slices.IndexFunc(o.queues, func(q Address) bool { return q.Name == name })
	if i < 0 {
		return Address{}, registrar.Refuse(registrar.NotFound, name, "there is no queue of this name")
	}
	return o.queues[i], nil
}

// Depths counts the messages in each queue, by name.
func (o *Operator) Depths(ctx context.Context) ([]consumer.Depth, error) {
	depths := make([]consumer.Depth, len(o.queues))
	group, ctx := errgroup.WithContext(ctx)
	const atOnce = 8
	group.SetLimit(atOnce)
	for i, q := range o.queues {
		depths[i].Queue = q.Name
		group.Go(func() (err error) {
			depths[i].Waiting, depths[i].Delayed, depths[i].InFlight, err = o.depth(ctx, q.URL)
			return err
		})
		group.Go(func() (err error) {
			depths[i].Dead, err = o.dead(ctx, q)
			return err
		})
	}
	err := group.Wait()
	slices.SortFunc(depths, func(a, b consumer.Depth) int { return strings.Compare(a.Queue, b.Queue) })
	return depths, err
}

func (o *Operator) dead(ctx context.Context, q Address) (int, error) {
	waiting, delayed, inFlight, err := o.depth(ctx, q.DeadLetters)
	return waiting + delayed + inFlight, err
}

func (o *Operator) depth(ctx context.Context, url string) (waiting, delayed, inFlight int, err error) {
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	}
	attributes, err := o.attributes(ctx, url, names...)
	if err != nil {
		return 0, 0, 0, err
	}
	var counts [3]int
	for i, name := range names {
		if counts[i], err = strconv.Atoi(attributes[string(name)]); err != nil {
			return 0, 0, 0, fmt.Errorf("count a queue's messages: %s is no number", name)
		}
	}
	return counts[0], counts[1], counts[2], nil
}

func (o *Operator) attributes(
	ctx context.Context, url string, names ...types.QueueAttributeName,
) (map[string]string, error) {
	out, err := o.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
	if err != nil {
		return nil, fmt.Errorf("look at a queue: %w", err)
	}
	return out.Attributes, nil
}

// Letters returns up to this many dead letters of a queue, the oldest first of those that SQS delivered, and how many
// there are by SQS's count. It reads no more than that count, which may be a minute behind. An unknown queue is a
// NOT_FOUND refusal.
func (o *Operator) Letters(
	ctx context.Context, name string, most int,
) (letters []consumer.DeadLetter, all int, err error) {
	q, err := o.address(name)
	if err != nil {
		return nil, 0, err
	}
	if all, err = o.dead(ctx, q); err != nil {
		return nil, 0, err
	}
	receives, err := o.receives(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	held, err := o.look(ctx, q, min(most, longestSearch, max(all, 1)), nil)
	defer o.giveBack(ctx, q, held)
	if err != nil {
		return nil, 0, err
	}
	letters = make([]consumer.DeadLetter, 0, len(held))
	for _, m := range held[:min(len(held), most)] {
		letter := letterOf(m, receives)
		letter.Feedback = q.Feedback
		letters = append(letters, letter)
	}
	slices.SortFunc(letters, func(a, b consumer.DeadLetter) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Message, b.Message))
	})
	return letters, max(all, len(letters)), nil
}

// receives is the number of deliveries after which the queue gives a message up.
func (o *Operator) receives(ctx context.Context, q Address) (int, error) {
	attributes, err := o.attributes(ctx, q.URL, types.QueueAttributeNameRedrivePolicy)
	if err != nil {
		return 0, err
	}
	var policy struct {
		Receives json.Number `json:"maxReceiveCount"` // SQS returns it as it was sent, which may be text
	}
	if err := json.Unmarshal([]byte(attributes["RedrivePolicy"]), &policy); err != nil {
		return 0, fmt.Errorf("read the redrive policy of the queue %s: %w", q.Name, err)
	}
	n, err := strconv.Atoi(policy.Receives.String())
	if err != nil {
		return 0, fmt.Errorf("read the redrive policy of the queue %s: %w", q.Name, err)
	}
	return n, nil
}

// letterOf reads a message of a dead-letter queue. A message that SQS moved has an attribute with its source. Its other
// attributes may be older: from a time before it was redriven.
func letterOf(m types.Message, maxReceives int) consumer.DeadLetter {
	// SQS writes numbers
	sent, _ := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	letter := consumer.DeadLetter{
		Message: messageOf(m), Reason: told(m, attributeReason), At: time.UnixMilli(sent).UTC(),
		Body:  []byte(aws.ToString(m.Body)),
		Group: m.Attributes[string(types.MessageSystemAttributeNameMessageGroupId)],
		Trace: m.Attributes[string(types.MessageSystemAttributeNameAWSTraceHeader)],
		Moved: moved(m), Receives: maxReceives,
	}
	if !letter.Moved {
		letter.Receives, _ = strconv.Atoi(told(m, attributeReceives)) // not known of a letter from elsewhere
	}
	return letter
}

// moved reports whether SQS itself moved the message to the dead letters.
func moved(m types.Message) bool {
	return m.Attributes[string(types.MessageSystemAttributeNameDeadLetterQueueSourceArn)] != ""
}

// messageOf is the id that a dead letter's message had in its queue. SQS keeps it, and a consumer writes it into an
// attribute.
func messageOf(m types.Message) string {
	if id := told(m, attributeMessage); uuid.Validate(id) == nil && !moved(m) {
		return id
	}
	return aws.ToString(m.MessageId)
}

func told(m types.Message, attribute string) string {
	return aws.ToString(m.MessageAttributes[attribute].StringValue)
}

// Replay sends a dead letter back to its queue and returns its id there. The letter is deleted after the message is
// sent: if the function is stopped between the two, the message exists twice, which consumers are made for. In a FIFO
// queue, where its group is kept, it is sent once within five minutes. A letter that cannot be found is a NOT_FOUND
// refusal.
func (o *Operator) Replay(ctx context.Context, name, message string) (id string, err error) {
	err = o.with(ctx, name, message, func(q Address, m types.Message) error {
		again := &sqs.SendMessageInput{QueueUrl: &q.URL, MessageBody: m.Body,
			MessageAttributes: map[string]types.MessageAttributeValue{}}
		for attribute, value := range m.MessageAttributes {
			if !slices.Contains([]string{attributeReason, attributeMessage, attributeReceives, attributeDeadAt}, attribute) {
				again.MessageAttributes[attribute] = value
			}
		}
		again.MessageSystemAttributes = traced(m.Attributes[string(types.MessageSystemAttributeNameAWSTraceHeader)])
		inGroup(again, m.Attributes[string(types.MessageSystemAttributeNameMessageGroupId)], aws.ToString(m.MessageId))
		out, err := o.client.SendMessage(ctx, again)
		if err != nil {
			return fmt.Errorf("send a dead letter back: %w", err)
		}
		id = aws.ToString(out.MessageId)
		o.log.InfoContext(ctx, "a dead letter was sent back", "queue", name, "message", message, "as", id)
		return o.delete(ctx, q, m)
	})
	return id, err
}

// Discard deletes a dead letter. It refuses as [Operator.Replay] does.
func (o *Operator) Discard(ctx context.Context, name, message string) error {
	return o.with(ctx, name, message, func(q Address, m types.Message) error {
		o.log.InfoContext(ctx, "a dead letter is discarded", "queue", name, "message", message, "reason",
			told(m, attributeReason))
		return o.delete(ctx, q, m)
	})
}

func (o *Operator) delete(ctx context.Context, q Address, m types.Message) error {
	if _, err := o.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.DeadLetters,
		ReceiptHandle: m.ReceiptHandle}); err != nil {
		return fmt.Errorf("delete a dead letter: %w", err)
	}
	return nil
}

// with finds the dead letter of a message and does something with it while nobody else can see it. The other letters
// that were received are made visible again, and so is the letter itself when that fails.
func (o *Operator) with(ctx context.Context, name, message string, do func(Address, types.Message) error) error {
	q, err := o.address(name)
	if err != nil {
		return err
	}
	is := func(m types.Message) bool { return messageOf(m) == message }
	held, err := o.look(ctx, q, longestSearch, is)
	defer func() { o.giveBack(ctx, q, held) }()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(held, is)
	if at < 0 {
		return registrar.Refuse(registrar.NotFound, message, "among the dead letters that can be seen now is none of this "+
			"message").
			With("lookedAt", len(held)).
			ClearedBy("trying again in half a minute, when somebody else looks at it now; when there are more dead letters " +
				"than were looked at, dealing with those first")
	}
	if err := do(q, held[at]); err != nil {
		return err
	}
	held = slices.Delete(held, at, at+1)
	return nil
}

// look receives dead letters until there are no more, or enough, or one is found, or the time for it is over. The
// caller makes them visible again. Where one is to be found, the others are without what they say.
func (o *Operator) look(
	ctx context.Context, q Address, most int, found func(types.Message) bool,
) (held []types.Message, err error) {
	const all = "All"
	size, done := 0, false
	for len(held) < most && size < mostHeld && !done && timeLeft(ctx) > giveBackTime+wait {
		out, err := o.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &q.DeadLetters, MaxNumberOfMessages: int32(min(maxBatch, most-len(held))), // ten at most
			VisibilityTimeout: int32(hold.Seconds()), WaitTimeSeconds: int32(wait.Seconds()),
			MessageAttributeNames: []string{all}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{all},
		})
		if err != nil {
			return held, fmt.Errorf("look at dead letters: %w", err)
		}
		for _, m := range out.Messages {
			if found != nil && found(m) {
				done = true
			} else if found != nil {
				m.Body = nil
			}
			size += len(aws.ToString(m.Body))
			twice := func(other types.Message) bool { return aws.ToString(other.MessageId) == aws.ToString(m.MessageId) }
			if at := slices.IndexFunc(held, twice); at >= 0 { // a standard queue may deliver twice; the newer receipt counts
				held[at] = m
			} else {
				held = append(held, m)
			}
		}
		if len(out.Messages) == 0 {
			break
		}
	}
	return held, nil
}

func timeLeft(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Hour
	}
	return time.Until(deadline)
}

// giveBack makes letters visible again. Where that fails they become visible when their time is over.
func (o *Operator) giveBack(ctx context.Context, q Address, held []types.Message) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTime)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	const atOnce = 8
	group.SetLimit(atOnce)
	for batch := range slices.Chunk(held, maxBatch) {
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(batch))
		for i, m := range batch {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)),
				ReceiptHandle: m.ReceiptHandle}
		}
		group.Go(func() error {
			_, _ = o.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.DeadLetters,
				Entries: entries})
			return nil
		})
	}
	_ = group.Wait() // none has an error
}
