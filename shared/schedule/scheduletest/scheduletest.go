// Package scheduletest is the conformance suite of a store that keeps jobs ([schedule.Registry]). It knows nothing of a
// database. Start with [Run]; shared/dynamo runs it.
package scheduletest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"example.com/registrar/shared/schedule"
)

// Store is what the tests ask of a store.
type Store interface {
	registrartest.Store
	schedule.Registry
}

// university is a university over such a store.
type university struct {
	*registrartest.University
	Store
}

// Run runs the suite; open gives an empty store.
func Run(t *testing.T, open func(testing.TB) Store) { registrartest.RunTests(t, open, suite()) }

// RunSimulated runs the suite in simulated time, as [registrartest.RunSimulated] does.
func RunSimulated(t *testing.T, open func(testing.TB) Store) {
	registrartest.RunTestsSimulated(t, open, suite())
}

func suite() map[string]registrartest.Test[Store] {
	tests := map[string]func(*testing.T, *university){
		"a job is begun by one of many": jobs,
	}
	all := make(map[string]registrartest.Test[Store], len(tests))
	for name, test := range tests {
		all[name] = func(t *testing.T, u *registrartest.University, store Store) { test(t, &university{u, store}) }
	}
	return all
}

func jobs(t *testing.T, u *university) {
	ctx := t.Context()
	job, err := u.Job(ctx, "things-sweep")
	u.Must(err)
	registrartest.Same(t, "a job that never ran", job, schedule.Job{Name: "things-sweep"})

	const runs = 12
	var wg sync.WaitGroup
	var begun atomic.Int32
	for n := range runs {
		wg.Go(func() {
			j, err := job.Begin(schedule.JobRun{Due: u.Now(), Token: fmt.Sprint("run ", n), Until: u.Now().Add(time.Minute)},
				u.Now())
			if err != nil {
				t.Error(err)
				return
			}
			switch err := u.SaveJob(ctx, j); {
			case err == nil:
				begun.Add(1)
			case !errors.Is(err, registrar.ErrVersionMismatch):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if begun.Load() != 1 {
		t.Errorf("%d of %d runs at once began", begun.Load(), runs)
	}
	job, err = u.Job(ctx, "things-sweep")
	u.Must(err)
	done := job.Finish(u.Now().Add(1500 * time.Millisecond))
	u.Must(u.SaveJob(ctx, done))
	if err := u.SaveJob(ctx, done); !errors.Is(err, registrar.ErrVersionMismatch) {
		t.Errorf("saving over a newer version: %v", err)
	}
	got, err := u.Job(ctx, "things-sweep")
	u.Must(err)
	registrartest.Same(t, "job", got, done)
	other, err := u.Job(ctx, "others-sweep")
	u.Must(err)
	registrartest.Same(t, "another job", other, schedule.Job{Name: "others-sweep"})
}
