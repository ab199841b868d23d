package simulate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/simulate"
)

func options(seed uint64) simulate.Options {
	return simulate.Options{
		Seed: seed, Clients: 12, Commands: 40, Sections: 6, Students: 10, Twins: 3, Rows: 20, Restarts: 1, Nights: 2,
		Faults: "dynamodb:TransactWriteItems conflict=15%,lost-reply=5%; dynamodb throttle=2%,error=1%; sqs duplicate=10% " +
			"delay=..3s; " +
			"s3 error=3%,lost-reply=3%; ses throttle=3%,error=2%,lost-reply=2%; lambda kill=2%; lambda:imports-apply " +
			"kill=25%; lambda:audit-reconcile kill=30%; scheduler duplicate=20% delay=..3m",
	}
}

// contended gives the table's engine contention, with so little throughput that a few clients feel it.
func contended(o simulate.Options) simulate.Options {
	o.Contention = dynamodb.AWSContention()
	o.Contention.Seed = o.Seed
	o.Contention.PartitionWrites, o.Contention.PartitionReads = 20, 60
	o.Contention.TableWrites, o.Contention.TableReads = 400, 1200
	return o
}

// outcome adds up what happened in all seeds.
type outcome struct {
	mu               sync.Mutex
	answers, injects map[string]int

	seeds, events, imports, conflicts, throttles int
}

func (o *outcome) add(r simulate.Result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seeds++
	o.events += r.Events
	o.imports += r.Imports
	o.conflicts += r.Conflicts
	o.throttles += r.Throttles
	for name, n := range r.Answers {
		o.answers[name] += n
	}
	for name, n := range r.Faults {
		o.injects[name] += n
	}
}

// TestSimulate plays SEEDS seeds (10) from SEED (1) on, a part of them on each processor, and those of even
// number with contention.
func TestSimulate(t *testing.T) {
	seeds, first := number(t, "SEEDS", 10), number(t, "SEED", 1)
	all := &outcome{answers: map[string]int{}, injects: map[string]int{}}
	t.Run("at once", func(t *testing.T) {
		parts := uint64(runtime.GOMAXPROCS(0))
		for part := range parts {
			t.Run(fmt.Sprint("part ", part), func(t *testing.T) {
				t.Parallel()
				for seed := first + part; seed < first+seeds && !t.Failed(); seed += parts {
					synctest.Test(t, func(t *testing.T) {
						o := options(seed)
						if seed%2 == 0 {
							o = contended(o)
						}
						result, err := simulate.Run(t.Context(), o)
						if err != nil {
							t.Fatalf("%v\nagain: make simulate SEED=%d SEEDS=1", err, seed)
						}
						all.add(result)
					})
				}
			})
		}
	})
	t.Logf("%d seeds, %d events, %d imports, %d conflicts, %d throttles\nanswers: %v\nfaults: %v",
		all.seeds, all.events, all.imports, all.conflicts, all.throttles, all.answers, all.injects)
	const enough = 10
	if t.Failed() || all.seeds < enough { // so few need not see everything
		return
	}
	if all.conflicts == 0 || all.throttles == 0 {
		t.Error("contention did nothing")
	}
	for _, must := range []string{"POST 201", "POST SECTION_FULL", "DELETE 200", "POST ALREADY_ENROLLED"} {
		if all.answers[must] == 0 {
			t.Errorf("no answer was %q: the simulation does not reach what it is for", must)
		}
	}
	needed := []string{
		"dynamodb:TransactWriteItems conflict", "dynamodb:TransactWriteItems lost-reply", "lambda:audit-reconcile kill",
		"scheduler:audit-reconcile duplicate", "scheduler:imports-sweep delay",
	}
	const many = 50 // these functions are called seldom
	if all.seeds >= many {
		needed = append(needed, "lambda:imports-apply kill", "lambda:registrations-refresh kill")
	}
	for _, must := range needed {
		if all.injects[must] == 0 {
			t.Errorf("no fault was %q", must)
		}
	}
	if all.imports < all.seeds {
		t.Errorf("%d imports in %d seeds", all.imports, all.seeds)
	}
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// A condition is left out of the transaction of an enrolment: the audit must find it, or it is worth nothing.
func TestAPlantedDefectIsFound(t *testing.T) {
	for what, planted := range map[string]struct {
		sections, students int // a crowd in a narrow place
		plant              func(key string, write map[string]any)
	}{
		"a seat is taken without asking whether it is free": {1, 30, func(key string, update map[string]any) {
			if strings.HasPrefix(key, "SEATS#") {
				delete(update, "ConditionExpression")
				delete(update, "ExpressionAttributeNames")
				values, _ := update["ExpressionAttributeValues"].(map[string]any)
				delete(values, ":open")
				delete(values, ":sectionVersion")
			}
		}},
		"the student's term record is written over whatever is there": {8, 2, func(key string, put map[string]any) {
			if item, ok := put["Item"].(map[string]any); ok && strings.HasPrefix(key, "STUDENT#") && item["holdings"] != nil {
				delete(put, "ConditionExpression")
				delete(put, "ExpressionAttributeValues")
			}
		}},
	} {
		for with, adversary := range map[string]func(simulate.Options) simulate.Options{
			"calm": func(o simulate.Options) simulate.Options { return o },
			// With so little throughput as contended gives, throttles keep the crowd apart, and few seeds of a hundred find it.
			"contention": func(o simulate.Options) simulate.Options {
				o.Contention = dynamodb.AWSContention()
				o.Contention.Seed = o.Seed
				return o
			},
		} {
			t.Run(what+", "+with, func(t *testing.T) {
				found := false
				for seed := uint64(1); seed <= 20 && !found; seed++ {
					synctest.Test(t, func(t *testing.T) {
						o := adversary(options(seed))
						o.Sections, o.Students, o.Twins, o.Rows, o.Restarts, o.Nights, o.Faults = planted.sections, planted.students, 0,
							0, 0, 0, ""
						o.Wrap = func(next http.Handler) http.Handler { return defect{next: next, plant: planted.plant} }
						_, err := simulate.Run(t.Context(), o)
						found = err != nil
					})
				}
				if !found {
					t.Error("twenty seeds did not find it")
				}
			})
		}
	}
}

// defect changes the writes of transactions on their way to the engine.
type defect struct {
	next  http.Handler
	plant func(key string, write map[string]any)
}

func (d defect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".TransactWriteItems") {
		d.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var request map[string]any
	if err := json.Unmarshal(body, &request); err != nil {
		return
	}
	items, _ := request["TransactItems"].([]any)
	for _, item := range items {
		for _, write := range item.(map[string]any) {
			write := write.(map[string]any)
			key, _ := write["Key"].(map[string]any)
			if key == nil {
				key, _ = write["Item"].(map[string]any)
			}
			pk, _ := key["PK"].(map[string]any)
			name, _ := pk["S"].(string)
			d.plant(name, write)
		}
	}
	if body, err = json.Marshal(request); err != nil {
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	d.next.ServeHTTP(w, r)
}
