package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"example.com/registrar/shared/schedule"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
)

// newUniversity is one over a store, which has a table to itself, and the table's name.
func newUniversity(t *testing.T, c dynamo.Client, table string) *registrartest.University {
	t.Helper()
	return registrartest.New(t, newStore(c, table, time.Now))
}

func newStore(c dynamo.Client, table string, now registrar.Clock) *dynamo.Store {
	return dynamo.New(c, dynamo.Config{Table: table, CursorKey: registrar.NewSecret("0123456789abcdef")}, now)
}

func partition(k map[string]types.AttributeValue) string {
	pk, _ := k["PK"].(*types.AttributeValueMemberS)
	return pk.Value
}

// torn is a client whose batch reads are none: some of the items are read first, then something happens, then the
// others are read. (Developer guide, "Isolation levels": a BatchGetItem as a unit is read-committed.)
type torn struct {
	*dynamodb.Client
	first   func(partition string) bool
	between func()
	armed   atomic.Bool
}

func (c *torn) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	for table, all := range in.RequestItems {
		first, rest := all, all
		first.Keys, rest.Keys = nil, nil
		student := false
		for _, k := range all.Keys {
			student = student || strings.HasPrefix(partition(k), "STUDENT#") || strings.HasPrefix(partition(k), "MAIL#")
			if c.first(partition(k)) {
				first.Keys = append(first.Keys, k)
			} else {
				rest.Keys = append(rest.Keys, k)
			}
		}
		if !student || len(first.Keys) == 0 || len(rest.Keys) == 0 || !c.armed.CompareAndSwap(true, false) {
			continue
		}
		a, err := c.Client.BatchGetItem(ctx,
			&dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: first}}, o...)
		if err != nil {
			return nil, err
		}
		c.between()
		b, err := c.Client.BatchGetItem(ctx,
			&dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: rest}}, o...)
		if err != nil {
			return nil, err
		}
		b.Responses[table] = append(b.Responses[table], a.Responses[table]...)
		return b, nil
	}
	return c.Client.BatchGetItem(ctx, in, o...)
}

// readFirst are the orders in which a batch is torn.
var readFirst = map[string]func(string) bool{
	"the answer first":  func(pk string) bool { return strings.HasPrefix(pk, "ANSWER#") },
	"the answer last":   func(pk string) bool { return !strings.HasPrefix(pk, "ANSWER#") },
	"the seats first":   func(pk string) bool { return strings.HasPrefix(pk, "SEATS#") },
	"the seats last":    func(pk string) bool { return !strings.HasPrefix(pk, "SEATS#") },
	"the student first": func(pk string) bool { return strings.HasPrefix(pk, "STUDENT#") },
}

func TestARetryGetsTheAnswerOfAnAttemptThatCommitsBetweenTwoReads(t *testing.T) {
	for order, first := range readFirst {
		for _, capacity := range []int{1, 5} {
			t.Run(fmt.Sprint(order, ", ", capacity, " seats"), func(t *testing.T) {
				c := &torn{Client: client(t, nil), first: first}
				u := newUniversity(t, c, newTable(t, c.Client))
				section := u.NewSection(u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One"), "100", capacity)
				student := u.NewStudent("U1", "Ann", "Able")
				reply := func(registrar.Registration) ([]byte, error) { return []byte("first"), nil }
				for what, request := range map[string]func(key registrar.IdempotencyKey) error{
					"enrol": func(key registrar.IdempotencyKey) error {
						_, err := u.Desk().Enrol(t.Context(), registrar.EnrolRequest{Section: section.ID, Student: student.ID,
							At: u.Now()}, key, reply)
						return err
					},
					"drop": func(key registrar.IdempotencyKey) error {
						_, err := u.Desk().Drop(t.Context(), registrar.DropRequest{Section: section.ID, Student: student.ID, At: u.Now()},
							key, reply)
						return err
					},
				} {
					if what == "drop" {
						if _, err := u.Enrol(section.ID, student.ID); err != nil && !registrar.IsRefusal(err, registrar.AlreadyEnrolled) {
							t.Fatal(err)
						}
					} else if _, err := u.Drop(section.ID, student.ID); err != nil &&
						!registrar.IsRefusal(err, registrar.NotEnrolled) {
						t.Fatal(err)
					}
					told := len(u.Refused.Events())
					key := registrar.IdempotencyKey{Principal: "p", Key: what, Request: [32]byte{1}}
					c.between = func() {
						if err := request(key); err != nil { // the first attempt, still under way when the client sends it again
							t.Errorf("%s, the first attempt: %v", what, err)
						}
					}
					c.armed.Store(true)
					err := request(key)
					var before *registrar.AnsweredBefore
					if !errors.As(err, &before) || string(before.Reply) != "first" {
						t.Errorf("%s: the retry got %v, want the first attempt's answer", what, err)
					}
					if c.armed.Load() {
						t.Errorf("%s: no batch was torn", what)
					}
					if n := len(u.Refused.Events()) - told; n != 0 {
						t.Errorf("%s: %d refusals are on record that never were", what, n)
					}
				}
			})
		}
	}
}

// halfRead is a client that reads the student's own item before something happens, and the rest of a batch after it.
type halfRead struct {
	*dynamodb.Client
	between func()
}

func (c *halfRead) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	isStudent := func(i map[string]types.AttributeValue) bool {
		sk, _ := i["SK"].(*types.AttributeValueMemberS)
		return sk.Value == "STUDENT"
	}
	out, err := c.Client.BatchGetItem(ctx, in, o...)
	for _, all := range in.RequestItems {
		if err != nil || c.between == nil || !slices.ContainsFunc(all.Keys, isStudent) {
			return out, err
		}
	}
	c.between()
	c.between = nil
	later, err := c.Client.BatchGetItem(ctx, in, o...)
	if err != nil {
		return nil, err
	}
	for table, items := range later.Responses {
		rest := slices.DeleteFunc(items, isStudent)
		later.Responses[table] = append(rest, out.Responses[table][slices.IndexFunc(out.Responses[table], isStudent)])
	}
	return later, nil
}

// A student's term record gets another version when the student leaves or is renamed. Whoever has read the student
// before that and the record after it has the record's newest version, and would commit.
func TestWhoHasLeftIsNotEnrolledByATornRead(t *testing.T) {
	c := &halfRead{Client: client(t, nil)}
	u := newUniversity(t, c, newTable(t, c.Client))
	term := u.NewTerm("2025-SPRING")
	first := u.NewSection(term, u.NewCourse("CSCI", "1100", "One"), "100", 5)
	second := u.NewSection(term, u.NewCourse("CSCI", "1200", "Two"), "200", 5)
	third := u.NewSection(term, u.NewCourse("CSCI", "1300", "Three"), "300", 5)
	ann, bob := u.NewStudent("U1", "Ann", "Able"), u.NewStudent("U2", "Bob", "Best")
	for _, student := range []registrar.Student{ann, bob} {
		for _, section := range []registrar.Section{first, third} { // a record is written over at the second
			if _, err := u.Enrol(section.ID, student.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.between = func() {
		left := ann
		left.Active, left.Stamp = false, ann.Next(u.Now())
		if err := u.UpdateStudent(t.Context(), ann, left); err != nil {
			t.Error(err)
		}
	}
	if _, err := u.Enrol(second.ID, ann.ID); !registrar.IsRefusal(err, registrar.StateForbids) {
		t.Errorf("a student who left before the term record was read: %v, want a refusal", err)
	}
	c.between = func() {
		renamed := bob
		renamed.FamilyName, renamed.Stamp = "Better", bob.Next(u.Now())
		if err := u.UpdateStudent(t.Context(), bob, renamed); err != nil {
			t.Error(err)
		}
	}
	if r, err := u.Enrol(second.ID, bob.ID); err != nil || r.StudentName != "Better, Bob" {
		t.Errorf("a student who was renamed before the term record was read stands on the roster as %q, %v", r.StudentName,
			err)
	}
}

// Without a key nobody can tell a retry, but what is refused must have been so: whoever got the last seat a moment ago
// is not told that there is none.
func TestWhoHasTheLastSeatIsNotToldThatTheSectionIsFull(t *testing.T) {
	for order, first := range readFirst {
		if strings.Contains(order, "answer") {
			continue // there is none
		}
		c := &torn{Client: client(t, nil), first: first}
		u := newUniversity(t, c, newTable(t, c.Client))
		section := u.NewSection(u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One"), "100", 1)
		student := u.NewStudent("U1", "Ann", "Able")
		c.between = func() {
			if _, err := u.Enrol(section.ID, student.ID); err != nil {
				t.Error(err)
			}
		}
		c.armed.Store(true)
		_, err := u.Enrol(section.ID, student.ID)
		if registrar.IsRefusal(err, registrar.SectionFull) || !registrar.IsRefusal(err, registrar.AlreadyEnrolled) {
			t.Errorf("%s: %v, want that the student is enrolled already", order, err)
		}
	}
}

// While an attempt is being carried out, the condition on its key's answer may be told as a conflict to the next one,
// and only another condition as failed.
func TestACreationIsAnsweredWhenOnlyTheNameIsSaidToBeTaken(t *testing.T) {
	u, f, _, _ := faultyUniversity(t)
	key := registrar.IdempotencyKey{Principal: "p", Key: "k", Request: [32]byte{1}}
	create := func(id registrar.CourseID) error {
		c := registrar.Course{ID: id, Subject: "NEW", Number: "1", Title: "X",
			Credits: registrar.CreditRange{Min: 100, Max: 100}, Stamp: registrar.Stamp{}.Next(u.Now())}
		return u.CreateCourse(t.Context(), c, registrar.Answer{Key: key, Reply: []byte("first")})
	}
	f.before = func(call int64) error {
		if call > 1 {
			return nil
		}
		if err := create("c1"); err != nil {
			t.Error("the first attempt:", err)
		}
		return &types.TransactionCanceledException{Message: aws.String("cancelled"),
			CancellationReasons: []types.CancellationReason{
				{Code: aws.String("None")}, {Code: aws.String("ConditionalCheckFailed")}, {Code: aws.String("None")},
				{Code: aws.String("TransactionConflict")},
			}}
	}
	var before *registrar.AnsweredBefore
	if err := create("c2"); !errors.As(err, &before) || string(before.Reply) != "first" {
		t.Errorf("the retry got %v, want the first attempt's answer", err)
	}
}

// A counter is wrong, as the nightly audit finds it: a drop's condition can never hold.
func TestADropThatCanNeverHoldIsBusyAfterAFewRounds(t *testing.T) {
	// on the embedded engine: simulated time stands still while a socket is waited for
	synctest.Test(t, func(t *testing.T) {
		u, f, section, student := faultyUniversityOn(t, overEngine(localdynamodb.Options{}))
		if _, err := u.Enrol(section.ID, student.ID); err != nil {
			t.Fatal(err)
		}
		seats := map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: "SEATS#" + string(section.ID)},
			"SK": &types.AttributeValueMemberS{Value: "SEATS"}}
		tables, err := f.ListTables(t.Context(), &dynamodb.ListTablesInput{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &tables.TableNames[0], Key: seats, UpdateExpression: aws.String("SET taken = :none"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":none": &types.AttributeValueMemberN{Value: "0"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		f.calls.Store(0)
		began := time.Now()
		_, err = u.Drop(section.ID, student.ID)
		if took := time.Since(began); !errors.Is(err, registrar.ErrBusy) || f.calls.Load() > 20 ||
			took < 100*time.Millisecond || took > 5*time.Second {
			t.Errorf("%d transactions in %v, then %v; want a score at most, with pauses between, and ErrBusy", f.calls.Load(),
				took, err)
		}
	})
}

// Another import has the name, and its instructor is deleted before this one can look at who it is: nobody has an empty
// id.
func TestANameThatIsGivenBackMeanwhileMakesNoInstructorWithoutAnID(t *testing.T) {
	u, f, _, _ := faultyUniversity(t)
	f.before = func(call int64) error {
		if call > 1 {
			return nil
		}
		return &types.TransactionCanceledException{Message: aws.String("cancelled"),
			CancellationReasons: []types.CancellationReason{
				{Code: aws.String("None")}, {Code: aws.String("ConditionalCheckFailed")}, {Code: aws.String("None")},
			}}
	}
	if ids, _, err := u.InstructorsByName(t.Context(), []string{"King"}); !errors.Is(err, registrar.ErrBusy) {
		t.Errorf("%v, %v, want ErrBusy", ids, err)
	}
	if ids, made, err := u.InstructorsByName(t.Context(), []string{"King"}); err != nil || ids["King"] == "" ||
		len(made) != 1 {
		t.Errorf("the next time: %v, %v, %v", ids, made, err)
	}
}

// Whoever deletes any version is not told of another's change that came between reading and deleting.
func TestADeletionOfAnyVersionSurvivesAChangeBetween(t *testing.T) {
	u, f, section, student := faultyUniversity(t)
	changed := false
	f.before = func(int64) error {
		if changed {
			return nil
		}
		changed = true
		wider, renamed := section, student
		wider.Label, wider.Stamp = "02", section.Next(u.Now())
		renamed.Email, renamed.Stamp = "a@example.edu", student.Next(u.Now())
		return errors.Join(u.UpdateSection(t.Context(), section, wider), u.UpdateStudent(t.Context(), student, renamed))
	}
	if err := u.DeleteSection(t.Context(), section.ID, 0); err != nil {
		t.Errorf("a section: %v", err)
	}
	student.Email, student.Stamp = "a@example.edu", student.Next(u.Now())
	f.before = func(int64) error {
		if !changed {
			return nil
		}
		changed = false
		again := student
		again.Email, again.Stamp = "b@example.edu", student.Next(u.Now())
		return u.UpdateStudent(t.Context(), student, again)
	}
	if err := u.DeleteStudent(t.Context(), student.ID, 0); err != nil {
		t.Errorf("a student: %v", err)
	}
	for what, err := range map[string]error{
		"section": u.DeleteSection(t.Context(), section.ID, 0), "student": u.DeleteStudent(t.Context(), student.ID, 0),
	} {
		if !registrar.IsRefusal(err, registrar.NotFound) {
			t.Errorf("a second deletion of the %s: %v", what, err)
		}
	}
}

// counting is a client that notes which partitions are asked for, by requests and their parts.
type counting struct {
	*dynamodb.Client
	reads, writes []string
}

func (c *counting) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	c.reads = append(c.reads, kindOf(in.Key))
	return c.Client.GetItem(ctx, in, o...)
}

func (c *counting) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	for _, all := range in.RequestItems {
		var kinds []string
		for _, k := range all.Keys {
			kinds = append(kinds, kindOf(k))
		}
		slices.Sort(kinds)
		c.reads = append(c.reads, strings.Join(kinds, " "))
	}
	return c.Client.BatchGetItem(ctx, in, o...)
}

func (c *counting) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	c.writes = append(c.writes, "transaction")
	return c.Client.TransactWriteItems(ctx, in, o...)
}

func kindOf(k map[string]types.AttributeValue) string {
	kind, _, _ := strings.Cut(partition(k), "#")
	return kind
}

// The third student who wants a full section is told so after one read of their own records: nobody asks the seats, for
// the second one just did. Each rule is looked at, and an earlier attempt that won is answered.
func TestAFullSectionRefusesWithoutItsSeats(t *testing.T) {
	c := &counting{Client: client(t, nil)}
	table := newTable(t, c.Client)
	at := time.Date(2024, 11, 4, 9, 0, 0, 0, time.UTC)
	store, elsewhere := newStore(c, table, func() time.Time { return at }), newUniversity(t, c.Client, table)
	u := registrartest.New(t, store)
	term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
	section := u.NewSection(term, course, "100", 1)
	ann, bob, carl := u.NewStudent("U1", "Ann", "Able"), u.NewStudent("U2", "Bob", "Best"),
		u.NewStudent("U3", "Carl", "Cole")
	left := u.NewStudent("U4", "Dan", "Dole")
	inactive := left
	inactive.Active, inactive.Stamp = false, left.Next(u.Now())
	if err := u.UpdateStudent(t.Context(), left, inactive); err != nil {
		t.Fatal(err)
	}
	reply := func(registrar.Registration) ([]byte, error) { return []byte("first"), nil }
	enrol := func(p registrar.Student, key string) error {
		c.reads, c.writes = nil, nil
		_, err := u.Desk().Enrol(t.Context(), registrar.EnrolRequest{Section: section.ID, Student: p.ID, At: u.Now()},
			registrar.IdempotencyKey{Principal: "p", Key: key, Request: [32]byte{1}}, reply)
		return err
	}
	asked := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(c.reads, want) || len(c.writes) > 0 {
			t.Errorf("%s took the reads %q and %d writes, want %q", what, c.reads, len(c.writes), want)
		}
	}
	if err := enrol(ann, "a"); err != nil {
		t.Fatal(err)
	}
	// it looks at the seats, and once more at the rest
	if err := enrol(bob, "b"); !registrar.IsRefusal(err, registrar.SectionFull) {
		t.Errorf("the first to come too late: %v", err)
	}
	const own = "ANSWER STUDENT STUDENT STUDENT"
	if err := enrol(carl, "c"); !registrar.IsRefusal(err, registrar.SectionFull) {
		t.Errorf("the second to come too late: %v", err)
	}
	asked("a refusal", own)
	var before *registrar.AnsweredBefore
	if err := enrol(ann, "a"); !errors.As(err, &before) || string(before.Reply) != "first" {
		t.Errorf("a retry of who has the seat: %v", err)
	}
	asked("an answer", own)
	if err := enrol(ann, "another"); !registrar.IsRefusal(err, registrar.AlreadyEnrolled) {
		t.Errorf("who has the seat, once more: %v", err)
	}
	asked("a refusal that rests on the student's own records", own, own)
	if err := enrol(left, "d"); !registrar.IsRefusal(err, registrar.SectionFull) ||
		!registrar.IsRefusal(err, registrar.StateForbids) {
		t.Errorf("an inactive student: %v, want both refusals", err)
	}
	asked("two refusals", own, own)

	if _, err := elsewhere.Drop(section.ID, ann.ID); err != nil { // in another process
		t.Fatal(err)
	}
	at = at.Add(999 * time.Millisecond)
	if err := enrol(carl, "c"); !registrar.IsRefusal(err, registrar.SectionFull) {
		t.Errorf("within a second of a drop elsewhere: %v", err)
	}
	at = at.Add(time.Millisecond)
	if err := enrol(carl, "c"); err != nil {
		t.Errorf("a second after a drop elsewhere: %v", err)
	}
	if _, err := u.Drop(section.ID, carl.ID); err != nil {
		t.Fatal(err)
	}
	if err := enrol(bob, "b"); err != nil {
		t.Errorf("after a drop in the same process: %v", err)
	}
	registrartest.CheckSeats(t, store, section.ID)
}

// What a full section was refused by is as fresh as its seats: once they are known to belong to another version of the
// section, it is read again.
func TestAFullSectionThatChangedIsReadAgain(t *testing.T) {
	c := client(t, nil)
	table := newTable(t, c)
	at := time.Date(2024, 11, 4, 9, 0, 0, 0, time.UTC)
	u, elsewhere := registrartest.New(t, newStore(c, table, func() time.Time { return at })), newUniversity(t, c, table)
	section := u.NewSection(u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One"), "100", 0)
	student := u.NewStudent("U1", "Ann", "Able")
	if _, err := u.Enrol(section.ID, student.ID); !registrar.IsRefusal(err, registrar.SectionFull) {
		t.Fatal(err)
	}
	wider := section
	wider.Capacity, wider.Stamp = 1, section.Next(u.Now())
	if err := elsewhere.UpdateSection(t.Context(), section, wider); err != nil {
		t.Fatal(err)
	}
	at = at.Add(registrar.FullAge)
	reg, err := u.Enrol(section.ID, student.ID)
	if err != nil || reg.State != registrar.Enrolled {
		t.Errorf("in a section that was made wider: %+v, %v", reg, err)
	}
}

// The rules of a term are those of a second ago at most, whoever changed them.
func TestADecisionsTermIsAtMostASecondOld(t *testing.T) {
	c := client(t, nil)
	table := newTable(t, c)
	at := time.Date(2024, 11, 4, 9, 0, 0, 0, time.UTC)
	u, elsewhere := registrartest.New(t, newStore(c, table, func() time.Time { return at })), newUniversity(t, c, table)
	term := u.NewTerm("2025-SPRING")
	section, ann, bob := u.NewSection(term, u.NewCourse("CSCI", "1100", "One"), "100", 5),
		u.NewStudent("U1", "Ann", "Able"), u.NewStudent("U2", "Bob", "Best")
	if _, err := u.Enrol(section.ID, ann.ID); err != nil {
		t.Fatal(err)
	}
	closed := term
	closed.Registration.Close, closed.Stamp = u.Now().Add(-time.Hour), term.Next(u.Now())
	if err := elsewhere.UpdateTerm(t.Context(), term, closed); err != nil {
		t.Fatal(err)
	}
	at = at.Add(time.Second)
	if _, err := u.Enrol(section.ID, bob.ID); !registrar.IsRefusal(err, registrar.WindowClosed) {
		t.Errorf("a second after the window was closed: %v", err)
	}
}

// noCredentials is a provider that has none.
type noCredentials struct{}

func (noCredentials) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, errors.New("no EC2 IMDS role found")
}

func TestWhatIsNeverSentIsAFailureAndNoUnknownOutcome(t *testing.T) {
	if os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") != "" {
		t.Skip("nothing is sent to any engine")
	}
	closed := "http://127.0.0.1:1" // nobody listens at port 1
	for what, c := range map[string]struct {
		spoil func(*dynamodb.Options)
		busy  bool // a moment later it may pass
	}{
		"no credentials":    {func(o *dynamodb.Options) { o.Credentials = noCredentials{} }, false},
		"no endpoint":       {func(o *dynamodb.Options) { o.BaseEndpoint, o.Region = nil, "" }, false},
		"an impossible one": {func(o *dynamodb.Options) { o.BaseEndpoint = aws.String("http://[::1") }, false},
		"a refused connection": {func(o *dynamodb.Options) {
			o.BaseEndpoint, o.HTTPClient = aws.String(closed), http.DefaultClient
		}, true},
	} {
		t.Run(what, func(t *testing.T) {
			sound := client(t, nil)
			table := newTable(t, sound)
			term := newUniversity(t, sound, table).NewTerm("2025-SPRING")
			store := newStore(dynamodb.New(sound.Options(), c.spoil), table, time.Now)
			after := term
			after.Title, after.Stamp = "x", term.Next(time.Now())
			_, reading := store.Term(t.Context(), term.ID)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // nothing waits for it
			defer cancel()
			for asked, err := range map[string]error{
				"a transaction": store.UpdateTerm(ctx, term, after), "a read": reading,
				"a deletion": store.DeleteTerm(ctx, term.ID, 0), "a job": store.SaveJob(ctx, schedule.Job{Name: "j", Version: 1}),
			} {
				if err == nil || errors.Is(err, registrar.ErrOutcomeUnknown) || errors.Is(err, registrar.ErrBusy) != c.busy ||
					ctx.Err() != nil {
					t.Errorf("%s: %v (busy: %t), want a failure (busy: %t)", asked, err, errors.Is(err, registrar.ErrBusy), c.busy)
				}
			}
		})
	}
}

// A parameter that the SDK itself refuses never leaves either.
func TestAParameterThatTheSDKRefusesIsAFailure(t *testing.T) {
	store := newStore(client(t, nil), "", time.Now) // a request without a table's name
	err := store.CreateTerm(t.Context(), registrar.Term{ID: "t", Code: "T"}, registrar.Answer{})
	if err == nil || errors.Is(err, registrar.ErrOutcomeUnknown) || errors.Is(err, registrar.ErrBusy) {
		t.Errorf("got %v, want a failure", err)
	}
}

// waning is a client whose reads are throttled three times, and then lose their connection so often.
type waning struct {
	*dynamodb.Client
	calls, lost int
}

func (c *waning) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	switch c.calls++; {
	case c.calls <= 3:
		return nil, &types.ProvisionedThroughputExceededException{Message: aws.String("too fast")}
	case c.calls <= 3+c.lost:
		return c.Client.GetItem(ctx, in, append([]func(*dynamodb.Options){over(cutOff{net.ErrClosed})}, o...)...)
	}
	return c.Client.GetItem(ctx, in, o...)
}

// The service asked to come again, which says nothing about connections: of those two may break, and not a third.
func TestAThrottledReadSurvivesABrokenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for lost, served := range map[int]bool{1: true, 2: true, 3: false} {
			c := &waning{Client: overEngine(localdynamodb.Options{}), lost: lost}
			table := newTable(t, c.Client)
			term := registrartest.New(t, newStore(c.Client, table, time.Now)).NewTerm("2025-SPRING")
			_, err := newStore(c, table, time.Now).Term(t.Context(), term.ID)
			if (err == nil) != served || c.calls != 3+min(lost+1, 3) {
				t.Errorf("%d broken connections: %v after %d attempts", lost, err, c.calls)
			}
		}
	})
}

// Once an attempt was not answered, nothing that is found out later makes its outcome known: neither that there is no
// way to the service any more, nor that the service denies access now.
func TestTheOutcomeStaysUnknownWhenNoFurtherAttemptCanBeSent(t *testing.T) {
	for what, later := range map[string]error{
		"no credentials any more": nil,
		"access denied":           &types.ResourceNotFoundException{Message: aws.String("no such table")},
	} {
		f := &faulty{Client: client(t, nil)}
		table := newTable(t, f.Client)
		u := newUniversity(t, f, table)
		term := u.NewTerm("2025-SPRING")
		f.calls.Store(0)
		f.before = func(call int64) error {
			if call == 1 {
				return errors.New("connection reset by peer")
			}
			if later == nil {
				f.Client = dynamodb.New(f.Client.Options(), func(o *dynamodb.Options) { o.Credentials = noCredentials{} })
			}
			return later
		}
		after := term
		after.Title, after.Stamp = "x", term.Next(time.Now())
		sound := f.Client
		err := u.UpdateTerm(t.Context(), term, after)
		f.Client = sound
		if !errors.Is(err, registrar.ErrOutcomeUnknown) || f.calls.Load() != 2 {
			t.Errorf("%s: %v after %d attempts, want ErrOutcomeUnknown after two", what, err, f.calls.Load())
		}
	}
}

// A crowd that comes too late costs the seats nothing: they are looked at once a second, however many ask.
func TestACrowdThatComesTooLateLeavesTheSeatsAlone(t *testing.T) {
	if os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") != "" {
		t.Skip("only the embedded engine tells what was asked of which key")
	}
	synctest.Test(t, func(t *testing.T) {
		var seats, own atomic.Int64
		c := overEngine(localdynamodb.Options{Observe: func(used localdynamodb.Usage) {
			for _, k := range used.Keys {
				switch pk := fmt.Sprint(k.Key["PK"]); {
				case strings.Contains(pk, "SEATS#"):
					seats.Add(1)
				case strings.Contains(pk, "STUDENT#"):
					own.Add(1)
				}
			}
		}})
		table := "crowd-" + uuid.NewString()
		if _, err := c.CreateTable(t.Context(), dynamo.TableDefinition(table)); err != nil {
			t.Fatal(err)
		}
		u := newUniversity(t, c, table)
		section := u.NewSection(u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One"), "100", 0)
		const crowd, span = 300, 10 * time.Second
		students := make([]registrar.Student, crowd)
		for i := range students {
			students[i] = u.NewStudent(fmt.Sprint("U", i), "Ann", "Able")
		}
		seats.Store(0)
		own.Store(0)
		for _, p := range students {
			time.Sleep(span / crowd)
			if _, err := u.Enrol(section.ID, p.ID); !registrar.IsRefusal(err, registrar.SectionFull) {
				t.Error(err)
			}
		}
		if most := int64(span/registrar.FullAge) + 2; seats.Load() > most || own.Load() < 3*crowd {
			t.Errorf("%d refusals within %v asked the seats %d times, want %d at most; and the students' own items %d times",
				crowd, span, seats.Load(), most, own.Load())
		}
	})
}
