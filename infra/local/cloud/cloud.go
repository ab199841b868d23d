// Package cloud is the local cloud: every function of the manifest behind a gateway, its engines, and the pollers that
// feed its consumers, in one process. It knows the manifest and the packages beside it. Start with [Open];
// infra/local's main is `make run`.
//
// Engines are reached by the SDK over their wire protocols, without a socket while they are this process's own. Where
// the environment names an endpoint (AWS_ENDPOINT_URL_DYNAMODB, _SQS, _S3, _SESV2), that engine is used instead, and
// its table, queues and bucket are made if they are missing, unless [Options].FindOnly leaves it alone; of an SES,
// sender and configuration set must be there.
package cloud

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/faults"
	"example.com/registrar/infra/local/gateway"
	"example.com/registrar/infra/local/iam"
	"example.com/registrar/infra/local/journal"
	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/infra/local/s3"
	"example.com/registrar/infra/local/ses"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/mail/letters"
	"example.com/registrar/shared/mail/unsubscribe"
	"example.com/registrar/shared/objects"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	sdksqs "github.com/aws/aws-sdk-go-v2/service/sqs"
)

// What the local cloud calls its things. The keys are no secrets: nothing outside this machine knows them.
const (
	Table     = "registrar"
	Bucket    = "registrar-imports"
	CursorKey = "local-cursor-key-not-a-secret"
	Region    = "us-east-1"
	Account   = "000000000000"
	accessKey = "local"

	MailSender       = "Registrar <" + senderAddress + ">"
	senderAddress    = "registrar@example.edu"
	mailIdentity     = "example.edu"
	ConfigurationSet = "registrar"
	UnsubscribeKey   = "local-unsubscribe-key-not-a-secret"
)

// Options configure a local cloud.
type Options struct {
	// Getenv is for AWS_ENDPOINT_URL_*, and what functions in processes get of OTEL_*, of those names that stand in the
	// process's environment; nil: all engines are embedded.
	Getenv func(string) string
	// FindOnly leaves the engines that the environment names as they are: table, queues and bucket must be there.
	FindOnly bool
	Log      *slog.Logger         // nil: nothing is logged
	Debug    telemetry.DebugLines // what becomes of the functions' debug lines
	System   api.System
	// SQSAddress and S3Address are the base addresses that clients outside the process use, for example
	// "http://127.0.0.1:8082": they stand in queue URLs and upload addresses.
	SQSAddress, S3Address string
	DynamoDBAddress       string
	// APIAddress stands in the links of mails, and SESAddress, where the mailbox page is too, in the log.
	APIAddress, SESAddress string
	// Before fills the table with what happened before its stream begins, which nobody is told of any more. An engine that
	// the environment names has the stream from the beginning. Nil: nothing did.
	Before func(context.Context, *dynamo.Store) error
	// Processes is a folder with <function>/bootstrap: the functions' real binaries run, each environment a process of its
	// own, instead of their handlers in this one. Empty: in this process.
	Processes string
	Output    io.Writer // gets what those processes print, line by line; nil: standard error
	// Concurrency is how many such processes may have a call at once, all together; above it calls are throttled. 0: a
	// hundred, which a machine bears; an account has [functions.Concurrency].
	Concurrency int
	Faults      *faults.Injector // nil: nothing fails on purpose
	// Visibility is for how long the queues hide a message that is being handled, in whole seconds, and so how soon it
	// comes back from a consumer that was killed. 0: as the manifest has it, for hours where the work is long.
	Visibility time.Duration
	// Contention lets the embedded DynamoDB conflict and throttle as AWS's does; nil: nothing waits for anything. It does
	// not go with DataDir, whose journal carries out changes one after the other.
	Contention *dynamodb.Contention
	// DataDir is a folder in which the embedded engines keep what was acknowledged, across restarts and kill -9. Empty:
	// nothing outlives the process.
	DataDir string
	// DataNoSync leaves it to the operating system when what was acknowledged comes from its memory to the disk: faster,
	// and a power cut may lose it.
	DataNoSync bool
	// Engines are those of a local cloud before, whose functions and pollers have ended: what they hold stays. The zero
	// value makes new ones.
	Engines Engines
	// Unthrottled lets through what the manifest's throttles would refuse, for tests with a clock that stands still.
	Unthrottled bool
	// Stretch multiplies the timeouts of the functions in this process, for tests under the race detector, which makes
	// everything many times slower. 0: they are the manifest's.
	Stretch int
	// Grants changes what a function is granted, for tests of what becomes of one that is refused. Nil: nothing is
	// changed.
	Grants func(functions.Function) functions.Function
	// ObserveCalls is told of each request of a function to an embedded engine, and whether it was allowed. It must be
	// safe for concurrent use. Nil: nobody is.
	ObserveCalls func(iam.Call)
	// Observe is told what each operation of the embedded table cost; nil: nobody is.
	Observe func(dynamodb.Usage)
}

// finds reports whether an engine is to be left as it is.
func (o Options) finds(service string) bool {
	return o.FindOnly && o.Getenv("AWS_ENDPOINT_URL_"+service) != ""
}

// Engines are the embedded engines, without the faults before them, and how far mappings of the table's stream got.
type Engines struct {
	DynamoDB, SQS, S3, SES http.Handler
	Positions              *lambda.Positions
	// Access decides what functions may do with the embedded engines.
	Access *iam.Authority
	// Usage is what the DynamoDB was used for since it was made; nil where another one is used.
	Usage *dynamodb.Ledger
}

// Cloud is a running local cloud.
type Cloud struct {
	API       http.Handler // the gateway
	Store     *dynamo.Store
	Bucket    *objects.Bucket
	DynamoDB  http.Handler // the embedded engines; nil where another is used
	SQS       http.Handler
	S3        http.Handler
	SES       http.Handler // and the mailbox page
	Engines   Engines
	letters   *letters.Writer
	links     unsubscribe.Links
	outside   aws.Config // of engines that the environment names
	clients   clients    // an administrator's
	queues    map[string]queueOf
	sources   []source // of all kinds
	schedules []source
	pools     []*lambda.Pool
	kept      []io.Closer // what DataDir holds open
	options   Options
	account   *lambda.Account
}

// Credentials are those of an administrator, who may do everything: of the commands that people run. Functions have
// credentials of their own, see package iam.
func Credentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: accessKey}
}

// Open makes a local cloud: engines, table, queues, bucket, functions. Nothing runs yet but what a request calls; see
// [Cloud.Run].
func Open(ctx context.Context, o Options) (*Cloud, error) {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	const bearable = 100
	c := &Cloud{options: o, account: lambda.NewAccount(cmp.Or(o.Concurrency, bearable))}
	if err := c.open(ctx, o); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cloud) open(ctx context.Context, o Options) error {
	if err := c.engines(ctx, o); err != nil {
		return err
	}
	c.clients = c.connect(Credentials())
	c.Store = dynamo.New(c.clients.dynamodb(), dynamo.Config{Table: Table, CursorKey: registrar.NewSecret(CursorKey)},
		o.System.Clock)
	c.Bucket = objects.New(c.clients.s3(), Bucket, o.System.Clock)
	if !o.finds("DYNAMODB") {
		if err := c.makeTable(ctx, c.clients.dynamodb()); err != nil {
			return err
		}
	}
	if !o.finds("S3") {
		if err := makeBucket(ctx, c.clients.s3()); err != nil {
			return err
		}
	}
	c.links = unsubscribe.Links{Tokens: unsubscribe.New(UnsubscribeKey), API: o.APIAddress}
	var err error
	if c.letters, err = letters.New(); err != nil {
		return err
	}
	if c.queues, err = c.openQueues(ctx, c.clients.sqs()); err != nil {
		return err
	}
	routes, err := c.wire(ctx, o)
	if err != nil {
		return err
	}
	c.API, err = newGateway(routes, o)
	return err
}

// newGateway is the gateway as the manifest wants it.
func newGateway(routes []gateway.Route, o Options) (*gateway.Gateway, error) {
	wanted := functions.API()
	options := gateway.Options{Routes: routes, Log: o.Log, Now: o.System.Clock, CORS: &gateway.CORS{
		AllowOrigins: wanted.CORS.Origins, AllowMethods: wanted.CORS.Methods, AllowHeaders: wanted.CORS.Headers,
		ExposeHeaders: wanted.CORS.Expose, MaxAge: wanted.CORS.MaxAge,
	}}
	if !o.Unthrottled {
		throttle := func(t functions.Throttle) *gateway.Throttle {
			return &gateway.Throttle{Rate: float64(t.Rate), Burst: t.Burst}
		}
		options.Throttle = throttle(wanted.Throttle)
		own := functions.Throttles(functions.All())
		for i, r := range routes {
			if t, ok := own[r.Method+" "+r.Path]; ok {
				routes[i].Throttle = throttle(t)
			}
		}
	}
	return gateway.New(options)
}

// Close stops the functions' processes and ends what DataDir holds open.
func (c *Cloud) Close() error {
	errs := make([]error, 0, len(c.pools))
	for _, pool := range c.pools {
		errs = append(errs, pool.Close())
	}
	for _, k := range slices.Backward(c.kept) {
		errs = append(errs, k.Close())
	}
	return errors.Join(errs...)
}

// Run lets everything happen that no request waits for: queues and the table's stream are read, schedules kept, and
// what has expired is deleted, until the context ends. It returns when what was in flight has ended.
func (c *Cloud) Run(ctx context.Context) error {
	var expiry sync.WaitGroup
	defer expiry.Wait()
	if engine, ok := c.Engines.DynamoDB.(expirer); ok {
		expiry.Go(func() { expire(ctx, engine) })
	}
	return runAll(ctx, c.sources)
}

// RunSchedules is Run for schedules alone: queues and the stream are left as they are, so that in a bubble a day is no
// more than what schedules start in it.
func (c *Cloud) RunSchedules(ctx context.Context) error { return runAll(ctx, c.schedules) }

func runAll(ctx context.Context, sources []source) error {
	errs := make([]error, len(sources))
	var wg sync.WaitGroup
	for i, s := range sources {
		wg.Go(func() { errs[i] = s.Run(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// expirer is an engine that deletes items whose time is over when it is asked to.
type expirer interface {
	Expire(limit int) int
}

// expire has an engine delete what has expired, a little at a time: with AWS it may take days.
func expire(ctx context.Context, engine expirer) {
	const every, atOnce = time.Minute, 1000
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			for engine.Expire(atOnce) == atOnce && ctx.Err() == nil {
			}
		case <-ctx.Done():
			return
		}
	}
}

// engines makes those that the environment does not name.
func (c *Cloud) engines(ctx context.Context, o Options) error {
	var err error
	names := []string{"DYNAMODB", "SQS", "S3", "SESV2"}
	if slices.ContainsFunc(names, func(name string) bool { return o.Getenv("AWS_ENDPOINT_URL_"+name) != "" }) {
		if c.outside, err = config.LoadDefaultConfig(ctx); err != nil {
			return fmt.Errorf("configuration of the AWS SDK: %w", err)
		}
	}
	if err := c.occupy(o.DataDir); err != nil {
		return err
	}
	if c.Engines.Positions, err = positions(o); err != nil {
		return err
	}
	if c.Engines.Access = o.Engines.Access; c.Engines.Access == nil {
		if c.Engines.Access, err = Authority(o); err != nil {
			return err
		}
	}
	if o.Getenv("AWS_ENDPOINT_URL_DYNAMODB") == "" {
		if err := c.dynamoDB(ctx, o); err != nil {
			return err
		}
	}
	if o.Getenv("AWS_ENDPOINT_URL_SQS") == "" {
		if c.Engines.SQS = o.Engines.SQS; c.Engines.SQS == nil {
			if c.Engines.SQS, err = c.queueEngine(o); err != nil {
				return err
			}
		}
		c.SQS = o.Faults.Handler("sqs", c.Engines.SQS)
	}
	if o.Getenv("AWS_ENDPOINT_URL_SESV2") == "" {
		if c.Engines.SES = o.Engines.SES; c.Engines.SES == nil {
			c.Engines.SES = ses.New(ses.Options{
				Region: Region, Account: Account, Address: o.SESAddress, Identities: []string{mailIdentity},
				ConfigurationSets: []string{ConfigurationSet}, Access: c.Engines.Access,
				Now: o.System.Clock, Log: o.Log, Publish: func(ctx context.Context, envelope []byte) error {
					return c.announce(ctx, envelope, func(q functions.Queue) bool { return q.Feedback })
				},
			})
		}
		c.SES = o.Faults.Handler("ses", c.Engines.SES)
	}
	if o.Getenv("AWS_ENDPOINT_URL_S3") == "" {
		return c.objectStore(ctx, o)
	}
	return nil
}

// objectStore makes the embedded S3, unless it stands.
func (c *Cloud) objectStore(ctx context.Context, o Options) error {
	if c.Engines.S3 = o.Engines.S3; c.Engines.S3 == nil {
		clock := &journal.Clock{System: o.System.Clock}
		store := s3.New(s3.Options{
			Region: Region, Credentials: Credentials(), Now: clock.Now, Folder: o.DataDir, Log: o.Log,
			Access: c.Engines.Access,
			Announce: func(ctx context.Context, key string, notification []byte) error {
				if clock.Reading() { // it was announced when it arrived
					return nil
				}
				return c.announce(ctx, notification, func(q functions.Queue) bool {
					return q.Uploads != "" &&
						strings.HasPrefix(key, q.Uploads)
				})
			},
		})
		var err error
		if c.Engines.S3, err = c.keep(ctx, o, "s3", store, journal.S3Changes, clock); err != nil {
			return err
		}
	}
	c.S3 = o.Faults.Handler("s3", c.Engines.S3)
	return nil
}

// announce sends what an engine tells, as a bucket's notification or a topic does, to the queues that are to be told.
// Both do so at least once (S3 user guide, "Amazon S3 Event Notifications"), whatever became of whom they tell of: a
// queue that fails is tried for long, and neither a client that hangs up nor a function that is killed, which package
// faults knows by its context, takes the announcement with it.
func (c *Cloud) announce(_ context.Context, notification []byte, to func(functions.Queue) bool) error {
	const long = 5 * time.Minute // for all attempts, with the SDK's pauses of up to twenty seconds
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	sender := c.clients.sqs()
	patiently := func(o *sdksqs.Options) { o.RetryMaxAttempts = 10 }
	for _, f := range functions.All() {
		if f.Queue == nil || !to(*f.Queue) {
			continue
		}
		in := &sdksqs.SendMessageInput{QueueUrl: aws.String(c.queues[f.Queue.Name].url),
			MessageBody: aws.String(string(notification))}
		if _, err := sender.SendMessage(ctx, in, patiently); err != nil { //nolint:contextcheck // see above
			return fmt.Errorf("announce something to queue %s: %w", f.Queue.Name, err)
		}
	}
	return nil
}

func (c *Cloud) makeTable(ctx context.Context, client *sdkdynamodb.Client) error {
	definition := dynamo.TableDefinition(Table)
	stream := definition.StreamSpecification
	if ours := c.DynamoDB != nil; ours && c.options.Before != nil {
		definition.StreamSpecification = nil
	}
	_, err := client.CreateTable(ctx, definition)
	var exists *ddbtypes.ResourceInUseException
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("make the table: %w", err)
	}
	const longest = 30 * time.Second
	if err := sdkdynamodb.NewTableExistsWaiter(client).Wait(ctx,
		&sdkdynamodb.DescribeTableInput{TableName: aws.String(Table)}, longest); err != nil {
		return fmt.Errorf("wait for the table: %w", err)
	}
	_, err = client.UpdateTimeToLive(ctx, &sdkdynamodb.UpdateTimeToLiveInput{
		TableName: aws.String(Table),
		TimeToLiveSpecification: &ddbtypes.TimeToLiveSpecification{AttributeName: aws.String(dynamo.TimeToLive),
			Enabled: aws.Bool(true)},
	})
	if err != nil && exists == nil {
		return fmt.Errorf("set the table's time to live: %w", err)
	}
	if c.options.Before != nil {
		if err := c.options.Before(ctx, c.Store); err != nil {
			return err
		}
	}
	described, err := client.DescribeTable(ctx, &sdkdynamodb.DescribeTableInput{TableName: aws.String(Table)})
	if err != nil {
		return fmt.Errorf("look at the table: %w", err)
	}
	if described.Table.LatestStreamArn != nil {
		return nil
	}
	if _, err := client.UpdateTable(ctx, &sdkdynamodb.UpdateTableInput{TableName: aws.String(Table),
		StreamSpecification: stream}); err != nil {
		return fmt.Errorf("begin the table's stream: %w", err)
	}
	return nil
}

func makeBucket(ctx context.Context, client *sdks3.Client) error {
	_, err := client.CreateBucket(ctx, &sdks3.CreateBucketInput{Bucket: aws.String(Bucket)})
	var exists *s3types.BucketAlreadyOwnedByYou
	var taken *s3types.BucketAlreadyExists
	if err != nil && !errors.As(err, &exists) && !errors.As(err, &taken) {
		return fmt.Errorf("make the bucket: %w", err)
	}
	return nil
}
