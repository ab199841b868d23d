// Command redrive is `make redrive QUEUE=…`: it moves all dead letters of a queue back to it, by a message move task of
// SQS, and shows how that goes. It does so for `make run`, or with STACK for a deployment on AWS. An interrupt cancels
// what is not moved.
//
// SQS itself knows only for messages that it gave up where they came from, and nothing of those that a consumer gave
// up: so the task is told. Start with [run].
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/infra/deployment"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func main() {
	name := flag.String("queue", "", "name of the queue, for example imports")
	stack := flag.String("stack", "", "a stack on AWS; default: make run's queues")
	rate := flag.String("rate", "", "most messages a second, 1 to 500; default: as SQS sees fit")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := start(ctx, *name, *rate, *stack)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "redrive:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, name, rate, stack string) error {
	perSecond, err := check(name, rate)
	if err != nil {
		return err
	}
	d, err := deployment.Open(ctx, stack, os.Getenv)
	if err != nil {
		return err
	}
	if err := d.Reach(ctx); err != nil {
		return err
	}
	return run(ctx, d, name, perSecond, os.Stdout)
}

// check finds what is wrong before anything is asked for. The rate is 0 when it is not set.
func check(name, rate string) (perSecond int, err error) {
	if name == "" {
		return 0, fmt.Errorf("QUEUE is not set: it can be %s", strings.Join(deployment.Queues(), ", "))
	}
	if rate == "" {
		return 0, nil
	}
	const most = 500 // SQS API reference, StartMessageMoveTask
	if perSecond, err = strconv.Atoi(rate); err != nil || perSecond < 1 || perSecond > most {
		return 0, fmt.Errorf("RATE is %q: it must be a number of messages a second, from 1 to %d", rate, most)
	}
	return perSecond, nil
}

// every is how often the task is looked at.
const every = 500 * time.Millisecond

func run(ctx context.Context, d *deployment.Deployment, name string, rate int, out io.Writer) error {
	url, dead, err := d.Queue(ctx, name)
	if err != nil {
		return err
	}
	to, err := arn(ctx, d.SQS, url)
	if err != nil {
		return err
	}
	from, err := arn(ctx, d.SQS, dead)
	if err != nil {
		return err
	}
	in := &sqs.StartMessageMoveTaskInput{SourceArn: &from, DestinationArn: &to}
	if rate != 0 {
		in.MaxNumberOfMessagesPerSecond = aws.Int32(int32(rate))
	}
	task, err := d.SQS.StartMessageMoveTask(ctx, in)
	if err != nil {
		return fmt.Errorf("start to move the dead letters of %s: %w", name, err)
	}
	return watch(ctx, d.SQS, name, from, aws.ToString(task.TaskHandle), out)
}

// watch shows how a task goes until it has ended.
func watch(ctx context.Context, client *sqs.Client, name, from, handle string, out io.Writer) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	interrupted := ctx.Done()
	ctx = context.WithoutCancel(ctx) // what comes of the task is told in any case
	for shown := ""; ; {
		task, err := last(ctx, client, from)
		if err != nil {
			return err
		}
		if now := fmt.Sprintf("%s: %d of %d moved back", name, task.ApproximateNumberOfMessagesMoved,
			aws.ToInt64(task.ApproximateNumberOfMessagesToMove)); now != shown {
			fmt.Fprintln(out, now)
			shown = now
		}
		switch aws.ToString(task.Status) {
		case "COMPLETED":
			return nil
		case "FAILED":
			return fmt.Errorf("SQS gave up: %s", aws.ToString(task.FailureReason))
		case "CANCELLED":
			return errors.New("cancelled: the rest stays where it is")
		}
		select {
		case <-ticker.C:
		case <-interrupted:
			interrupted = nil
			if _, err := client.CancelMessageMoveTask(ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: &handle}); err != nil {
				fmt.Fprintln(out, "cannot be cancelled:", err) // it ended meanwhile
			}
		}
	}
}

// last is the newest task that moves messages out of a queue.
func last(ctx context.Context, client *sqs.Client, from string) (types.ListMessageMoveTasksResultEntry, error) {
	out, err := client.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &from,
		MaxResults: aws.Int32(1)})
	if err != nil {
		return types.ListMessageMoveTasksResultEntry{}, fmt.Errorf("look at the task: %w", err)
	}
	if len(out.Results) == 0 {
		return types.ListMessageMoveTasksResultEntry{}, errors.New("look at the task: SQS does not know it any more")
	}
	return out.Results[0], nil
}

func arn(ctx context.Context, client *sqs.Client, url string) (string, error) {
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return "", fmt.Errorf("look at the queue %s: %w", url, err)
	}
	return out.Attributes[string(types.QueueAttributeNameQueueArn)], nil
}
