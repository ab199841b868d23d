// Package consumertest is the conformance suite of a store that keeps consumers' claims ([consumer.Claims]). It knows
// nothing of a database. Start with [Run]; shared/dynamo runs it.
package consumertest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
)

// Store is what the tests ask of a store.
type Store interface {
	registrartest.Store
	consumer.Claims
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
		"an event is claimed, done, and done once": claiming,
		"of many who claim an event one gets it":   claimRace,
	}
	all := make(map[string]registrartest.Test[Store], len(tests))
	for name, test := range tests {
		all[name] = func(t *testing.T, u *registrartest.University, store Store) { test(t, &university{u, store}) }
	}
	return all
}

// claiming uses the store's own clock, which is the system's: claims end well before or after now.
func claiming(t *testing.T, u *university) {
	ctx := t.Context()
	later, earlier := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	claimed := func(what string, err error) {
		t.Helper()
		var other *consumer.ClaimedError
		if !errors.As(err, &other) || other.Until.Sub(later).Abs() > time.Second {
			t.Errorf("%s: %v, want that it is claimed until %v", what, err, later)
		}
	}
	u.Must(u.Claim(ctx, "mail", "e1", "first", later))
	u.Must(u.Claim(ctx, "mail", "e1", "first", later)) // its reply was lost
	claimed("a second delivery", u.Claim(ctx, "mail", "e1", "second", later))
	u.Must(u.Claim(ctx, "seats", "e1", "other", later)) // another consumer's claim is another
	u.Must(u.Complete(ctx, "mail", "e1", "second"))     // not its own: nothing happens
	claimed("after another's end", u.Claim(ctx, "mail", "e1", "third", later))
	u.Must(u.Complete(ctx, "mail", "e1", "first"))
	if err := u.Claim(ctx, "mail", "e1", "fourth", later); !errors.Is(err, consumer.ErrDone) {
		t.Errorf("what is done: %v", err)
	}
	u.Must(u.Release(ctx, "mail", "e1", "first")) // too late: it stays done
	if err := u.Claim(ctx, "mail", "e1", "fifth", later); !errors.Is(err, consumer.ErrDone) {
		t.Errorf("what is done, after a release: %v", err)
	}

	u.Must(u.Claim(ctx, "mail", "e2", "first", later))
	u.Must(u.Release(ctx, "mail", "e2", "second")) // not its own
	claimed("after another's release", u.Claim(ctx, "mail", "e2", "second", later))
	u.Must(u.Release(ctx, "mail", "e2", "first"))
	u.Must(u.Claim(ctx, "mail", "e2", "second", later))

	// its function's time is over, whether or not the item is still there
	u.Must(u.Claim(ctx, "mail", "e3", "killed", earlier))
	u.Must(u.Claim(ctx, "mail", "e3", "next", later))
	u.Must(u.Complete(ctx, "mail", "e3", "killed")) // it was not killed after all, but it is not its claim any more
	claimed("a claim that was taken over", u.Claim(ctx, "mail", "e3", "another", later))

	version := func(want registrar.Version) {
		t.Helper()
		got, err := u.NewestVersion(ctx, "mail", "s1")
		u.Must(err)
		registrartest.Same(t, "newest version", got, want)
	}
	version(0)
	for _, v := range []registrar.Version{3, 2, 7, 7, 5} {
		u.Must(u.RecordVersion(ctx, "mail", "s1", v))
	}
	version(7)
}

func claimRace(t *testing.T, u *university) {
	const deliveries = 32
	for round := range 5 {
		event := fmt.Sprint("race", round)
		var got atomic.Int32
		var wg sync.WaitGroup
		for n := range deliveries {
			wg.Go(func() {
				var other *consumer.ClaimedError
				switch err := u.Claim(t.Context(), "mail", event, fmt.Sprint(n), time.Now().Add(time.Hour)); {
				case err == nil:
					got.Add(1)
				case !errors.As(err, &other):
					t.Errorf("claim: %v", err)
				}
			})
		}
		wg.Wait()
		if got.Load() != 1 {
			t.Errorf("%d of %d deliveries got the claim", got.Load(), deliveries)
		}
	}
}
