package simulate_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/simulate"
)

func options(seed uint64) simulate.Options {
	return simulate.Options{
		Seed: seed, Clients: 12, Commands: 40, Sections: 6, Students: 10, Restarts: 1,
		Faults: "dynamodb:TransactWriteItems conflict=15%,lost-reply=5%; dynamodb throttle=2%,error=1%; sqs duplicate=10% delay=..3s; lambda kill=2%",
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

// TestSimulate plays SEEDS seeds (10) from SEED (1) on, those of even number with contention.
func TestSimulate(t *testing.T) {
	seeds, first := number(t, "SEEDS", 10), number(t, "SEED", 1)
	answers, injected, events := map[string]int{}, map[string]int{}, 0
	conflicts, throttles := 0, 0
	for seed := first; seed < first+seeds; seed++ {
		synctest.Test(t, func(t *testing.T) {
			o := options(seed)
			if seed%2 == 0 {
				o = contended(o)
			}
			result, err := simulate.Run(t.Context(), o)
			if err != nil {
				t.Fatalf("%v\nagain: make simulate SEED=%d SEEDS=1", err, seed)
			}
			for name, n := range result.Answers {
				answers[name] += n
			}
			for name, n := range result.Faults {
				injected[name] += n
			}
			events += result.Events
			conflicts += result.Conflicts
			throttles += result.Throttles
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d seeds, %d events, %d conflicts, %d throttles\nanswers: %v\nfaults: %v", seeds, events, conflicts, throttles, answers, injected)
	if seeds > 1 && (conflicts == 0 || throttles == 0) {
		t.Error("contention did nothing")
	}
	for _, must := range []string{"POST 201", "POST SECTION_FULL", "DELETE 200", "POST ALREADY_ENROLLED"} {
		if answers[must] == 0 {
			t.Errorf("no answer was %q: the simulation does not reach what it is for", must)
		}
	}
	for _, must := range []string{"dynamodb:TransactWriteItems conflict", "dynamodb:TransactWriteItems lost-reply"} {
		if injected[must] == 0 {
			t.Errorf("no fault was %q", must)
		}
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
			"calm": func(o simulate.Options) simulate.Options { return o }, "contention": contended,
		} {
			t.Run(what+", "+with, func(t *testing.T) {
				found := false
				for seed := uint64(1); seed <= 20 && !found; seed++ {
					synctest.Test(t, func(t *testing.T) {
						o := adversary(options(seed))
						o.Sections, o.Students, o.Restarts, o.Faults = planted.sections, planted.students, 0, ""
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
