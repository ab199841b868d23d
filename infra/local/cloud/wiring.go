package cloud

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/gateway"
	"example.com/registrar/infra/local/iam"
	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/infra/local/scheduler"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/mail/carrier"
	"example.com/registrar/shared/objects"
	"example.com/registrar/shared/queue"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/schedule"
	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"
	sdksqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// source is what triggers a function by itself: a queue, the table's stream, a schedule.
type source interface {
	Run(ctx context.Context) error
}

// wire connects each function of the manifest with what triggers it, and gives the routes of those behind the gateway.
func (c *Cloud) wire(ctx context.Context, o Options) ([]gateway.Route, error) {
	var routes []gateway.Route
	for _, f := range functions.All() {
		clients := c.clientsOf(f)
		adapters, settings := c.adapters(f, clients), c.settings(f, clients)
		if adapters.Store != nil { // in one process functions share what they read, as if they were one environment
			adapters.Store = c.Store.As(clients.dynamodb(), storeConfig(f))
		}
		settings.Claims = adapters.Store
		function := c.function(f, f.Handler(adapters, settings), o)
		var s source
		var err error
		switch {
		case f.Queue != nil:
			s = c.feed(clients, f, function, o)
		case f.Stream != nil:
			s, err = c.follow(ctx, clients, f, function, o)
		case f.Schedule != nil:
			if s, err = c.keepSchedule(f, function, o); err == nil {
				c.schedules = append(c.schedules, s)
			}
		default:
			for _, operation := range f.Operations(adapters) {
				routes = append(routes, gateway.Route{Method: operation.Method, Path: operation.Path, Function: function})
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		c.sources = append(c.sources, s)
	}
	return routes, nil
}

// clientsOf reach the engines with the function's own credentials.
func (c *Cloud) clientsOf(f functions.Function) clients { return c.connect(iam.Credentials(f.Name)) }

// Adapters are what a function is wired to here, as after a cold start: with its own credentials, and a store that has
// nothing in its caches yet.
func (c *Cloud) Adapters(f functions.Function) functions.Adapters {
	return c.adapters(f, c.clientsOf(f))
}

// adapters has what the function's line of the manifest gives it a use for.
func (c *Cloud) adapters(f functions.Function, own clients) functions.Adapters {
	a := functions.Adapters{
		Letters: c.letters, Links: c.links, System: c.options.System, Log: c.options.Log, Debug: c.options.Debug,
	}
	if len(f.Table) > 0 {
		a.Store = dynamo.New(own.dynamodb(), storeConfig(f), c.options.System.Clock)
	}
	if f.Bucket != functions.No {
		a.Bucket = objects.New(own.s3(), Bucket, c.options.System.Clock)
	}
	if len(f.Sends) > 0 {
		a.Queues = func(name string) *queue.Queue { return queue.New(own.sqs(), c.queues[name].url) }
	}
	if f.Queues != functions.NoQueues {
		a.Operator = c.operator(own.sqs())
	}
	if f.Mails {
		a.Carrier = carrier.New(own.ses(), carrier.Config{Sender: MailSender, ConfigurationSet: ConfigurationSet})
	}
	return a
}

// storeConfig gives a function the key of cursors if it uses it.
func storeConfig(f functions.Function) dynamo.Config {
	config := dynamo.Config{Table: Table}
	if f.Pages {
		config.CursorKey = registrar.NewSecret(CursorKey)
	}
	return config
}

// function is a function of the manifest, in this process or in processes of its own.
func (c *Cloud) function(f functions.Function, handler awslambda.Handler, o Options) lambda.Function {
	if o.Processes == "" {
		timeout := f.Timeout * time.Duration(max(1, o.Stretch))
		return o.Faults.Function(f.Name, lambda.Handler(handler, lambda.Options{Name: f.Name, Timeout: timeout,
			Memory: f.Memory, Log: o.Log}))
	}
	var output io.Writer = os.Stderr
	if o.Output != nil {
		output = o.Output
	}
	pool := lambda.NewPool(lambda.PoolOptions{
		Log: o.Log, Concurrency: concurrency(f), Account: c.account, Process: lambda.ProcessOptions{
			Binary: filepath.Join(o.Processes, f.Name, "bootstrap"), Name: f.Name, Memory: f.Memory, Timeout: f.Timeout,
			Env: c.Environment(f), Stdout: output, Stderr: output,
		},
	})
	c.pools = append(c.pools, pool)
	return o.Faults.Function(f.Name, pool)
}

// concurrency is how many calls of a function there may be at once; 0: as many as the account has.
func concurrency(f functions.Function) int {
	if f.Queue != nil {
		return f.Queue.Concurrency
	}
	return 0
}

// Environment is what a function's process finds the local cloud by, the logging settings that it has on AWS, and what
// the environment says to OpenTelemetry. Endpoints that the environment names stand before the addresses of embedded
// engines.
func (c *Cloud) Environment(f functions.Function) []string {
	key := iam.Credentials(f.Name)
	env := []string{
		"AWS_REGION=" + Region, "AWS_ACCESS_KEY_ID=" + key.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + key.SecretAccessKey, "AWS_SESSION_TOKEN=" + key.SessionToken,
		"AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=" + c.options.Debug.Level(),
	}
	for name, value := range f.Environment() {
		text := c.value(value)
		if name == "QUEUE_VISIBILITY" {
			text = strconv.Itoa(int(c.visibility(f).Seconds()))
		}
		env = append(env, name+"="+text)
	}
	embedded := map[string]string{
		"DYNAMODB": c.options.DynamoDBAddress, "SQS": c.options.SQSAddress, "S3": c.options.S3Address,
		"SESV2": c.options.SESAddress,
	}
	for _, service := range f.Services() {
		name := "AWS_ENDPOINT_URL_" + service
		env = append(env, name+"="+cmp.Or(c.options.Getenv(name), embedded[service]))
	}
	// names of which there is no list, for functions that were built with it (`make build-local TAGS=otel`)
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if value := c.options.Getenv(name); strings.HasPrefix(name, "OTEL_") && value != "" {
			env = append(env, name+"="+value)
		}
	}
	slices.Sort(env)
	return env
}

func (c *Cloud) value(v functions.Value) string {
	switch v.Kind {
	case functions.TableName:
		return Table
	case functions.CursorKey:
		return CursorKey
	case functions.BucketName:
		return Bucket
	case functions.QueueURL:
		return c.queues[v.Of].url
	case functions.DeadLetterURL:
		return c.queues[v.Of].dead
	case functions.QueueURLPrefix:
		return strings.TrimSuffix(c.queues[v.Of].url, v.Of)
	case functions.MailSender:
		return MailSender
	case functions.MailConfigurationSet:
		return ConfigurationSet
	case functions.UnsubscribeKey:
		return UnsubscribeKey
	case functions.APIURL:
		return c.options.APIAddress
	case functions.Text:
		return v.Of
	}
	return ""
}

// operator looks after all queues.
func (c *Cloud) operator(client *sdksqs.Client) *queue.Operator {
	var all []queue.Address
	for name, q := range c.queues {
		all = append(all, queue.Address{Name: name, URL: q.url, DeadLetters: q.dead, Feedback: q.feedback})
	}
	return queue.NewOperator(client, c.options.Log, all...)
}

// Settings are what a consumer finds around it, as after a cold start; nothing for functions of other kinds.
func (c *Cloud) Settings(f functions.Function) consumer.Settings {
	own := c.clientsOf(f)
	s := c.settings(f, own)
	s.Claims = c.adapters(f, own).Store
	return s
}

// Consumer is the queue of a consumer, in the hands of an administrator.
func (c *Cloud) Consumer(f functions.Function) *queue.Consumer {
	return queue.NewConsumer(c.clients.sqs(), c.queues[f.Queue.Name].url, c.queues[f.Queue.Name].dead)
}

func (c *Cloud) settings(f functions.Function, own clients) consumer.Settings {
	if f.Queue == nil {
		return consumer.Settings{}
	}
	q, o := c.queues[f.Queue.Name], c.options
	return consumer.Settings{
		Queue: queue.NewConsumer(own.sqs(), q.url, q.dead), Receives: f.Queue.Receives, Visibility: c.visibility(f),
		Clock: o.System.Clock, NewID: o.System.NewID, Log: o.Log,
	}
}

// feed is the event source mapping of a queue.
func (c *Cloud) feed(clients clients, f functions.Function, function lambda.Function, o Options) source {
	q := c.queues[f.Queue.Name]
	p := &lambda.QueuePoller{
		Client: clients.sqs(), QueueURL: q.url, QueueARN: q.arn, Function: function, BatchSize: f.Queue.BatchSize,
		MaximumBatchingWindow: f.Queue.Window, MaxConcurrency: f.Queue.Concurrency, ReportBatchItemFailures: true,
		Visibility: c.visibility(f),
		Log:        o.Log,
	}
	if c.SQS == nil { // ElasticMQ gives a message to whoever waited for it, even when nobody is there any more
		p.LongPoll, p.AwaitReceives = time.Second, true
	}
	return p
}

// follow is the event source mapping of the table's stream. It goes on where the mapping got to, and else begins with
// the oldest record that there is: what was committed before a process was killed comes after it. What it gives up goes
// whole into the bucket, where Lambda would put it too.
func (c *Cloud) follow(
	ctx context.Context, clients clients, f functions.Function, function lambda.Function, o Options,
) (source, error) {
	described, err := c.clients.dynamodb().DescribeTable(ctx,
		&sdkdynamodb.DescribeTableInput{TableName: aws.String(Table)})
	if err != nil {
		return nil, fmt.Errorf("function %s: find the table's stream: %w", f.Name, err)
	}
	arn := aws.ToString(described.Table.LatestStreamArn)
	if arn == "" {
		return nil, fmt.Errorf("function %s: the table has no stream", f.Name)
	}
	streams := *clients.streams()
	streams.Wanted = lambda.StreamFilter{EventNames: []string{"INSERT"}, KeyPrefixes: []string{f.Stream.Prefix}}
	return &lambda.StreamPoller{
		Client: &streams, ARN: arn, Function: function,
		FunctionARN: "arn:aws:lambda:" + Region + ":" + Account + ":function:" + f.Name, StartingPosition: lambda.TrimHorizon,
		Positions: c.Engines.Positions, Name: f.Name + " " + arn,
		BatchSize: f.Stream.BatchSize, ParallelizationFactor: f.Stream.Parallel, MaximumRetryAttempts: &f.Stream.Retries,
		MaximumRecordAge: f.Stream.MaxAge, BisectBatchOnFunctionError: true, ReportBatchItemFailures: true,
		Filter:         streams.Wanted,
		FailurePayload: true, Now: o.System.Clock, Log: o.Log,
		OnFailure: func(ctx context.Context, record []byte) error {
			key := functions.FailedPrefix + f.Name + "/" + o.System.NewID()
			_, err := clients.s3().PutObject(ctx, &sdks3.PutObjectInput{
				Bucket: aws.String(Bucket), Key: aws.String(key), Body: strings.NewReader(string(record)),
			})
			if err != nil {
				return fmt.Errorf("keep what was given up: %w", err)
			}
			return nil
		},
	}, nil
}

// keepSchedule starts a function when its expression says so.
func (c *Cloud) keepSchedule(f functions.Function, function lambda.Function, o Options) (source, error) {
	expression, err := schedule.Parse(f.Schedule.Expression)
	if err != nil {
		return nil, fmt.Errorf("function %s: %w", f.Name, err)
	}
	return &scheduler.Schedule{
		Name: f.Name, Expression: expression, Function: function, Input: lambdahost.ScheduleInput, Now: o.System.Clock,
		Log:        o.Log,
		Deliveries: o.Faults.Schedule(f.Name),
	}, nil
}

// queueOf is a queue as it was made: addresses of itself and of its dead letters, its ARN, and whether it is told of
// mail.
type queueOf struct {
	url, dead, arn string
	feedback       bool
}

// visibility is for how long a queue's messages are hidden while they are handled, and when those come back whose
// consumer was killed.
func (c *Cloud) visibility(f functions.Function) time.Duration {
	return cmp.Or(c.options.Visibility, f.Visibility())
}

// openQueues makes the queues of all consumers, with their dead letters, or finds them.
func (c *Cloud) openQueues(ctx context.Context, client *sdksqs.Client) (map[string]queueOf, error) {
	open := makeQueue
	if c.options.finds("SQS") {
		open = func(ctx context.Context, client *sdksqs.Client, name string, _ map[string]string) (url, arn string,
			err error) {
			return findQueue(ctx, client, name)
		}
	}
	all := map[string]queueOf{}
	for _, f := range functions.All() {
		if f.Queue == nil {
			continue
		}
		dead, deadARN, err := open(ctx, client, f.Queue.Name+"-dead", map[string]string{"MessageRetentionPeriod": "1209600"})
		if err != nil {
			return nil, err
		}
		url, arn, err := open(ctx, client, f.Queue.Name, map[string]string{
			"VisibilityTimeout": strconv.Itoa(int(c.visibility(f).Seconds())),
			"DelaySeconds":      strconv.Itoa(int(f.Queue.Delay.Seconds())),
			"RedrivePolicy":     fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, deadARN, f.Queue.Receives),
		})
		if err != nil {
			return nil, err
		}
		all[f.Queue.Name] = queueOf{url, dead, arn, f.Queue.Feedback}
	}
	return all, nil
}

// makeQueue makes a queue if there is none of that name. One that is there, in an engine that outlives this program,
// may have been made for other settings: it gets these.
func makeQueue(
	ctx context.Context, client *sdksqs.Client, name string, attributes map[string]string,
) (url, arn string, err error) {
	_, err = client.CreateQueue(ctx, &sdksqs.CreateQueueInput{QueueName: aws.String(name), Attributes: attributes})
	var exists *sqstypes.QueueNameExists
	if err != nil && !errors.As(err, &exists) {
		return "", "", fmt.Errorf("make queue %s: %w", name, err)
	}
	if url, arn, err = findQueue(ctx, client, name); err != nil || exists == nil {
		return url, arn, err
	}
	if _, err := client.SetQueueAttributes(ctx, &sdksqs.SetQueueAttributesInput{QueueUrl: aws.String(url),
		Attributes: attributes}); err != nil {
		return "", "", fmt.Errorf("set queue %s: %w", name, err)
	}
	return url, arn, nil
}

func findQueue(ctx context.Context, client *sdksqs.Client, name string) (url, arn string, err error) {
	found, err := client.GetQueueUrl(ctx, &sdksqs.GetQueueUrlInput{QueueName: aws.String(name)})
	if err != nil {
		return "", "", fmt.Errorf("find queue %s: %w", name, err)
	}
	got, err := client.GetQueueAttributes(ctx, &sdksqs.GetQueueAttributesInput{
		QueueUrl: found.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return "", "", fmt.Errorf("look at queue %s: %w", name, err)
	}
	return aws.ToString(found.QueueUrl), got.Attributes["QueueArn"], nil
}
