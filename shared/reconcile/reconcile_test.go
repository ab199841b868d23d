package reconcile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/reconcile"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const table = "table"

// university is a store of its own with two terms, sections and students, on an engine whose indexes lag.
type university struct {
	*registrartest.University

	store    *dynamo.Store
	client   *dynamodb.Client
	sections []registrar.Section
	students []registrar.Student
	log      bytes.Buffer
}

func open(t *testing.T, lag time.Duration, sections, students int) *university {
	t.Helper()
	client := dynamodb.New(dynamodb.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		BaseEndpoint: aws.String("http://dynamodb.local"),
		HTTPClient:   inprocess.Client(localdynamodb.New(localdynamodb.Options{IndexLag: lag, Now: time.Now})),
	})
	if _, err := client.CreateTable(t.Context(), dynamo.TableDefinition(table)); err != nil {
		t.Fatal(err)
	}
	store := dynamo.New(client, dynamo.Config{Table: table, CursorKey: registrar.NewSecret("0123456789abcdef")}, time.Now)
	u := &university{University: registrartest.New(t, store), store: store, client: client}
	u.NewTerm("1999-EMPTY")
	spring, summer := u.NewTerm("2000-SPRING"), u.NewTerm("2000-SUMMER")
	for n := range sections {
		term := spring
		if n%5 == 0 {
			term = summer
		}
		u.sections = append(u.sections, u.NewSection(term, u.NewCourse("CSCI", fmt.Sprint(1000+n), "X"), fmt.Sprint(n), 5))
	}
	for n := range students {
		u.students = append(u.students, u.NewStudent(fmt.Sprint("U", n), "Given", fmt.Sprint("Family ", n)))
	}
	time.Sleep(2 * lag)
	return u
}

func (u *university) reconciler() reconcile.Reconciler {
	return reconcile.Reconciler{Store: u.store, Chunk: 50, Clock: time.Now, NewID: u.NewID,
		Log: slog.New(slog.NewTextHandler(&u.log, nil))}
}

// spoil changes a number behind the store's back.
func (u *university) spoil(pk, sk, attribute string, by int) {
	u.T.Helper()
	_, err := u.client.UpdateItem(u.T.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(table), UpdateExpression: aws.String("ADD #attribute :by"),
		ConditionExpression: aws.String("attribute_exists(PK)"),
		Key: map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: pk},
			"SK": &types.AttributeValueMemberS{Value: sk}},
		ExpressionAttributeNames: map[string]string{"#attribute": attribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":by": &types.AttributeValueMemberN{Value: fmt.Sprint(by)},
		},
	})
	if err != nil {
		u.T.Fatal(err)
	}
}

// bustle lets students enrol and drop, each at random, until the context ends.
func (u *university) bustle(ctx context.Context, done *sync.WaitGroup, students int) {
	desk := u.Desk()
	for n := range students {
		done.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			for ctx.Err() == nil {
				section := u.sections[random.IntN(len(u.sections))].ID
				var err error
				if random.IntN(2) == 0 {
					_, err = desk.Enrol(ctx, registrar.EnrolRequest{Section: section, Student: u.students[n].ID, At: u.Now()},
						registrar.IdempotencyKey{}, nil)
				} else {
					_, err = desk.Drop(ctx, registrar.DropRequest{Section: section, Student: u.students[n].ID, At: u.Now()},
						registrar.IdempotencyKey{}, nil)
				}
				var refusals registrar.Refusals
				if err != nil && !errors.As(err, &refusals) && ctx.Err() == nil {
					u.T.Error(err)
					return
				}
				time.Sleep(time.Duration(random.IntN(20_000)) * time.Millisecond)
			}
		})
	}
}

// While the university works, its indexes lag and what is read is not of one moment, nothing is found that is not
// wrong; and what is wrong is found nevertheless.
func TestNothingIsFoundInAHealthyUniversityThatWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := open(t, 3*time.Second, 30, 60)
		ctx, stop := context.WithCancel(t.Context())
		var working sync.WaitGroup
		u.bustle(ctx, &working, 50)
		suspected := false
		for round := range 12 {
			time.Sleep(time.Minute)
			began := time.Now()
			r, found, err := u.reconciler().Run(t.Context(), time.Now(), true)
			if err != nil || found != 0 || r.Differences != 0 || !r.Ended() {
				t.Fatalf("round %d: %+v, %d found, %v\n%s", round, r, found, err, u.log.String())
			}
			if want := (reconcile.Checked{Sections: 30, Courses: 30, Students: 60}); r.Checked != want {
				t.Errorf("round %d: looked at %+v, want %+v", round, r.Checked, want)
			}
			suspected = suspected || time.Since(began) > 9*time.Second
		}
		if !suspected {
			t.Error("no record was looked at twice: the test does not reach what it is for")
		}
		u.spoil("SEATS#"+string(u.sections[7].ID), "SEATS", "taken", 1)
		u.spoil("STUDENT#"+string(u.students[3].ID), "TERMS", "terms", 1)
		var missing reconcile.Reconciliation
		for range 10 { // a section may be busy each time it is looked at
			var err error
			if missing, _, err = u.reconciler().Run(t.Context(), time.Now(), true); err != nil || missing.Differences == 2 {
				break
			}
		}
		if missing.Differences != 2 {
			t.Errorf("of what is wrong was found: %+v\n%s", missing, u.log.String())
		}
		stop()
		working.Wait()
	})
}

// A function's time ends long before the records do. Each run goes on where the one before stopped, and one that is
// killed loses only what it had not kept.
func TestAReconciliationGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := open(t, 0, 70, 120)
		if _, err := u.Enrol(u.sections[1].ID, u.students[119].ID); err != nil {
			t.Fatal(err)
		}
		u.spoil("SEATS#"+string(u.sections[0].ID), "SEATS", "freeSeats", 1)  // in the first chunk
		u.spoil("SEATS#"+string(u.sections[69].ID), "SEATS", "freeSeats", 1) // in the last of them
		u.spoil("STUDENT#"+string(u.students[119].ID), "TERMS", "terms", 1)  // among the last of all
		at := time.Now()
		runs, killed, found := 0, 0, 0
		var r reconcile.Reconciliation
		for ; !r.Ended() && runs < 40; runs++ {
			reconciler := u.reconciler()
			store := &interrupted{Store: u.store}
			if runs%3 == 1 {
				store.after = 1 // it looks at records and is killed before it keeps where it stands
			}
			reconciler.Store = store
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // enough to begin few chunks
			store.killed = cancel
			now, n, err := reconciler.Run(ctx, at.Add(time.Duration(runs)*20*time.Minute), false)
			cancel()
			if err != nil {
				killed++
			}
			if now.ID != r.ID && r.ID != "" {
				t.Fatalf("run %d began anew: %+v", runs, now)
			}
			r, found = now, found+n
		}
		if want := (reconcile.Checked{Sections: 70, Courses: 70, Students: 120}); r.Checked != want || !r.Ended() ||
			r.Differences != 3 || found != 3 {
			t.Errorf("after %d runs: %+v, %d found", runs, r, found)
		}
		if runs < 5 || killed == 0 {
			t.Errorf("%d runs, %d killed: the test does not reach what it is for", runs, killed)
		}
		kept, err := u.store.LatestReconciliation(t.Context())
		if err != nil || kept != r {
			t.Errorf("kept is %+v, %v", kept, err)
		}
		differences := registrartest.All(t, 2, func(p registrar.PageRequest) (registrar.Page[reconcile.Difference], error) {
			return u.store.Differences(t.Context(), r.ID, p)
		})
		if len(differences) != 3 || strings.Count(u.log.String(), "a count does not say what the records say") != 3 {
			t.Errorf("differences: %+v\n%s", differences, u.log.String())
		}
		if again, n, err := u.reconciler().Run(t.Context(), at.Add(3*time.Hour), false); err != nil || n != 0 || again != r {
			t.Errorf("later in that night: %+v, %d, %v", again, n, err)
		}
		next, n, err := u.reconciler().Run(t.Context(), at.Add(24*time.Hour), false)
		if err != nil || n != 3 || next.ID == r.ID || !next.Ended() {
			t.Errorf("the night after: %+v, %d, %v", next, n, err)
		}
	})
}

// interrupted is a store that kills its function when it has saved so often.
type interrupted struct {
	reconcile.Store

	after  int
	killed func()
	saves  int
}

func (i *interrupted) SaveReconciliation(
	ctx context.Context, r reconcile.Reconciliation, found []reconcile.Difference,
) error {
	time.Sleep(3 * time.Second)
	if i.saves++; i.saves == i.after {
		i.killed()
		return ctx.Err()
	}
	return i.Store.SaveReconciliation(ctx, r, found)
}

func TestAnotherKeyForCursorsBeginsAListAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := open(t, 0, 10, 70)
		store := &interrupted{Store: u.store, after: 5} // in the middle of the students
		reconciler := u.reconciler()
		ctx, cancel := context.WithCancel(t.Context())
		reconciler.Store, store.killed = store, cancel
		stopped, _, err := reconciler.Run(ctx, time.Now(), false)
		if err == nil || stopped.Position.Kind != registrar.KindStudent || stopped.Position.Cursor == "" {
			t.Fatalf("stopped at %+v, %v", stopped.Position, err)
		}
		reconciler.Store = dynamo.New(u.client,
			dynamo.Config{Table: table, CursorKey: registrar.NewSecret("another key of cursors")}, time.Now)
		r, found, err := reconciler.Run(t.Context(), time.Now(), false)
		if want := (reconcile.Checked{Sections: 10, Courses: 10, Students: 120}); err != nil || found != 0 ||
			r.ID != stopped.ID || r.Checked != want {
			t.Errorf("%+v, %d found, %v", r, found, err)
		}
	})
}
