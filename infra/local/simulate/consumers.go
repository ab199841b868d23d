package simulate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/ses"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// queues is a client of the queues' engine, without faults.
func (w *world) queues() *sqs.Client {
	return sqs.New(sqs.Options{
		Region: cloud.Region, Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
		BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(w.engines.SQS),
	})
}

func queueURL(name string) *string {
	return aws.String("http://sqs.local/" + cloud.Account + "/" + name)
}

// names are the queues of all consumers.
func names() []string {
	var all []string
	for _, f := range functions.All() {
		if f.Queue != nil {
			all = append(all, f.Queue.Name)
		}
	}
	return all
}

// malformedMessages sends to the consumers' queues texts that are not events, and events of schemas that no consumer
// reads.
func (w *world) malformedMessages(ctx context.Context, random *rand.Rand, part int) error {
	const each = 3
	client := w.queues()
	for n := range each {
		for _, to := range []string{"notifications", "audit"} {
			body := fmt.Sprintf("no event at all, %d of part %d for %s", n, part, to)
			if n == 0 {
				body = fmt.Sprintf(`{"specversion":"1.0","id":"from-tomorrow-%d","source":"/registrar",`+
					`"type":"registrar.registration.enrolled.v99",`+
					`"time":"2000-01-01T00:00:00Z","subject":"section/%s","data":{}}`, part, to)
			}
			if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queueURL(to),
				MessageBody: aws.String(body)}); err != nil {
				return fmt.Errorf("send a malformed message: %w", err)
			}
			w.mu.Lock()
			w.malformed = append(w.malformed, body)
			w.mu.Unlock()
		}
		time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
	}
	return nil
}

// quiet waits until all queues are empty. Like an operator, it moves the dead letters back once: those of functions
// that were killed are then handled, and malformed messages become dead letters again.
func (w *world) quiet(ctx context.Context) error {
	const patience, look, enough = 24 * time.Hour, 10 * time.Second, 3
	client := w.queues()
	for moved := false; ; moved = true {
		began := time.Now()
		for still := 0; still < enough; time.Sleep(look) {
			busy, err := w.busy(ctx, client)
			if err != nil {
				return err
			}
			if still++; busy != "" {
				still = 0
			}
			if time.Since(began) > patience {
				return fmt.Errorf("a queue does not become empty: %s", busy)
			}
		}
		if moved {
			return nil
		}
		for _, name := range names() {
			arn := "arn:aws:sqs:" + cloud.Region + ":" + cloud.Account + ":" + name
			_, err := client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn + "-dead"),
				DestinationArn: &arn})
			if err != nil {
				return fmt.Errorf("move the dead letters of %s back: %w", name, err)
			}
		}
		time.Sleep(look)
	}
}

// busy names a queue that holds something.
func (w *world) busy(ctx context.Context, client *sqs.Client) (string, error) {
	for _, name := range names() {
		out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: queueURL(name), AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
		})
		if err != nil {
			return "", fmt.Errorf("look at queue %s: %w", name, err)
		}
		for attribute, n := range out.Attributes {
			if strings.HasPrefix(attribute, "ApproximateNumberOfMessages") && n != "0" {
				return name + " " + attribute + " " + n, nil
			}
		}
	}
	return "", nil
}

// followUps checks what followed from the events: each registration's has one mail on record, none was sent twice, and
// every malformed message is among the dead letters.
func (w *world) followUps(ctx context.Context) error {
	var wrong []error
	mails, events, err := w.records(ctx)
	if err != nil {
		return err
	}
	for e := range events {
		if n := len(mails[e]); n != 1 {
			wrong = append(wrong, fmt.Errorf("event %s has %d mails on record", e, n))
		}
	}
	sent := map[string]int{}
	if engine, ok := w.engines.SES.(*ses.Engine); ok {
		for _, m := range engine.Sent() {
			for _, tag := range m.Tags {
				if tag.Name == "event" {
					sent[tag.Value]++
				}
			}
		}
	}
	for e := range events {
		state := ""
		if len(mails[e]) > 0 {
			state = mails[e][0]
		}
		switch {
		case sent[e] > 1:
			wrong = append(wrong, fmt.Errorf("event %s was told %d times", e, sent[e]))
		case sent[e] == 0 && state == string(mail.Sent):
			wrong = append(wrong, fmt.Errorf("event %s is on record as told, and was not", e))
		case sent[e] == 1 && state != string(mail.Sent) && state != string(mail.Unknown):
			wrong = append(wrong, fmt.Errorf("event %s was told, and its mail is %s", e, state))
		}
	}
	dead, err := w.deadLetters(ctx)
	if err != nil {
		return err
	}
	for _, body := range w.malformed {
		if i := slices.Index(dead, body); i >= 0 {
			dead = slices.Delete(dead, i, i+1)
		} else {
			wrong = append(wrong, fmt.Errorf("a malformed message is not among the dead letters: %s", body))
		}
	}
	for _, body := range dead { // a malformed message that was delivered twice is there twice
		if !slices.Contains(w.malformed, body) {
			wrong = append(wrong, fmt.Errorf("a dead letter that should live: %s", body))
		}
	}
	return errors.Join(wrong...)
}

// records are the events of registrations, and the states of the mails of each event.
func (w *world) records(ctx context.Context) (mails map[string][]string, registrations map[string]bool, err error) {
	client := dynamodb.New(dynamodb.Options{
		Region: cloud.Region, Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
		BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(w.engines.DynamoDB),
		RetryMaxAttempts: 20,
	})
	text := func(v types.AttributeValue) string {
		s, _ := v.(*types.AttributeValueMemberS)
		if s == nil {
			return ""
		}
		return s.Value
	}
	mails, registrations = map[string][]string{}, map[string]bool{}
	for pages := dynamodb.NewScanPaginator(client,
		&dynamodb.ScanInput{TableName: aws.String(cloud.Table)}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("read the table: %w", err)
		}
		for _, i := range page.Items {
			switch {
			case strings.HasPrefix(text(i["PK"]), "MAIL#"):
				mails[text(i["event"])] = append(mails[text(i["event"])], text(i["state"]))
			case dynamo.IsEvent(i) && strings.HasPrefix(text(i["type"]), "registration."):
				_, id, _ := strings.Cut(text(i["SK"]), "#")
				registrations[id] = true
			}
		}
	}
	return mails, registrations, nil
}

// copies are all fresh: what registrations copied of sections that have changed since, and sections of courses.
func (w *world) copies(ctx context.Context) error {
	c, err := w.open(ctx, nil)
	if err != nil {
		return err
	}
	var wrong []error
	for _, id := range w.sections {
		section, err := c.Store.Section(ctx, id)
		if err != nil {
			return err
		}
		course, err := c.Store.Course(ctx, section.Course)
		if err != nil {
			return err
		}
		if _, stale := registrar.DecideTitle(section.Section, course, time.Now()); stale || !section.TitleFollows {
			wrong = append(wrong, fmt.Errorf("section %s has the title %q, its course %q", last4(string(id)), section.Title,
				course.Title))
		}
	}
	for _, student := range w.students {
		all, err := c.Store.Registrations(ctx, student)
		if err != nil {
			return err
		}
		for _, reg := range all {
			facts, err := c.Store.RegistrationFacts(ctx, reg.Section, student, registrar.IdempotencyKey{})
			if err != nil {
				return err
			}
			if fresh, stale := registrar.DecideRefresh(facts, time.Now()); stale && reg.State.Live() {
				wrong = append(wrong, fmt.Errorf("student %s holds a copy of section %s as it was: %+v, not %+v",
					last4(string(student)),
					last4(string(reg.Section)), facts.Record.Holdings, fresh.Record.Holdings))
			}
		}
	}
	return errors.Join(wrong...)
}

// deadLetters are the bodies of all dead letters.
func (w *world) deadLetters(ctx context.Context) ([]string, error) {
	var bodies []string
	client := w.queues()
	for _, name := range names() {
		for {
			out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queueURL(name + "-dead"),
				MaxNumberOfMessages: 10, VisibilityTimeout: 3600})
			if err != nil {
				return nil, fmt.Errorf("read the dead letters of %s: %w", name, err)
			}
			if len(out.Messages) == 0 {
				break
			}
			for _, m := range out.Messages {
				bodies = append(bodies, *m.Body)
			}
		}
	}
	return bodies, nil
}
