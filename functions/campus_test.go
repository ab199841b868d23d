package functions_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/registrar/functions"
	"example.com/registrar/infra/local/cloud"
	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/sample"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/lambdahost"
	"example.com/registrar/shared/telemetry"
	"example.com/registrar/shared/telemetry/telemetrytest"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// root is the repository's folder, as tests of this package see it.
const root = ".."

type item = map[string]types.AttributeValue

// campus is a local cloud with the sample data, a clock that stands still and ids that count. It can go back to how it
// was, so that each case finds a fresh sample without the half second that filling one takes.
type campus struct {
	*testing.T
	cloud  *cloud.Cloud
	client *dynamodb.Client
	queues *sqs.Client
	fresh  map[string]item // the whole table, by key
	log    *slog.Logger

	// interfere stands before the table for one request, when it is set: see [campus.meanwhile].
	interfere atomic.Pointer[interference]

	mu    sync.Mutex       // guards the rest
	calls map[iamCall]bool // what functions asked engines for
	ids   int
	wrote map[string]item // keys of what was written since the table was made or restored
	// writes counts all that was ever written to the table
	writes int
	logs   bytes.Buffer
}

func openCampus(t *testing.T) *campus {
	t.Helper()
	c := &campus{T: t, calls: map[iamCall]bool{}}
	c.log = slog.New(slog.NewJSONHandler(c, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.open(cloud.Engines{})
	c.client = dynamodb.New(dynamodb.Options{
		Region: cloud.Region, BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(
			c.cloud.DynamoDB),
		Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
	})
	if err := sample.Fill(t.Context(), c.cloud.Store); err != nil {
		t.Fatal(err)
	}
	upload := httptest.NewRequest(http.MethodPut, "http://s3.local/"+cloud.Bucket+"/imports/"+sample.ID(sample.KindImport,
		2), strings.NewReader(sample.File()))
	upload.Header.Set("Content-Length", strconv.Itoa(len(sample.File())))
	w := httptest.NewRecorder()
	if c.cloud.S3.ServeHTTP(w, upload); w.Code != http.StatusOK {
		t.Fatalf("upload the sample's file: %d %s", w.Code, w.Body)
	}
	c.queues = sqs.New(sqs.Options{
		Region: cloud.Region, BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(c.cloud.SQS),
		Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()},
	})
	c.fillQueues()
	c.fresh, c.wrote = c.table(), map[string]item{}
	return c
}

// open makes the cloud over the engines.
func (c *campus) open(engines cloud.Engines) {
	c.Helper()
	var err error
	if c.cloud, err = cloud.Open(c.Context(), cloud.Options{
		Log: c.log, System: c.system(), SQSAddress: "http://sqs.local", S3Address: "http://s3.local", Observe: c.observe,
		Unthrottled: true, Engines: engines, ObserveCalls: c.observeCall,
		APIAddress: "http://api.local", SESAddress: "http://mailbox.local",
	}); err != nil {
		c.Fatal(err)
	}
}

// fillQueues gives the audit's queue what it had at the beginning: nothing, and the sample's dead letters.
func (c *campus) fillQueues() {
	c.Helper()
	for _, name := range []string{"audit", "audit-dead"} {
		url := aws.String("http://sqs.local/" + cloud.Account + "/" + name)
		for {
			out, err := c.queues.ReceiveMessage(c.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10})
			if err != nil {
				c.Fatal(err)
			}
			if len(out.Messages) == 0 {
				break
			}
			for _, m := range out.Messages {
				if _, err := c.queues.DeleteMessage(c.Context(), &sqs.DeleteMessageInput{QueueUrl: url,
					ReceiptHandle: m.ReceiptHandle}); err != nil {
					c.Fatal(err)
				}
			}
		}
	}
	all := functions.All()
	recorder := all[slices.IndexFunc(all, func(f functions.Function) bool { return f.Name == "audit-record" })]
	if err := sample.SendToDeadLetters(c.Context(), c.cloud.Consumer(recorder)); err != nil {
		c.Fatal(err)
	}
}

func (c *campus) observe(u localdynamodb.Usage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range u.Keys {
		if k.WriteUnits > 0 && k.Index == "" && c.wrote != nil {
			i := item{"PK": &types.AttributeValueMemberS{Value: k.Key["PK"].Str},
				"SK": &types.AttributeValueMemberS{Value: k.Key["SK"].Str}}
			c.wrote[keyOf(i)] = i
			c.writes++
		}
	}
}

// serve makes operations a function that logs all lines, those of level Debug too.
func (c *campus) serve(name string, operations ...api.Operation) lambda.Handler {
	recorder := telemetry.New(telemetry.Options{Function: name, Log: c.log.Handler(), Debug: telemetry.WriteDebug})
	return lambdahost.HTTP(api.Handler(recorder.Log(), operations...), recorder, lambdahost.Clock(c.system().Clock))
}

// Write takes what is logged, and holds it to the format of metrics.
func (c *campus) Write(line []byte) (int, error) {
	if _, err := telemetrytest.Check(line); err != nil {
		c.Errorf("a line of the log: %v\n%s", err, line)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.logs.Write(line)
}

// logged gives what was logged since it was asked last.
func (c *campus) logged() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.logs.Reset()
	return c.logs.String()
}

func (c *campus) system() api.System {
	return api.System{
		Clock: func() time.Time { return time.Date(2026, 11, 24, 13, 0, 0, 0, time.UTC) },
		NewID: func() string {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.ids++
			return fmt.Sprintf("01940000-0000-7000-8000-%012d", c.ids)
		},
	}
}

// adapters wire a function to the campus with credentials and a store of its own, as after a cold start: nothing is
// cached yet.
func (c *campus) adapters(f functions.Function) functions.Adapters {
	a := c.cloud.Adapters(f)
	a.Debug = telemetry.WriteDebug
	return a
}

// settings are what a consumer finds around it on the campus.
func (c *campus) settings(f functions.Function) consumer.Settings {
	s := c.cloud.Settings(f)
	s.Log = c.log
	return s
}

// table reads every item.
func (c *campus) table() map[string]item {
	c.Helper()
	items := map[string]item{}
	for pages := dynamodb.NewScanPaginator(c.client,
		&dynamodb.ScanInput{TableName: aws.String(cloud.Table)}); pages.HasMorePages(); {
		page, err := pages.NextPage(c.Context())
		if err != nil {
			c.Fatal(err)
		}
		for _, i := range page.Items {
			items[keyOf(i)] = i
		}
	}
	return items
}

func keyOf(i item) string {
	return i["PK"].(*types.AttributeValueMemberS).Value + " " + i["SK"].(*types.AttributeValueMemberS).Value
}

// restore makes table and queues what they were at the beginning, ids count from one again, and tells the keys of what
// had changed in the table.
func (c *campus) restore() (changed []string) {
	c.Helper()
	c.fillQueues()
	c.ids = 0
	var requests []types.WriteRequest
	for name, key := range maps.Clone(c.wrote) {
		out, err := c.client.GetItem(c.Context(), &dynamodb.GetItemInput{TableName: aws.String(cloud.Table), Key: key,
			ConsistentRead: aws.Bool(true)})
		if err != nil {
			c.Fatal(err)
		}
		switch fresh := c.fresh[name]; {
		case fresh == nil && len(out.Item) == 0, reflect.DeepEqual(fresh, out.Item):
			continue
		case fresh == nil:
			requests = append(requests, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key}})
		default:
			requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: fresh}})
		}
		changed = append(changed, name)
	}
	for ; len(requests) > 0; requests = requests[min(len(requests), 25):] {
		if _, err := c.client.BatchWriteItem(c.Context(), &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{cloud.Table: requests[:min(len(requests), 25)]},
		}); err != nil {
			c.Fatal(err)
		}
	}
	c.wrote = map[string]item{}
	return changed
}

// eventOf reads the sample event of a function.
func eventOf(t testing.TB, name string) []byte {
	t.Helper()
	event, err := os.ReadFile(filepath.Join(root, "events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// unwired is enough to ask operations for their routes.
func unwired(functions.Function) functions.Adapters { return functions.Adapters{} }

// operations are those of all functions, each wired by itself.
func operations(adapters func(functions.Function) functions.Adapters) []api.Operation {
	var all []api.Operation
	for _, f := range functions.All() {
		if f.Operations != nil {
			all = append(all, f.Operations(adapters(f))...)
		}
	}
	return all
}

// documented are the statuses that the OpenAPI document promises, by method and path.
func documented(t testing.TB) map[string]map[string]bool {
	t.Helper()
	text, err := os.ReadFile("docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	statuses := map[string]map[string]bool{}
	for path, methods := range doc.Paths {
		for method, operation := range methods {
			of := map[string]bool{}
			for status := range operation.Responses {
				of[status] = true
			}
			statuses[strings.ToUpper(method)+" "+path] = of
		}
	}
	return statuses
}
