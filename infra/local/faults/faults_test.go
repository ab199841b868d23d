package faults_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/faults"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/infra/local/ses"
	localsqs "example.com/registrar/infra/local/sqs"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	got, err := faults.Parse("dynamodb:TransactWriteItems conflict=20%,lost-reply=2%; sqs duplicate=5% delay=..3s; lambda kill=1%;")
	if err != nil {
		t.Fatal(err)
	}
	want := []faults.Rule{
		{Engine: "dynamodb", Operation: "TransactWriteItems", Fault: faults.Conflict, Chance: 0.2},
		{Engine: "dynamodb", Operation: "TransactWriteItems", Fault: faults.LostReply, Chance: 0.02},
		{Engine: "sqs", Fault: faults.Duplicate, Chance: 0.05},
		{Engine: "sqs", Fault: faults.Delay, Chance: 1, UpTo: 3 * time.Second},
		{Engine: "lambda", Fault: faults.Kill, Chance: 0.01},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, wrong := range []string{"dynamo conflict=1%", "dynamodb", "dynamodb kill=1%", "sqs delay=3s", "sqs delay=..1h", "lambda kill=0.1", "s3 error=101%"} {
		if _, err := faults.Parse(wrong); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
}

func injector(t *testing.T, text string, seed uint64) *faults.Injector {
	t.Helper()
	rules, err := faults.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return faults.New(rules, seed, slog.New(slog.DiscardHandler))
}

// The whole store suite passes while a fifth of all transactions meets another's, replies get lost, and requests are
// throttled: what a client is told is true.
func TestTheStoreStandsFaults(t *testing.T) {
	rules := "dynamodb:TransactWriteItems conflict=20%,lost-reply=10%,throttle=5%; dynamodb throttle=3%,error=2%"
	registrartest.Run(t, func(t testing.TB) registrartest.Store {
		parsed, err := faults.Parse(rules)
		if err != nil {
			t.Fatal(err)
		}
		i := faults.New(parsed, 1, slog.New(slog.DiscardHandler))
		engine := localdynamodb.New(localdynamodb.Options{})
		client := dynamodb.New(dynamodb.Options{
			Region: "us-east-1", BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(i.Handler("dynamodb", engine)),
			Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), RetryMaxAttempts: 10,
		})
		if _, err := client.CreateTable(context.Background(), dynamo.TableDefinition("table")); err != nil {
			t.Fatal(err)
		}
		return dynamo.New(client, dynamo.Config{Table: "table", CursorKey: registrar.NewSecret("0123456789abcdef")}, time.Now)
	})
}

func TestMessagesTwiceAndLate(t *testing.T) {
	i := injector(t, "sqs duplicate=100% delay=..1s", 7)
	engine := localsqs.New(localsqs.Options{})
	client := sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(i.Handler("sqs", engine)),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	queue, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String("once")}); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for range 5 {
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 2})
		if err != nil {
			t.Fatal(err)
		}
		if seen += len(out.Messages); seen >= 2 {
			break
		}
	}
	if seen != 2 || i.Counts()["sqs:SendMessage duplicate"] != 1 {
		t.Errorf("a message that was sent once came %d times; %v", seen, i.Counts())
	}
}

func TestKillsComeBeforeAndAfter(t *testing.T) {
	i := injector(t, "lambda:register kill=100%", 3)
	effects := 0
	f := i.Function("register", function(func() { effects++ }))
	const calls = 100
	for range calls {
		_, err := f.Invoke(t.Context(), nil)
		var failed *lambda.FunctionError
		if !errors.As(err, &failed) || failed.Type != lambda.TypeExit {
			t.Fatalf("a killed function answered: %v", err)
		}
	}
	if effects < calls/4 || effects > calls*3/4 {
		t.Errorf("%d of %d killed functions had done their work", effects, calls)
	}
	other := i.Function("other", function(func() {}))
	if _, err := other.Invoke(t.Context(), nil); err != nil {
		t.Errorf("another function was killed: %v", err)
	}
}

type function func()

func (f function) Invoke(context.Context, []byte) ([]byte, error) { f(); return nil, nil }

func TestASeedRepeatsItself(t *testing.T) {
	run := func(seed uint64) map[string]int {
		i := injector(t, "lambda kill=30%", seed)
		f := i.Function("f", function(func() {}))
		for range 200 {
			_, _ = f.Invoke(t.Context(), nil)
		}
		return i.Counts()
	}
	if d := cmp.Diff(run(5), run(5)); d != "" {
		t.Error(d)
	}
	if run(5)["lambda:f kill"] == 0 {
		t.Error("no fault was injected")
	}
}

// What a lost reply hides has happened, and of mail nobody can ask again.
func TestMailAndItsReply(t *testing.T) {
	i := injector(t, "ses:SendEmail throttle=30%,lost-reply=30%", 11)
	engine := ses.New(ses.Options{})
	client := sesv2.New(sesv2.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://ses.local"), HTTPClient: inprocess.Client(i.Handler("ses", engine)),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), RetryMaxAttempts: 1,
	})
	text := func(s string) *sestypes.Content { return &sestypes.Content{Data: aws.String(s)} }
	answered, throttled, lost := 0, 0, 0
	for range 100 {
		_, err := client.SendEmail(t.Context(), &sesv2.SendEmailInput{
			FromEmailAddress: aws.String("a@example.edu"), Destination: &sestypes.Destination{ToAddresses: []string{"b@example.edu"}},
			Content: &sestypes.EmailContent{Simple: &sestypes.Message{Subject: text("s"), Body: &sestypes.Body{Text: text("t")}}},
		})
		var many *sestypes.TooManyRequestsException
		switch {
		case err == nil:
			answered++
		case errors.As(err, &many):
			throttled++
		default:
			lost++
		}
	}
	if sent := len(engine.Sent()); answered == 0 || throttled == 0 || lost == 0 || sent != answered+lost {
		t.Errorf("%d answered, %d throttled, %d lost, %d sent", answered, throttled, lost, sent)
	}
	page := httptest.NewRecorder()
	for range 20 {
		if i.Handler("ses", engine).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/", http.NoBody)); page.Code != http.StatusOK {
			t.Errorf("the mailbox page answers %d", page.Code)
		}
	}
}
