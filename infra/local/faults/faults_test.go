package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/faults"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/lambda"
	"example.com/registrar/infra/local/ses"
	localsqs "example.com/registrar/infra/local/sqs"
	"example.com/registrar/shared/consumer/consumertest"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/intake/intaketest"
	"example.com/registrar/shared/mail/mailtest"
	"example.com/registrar/shared/reconcile/reconciletest"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"example.com/registrar/shared/schedule/scheduletest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	got, err := faults.Parse("dynamodb:TransactWriteItems conflict=20%,lost-reply=2%; sqs duplicate=5% delay=..3s; " +
		"lambda kill=1%;")
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
	for _, wrong := range []string{"dynamo conflict=1%", "dynamodb", "dynamodb kill=1%", "sqs delay=3s", "sqs delay=..1h",
		"lambda kill=0.1", "s3 error=101%"} {
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
	empty := func(t testing.TB) *dynamo.Store {
		parsed, err := faults.Parse(rules)
		if err != nil {
			t.Fatal(err)
		}
		i := faults.New(parsed, 1, slog.New(slog.DiscardHandler))
		engine := localdynamodb.New(localdynamodb.Options{})
		client := dynamodb.New(dynamodb.Options{
			Region: "us-east-1", BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(
				i.Handler("dynamodb", engine)),
			Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), RetryMaxAttempts: 10,
		})
		if _, err := client.CreateTable(context.Background(), dynamo.TableDefinition("table")); err != nil {
			t.Fatal(err)
		}
		return dynamo.New(client, dynamo.Config{Table: "table", CursorKey: registrar.NewSecret("0123456789abcdef")}, time.Now)
	}
	registrartest.Run(t, func(t testing.TB) registrartest.Store { return empty(t) })
	consumertest.Run(t, func(t testing.TB) consumertest.Store { return empty(t) })
	intaketest.Run(t, func(t testing.TB) intaketest.Store { return empty(t) })
	mailtest.Run(t, func(t testing.TB) mailtest.Store { return empty(t) })
	reconciletest.Run(t, func(t testing.TB) reconciletest.Store { return empty(t) })
	scheduletest.Run(t, func(t testing.TB) scheduletest.Store { return empty(t) })
}

func TestMessagesTwiceAndLate(t *testing.T) {
	i := injector(t, "sqs duplicate=100% delay=..1s", 7)
	engine := localsqs.New(localsqs.Options{})
	client := sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://sqs.local"), HTTPClient: inprocess.Client(
			i.Handler("sqs", engine)),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	queue, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue.QueueUrl,
		MessageBody: aws.String("once")}); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for range 5 {
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl,
			MaxNumberOfMessages: 10, WaitTimeSeconds: 2})
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

// steps is a function that asks an engine so many things, one after the other, and stops when it is refused.
type steps struct {
	client *http.Client
	n      int
	done   *atomic.Int32 // of the last call
}

func (f steps) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	f.done.Store(0)
	for range f.n {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine.local/", http.NoBody)
		if err != nil {
			return nil, err
		}
		w, err := f.client.Do(r)
		if err != nil {
			return nil, err
		}
		_ = w.Body.Close() // the status says it
		if w.StatusCode != http.StatusOK {
			return nil, errors.New(w.Status)
		}
		f.done.Add(1)
	}
	return []byte("done"), nil
}

// A function is killed before it does anything, between any two of its requests, or when it has done all: nobody can
// tell.
func TestKillsComeAtAnyTime(t *testing.T) {
	i := injector(t, "lambda:register kill=100%", 3)
	served := 0
	engine := i.Handler("dynamodb", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
	register := steps{client: inprocess.Client(engine), n: 4, done: new(atomic.Int32)}
	f := i.Function("register", register)
	const calls = 400
	ends := map[int]int{}
	for range calls {
		served = 0
		_, err := f.Invoke(t.Context(), nil)
		var failed *lambda.FunctionError
		if !errors.As(err, &failed) || failed.Type != lambda.TypeExit {
			t.Fatalf("a killed function answered: %v", err)
		}
		ends[served]++
	}
	for n := range register.n + 1 {
		if ends[n] < calls/100 {
			t.Errorf("%d of %d calls were killed after %d requests: %v", ends[n], calls, n, ends)
		}
	}
	if got := i.Counts()["lambda:register kill"]; got != calls {
		t.Errorf("%d kills counted", got)
	}
	for _, long := range []int{100, 500} { // a long call is killed in its middle, too
		register.n = long
		f = i.Function("register", register)
		middle := 0
		for range calls {
			served = 0
			if _, err := f.Invoke(t.Context(), nil); err == nil {
				t.Fatal("a killed function answered")
			}
			if served > long/4 && served < long {
				middle++
			}
		}
		if middle < calls/50 {
			t.Errorf("%d of %d calls of %d requests were killed after the first quarter", middle, calls, long)
		}
	}
	other := i.Function("other", register)
	if answer, err := other.Invoke(t.Context(), nil); err != nil || string(answer) != "done" {
		t.Errorf("another function was killed: %v", err)
	}
}

// A process is killed after a time.
func TestKillsOfProcesses(t *testing.T) {
	i := injector(t, "lambda kill=100%", 3)
	p := &killed{}
	f := i.Function("f", p)
	const calls = 400
	for range calls {
		if _, err := f.Invoke(t.Context(), nil); err == nil {
			t.Fatal("a killed function answered")
		}
	}
	short, long := 0, 0
	for _, after := range p.after {
		if after <= 5*time.Millisecond {
			short++
		}
		if after >= time.Second {
			long++
		}
		if after < 0 || after > 10*time.Second {
			t.Errorf("killed after %s", after)
		}
	}
	if len(p.after) != calls || short < calls/10 || long < calls/20 {
		t.Errorf("of %d lives %d are short and %d long", len(p.after), short, long)
	}
}

type killed struct{ after []time.Duration }

func (*killed) Invoke(context.Context, []byte) ([]byte, error) { return nil, nil }

func (k *killed) InvokeAndKill(_ context.Context, _ []byte, after time.Duration) ([]byte, error) {
	k.after = append(k.after, after)
	return nil, errors.New("killed")
}

// The messages of a batch come late each for itself, and some of them twice; what asks for a delay has it besides.
func TestBatchesTwiceAndLate(t *testing.T) {
	i := injector(t, "sqs duplicate=100% delay=..100s", 7)
	var sent []string
	engine := i.Handler("sqs", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength != int64(len(body)) {
			t.Errorf("a body of %d bytes is said to have %d: %v", len(body), r.ContentLength, err)
		}
		sent = append(sent, string(body))
	}))
	send := func(operation, body string) []map[string]any {
		t.Helper()
		sent = nil
		r := httptest.NewRequest(http.MethodPost, "http://sqs.local/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
		engine.ServeHTTP(httptest.NewRecorder(), r)
		var all []map[string]any
		for _, text := range sent {
			var request struct {
				QueueURL string `json:"QueueUrl"`
				Entries  []map[string]any
			}
			if err := json.Unmarshal([]byte(text), &request); err != nil || request.QueueURL != "q" {
				t.Fatalf("sent %s: %v", text, err)
			}
			if all = append(all, request.Entries...); request.Entries == nil {
				var one map[string]any
				if err := json.Unmarshal([]byte(text), &one); err != nil {
					t.Fatal(err)
				}
				all = append(all, one)
			}
		}
		return all
	}
	var entries []string
	for n := range 10 {
		entries = append(entries, fmt.Sprintf(`{"Id":"%d","MessageBody":"%d"}`, n, n))
	}
	times, delays := map[any]int{}, map[any]bool{}
	for _, m := range send("SendMessageBatch", `{"QueueUrl":"q","Entries":[`+strings.Join(entries, ",")+`]}`) {
		times[m["Id"]]++
		delays[m["DelaySeconds"]] = true
	}
	twice := 0
	for n := range 10 {
		switch times[fmt.Sprint(n)] {
		case 1:
		case 2:
			twice++
		default:
			t.Errorf("message %d was sent %d times", n, times[fmt.Sprint(n)])
		}
	}
	if twice == 0 || twice == 10 || len(delays) < 5 {
		t.Errorf("%d of ten messages were sent twice, with %d different delays", twice, len(delays))
	}
	for _, m := range send("SendMessage", `{"QueueUrl":"q","MessageBody":"x","DelaySeconds":850}`) {
		if d, ok := m["DelaySeconds"].(float64); !ok || d < 850 || d > 900 {
			t.Errorf("a message that is to wait for 850 s waits for %v", m["DelaySeconds"])
		}
	}
	for _, m := range send("SendMessage", `{"QueueUrl":"q","MessageBody":"x","MessageGroupId":"g"}`) {
		if m["DelaySeconds"] != nil {
			t.Error("a message of a group was delayed, which a FIFO queue refuses")
		}
	}
	if got := i.Counts(); got["sqs:SendMessageBatch duplicate"] != 1 || got["sqs:SendMessageBatch delay"] != 1 ||
		got["sqs:SendMessage delay"] != 2 {
		t.Errorf("counted %v", got)
	}
}

// Every fault that is injected stands in the log, once.
func TestEachFaultIsLogged(t *testing.T) {
	rules, err := faults.Parse("dynamodb:PutItem conflict=50%,lost-reply=20%,error=20%; s3 error=30% lost-reply=30%; " +
		"sqs throttle=50%; lambda kill=50%")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	i := faults.New(rules, 1, slog.New(slog.NewTextHandler(&log, nil)))
	f := i.Function("f", function(func() {}))
	handlers := map[string]http.Handler{}
	for _, engine := range []string{"dynamodb", "s3", "sqs"} {
		handlers[engine] = i.Handler(engine, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	}
	for range 50 {
		_, _ = f.Invoke(t.Context(), nil) // killed or not
		for engine, target := range map[string]string{"dynamodb": "DynamoDB_20120810.PutItem", "s3": "",
			"sqs": "AmazonSQS.ReceiveMessage"} {
			r := httptest.NewRequest(http.MethodPut, "http://engine.local/", strings.NewReader("{}"))
			if target != "" {
				r.Header.Set("X-Amz-Target", target)
			}
			handlers[engine].ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	counts := i.Counts()
	for _, name := range []string{
		"dynamodb:PutItem conflict", "dynamodb:PutItem lost-reply", "dynamodb:PutItem error", "s3:PUT error",
		"s3:PUT lost-reply",
		"sqs:ReceiveMessage throttle", "lambda:f kill",
	} {
		from, fault, _ := strings.Cut(name, " ")
		engine, operation, _ := strings.Cut(from, ":")
		lines := strings.Count(log.String(), fmt.Sprintf(`msg="fault injected" engine=%s operation=%s fault=%s`, engine,
			operation, fault))
		if counts[name] == 0 || lines != counts[name] {
			t.Errorf("%s: counted %d times, logged %d times", name, counts[name], lines)
		}
		delete(counts, name)
	}
	if len(counts) > 0 {
		t.Errorf("counted besides: %v", counts)
	}
}

func TestASchedulesRunTwiceAndLate(t *testing.T) {
	i := injector(t, "scheduler:things-sweep duplicate=100% delay=..3m", 3)
	if all := i.Schedule("things-sweep")(t.Context()); len(all) != 2 || all[0] != 0 || all[1] == 0 ||
		all[1] > 3*time.Minute {
		t.Errorf("started at %v", all)
	}
	if all := i.Schedule("others-sweep")(t.Context()); len(all) != 1 || all[0] != 0 {
		t.Errorf("another is started at %v", all)
	}
	if all := injector(t, "scheduler delay=..3m", 3).Schedule("things-sweep")(t.Context()); len(all) != 1 || all[0] == 0 {
		t.Errorf("a late one is started at %v", all)
	}
	if i.Counts()["scheduler:things-sweep duplicate"] != 1 {
		t.Errorf("counted: %v", i.Counts())
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
		Region: "us-east-1", BaseEndpoint: aws.String("http://ses.local"), HTTPClient: inprocess.Client(
			i.Handler("ses", engine)),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), RetryMaxAttempts: 1,
	})
	text := func(s string) *sestypes.Content { return &sestypes.Content{Data: aws.String(s)} }
	answered, throttled, lost := 0, 0, 0
	for range 100 {
		_, err := client.SendEmail(t.Context(), &sesv2.SendEmailInput{
			FromEmailAddress: aws.String("a@example.edu"), Destination: &sestypes.Destination{
				ToAddresses: []string{"b@example.edu"}},
			Content: &sestypes.EmailContent{Simple: &sestypes.Message{Subject: text("s"),
				Body: &sestypes.Body{Text: text("t")}}},
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
		if i.Handler("ses", engine).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/",
			http.NoBody)); page.Code != http.StatusOK {
			t.Errorf("the mailbox page answers %d", page.Code)
		}
	}
}
