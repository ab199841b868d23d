package dynamo_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"example.com/registrar/shared/telemetry/request"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/uuid"
)

// A campus meets at the seats alone; see "Heat" in the package comment. All 3,300 students of load.md's T2 register for
// the first time in the term, each with a key: 1,500 at T2's rate and with its peak second, then 1,800 within the peak
// second of T3. At T2's rate no partition key of the table or of an index, seats apart, is asked for more than 30 % of
// what a partition gives in a second, and in T3's second for more than half.
func TestNoPartitionIsHotButTheSeats(t *testing.T) {
	if os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") != "" {
		t.Skip("only the embedded engine tells what each partition was asked for")
	}
	const (
		students = 3300
		mean     = 60 // adds a second: 2.2 by each of them in 120 s
		ofT2     = 1500
		peakOfT2 = 242 // four times the mean
		sections = 150 // each takes some of T3's second, and no more than its seats item can
	)
	synctest.Test(t, func(t *testing.T) {
		var ledger *localdynamodb.Ledger
		warm := localdynamodb.AWSContention()
		warm.TableWrites, warm.TableReads = 40_000, 40_000 // as a table is for such a day: here its partitions are looked at
		engine := localdynamodb.New(localdynamodb.Options{
			Contention: warm,
			Observe: func(u localdynamodb.Usage) {
				if ledger != nil {
					ledger.Observe(u)
				}
			},
		})
		c := dynamodb.New(dynamodb.Options{
			Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
			BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(engine),
		})
		if _, err := c.CreateTable(t.Context(), dynamo.TableDefinition("registrar")); err != nil {
			t.Fatal(err)
		}
		u := registrartest.New(t, dynamo.New(c, dynamo.Config{Table: "registrar",
			CursorKey: registrar.NewSecret("0123456789abcdef")}, time.Now))
		term, course := u.NewTerm("2025-SPRING"), u.NewCourse("CSCI", "1100", "One")
		var offered [sections]registrar.Section
		for n := range offered {
			offered[n] = u.NewSection(term, course, fmt.Sprint(n), students)
		}
		var crowd [students]registrar.Student
		for n := range crowd {
			crowd[n] = u.NewStudent(fmt.Sprint("U", n), "Given", fmt.Sprint("Family ", n))
		}
		time.Sleep(time.Minute) // nothing is left of making them
		desk := u.Desk()
		desk.NewID = uuid.NewString // which shards spread as they do the ids of events
		random := rand.New(rand.NewPCG(1, 0))
		// within lets students register at random times within a span.
		within := func(done *sync.WaitGroup, crowd []registrar.Student, span time.Duration) {
			for n, student := range crowd {
				at := time.Duration(random.Int64N(int64(span)))
				done.Go(func() {
					time.Sleep(at)
					ctx := request.With(t.Context(), request.Info{
						ID: "JKJaXmPLvHcESHA=", Correlation: uuid.NewString(), Principal: uuid.NewString(),
						Trace: "Root=1-67288e44-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1",
					})
					_, err := desk.Enrol(ctx, registrar.EnrolRequest{Section: offered[n%sections].ID, Student: student.ID,
						At: time.Now()},
						registrar.IdempotencyKey{Principal: "portal", Key: uuid.NewString(), Request: [32]byte{1}},
						func(registrar.Registration) ([]byte, error) { return make([]byte, 600), nil }) // as long as an answer is
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
		check := func(tier string, allowed float64) {
			peaks := ledger.Peaks()
			for _, p := range peaks {
				if p.Throttles > 0 && strings.HasPrefix(p.Name, "registrar.") {
					t.Errorf("%s: the index %s was throttled %d times", tier, p.Name, p.Throttles)
				}
				if !strings.HasPrefix(p.Name, "registrar PK=SEATS#") && p.Share > allowed {
					t.Errorf("%s: %s was asked for %g write and %g read units in one second, %.0f %% of what a partition gives",
						tier, p.Name, p.WriteUnits, p.ReadUnits, 100*p.Share)
				}
			}
			if len(peaks) < 3*ofT2 { // the partitions of each student, each answer, each person's events
				t.Fatalf("%s: the ledger tells of %d partition keys", tier, len(peaks))
			}
			t.Logf("%s: the busiest is %s, with %.0f %% of a partition", tier, peaks[0].Name, 100*peaks[0].Share)
		}
		var done sync.WaitGroup
		ledger = localdynamodb.NewLedger(nil)
		within(&done, crowd[:peakOfT2], time.Second)
		within(&done, crowd[peakOfT2:ofT2], (ofT2-peakOfT2)*time.Second/time.Duration(mean))
		done.Wait()
		check("T2", 0.3)
		time.Sleep(time.Minute)
		ledger = localdynamodb.NewLedger(nil)
		within(&done, crowd[ofT2:], time.Second)
		done.Wait()
		check("T3's peak second", 0.5)
	})
}
