package cloud_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
)

// rush is a crowd that wants the seats of one section, on a DynamoDB that behaves under load as AWS's does.
type rush struct {
	*campus
	term     registrar.TermID
	section  registrar.SectionID
	students []string
	answers  []answer
	took     []time.Duration // until each answer, as the student sees it
}

// gather makes a section and a crowd. Between the store and the engine stands wrap, unless it is nil.
func gather(t *testing.T, seed uint64, seats, crowd int, wrap func(http.Handler) http.Handler) *rush {
	t.Helper()
	contention := dynamodb.AWSContention()
	contention.Seed = seed
	options := cloud.Options{
		Log: slog.New(slog.DiscardHandler), System: api.RealSystem(), SQSAddress: "http://sqs.local",
		S3Address: "http://s3.local", Contention: contention,
	}
	c, err := cloud.Open(t.Context(), options)
	if err == nil && wrap != nil {
		options.Engines = c.Engines
		options.Engines.DynamoDB = wrap(c.Engines.DynamoDB)
		c, err = cloud.Open(t.Context(), options)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &rush{campus: &campus{T: t, cloud: c, mark: "rush"}}
	term := r.campus.term()
	r.term, r.section = registrar.TermID(term), registrar.SectionID(r.campus.section(term, "1", seats))
	r.students = r.campus.students(crowd)
	time.Sleep(time.Minute) // nothing is left of making them
	return r
}

// run lets every student ask once, at some time within the span.
func (r *rush) run(seed uint64, within time.Duration) {
	random := rand.New(rand.NewPCG(seed, 0))
	r.answers, r.took = make([]answer, len(r.students)), make([]time.Duration, len(r.students))
	var wg sync.WaitGroup
	for i, student := range r.students {
		at := time.Duration(random.Int64N(int64(within) + 1))
		wg.Go(func() {
			time.Sleep(at)
			began := time.Now()
			r.answers[i] = r.send(http.MethodPost, enrolment(string(r.section)), "", map[string]any{"student": student})
			r.took[i] = time.Since(began)
		})
	}
	wg.Wait()
	time.Sleep(time.Second) // indexes follow
}

// audit derives from the students' records who has a seat, and tells where that differs from what they were told and
// from the section's counters.
func (r *rush) audit() (enrolled int, err error) {
	var wrong []error
	for i, student := range r.students {
		schedule, err := r.cloud.Store.Schedule(r.Context(), registrar.StudentID(student), r.term)
		if err != nil {
			return 0, err
		}
		live := 0
		for _, reg := range schedule {
			if reg.State.Live() && reg.Section == r.section {
				live++
			}
		}
		enrolled += live
		if told := r.answers[i].status == http.StatusCreated; live > 1 || told != (live == 1) {
			wrong = append(wrong, fmt.Errorf("student %d was told %d, and has %d seats", i, r.answers[i].status, live))
		}
	}
	view, err := r.cloud.Store.Section(r.Context(), r.section)
	if err != nil {
		return 0, err
	}
	if s := view.Seats; s.Taken != enrolled || s.Free != s.Capacity-enrolled || enrolled > s.Capacity {
		wrong = append(wrong, fmt.Errorf("%d are enrolled, the seats are %+v", enrolled, s))
	}
	return enrolled, errors.Join(wrong...)
}

// tell logs how the rush went.
func (r *rush) tell(before, after dynamodb.Report) {
	codes := map[string]int{}
	for _, a := range r.answers {
		codes[strings.TrimSpace(fmt.Sprint(a.status, " ", a.code()))]++
	}
	slices.Sort(r.took)
	at := func(percent int) time.Duration { return r.took[(len(r.took)-1)*percent/100].Round(time.Millisecond) }
	r.Logf("%d students: %v; answered within p50 %s, p99 %s, at most %s; %d conflicts, %d throttles, %g write and %g "+
		"read units, $%.6f",
		len(r.students), codes, at(50), at(99), at(100), after.Total.Conflicts-before.Total.Conflicts,
		after.Total.Throttles-before.Total.Throttles,
		after.Total.WriteUnits-before.Total.WriteUnits, after.Total.ReadUnits-before.Total.ReadUnits,
		after.Total.Dollars-before.Total.Dollars)
}

// The promise, where every transaction on the seats meets others: as many as there are seats have one and were told so,
// the others were told that there is none, and nobody got an answer of 5xx.
func TestRace_ContentionAsOnAWS(t *testing.T) {
	const seats = 30
	for name, crowd := range map[string]struct {
		students int
		within   time.Duration
	}{"a thousand within five seconds": {1000, 5 * time.Second}, "two hundred at once": {200, 0}} {
		for round := range rounds(t) {
			t.Run(fmt.Sprintf("%s, %d", name, round), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := gather(t, uint64(round), seats, crowd.students, nil)
					before := r.cloud.Engines.Usage.Report()
					r.run(uint64(round), crowd.within)
					after := r.cloud.Engines.Usage.Report()
					enrolled, err := r.audit()
					if err != nil || enrolled != seats {
						t.Errorf("%d have one of %d seats: %v", enrolled, seats, err)
					}
					registrartest.CheckSeats(t, r.cloud.Store, r.section)
					for i, a := range r.answers {
						if a.status != http.StatusCreated && a.code() != "SECTION_FULL" {
							t.Errorf("student %d: %d %s", i, a.status, a.body)
						}
					}
					r.tell(before, after)
					if after.Total.Conflicts == before.Total.Conflicts {
						t.Error("nothing conflicted: the rush says nothing")
					}
					written := r.cloud.Engines.Usage.Report().Total.WriteUnits
					if a := r.send(http.MethodPost, enrolment(string(r.section)), "",
						map[string]any{"student": r.students[len(r.students)-1]}); a.status != http.StatusConflict {
						t.Errorf("one more: %d %s", a.status, a.body)
					}
					if got := r.cloud.Engines.Usage.Report().Total.WriteUnits - written; got != 0 {
						t.Errorf("a refusal took %g write units", got)
					}
				})
			})
		}
	}
}

// Without the store's condition on the seats such crowds are sold seats that are not there, and the audit finds it.
// (That transactions conflict does not protect anybody: each one that waited is carried out in the end.)
func TestRace_ContentionFindsAMissingCondition(t *testing.T) {
	const seats, seeds = 30, 10
	for seed := range uint64(seeds) {
		found := false
		synctest.Test(t, func(t *testing.T) {
			r := gather(t, seed, seats, 200, func(next http.Handler) http.Handler { return unconditional{next} })
			r.run(seed, time.Second)
			enrolled, err := r.audit()
			if found = err != nil; found {
				t.Logf("seed %d: %d were sold one of %d seats", seed, enrolled, seats)
			}
		})
		if found {
			return
		}
	}
	t.Errorf("%d seeds did not find it", seeds)
}

// unconditional takes the condition off the seats in the transactions that pass.
type unconditional struct{ next http.Handler }

// ServeHTTP implements [http.Handler].
func (u unconditional) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request struct {
		TransactItems      []map[string]map[string]any
		ClientRequestToken string `json:",omitempty"`
	}
	if err == nil && strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".TransactWriteItems") &&
		json.Unmarshal(body, &request) == nil {
		for _, item := range request.TransactItems {
			update := item["Update"]
			if values, ok := update["ExpressionAttributeValues"].(map[string]any); ok &&
				strings.Contains(fmt.Sprint(update["Key"]), "SEATS#") {
				delete(update, "ConditionExpression")
				delete(update, "ExpressionAttributeNames")
				delete(values, ":open")
				delete(values, ":sectionVersion")
			}
		}
		body, err = json.Marshal(request)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	u.next.ServeHTTP(w, r)
}
