package dynamo_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/shared/consumer/consumertest"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/intake/intaketest"
	"example.com/registrar/shared/mail/mailtest"
	"example.com/registrar/shared/reconcile/reconciletest"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"example.com/registrar/shared/schedule/scheduletest"
	"example.com/registrar/shared/telemetry/request"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
)

// client reaches the engine that AWS_ENDPOINT_URL_DYNAMODB names, else a new embedded one.
func client(t testing.TB, observe func(localdynamodb.Usage)) *dynamodb.Client {
	t.Helper()
	if os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") != "" {
		c, err := config.LoadDefaultConfig(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return dynamodb.NewFromConfig(c)
	}
	return overEngine(localdynamodb.Options{Observe: observe})
}

// overEngine reaches a new embedded engine.
func overEngine(o localdynamodb.Options) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(localdynamodb.New(o)),
	})
}

func open(t testing.TB, observe func(localdynamodb.Usage)) *dynamo.Store {
	t.Helper()
	c := client(t, observe)
	return dynamo.New(c, dynamo.Config{Table: newTable(t, c), CursorKey: registrar.NewSecret("0123456789abcdef")},
		time.Now)
}

// newTable makes a table that goes with the test.
func newTable(t testing.TB, c *dynamodb.Client) string {
	t.Helper()
	table := "test-" + uuid.NewString()
	if _, err := c.CreateTable(t.Context(), dynamo.TableDefinition(table)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := c.DeleteTable(context.WithoutCancel(t.Context()), &dynamodb.DeleteTableInput{TableName: &table})
		if err != nil {
			t.Error(err)
		}
	})
	return table
}

func TestStore(t *testing.T) {
	empty := func(t testing.TB) *dynamo.Store { return open(t, nil) }
	registrartest.Run(t, func(t testing.TB) registrartest.Store { return empty(t) })
	consumertest.Run(t, func(t testing.TB) consumertest.Store { return empty(t) })
	intaketest.Run(t, func(t testing.TB) intaketest.Store { return empty(t) })
	mailtest.Run(t, func(t testing.TB) mailtest.Store { return empty(t) })
	reconciletest.Run(t, func(t testing.TB) reconciletest.Store { return empty(t) })
	scheduletest.Run(t, func(t testing.TB) scheduletest.Store { return empty(t) })
}

// What was wrong in an import's rows is kept for a year and more; the import with its counts for good.
func TestTheProblemsOfAnImportExpire(t *testing.T) {
	c := client(t, nil)
	table := newTable(t, c)
	store := dynamo.New(c, dynamo.Config{Table: table, CursorKey: registrar.NewSecret("0123456789abcdef")}, time.Now)
	u := registrartest.New(t, store)
	im := intake.Import{ID: "m1", Term: u.NewTerm("2025-SPRING").ID, State: intake.Waiting,
		Stamp: registrar.Stamp{}.Next(u.Now())}
	if err := store.CreateImport(t.Context(), im, registrar.Answer{}); err != nil {
		t.Fatal(err)
	}
	im.State, im.StartedAt, im.Stamp = intake.Running, u.Now(), im.Next(u.Now())
	if err := store.SaveImport(t.Context(), im,
		intake.Report{Problems: []intake.Problem{{Row: 2, Field: "crn", Reason: "x"}}}); err != nil {
		t.Fatal(err)
	}
	out, err := c.Query(t.Context(), &dynamodb.QueryInput{
		TableName: &table, KeyConditionExpression: aws.String("PK = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "IMPORT#m1"}},
	})
	if err != nil || len(out.Items) != 2 { // the import and its problem
		t.Fatalf("%d items, %v", len(out.Items), err)
	}
	if _, ok := out.Items[0][dynamo.TimeToLive]; ok {
		t.Error("the import itself expires")
	}
	want := strconv.FormatInt(u.Now().Add(400*24*time.Hour).Unix(), 10)
	if expires, ok := out.Items[1][dynamo.TimeToLive].(*types.AttributeValueMemberN); !ok || expires.Value != want {
		t.Errorf("the problem expires at %v, want %s", out.Items[1][dynamo.TimeToLive], want)
	}
}

// The budget of design.md: an enrolment is at most one BatchGetItem and one TransactWriteItems, of at most 16 write
// units with those of the indexes.
func TestAnEnrolmentStaysWithinItsBudget(t *testing.T) {
	if os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") != "" {
		t.Skip("only the embedded engine tells what an operation costs")
	}
	var mu sync.Mutex
	var usage []localdynamodb.Usage
	store := open(t, func(u localdynamodb.Usage) {
		mu.Lock()
		defer mu.Unlock()
		usage = append(usage, u)
	})
	u := registrartest.New(t, store)
	term := u.NewTerm("2025-SPRING")
	student := u.NewStudent("U1", "Ann", "Able")
	desk := u.Desk()
	desk.NewID = uuid.NewString
	var sections []registrar.Section
	for n := range 6 { // six sections with two meetings each are more than most students have
		number := string(rune('0' + n))
		section := u.SectionOf(term, u.NewCourse("CSCI", "110"+number, "Course "+number), "1234"+number, 30)
		for d := range 2 {
			section.Meetings = append(section.Meetings, registrar.Meeting{
				Days: 0b0001001, Start: registrar.ClockTime(480 + 120*n + 60*d), End: registrar.ClockTime(530 + 120*n + 60*d),
				From: "2025-01-13", To: "2025-05-09", Room: "Hall",
			})
		}
		if err := u.CreateSection(t.Context(), section, registrar.Answer{}); err != nil {
			t.Fatal(err)
		}
		// fills the cache
		if _, err := u.RegistrationFacts(t.Context(), section.ID, student.ID, registrar.IdempotencyKey{}); err != nil {
			t.Fatal(err)
		}
		sections = append(sections, section)
	}
	ctx := request.With(t.Context(), request.Info{
		ID: "JKJaXmPLvHcESHA=", Correlation: uuid.NewString(), Principal: uuid.NewString(),
		Trace: "Root=1-67288e44-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1",
	})
	spent := func(what string, act func() error) {
		usage = nil
		if err := act(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var operations []string
		units := 0.0
		for _, one := range usage {
			operations = append(operations, one.Operation)
			for _, c := range one.Capacity {
				if !c.Read {
					units += c.Units
				}
			}
		}
		t.Logf("%s: %s, %g write units", what, strings.Join(operations, ", "), units)
		if got := strings.Join(operations, ", "); got != "BatchGetItem, TransactWriteItems" {
			t.Errorf("%s took the requests %s", what, got)
		}
		if units > 16 || units < 4 {
			t.Errorf("%s took %g write units, the budget is 16", what, units)
		}
	}
	key := func() registrar.IdempotencyKey {
		return registrar.IdempotencyKey{Principal: "anonymous", Key: uuid.NewString(), Request: [32]byte{1}}
	}
	reply := func(registrar.Registration) ([]byte, error) { return make([]byte, 600), nil } // as long as an answer is
	for _, section := range sections {
		spent("enrol in "+section.CRN, func() error {
			_, err := desk.Enrol(ctx, registrar.EnrolRequest{Section: section.ID, Student: student.ID, At: u.Now()}, key(),
				reply)
			return err
		})
	}
	spent("drop", func() error {
		_, err := desk.Drop(ctx, registrar.DropRequest{Section: sections[0].ID, Student: student.ID, At: u.Now()}, key(),
			reply)
		return err
	})
	spent("enrol again", func() error {
		_, err := desk.Enrol(ctx, registrar.EnrolRequest{Section: sections[0].ID, Student: student.ID, At: u.Now()}, key(),
			reply)
		return err
	})
}

// The same, where requests take their time and meet each other as they do on AWS.
func TestStore_UnderContention(t *testing.T) {
	if os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") != "" {
		t.Skip("only the embedded engine has contention")
	}
	empty := func(t testing.TB) *dynamo.Store {
		c := settled{overEngine(localdynamodb.Options{Contention: localdynamodb.AWSContention()})}
		return dynamo.New(c, dynamo.Config{Table: newTable(t, c.Client), CursorKey: registrar.NewSecret("0123456789abcdef")},
			time.Now)
	}
	registrartest.RunSimulated(t, func(t testing.TB) registrartest.Store { return empty(t) })
	consumertest.RunSimulated(t, func(t testing.TB) consumertest.Store { return empty(t) })
	intaketest.RunSimulated(t, func(t testing.TB) intaketest.Store { return empty(t) })
	mailtest.RunSimulated(t, func(t testing.TB) mailtest.Store { return empty(t) })
	reconciletest.RunSimulated(t, func(t testing.TB) reconciletest.Store { return empty(t) })
	scheduletest.RunSimulated(t, func(t testing.TB) scheduletest.Store { return empty(t) })
}

// settled is a client whose eventually consistent reads wait until they show what was written before.
type settled struct{ *dynamodb.Client }

func (c settled) Query(
	ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	if !aws.ToBool(in.ConsistentRead) {
		time.Sleep(time.Second)
	}
	return c.Client.Query(ctx, in, o...)
}

func (c settled) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	for _, all := range in.RequestItems {
		if !aws.ToBool(all.ConsistentRead) {
			time.Sleep(time.Second)
		}
	}
	return c.Client.BatchGetItem(ctx, in, o...)
}
