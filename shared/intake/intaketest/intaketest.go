// Package intaketest is the conformance suite of a store that keeps imports. It knows the bookkeeping of imports, and
// nothing of a database. Start with [Run]; shared/dynamo runs it.
package intaketest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
)

// Store is what the tests ask of a store.
type Store interface {
	registrartest.Store
	CreateImport(ctx context.Context, im intake.Import, answer registrar.Answer) error
	Import(ctx context.Context, id registrar.ImportID) (intake.Import, error)
	SaveImport(ctx context.Context, im intake.Import, report intake.Report) error
	ImportProblems(ctx context.Context, im intake.Import,
		page registrar.PageRequest) (registrar.Page[intake.Problem], error)

	KeepDecision(ctx context.Context, id registrar.ImportID, d intake.Decision) error
	Decisions(ctx context.Context, id registrar.ImportID, after int) ([]intake.Decision, error)
	ImportChanges(
		ctx context.Context, im intake.Import, page registrar.PageRequest,
	) (registrar.Page[intake.Change], error)
	NewestImports(
		ctx context.Context, filter intake.Filter, page registrar.PageRequest,
	) (registrar.Page[intake.Import], error)
	Imports(ctx context.Context, ended bool, page registrar.PageRequest) (registrar.Page[intake.Import], error)
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
		"a key that comes twice at once is answered":   twiceAtOnce,
		"an import and its problems":                   imports,
		"imports are listed, and the changes of one":   importLists,
		"imports are found by whether they have ended": openImports,
	}
	all := make(map[string]registrartest.Test[Store], len(tests))
	for name, test := range tests {
		all[name] = func(t *testing.T, u *registrartest.University, store Store) { test(t, &university{u, store}) }
	}
	return all
}

func imports(t *testing.T, u *university) {
	ctx := t.Context()
	term := u.NewTerm("2025-SPRING")
	im := intake.Import{
		ID: "m1", Kind: intake.KindSections, Format: "yacs-csv", Term: term.ID, State: intake.Waiting,
		Stamp: registrar.Stamp{}.Next(u.Now()),
	}
	u.Must(u.CreateImport(ctx, im, registrar.Answer{}))
	next := im
	next.State, next.Rows, next.StartedAt, next.Stamp = intake.Running, intake.Rows{Read: 9, Applied: 8,
		Refused: 1}, u.Now(), im.Next(u.Now())
	next.Run, next.Problems = 1, 60
	var problems []intake.Problem
	for n := range 60 {
		problems = append(problems, intake.Problem{Row: n + 2, Field: "crn", Reason: strings.Repeat("x", n+1),
			Refused: n%2 == 0})
	}
	u.Must(u.SaveImport(ctx, next, intake.Report{Problems: problems}))
	err := u.SaveImport(ctx, next, intake.Report{Problems: problems})
	if !errors.Is(err, registrar.ErrVersionMismatch) {
		t.Errorf("saving over a newer version: %v", err)
	}
	got, err := u.Import(ctx, "m1")
	u.Must(err)
	registrartest.Same(t, "import", got, next)
	problemsOf := func(im intake.Import) []intake.Problem {
		return registrartest.All(t, 7, func(p registrar.PageRequest) (registrar.Page[intake.Problem], error) {
			return u.ImportProblems(ctx, im, p)
		})
	}
	registrartest.Same(t, "problems", problemsOf(got), problems)

	again := next
	again.Run, again.Stamp = 2, next.Next(u.Now())
	row := []intake.Problem{{Row: 9, Field: "crn", Reason: "one"}, {Row: 9, Field: "crn", Reason: "another",
		Refused: true}}
	u.Must(u.SaveImport(ctx, again, intake.Report{Problems: row}))
	twentieth := again
	twentieth.Run, twentieth.Stamp = 20, again.Next(u.Now())
	u.Must(u.SaveImport(ctx, twentieth, intake.Report{Problems: problems[:1]}))
	registrartest.Same(t, "problems of the second run", problemsOf(again), row)
	registrartest.Same(t, "problems of the twentieth run", problemsOf(twentieth), problems[:1])
	first, err := u.ImportProblems(ctx, next, registrar.PageRequest{Limit: 7})
	u.Must(err)
	if _, err := u.ImportProblems(ctx, again, registrar.PageRequest{Limit: 7, Cursor: first.Next}); !errors.Is(err,
		registrar.ErrBadCursor) {
		t.Errorf("a cursor of another run: %v", err)
	}
}

// importLists looks for imports: the newest first, of any state, by a filter, and with the changes that a dry run
// expects.
func importLists(t *testing.T, u *university) {
	ctx := t.Context()
	term, percent := u.NewTerm("2025-SPRING"), 5
	var all []intake.Import // the newest first
	for n := range 9 {
		im := intake.Import{
			ID: registrar.ImportID(fmt.Sprintf("m%d", n)), Kind: intake.KindRegistrations, Format: "registrations-csv",
			Term:  term.ID,
			State: intake.Waiting, Stamp: registrar.Stamp{}.Next(u.Now().Add(time.Duration(n) * time.Second)),
		}
		if n%3 == 0 {
			im.Kind, im.Term, im.DryRun, im.MaxRefusedPercent = intake.KindStudents, "", true, &percent
		}
		u.Must(u.CreateImport(ctx, im, registrar.Answer{}))
		if n%2 == 0 {
			im.State, im.Checked, im.Rows.Skipped, im.Stamp = intake.Finished, true, 4, im.Next(u.Now().Add(time.Minute))
			u.Must(u.SaveImport(ctx, im, intake.Report{}))
		}
		all = slices.Insert(all, 0, im)
	}
	for _, filter := range []intake.Filter{
		{}, {State: intake.Finished}, {Kind: intake.KindStudents}, {Term: term.ID},
		{State: intake.Waiting, Kind: intake.KindStudents}, {Term: "another"},
	} {
		var want []intake.Import
		for _, im := range all {
			if filter.Has(im) {
				want = append(want, im)
			}
		}
		registrartest.Same(t, fmt.Sprintf("imports with %+v", filter), registrartest.All(t, 2,
			func(p registrar.PageRequest) (registrar.Page[intake.Import], error) {
				return u.NewestImports(ctx, filter, p)
			}), want)
	}
	dry := all[0] // the ninth, of students, and finished
	dry.Run, dry.Listed, dry.Stamp = 1, 3, dry.Next(u.Now().Add(2*time.Minute))
	changes := []intake.Change{
		{Row: 2, Record: "student", Effect: intake.EffectCreated},
		{Row: 3, Record: "student", Effect: intake.EffectUpdated, Fields: []string{"email", "givenName"}},
		{Row: 11, Record: "student", Effect: intake.EffectCreated},
	}
	u.Must(u.SaveImport(ctx, dry, intake.Report{Changes: changes}))
	registrartest.Same(t, "changes that a dry run expects", registrartest.All(t, 2,
		func(p registrar.PageRequest) (registrar.Page[intake.Change], error) {
			return u.ImportChanges(ctx, dry, p)
		}), changes)
	later := dry
	later.Run = 2
	if of, err := u.ImportChanges(ctx, later, registrar.PageRequest{Limit: 2}); err != nil || len(of.Items) > 0 {
		t.Errorf("changes of another run: %v, %v", of, err)
	}
}

func openImports(t *testing.T, u *university) {
	ctx := t.Context()
	term := u.NewTerm("2025-SPRING")
	var all []intake.Import
	for n := range 4 {
		im := intake.Import{
			ID: registrar.ImportID(fmt.Sprint("m", n)), Kind: intake.KindSections, Format: "yacs-csv", Term: term.ID,
			State: intake.Waiting,
			Stamp: registrar.Stamp{}.Next(u.Now().Add(time.Duration(n) * time.Minute)),
		}
		u.Must(u.CreateImport(ctx, im, registrar.Answer{}))
		all = append(all, im)
	}
	save := func(n int, change func(*intake.Import)) {
		change(&all[n])
		all[n].Stamp = all[n].Next(u.Now().Add(time.Hour))
		u.Must(u.SaveImport(ctx, all[n], intake.Report{}))
	}
	list := func(ended bool) []intake.Import {
		return registrartest.All(t, 2, func(p registrar.PageRequest) (registrar.Page[intake.Import], error) {
			return u.Imports(ctx, ended, p)
		})
	}
	registrartest.Same(t, "imports that have not ended", list(false), all)
	registrartest.Same(t, "imports that have ended", list(true), []intake.Import(nil))
	save(0, func(im *intake.Import) { im.State, im.StartedAt, im.Resent = intake.Running, u.Now(), 2 })
	save(1, func(im *intake.Import) { im.State, im.Reason, im.EndedAt = intake.Failed, "no", u.Now() })
	save(3, func(im *intake.Import) { im.State, im.EndedAt = intake.Finished, u.Now() })
	registrartest.Same(t, "imports that have not ended, now", list(false), []intake.Import{all[0], all[2]})
	registrartest.Same(t, "imports that have ended, now", list(true), []intake.Import{all[1], all[3]})
}

// twiceAtOnce asks for an import twice under one key: the second is answered with the first's import.
func twiceAtOnce(t *testing.T, u *university) {
	term := u.NewTerm("2025-SPRING")
	for n := range registrartest.Pairs {
		registrartest.TwiceAtOnce(t, n, "ask to import", func(key registrar.IdempotencyKey) error {
			im := intake.Import{ID: registrar.ImportID(u.NewID()), Term: term.ID, State: intake.Waiting,
				Stamp: registrar.Stamp{}.Next(u.Now())}
			return u.CreateImport(t.Context(), im, registrar.Answer{Key: key, Reply: []byte("yes")})
		})
	}
}
