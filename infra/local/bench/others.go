package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/s3"
	"example.com/registrar/infra/local/ses"
	"example.com/registrar/infra/local/sqs"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	sdksqs "github.com/aws/aws-sdk-go-v2/service/sqs"
)

// keeper is one of the engines that keep something, besides DynamoDB.
type keeper struct {
	put func(ctx context.Context, n int) error // the nth thing
	use func(ctx context.Context, n int) error // what is done with one, among however many
	// freeze and restore are its snapshot; nil: it has none.
	freeze  func() func(io.Writer) error
	restore func(io.Reader) error // of another one, which is empty
}

func credentialsOf() aws.CredentialsProvider {
	return credentials.StaticCredentialsProvider{Value: cloud.Credentials()}
}

// keepers make them: messages of 500 bytes of which half are in flight, objects of a kilobyte, mails of one.
func keepers() map[string]func(context.Context) (keeper, error) {
	return map[string]func(context.Context) (keeper, error){"messages": messageKeeper, "objects": objectKeeper,
		"mails": mailKeeper}
}

func messageKeeper(ctx context.Context) (keeper, error) {
	options := sqs.Options{Region: cloud.Region, Account: cloud.Account, Endpoint: "http://sqs.local"}
	engine, again := sqs.New(options), sqs.New(options)
	client := sdksqs.New(sdksqs.Options{Region: cloud.Region, BaseEndpoint: aws.String("http://sqs.local"),
		HTTPClient: inprocess.Client(engine), Credentials: credentialsOf()})
	made, err := client.CreateQueue(ctx, &sdksqs.CreateQueueInput{QueueName: aws.String("q"),
		Attributes: map[string]string{"VisibilityTimeout": "43200"}})
	if err != nil {
		return keeper{}, err
	}
	body := aws.String(strings.Repeat("x", 500))
	receive := func(ctx context.Context) (handle *string, err error) {
		got, err := client.ReceiveMessage(ctx, &sdksqs.ReceiveMessageInput{QueueUrl: made.QueueUrl})
		if err == nil && len(got.Messages) != 1 {
			err = fmt.Errorf("%d messages were received", len(got.Messages))
		}
		if err != nil {
			return nil, err
		}
		return got.Messages[0].ReceiptHandle, nil
	}
	return keeper{
		put: func(ctx context.Context, n int) error {
			_, err := client.SendMessage(ctx, &sdksqs.SendMessageInput{QueueUrl: made.QueueUrl, MessageBody: body})
			if err == nil && n%2 == 1 {
				_, err = receive(ctx)
			}
			return err
		},
		use: func(ctx context.Context, _ int) error {
			if _, err := client.SendMessage(ctx, &sdksqs.SendMessageInput{QueueUrl: made.QueueUrl,
				MessageBody: body}); err != nil {
				return err
			}
			handle, err := receive(ctx)
			if err == nil {
				_, err = client.DeleteMessage(ctx, &sdksqs.DeleteMessageInput{QueueUrl: made.QueueUrl, ReceiptHandle: handle})
			}
			return err
		},
		freeze:  func() func(io.Writer) error { return engine.Freeze(func() {}) },
		restore: again.Restore,
	}, nil
}

func objectKeeper(context.Context) (keeper, error) {
	const bucket = "bench"
	engine, again := s3.New(s3.Options{}), s3.New(s3.Options{})
	if err := engine.CreateBucket(bucket); err != nil {
		return keeper{}, err
	}
	client := sdks3.New(sdks3.Options{Region: cloud.Region, BaseEndpoint: aws.String("http://s3.local"),
		UsePathStyle: true,
		HTTPClient:   inprocess.Client(engine), Credentials: credentialsOf(),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired})
	body := bytes.Repeat([]byte("x"), 1<<10)
	key := func(n int) *string { return aws.String(fmt.Sprintf("folder-%d/%08d", n%10, n)) }
	put := func(ctx context.Context, n int) error {
		_, err := client.PutObject(ctx, &sdks3.PutObjectInput{Bucket: aws.String(bucket), Key: key(n),
			Body: bytes.NewReader(body)})
		return err
	}
	return keeper{
		put: put,
		use: func(ctx context.Context, n int) error {
			if err := put(ctx, n); err != nil {
				return err
			}
			got, err := client.GetObject(ctx, &sdks3.GetObjectInput{Bucket: aws.String(bucket), Key: key(n)})
			if err != nil {
				return err
			}
			_ = got.Body.Close() // it is not looked at
			_, err = client.ListObjectsV2(ctx, &sdks3.ListObjectsV2Input{Bucket: aws.String(bucket), MaxKeys: aws.Int32(20),
				Delimiter: aws.String("/")})
			return err
		},
		freeze: engine.Freeze, restore: again.Restore,
	}, nil
}

func mailKeeper(context.Context) (keeper, error) {
	engine := ses.New(ses.Options{})
	client := sesv2.New(sesv2.Options{Region: cloud.Region, BaseEndpoint: aws.String("http://ses.local"),
		HTTPClient: inprocess.Client(engine), Credentials: credentialsOf()})
	text := func(s string) *sestypes.Content { return &sestypes.Content{Data: aws.String(s)} }
	send := func(ctx context.Context, n int) error {
		_, err := client.SendEmail(ctx, &sesv2.SendEmailInput{
			FromEmailAddress: aws.String("registrar@example.edu"),
			Destination:      &sestypes.Destination{ToAddresses: []string{fmt.Sprintf("s%d@example.edu", n)}},
			Content: &sestypes.EmailContent{Simple: &sestypes.Message{Subject: text("subject"),
				Body: &sestypes.Body{Text: text(strings.Repeat("x", 1<<10))}}},
		})
		return err
	}
	return keeper{put: send, use: send}, nil
}

// kept is what a number of things costs.
type kept struct {
	items              int
	fill, use, restart time.Duration // of the processor; use: of one
	bytes              float64       // of one, in the heap
}

func keepMany(ctx context.Context, open func(context.Context) (keeper, error), items int) (c kept, err error) {
	const uses = 200
	c.items = items
	before := heap()
	k, err := open(ctx)
	if err != nil {
		return c, err
	}
	began := processor()
	for n := range items {
		if err := k.put(ctx, n); err != nil {
			return c, err
		}
	}
	c.fill = processor() - began
	c.bytes = (heap() - before) / float64(items)
	began = processor()
	for n := range uses {
		if err := k.use(ctx, n*7919%items); err != nil {
			return c, err
		}
	}
	c.use = (processor() - began) / uses
	if k.freeze != nil {
		began = processor()
		reader, writer := io.Pipe()
		written := make(chan error, 1)
		go func() {
			err := k.freeze()(writer)
			_ = writer.CloseWithError(err) // a pipe always closes
			written <- err
		}()
		if err := errors.Join(k.restore(reader), <-written); err != nil {
			return c, err
		}
		c.restart = processor() - began
	}
	runtime.KeepAlive(k)
	return c, nil
}

// growthOfOthers prints what a tenth of the sizes cost the other engines, as ratios to the first.
func growthOfOthers(ctx context.Context, out io.Writer, sizes []int) error {
	for _, name := range []string{"messages", "objects", "mails"} {
		fmt.Fprintf(out, "\n%-10s %18s %20s %18s %16s\n", name, "CPU to fill, ratio", "to use one, ratio",
			"to restart, ratio",
			"bytes each")
		var first kept
		for _, size := range sizes {
			const fraction = 10
			c, err := keepMany(ctx, keepers()[name], max(1, size/fraction))
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if first.items == 0 {
				first = c
			}
			restart := "-"
			if c.restart > 0 {
				restart = fmt.Sprintf("%.3fs %7.1f", c.restart.Seconds(), c.restart.Seconds()/first.restart.Seconds())
			}
			fmt.Fprintf(out, "%-10d %10.2fs %7.1f %10.0fµs %7.2f %18s %16.0f\n", c.items, c.fill.Seconds(),
				c.fill.Seconds()/first.fill.Seconds(), float64(c.use.Microseconds()),
				c.use.Seconds()/first.use.Seconds(), restart, c.bytes)
		}
	}
	return nil
}
