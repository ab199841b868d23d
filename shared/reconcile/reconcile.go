package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/registrar"
	"golang.org/x/sync/errgroup"
)

// Store is what a reconciliation needs of the store. Reads that can be consistent cost half as much when they are not.
type Store interface {
	Terms(ctx context.Context, page registrar.PageRequest) (registrar.Page[registrar.Term], error)
	TermSections(ctx context.Context, term registrar.TermID,
		page registrar.PageRequest) (registrar.Page[SectionRef], error)
	SeatAccount(ctx context.Context, ref SectionRef, consistent bool) (SeatAccount, error)
	Courses(ctx context.Context, filter registrar.CourseFilter,
		page registrar.PageRequest) (registrar.Page[registrar.Course], error)
	OfferingAccounts(ctx context.Context, course registrar.Course, consistent bool) ([]OfferingAccount, error)
	StudentIDs(ctx context.Context, page registrar.PageRequest) (registrar.Page[registrar.StudentID], error)
	StudentAccount(ctx context.Context, id registrar.StudentID, consistent bool) (StudentAccount, error)
	Imports(ctx context.Context, ended bool, page registrar.PageRequest) (registrar.Page[intake.Import], error)
	Import(ctx context.Context, id registrar.ImportID) (intake.Import, error)

	// LatestReconciliation reads the one that began last; the zero one when there is none.
	LatestReconciliation(ctx context.Context) (Reconciliation, error)
	// SaveReconciliation writes a reconciliation over the version before, or returns [registrar.ErrVersionMismatch]. It
	// adds the differences.
	SaveReconciliation(ctx context.Context, r Reconciliation, found []Difference) error
}

// Reconciler reconciles. All fields must be set, except those that have a default for 0.
type Reconciler struct {
	Store Store
	Clock registrar.Clock
	NewID registrar.IDs
	Log   *slog.Logger
	// Settle is how long a difference has to last, without any change of the counts, to count. 0: ten seconds, which is
	// longer than an index lags normally.
	Settle time.Duration
	// Chunk is how many records are compared before the position is stored again. 0: 500.
	Chunk int
}

const (
	atOnce  = 16 // records that are read in parallel
	chunk   = 500
	settle  = 10 * time.Second
	looks   = 5  // at a record whose counts keep changing, after the first
	toldOf  = 50 // differences that a run logs one by one
	reserve = 5 * time.Second

	// When the store is too busy, the run waits, since students who register go first: this often, and this long at first
	// and at most.
	attempts                    = 6
	shortestPause, longestPause = 200 * time.Millisecond, 5 * time.Second
)

// Run continues the latest reconciliation, or begins a new one if it has ended or is too old. When it has ended and is
// so new that none is due at the given time, Run does nothing, unless it is to begin a new one. It returns the
// reconciliation afterwards, and how many differences this run found. It stops in time before the context's deadline.
// An error means that it could not continue; what it had stored so far stays.
func (r Reconciler) Run(
	ctx context.Context, at time.Time, anew bool,
) (now Reconciliation, found int, err error) {
	now, err = r.Store.LatestReconciliation(ctx)
	if err != nil || now.IsRecent(at) && !anew {
		return now, 0, err
	}
	r.Settle = cmp.Or(r.Settle, settle)
	if !now.Continues(at) {
		now = Reconciliation{ID: ReconciliationID(r.NewID()), StartedAt: registrar.Instant(r.Clock())}
	}
	w := walk{store: r.Store, chunk: cmp.Or(r.Chunk, chunk)}
	for longest := time.Duration(0); !now.Ended() && timeFor(ctx, longest+looks*r.Settle+reserve); {
		began := time.Now()
		var checks []check
		var next Position
		err := patiently(ctx, func() (err error) {
			checks, next, err = w.next(ctx, now.Position)
			return err
		})
		if err != nil {
			return now, found, fmt.Errorf("reconcile: %w", err)
		}
		differences, unsettled, err := r.look(ctx, checks)
		if err != nil {
			return now, found, fmt.Errorf("reconcile: %w", err)
		}
		after := now
		after.Checked = now.Checked.Plus(w.kindOf(now.Position), len(checks))
		after.Differences, after.Unsettled = now.Differences+len(differences), now.Unsettled+unsettled
		if after.Position = next; next.Kind == "" {
			after.EndedAt = registrar.Instant(r.Clock())
		}
		after.Stamp = now.Next(r.Clock())
		if err := r.Store.SaveReconciliation(ctx, after, differences); err != nil {
			return now, found, fmt.Errorf("reconcile: %w", err)
		}
		for i := range differences[:min(len(differences), max(0, toldOf-found))] {
			d := differences[i]
			r.Log.ErrorContext(ctx, "a count does not say what the records say", "record", d.Record.String(), "count",
				string(d.Count), "of", d.Of,
				"kept", d.Kept, "derived", d.Derived)
		}
		now, found, longest = after, found+len(differences), max(longest, time.Since(began))
	}
	return now, found, nil
}

// timeFor reports whether this much time is left.
func timeFor(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(deadline) >= d)
}

// look checks records, and checks those that differ again until the result is certain. Unsettled are those for which it
// never is.
func (r Reconciler) look(ctx context.Context, checks []check) (found []Difference, unsettled int, err error) {
	told, err := sideBySide(ctx, checks, false)
	if err != nil {
		return nil, 0, err
	}
	for look := 0; ; look++ {
		var suspects []check
		var before [][]Difference
		for i, differences := range told {
			if len(differences) > 0 {
				suspects, before = append(suspects, checks[i]), append(before, differences)
			}
		}
		if len(suspects) == 0 || look == looks {
			return found, unsettled + len(suspects), nil
		}
		if err := pause(ctx, r.Settle); err != nil {
			return nil, 0, err
		}
		checks = suspects
		if told, err = sideBySide(ctx, checks, true); err != nil {
			return nil, 0, err
		}
		for i := range told {
			if len(told[i]) > 0 && slices.Equal(told[i], before[i]) {
				found, told[i] = append(found, told[i]...), nil
			}
		}
	}
}

// sideBySide makes checks, a few at once, and returns what each found.
func sideBySide(ctx context.Context, checks []check, consistent bool) ([][]Difference, error) {
	told := make([][]Difference, len(checks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, c := range checks {
		group.Go(func() error {
			return patiently(ctx, func() (err error) {
				told[i], err = c(ctx, consistent)
				return err
			})
		})
	}
	return told, group.Wait()
}

// patiently tries again when the store is too busy.
func patiently(ctx context.Context, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		if !errors.Is(err, registrar.ErrBusy) || ctx.Err() != nil || attempt == attempts {
			return err
		}
		longest := min(shortestPause<<attempt, longestPause)
		if err := pause(ctx, longest/2+rand.N(longest/2)); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", registrar.ErrBusy, ctx.Err())
	}
}

// check reads one record and returns the differences of its counts.
type check func(ctx context.Context, consistent bool) ([]Difference, error)

// walk goes through all lists, one after the other: the sections of each term, the courses, the students, the imports.
type walk struct {
	store Store
	chunk int
	terms []registrar.TermID // by id; nil: not read yet
}

func order() []registrar.Kind {
	return []registrar.Kind{registrar.KindSection, registrar.KindCourse, registrar.KindStudent, registrar.KindImport}
}

// kindOf is the kind of records from a position on.
func (w *walk) kindOf(at Position) registrar.Kind {
	if at.Kind == "" {
		return order()[0]
	}
	return at.Kind
}

// next gives the checks of the next records, and the position after them: the zero position after the last of all.
func (w *walk) next(ctx context.Context, at Position) (checks []check, next Position, err error) {
	at.Kind = w.kindOf(at)
	list := map[registrar.Kind]func(context.Context, Position) ([]check, Position, error){
		registrar.KindSection: w.sections, registrar.KindCourse: w.courses, registrar.KindStudent: w.students,
		registrar.KindImport: w.imports,
	}[at.Kind]
	if list == nil {
		return nil, next, fmt.Errorf("there is no list of the kind %q", at.Kind)
	}
	checks, next, err = list(ctx, at)
	// the key that seals cursors has changed: the list begins again
	if errors.Is(err, registrar.ErrBadCursor) && at.Cursor != "" {
		at.Cursor = ""
		checks, next, err = list(ctx, at)
	}
	if err != nil || next.Kind != "" {
		return checks, next, err
	}
	if i := slices.Index(order(), at.Kind) + 1; i < len(order()) {
		next.Kind = order()[i]
	}
	return checks, next, nil
}

// behind is the position after a page; the zero one after the last.
func behind(at Position, cursor string) Position {
	if cursor == "" {
		return Position{}
	}
	at.Cursor = cursor
	return at
}

// sections goes from term to term by id.
func (w *walk) sections(ctx context.Context, at Position) ([]check, Position, error) {
	if w.terms == nil {
		w.terms = []registrar.TermID{}
		for request := (registrar.PageRequest{Limit: registrar.MaxPage}); ; {
			page, err := w.store.Terms(ctx, request)
			if err != nil {
				return nil, at, err
			}
			for _, t := range page.Items {
				w.terms = append(w.terms, t.ID)
			}
			if request.Cursor = page.Next; request.Cursor == "" {
				break
			}
		}
		slices.Sort(w.terms)
	}
	i, there := slices.BinarySearch(w.terms, at.Term)
	if !there {
		at.Cursor = "" // the term was deleted, or none was begun
	}
	var checks []check
	for ; i < len(w.terms); i++ { // terms without sections are no reason to stop
		at.Term = w.terms[i]
		page, err := w.store.TermSections(ctx, at.Term, registrar.PageRequest{Limit: w.chunk, Cursor: at.Cursor})
		if err != nil {
			return nil, at, err
		}
		for _, ref := range page.Items {
			checks = append(checks, func(ctx context.Context, consistent bool) ([]Difference, error) {
				account, err := w.store.SeatAccount(ctx, ref, consistent)
				return account.Differences(), err
			})
		}
		switch {
		case page.Next != "":
			return checks, behind(at, page.Next), nil
		case len(checks) > 0 && i+1 < len(w.terms):
			return checks, Position{Kind: at.Kind, Term: w.terms[i+1]}, nil
		}
		at.Cursor = ""
	}
	return checks, Position{}, nil
}

func (w *walk) courses(ctx context.Context, at Position) ([]check, Position, error) {
	page, err := w.store.Courses(ctx, registrar.CourseFilter{}, registrar.PageRequest{Limit: w.chunk, Cursor: at.Cursor})
	return checksOf(page, func(ctx context.Context, course registrar.Course, consistent bool) ([]Difference,
		error) {
		accounts, err := w.store.OfferingAccounts(ctx, course, consistent)
		var all []Difference
		for _, account := range accounts {
			all = append(all, account.Differences()...)
		}
		return all, err
	}), behind(at, page.Next), err
}

func (w *walk) students(ctx context.Context, at Position) ([]check, Position, error) {
	page, err := w.store.StudentIDs(ctx, registrar.PageRequest{Limit: w.chunk, Cursor: at.Cursor})
	return checksOf(page, func(ctx context.Context, student registrar.StudentID, consistent bool) ([]Difference,
		error) {
		account, err := w.store.StudentAccount(ctx, student, consistent)
		return account.Differences(), err
	}), behind(at, page.Next), err
}

func (w *walk) imports(ctx context.Context, at Position) ([]check, Position, error) {
	page, err := w.store.Imports(ctx, true, registrar.PageRequest{Limit: w.chunk, Cursor: at.Cursor})
	return checksOf(page, func(ctx context.Context, im intake.Import, consistent bool) ([]Difference, error) {
		var err error
		if consistent { // the list says what it said a moment ago
			im, err = w.store.Import(ctx, im.ID)
		}
		return ImportDifferences(im), err
	}), behind(at, page.Next), err
}

func checksOf[T any](
	page registrar.Page[T], look func(context.Context, T, bool) ([]Difference, error),
) []check {
	checks := make([]check, len(page.Items))
	for i, one := range page.Items {
		checks[i] = func(ctx context.Context, consistent bool) ([]Difference, error) {
			return look(ctx, one, consistent)
		}
	}
	return checks
}
