package schedule_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/schedule"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/uuid"
)

// sweep is a job with a real registry.
type sweep struct {
	schedule.Settings

	log  bytes.Buffer
	mu   sync.Mutex
	runs []schedule.Run
}

func open(t *testing.T, expression string) *sweep {
	t.Helper()
	client := dynamodb.New(dynamodb.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(
			localdynamodb.New(localdynamodb.Options{})),
	})
	if _, err := client.CreateTable(t.Context(), dynamo.TableDefinition("table")); err != nil {
		t.Fatal(err)
	}
	s := &sweep{Settings: schedule.Settings{
		Name: "things-sweep", Expression: schedule.MustParse(expression), Clock: time.Now, NewID: uuid.NewString,
		Registry: dynamo.New(client, dynamo.Config{Table: "table", CursorKey: registrar.NewSecret("0123456789abcdef")},
			time.Now),
	}}
	s.Log = slog.New(slog.NewTextHandler(&s.log, nil))
	return s
}

// once runs the job for a due time, within the time of a function, and tells how often its work was done for it.
func (s *sweep) once(
	ctx context.Context, due time.Time, work func(context.Context) error,
) (runs []schedule.Run, err error) {
	const timeout = time.Minute
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = schedule.Once(s.Settings, func(ctx context.Context, r schedule.Run) error {
		s.mu.Lock()
		s.runs, runs = append(s.runs, r), append(runs, r)
		s.mu.Unlock()
		if work == nil {
			return nil
		}
		return work(ctx)
	})(ctx, due)
	return runs, err
}

func TestTheWorkOfADueTimeIsDoneOnceThoughManyRunIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "rate(15 minutes)")
		due := time.Now()
		const deliveries = 20
		var wg sync.WaitGroup
		for n := range deliveries {
			wg.Go(func() {
				time.Sleep(time.Duration(n%3) * time.Millisecond)
				if _, err := s.once(t.Context(), due, func(context.Context) error {
					time.Sleep(time.Second)
					return nil
				}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, err := s.once(t.Context(), due, nil); err != nil { // much later, as at-least-once delivery may be
			t.Error(err)
		}
		if len(s.runs) != 1 {
			t.Errorf("the work was done %d times: %+v", len(s.runs), s.runs)
		}
		if log := s.log.String(); strings.Count(log, "another run is doing the work") != deliveries-1 ||
			strings.Count(log, "is done") != 2 {
			t.Errorf("the log:\n%s", log)
		}
	})
}

func TestAfterAPauseTheWorkIsDoneOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "rate(15 minutes)")
		first := time.Now()
		for _, after := range []time.Duration{0, 15 * time.Minute, 10 * time.Hour, 10*time.Hour + 15*time.Minute} {
			time.Sleep(time.Until(first.Add(after)))
			if _, err := s.once(t.Context(), time.Now(), nil); err != nil {
				t.Fatal(err)
			}
		}
		var missed []int
		for _, r := range s.runs {
			missed = append(missed, r.Missed)
		}
		if len(missed) != 4 || missed[0] != 0 || missed[1] != 0 || missed[2] != 38 || missed[3] != 0 {
			t.Errorf("missed: %v", missed)
		}
		if !strings.Contains(s.log.String(), "missed=38") {
			t.Errorf("the log:\n%s", s.log.String())
		}
	})
}

func TestWorkThatFailedIsTriedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "cron(0 0 * * ? *)") // a bubble's time begins at midnight
		due := time.Now()
		broken := errors.New("broken")
		if _, err := s.once(t.Context(), due, func(context.Context) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("the error of the work: %v", err)
		}
		if runs, err := s.once(t.Context(), due, nil); err != nil || len(runs) != 1 || runs[0].ByHand {
			t.Errorf("the second attempt: %v, %v", runs, err)
		}
		if runs, err := s.once(t.Context(), due.Add(time.Second), nil); err != nil || len(runs) != 1 ||
			!runs[0].ByHand || runs[0].Missed != 0 {
			t.Errorf("by hand: %+v, %v", runs, err)
		}
		if _, err := s.once(t.Context(), due.Add(24*time.Hour), nil); !errors.Is(err, schedule.ErrJobNotDue) {
			t.Errorf("tomorrow's: %v", err)
		}
	})
}

// A function that is killed ends nothing. Its place is free when its time is over: by the item's own time, as nobody
// deletes it.
func TestAKilledRunGivesWayWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "rate(15 minutes)")
		due := time.Now()
		killed := make(chan struct{})
		go func() {
			_, _ = s.once(t.Context(), due, func(context.Context) error { <-killed; return nil })
		}()
		synctest.Wait()
		for _, after := range []time.Duration{time.Minute, time.Minute + 4999*time.Millisecond} {
			time.Sleep(time.Until(due.Add(after)))
			if runs, err := s.once(t.Context(), due, nil); err != nil || len(runs) != 0 {
				t.Errorf("%s after it began: %v, %v", after, runs, err)
			}
		}
		time.Sleep(time.Until(due.Add(time.Minute + 5*time.Second)))
		runs, err := s.once(t.Context(), due, nil)
		if err != nil || len(runs) != 1 || runs[0].Missed != 0 {
			t.Errorf("when its time is over: %+v, %v", runs, err)
		}
		close(killed) // it was only frozen, and thaws: what it says has no effect
		synctest.Wait()
		job, err := s.Registry.Job(t.Context(), s.Name)
		if err != nil || !job.Done.Equal(due) || job.Version != 3 { // begun, begun again, done
			t.Errorf("the job: %+v, %v", job, err)
		}
		if !strings.Contains(s.log.String(), "another run took the work over") {
			t.Errorf("the log:\n%s", s.log.String())
		}
	})
}

func TestADueTimeThatFallsIntoALongRunIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "rate(1 minute)")
		begin := time.Now()
		var done atomic.Bool
		go func() {
			_, _ = s.once(t.Context(), begin, func(context.Context) error {
				time.Sleep(50 * time.Second)
				done.Store(true)
				return nil
			})
		}()
		time.Sleep(30 * time.Second)
		if runs, err := s.once(t.Context(), begin.Add(30*time.Second), nil); err != nil || len(runs) > 0 || done.Load() {
			t.Errorf("beside it: %v, %v", runs, err)
		}
		time.Sleep(time.Until(begin.Add(3 * time.Minute)))
		if runs, err := s.once(t.Context(), begin.Add(3*time.Minute), nil); err != nil || len(runs) != 1 ||
			runs[0].Missed != 2 {
			t.Errorf("afterwards: %+v, %v", runs, err)
		}
	})
}

func TestTheExpressionComesFromTheEnvironment(t *testing.T) {
	for text, good := range map[string]bool{"rate(15 minutes)": true, "": false, "often": false} {
		s, err := schedule.Settings{Name: "n"}.Configure(
			func(name string) string { return map[string]string{"SCHEDULE_EXPRESSION": text}[name] })
		if (err == nil) != good || good && !s.Expression.Names(time.Now()) || !good &&
			!strings.Contains(err.Error(), "SCHEDULE_EXPRESSION") {
			t.Errorf("%q: %+v, %v", text, s.Expression, err)
		}
	}
}
