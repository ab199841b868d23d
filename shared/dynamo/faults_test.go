package dynamo_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"
)

// faulty is a client whose transactions go wrong as AWS's can: before they are carried out, or after, so that only the
// reply is lost. An error before that is no answer of the service is one of the connection, after the request was sent
// on it.
type faulty struct {
	*dynamodb.Client
	before, after func(call int64) error
	calls         atomic.Int64
}

func (f *faulty) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	call := f.calls.Add(1)
	if f.before != nil {
		err := f.before(call)
		var answer smithy.APIError
		switch {
		case errors.As(err, &answer):
			return nil, err
		case err != nil:
			return f.Client.TransactWriteItems(ctx, in, append([]func(*dynamodb.Options){over(cutOff{err})}, o...)...)
		}
	}
	out, err := f.Client.TransactWriteItems(ctx, in, o...)
	if err == nil && f.after != nil {
		err = f.after(call)
	}
	return out, err
}

// cutOff is an HTTP client that has only this error.
type cutOff struct{ err error }

func (b cutOff) Do(*http.Request) (*http.Response, error) { return nil, b.err }

// over sends a request by another HTTP client.
func over(c aws.HTTPClient) func(*dynamodb.Options) {
	return func(o *dynamodb.Options) { o.HTTPClient = c }
}

// faultyUniversity has a section of one seat and a student, made while nothing goes wrong.
func faultyUniversity(t *testing.T) (*registrartest.University, *faulty, registrar.Section, registrar.Student) {
	t.Helper()
	return faultyUniversityOn(t, client(t, nil))
}

// faultyUniversityOn is a faultyUniversity on the engine that the client reaches.
func faultyUniversityOn(t *testing.T, c *dynamodb.Client) (
	*registrartest.University, *faulty, registrar.Section, registrar.Student,
) {
	t.Helper()
	f := &faulty{Client: c}
	table := "faults-" + uuid.NewString()
	if _, err := f.CreateTable(t.Context(), dynamo.TableDefinition(table)); err != nil {
		t.Fatal(err)
	}
	u := registrartest.New(t,
		dynamo.New(f, dynamo.Config{Table: table, CursorKey: registrar.NewSecret("0123456789abcdef")}, time.Now))
	section := u.NewSection(u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One"), "100", 1)
	student := u.NewStudent("U1", "Ann", "Able")
	f.calls.Store(0)
	return u, f, section, student
}

func conflict() error {
	return &types.TransactionCanceledException{Message: aws.String("conflict"),
		CancellationReasons: []types.CancellationReason{
			{Code: aws.String("TransactionConflict")}, {Code: aws.String("None")}, {Code: aws.String("None")},
			{Code: aws.String("None")}, {Code: aws.String("None")},
		}}
}

func TestConflictsAndThrottlingAreTriedAgain(t *testing.T) {
	u, f, section, student := faultyUniversity(t)
	f.before = func(call int64) error {
		switch {
		case call < 4:
			return conflict()
		case call < 6:
			return &types.ProvisionedThroughputExceededException{Message: aws.String("slow down")}
		}
		return nil
	}
	if _, err := u.Enrol(section.ID, student.ID); err != nil {
		t.Fatalf("after conflicts: %v", err)
	}
	if f.calls.Load() != 6 {
		t.Errorf("%d attempts", f.calls.Load())
	}
	registrartest.CheckSeats(t, u.Store, section.ID)
}

// The last seat is sold while a transaction waits for it: a look at the seats tells so, and no further write is made.
func TestALostSeatIsRefusedWithoutAnotherWrite(t *testing.T) {
	u, f, section, student := faultyUniversity(t)
	other := u.NewStudent("U2", "Bob", "Best")
	f.calls.Store(0)
	f.before = func(call int64) error {
		if call == 1 { // the other one comes first, and it is told as a conflict
			if _, err := u.Enrol(section.ID, other.ID); err != nil {
				t.Error(err)
			}
			return conflict()
		}
		return nil
	}
	_, err := u.Enrol(section.ID, student.ID)
	if !registrar.IsRefusal(err, registrar.SectionFull) {
		t.Errorf("got %v, want that the section is full", err)
	}
	if f.calls.Load() != 2 {
		t.Errorf("%d transactions were sent, want one of each", f.calls.Load())
	}
	registrartest.CheckSeats(t, u.Store, section.ID)
}

// What is no transaction comes again, too, when it is throttled or meets one.
func TestSingleRequestsAreTriedAgain(t *testing.T) {
	f := &faultySingles{Client: client(t, nil)}
	table := "faults-" + uuid.NewString()
	if _, err := f.CreateTable(t.Context(), dynamo.TableDefinition(table)); err != nil {
		t.Fatal(err)
	}
	u := registrartest.New(t,
		dynamo.New(f, dynamo.Config{Table: table, CursorKey: registrar.NewSecret("0123456789abcdef")}, time.Now))
	course := u.NewCourse("CSCI", "1100", "One")
	f.left.Store(5)
	if got, err := u.Course(t.Context(), course.ID); err != nil || got.ID != course.ID {
		t.Errorf("a read: %v", err)
	}
	f.left.Store(5)
	if err := u.DeleteCourse(t.Context(), course.ID, 0); err != nil { // marks the course with an UpdateItem
		t.Errorf("a deletion: %v", err)
	}
	if left := f.left.Load(); left > 0 {
		t.Errorf("%d faults were not met", left)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	f.left.Store(1 << 30)
	if _, err := u.Course(ctx, course.ID); !errors.Is(err, registrar.ErrBusy) {
		t.Errorf("endless throttling: %v, want ErrBusy", err)
	}
}

// faultySingles is a client whose next requests, but for transactions, fail.
type faultySingles struct {
	*dynamodb.Client
	left atomic.Int64
}

func (f *faultySingles) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	if f.left.Add(-1) >= 0 {
		return nil, &types.ThrottlingException{Message: aws.String("slow down")}
	}
	return f.Client.GetItem(ctx, in, o...)
}

func (f *faultySingles) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	if f.left.Add(-1) >= 0 {
		return nil, &types.TransactionConflictException{Message: aws.String("conflict")}
	}
	return f.Client.UpdateItem(ctx, in, o...)
}

func TestEndlessConflictsAreBusyAndNothingIsDone(t *testing.T) {
	u, f, section, student := faultyUniversity(t)
	f.before = func(int64) error { return conflict() }
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := u.Desk().Enrol(ctx, registrar.EnrolRequest{Section: section.ID, Student: student.ID, At: u.Now()},
		registrar.IdempotencyKey{}, nil)
	if !errors.Is(err, registrar.ErrBusy) {
		t.Errorf("got %v, want ErrBusy: a conflict is never told as a refusal", err)
	}
	f.before = nil
	if registrartest.CheckSeats(t, u.Store, section.ID) != 0 {
		t.Error("something was done")
	}
}

// One attempt that was not answered may have been carried out, whatever was said of those after it.
func TestTheOutcomeIsUnknownOnceAnAttemptWasNotAnswered(t *testing.T) {
	reset := errors.New("connection reset by peer")
	throttled := &types.ProvisionedThroughputExceededException{Message: aws.String("slow down")}
	for name, c := range map[string]struct {
		first, then error
		want        error
	}{
		"never answered": {reset, reset, registrar.ErrOutcomeUnknown},
		"an answer in other words": {&smithy.GenericAPIError{Code: "502", Fault: smithy.FaultServer}, conflict(),
			registrar.ErrOutcomeUnknown},
		"unanswered, then a conflict":      {reset, conflict(), registrar.ErrOutcomeUnknown},
		"unanswered, then throttled":       {reset, throttled, registrar.ErrOutcomeUnknown},
		"throttled":                        {throttled, throttled, registrar.ErrBusy},
		"a conflict, then never an answer": {conflict(), reset, registrar.ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			u, f, section, student := faultyUniversity(t)
			f.before = func(call int64) error {
				if call == 1 {
					return c.first
				}
				return c.then
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, err := u.Desk().Enrol(ctx, registrar.EnrolRequest{Section: section.ID, Student: student.ID, At: u.Now()},
				registrar.IdempotencyKey{}, nil)
			if f.calls.Load() < 2 {
				t.Fatalf("%d attempts", f.calls.Load())
			}
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestALostReplyHasOneEffect(t *testing.T) {
	u, f, section, student := faultyUniversity(t)
	f.after = func(call int64) error {
		if call == 1 {
			return errors.New("connection reset by peer")
		}
		return nil
	}
	reg, err := u.Enrol(section.ID, student.ID)
	if err != nil || reg.Attempt != 1 {
		t.Fatalf("after a lost reply: %+v, %v", reg, err)
	}
	if registrartest.CheckSeats(t, u.Store, section.ID) != 1 {
		t.Error("the seat was not taken once")
	}
}

// The function that enrolled was killed, or its client gave up; the request comes again with its key.
func TestAKeyAnswersForAnAttemptWhoseReplyWasLost(t *testing.T) {
	u, f, section, student := faultyUniversity(t)
	f.after = func(int64) error { return errors.New("connection reset by peer") }
	key := registrar.IdempotencyKey{Principal: "p", Key: "k", Request: [32]byte{1}}
	reply := func(registrar.Registration) ([]byte, error) { return []byte("enrolled"), nil }
	request := registrar.EnrolRequest{Section: section.ID, Student: student.ID, At: u.Now()}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := u.Desk().Enrol(ctx, request, key, reply); !errors.Is(err, registrar.ErrOutcomeUnknown) {
		t.Fatalf("the first attempt: %v, want ErrOutcomeUnknown: nobody may be told that nothing was done", err)
	}
	f.after = nil
	_, err := u.Desk().Enrol(t.Context(), request, key, reply)
	var before *registrar.AnsweredBefore
	if !errors.As(err, &before) || string(before.Reply) != "enrolled" {
		t.Errorf("the second attempt: %v, want the answer of the first", err)
	}
	if registrartest.CheckSeats(t, u.Store, section.ID) != 1 {
		t.Error("the seat was not taken once")
	}
}
