// Package carrier hands letters over to Amazon SES (API v2), one at a time and each at most once. It distinguishes what
// was certainly refused, what was certainly not sent and may be tried again, and what nobody can know. The SDK's own
// retries would send a mail again whose answer was lost, so they are off.
//
// It knows the domain's letters and the AWS SDK, and nothing of the contents of letters. Start with [Open]; outcome.go
// decides about the outcome.
package carrier

import (
	"context"
	"errors"
	"math/rand/v2"
	netmail "net/mail"
	"strings"
	"time"

	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/sdk/sent"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

// Config is the sender of mail.
type Config struct {
	Sender           string // MAIL_SENDER: "registrar@example.edu", or with a name before it in the form of RFC 5322
	ConfigurationSet string // MAIL_CONFIGURATION_SET: its event destination reports bounces and complaints
}

// ConfigFrom reads the configuration from the environment, and names every variable that is missing or wrong.
func ConfigFrom(getenv func(string) string) (Config, error) {
	c := Config{Sender: getenv("MAIL_SENDER"), ConfigurationSet: getenv("MAIL_CONFIGURATION_SET")}
	var wrong []string
	if _, err := netmail.ParseAddress(c.Sender); err != nil {
		wrong = append(wrong, "MAIL_SENDER is not set, or is no e-mail address")
	}
	if c.ConfigurationSet == "" {
		wrong = append(wrong, "MAIL_CONFIGURATION_SET is not set")
	}
	if len(wrong) > 0 {
		return c, errors.New("configuration of mail: " + strings.Join(wrong, "; "))
	}
	return c, nil
}

// Client is what the carrier needs of the SDK's client.
type Client interface {
	SendEmail(ctx context.Context, in *sesv2.SendEmailInput, options ...func(*sesv2.Options)) (*sesv2.SendEmailOutput,
		error)
}

// Carrier is a [mail.Carrier] over SES. It is safe for concurrent use.
type Carrier struct {
	client Client
	config Config
}

// New makes a carrier over a client.
func New(client Client, c Config) *Carrier { return &Carrier{client: client, config: c} }

// Open makes a carrier over a client that the environment configures: region, credentials, and endpoint
// (AWS_ENDPOINT_URL_SESV2) as for every AWS SDK.
func Open(sdk aws.Config, getenv func(string) string) (*Carrier, error) {
	c, err := ConfigFrom(getenv)
	if err != nil {
		return nil, err
	}
	return New(sesv2.NewFromConfig(sdk), c), nil
}

// SendTime is the longest time that [Carrier.Send] takes.
const SendTime = 15 * time.Second

// attempts is how often a letter is sent that SES did not take because the rate was too high. SES counts rates by the
// second, so it is worth waiting a second or two before the event has to come back.
const attempts = 4

// Send implements [mail.Carrier]. Its errors are [*mail.HandoverError]. A letter to an invalid address is refused at
// once, because SES would refuse it each time. Such addresses may have been stored before addresses were checked.
func (c *Carrier) Send(ctx context.Context, letter mail.Letter) (string, error) {
	if !registrar.ValidEmail(string(letter.To)) {
		const reason = "not an address that mail can be sent to"
		return "", &mail.HandoverError{Outcome: mail.Refused, Reason: reason, Err: errors.New(reason)}
	}
	ctx, cancel := context.WithTimeout(ctx, SendTime)
	defer cancel()
	in := c.input(letter)
	for attempt := 1; ; attempt++ {
		message, err := c.offer(ctx, in)
		if err == nil || err.Outcome != mail.Released {
			return message, orNil(err)
		}
		if attempt == attempts || !pause(ctx, attempt) {
			return "", err
		}
	}
}

// offer sends one request.
func (c *Carrier) offer(ctx context.Context, in *sesv2.SendEmailInput) (string, *mail.HandoverError) {
	var tracked sent.Client
	answer, err := c.client.SendEmail(ctx, in, func(o *sesv2.Options) {
		o.Retryer = aws.NopRetryer{}
		tracked.Next, o.HTTPClient = o.HTTPClient, &tracked
	})
	if err != nil {
		return "", judge(err, !tracked.MayHaveLeft())
	}
	return aws.ToString(answer.MessageId), nil
}

// orNil keeps a nil pointer from becoming an error that is not nil.
func orNil(err *mail.HandoverError) error {
	if err == nil {
		return nil
	}
	return err
}

// pause waits with full jitter, doubling from half a second up to one; false when the context ends first.
func pause(ctx context.Context, attempt int) bool {
	const first, longest = 500 * time.Millisecond, time.Second
	timer := time.NewTimer(time.Duration(rand.Int64N(int64(min(longest, first<<(attempt-1))))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// input is the request for a letter: one recipient, two parts, the headers of RFC 2369 and RFC 8058, and tags. The tags
// are in every event about the message.
func (c *Carrier) input(letter mail.Letter) *sesv2.SendEmailInput {
	content := func(data string) *types.Content {
		return &types.Content{Data: aws.String(data), Charset: aws.String("UTF-8")}
	}
	message := &types.Message{
		Subject: content(letter.Subject), Body: &types.Body{Text: content(letter.Text), Html: content(letter.HTML)},
	}
	if letter.Unsubscribe != "" {
		message.Headers = []types.MessageHeader{
			{Name: aws.String("List-Unsubscribe"), Value: aws.String("<" + letter.Unsubscribe + ">")},
			{Name: aws.String("List-Unsubscribe-Post"), Value: aws.String("List-Unsubscribe=One-Click")},
		}
	}
	in := &sesv2.SendEmailInput{
		FromEmailAddress: aws.String(c.config.Sender), Destination: &types.Destination{
			ToAddresses: []string{string(letter.To)}},
		ConfigurationSetName: aws.String(c.config.ConfigurationSet), Content: &types.EmailContent{Simple: message},
	}
	for _, t := range []struct{ name, value string }{
		{"mail", string(letter.Mail)}, {"event", string(letter.Event)}, {"correlation", letter.Correlation},
	} {
		if value := tagged(t.value); value != "" {
			in.EmailTags = append(in.EmailTags, types.MessageTag{Name: aws.String(t.name), Value: aws.String(value)})
		}
	}
	return in
}

// tagged is a value in the form that a tag may have: up to 256 letters, digits, underscores and dashes (SES API v2,
// MessageTag). A gateway's request ids end with an equals sign.
func tagged(value string) string {
	const longest = 256
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, value[:min(len(value), longest)])
}
