package imports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/intake/files"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry/request"
)

// Store is what applying a file needs of the store.
type Store interface {
	Reports
	Reads
	Writes
}

// Reports keeps the state and the problems of imports. A dry run writes here and nowhere else.
type Reports interface {
	Import(ctx context.Context, id registrar.ImportID) (intake.Import, error)
	// SaveImport writes progress if the import's version is still the one before, and adds to its report.
	SaveImport(ctx context.Context, im intake.Import, report intake.Report) error
	// KeepDecision keeps that a row was refused until progress is saved, so that an import that continues does not decide
	// again.
	KeepDecision(ctx context.Context, id registrar.ImportID, d intake.Decision) error
	// Decisions reads the decisions on rows after a row, in their order.
	Decisions(ctx context.Context, id registrar.ImportID, after int) ([]intake.Decision, error)
}

// Reads looks up the records that rows are about.
type Reads interface {
	RegistrationFacts(
		ctx context.Context,
		section registrar.SectionID,
		student registrar.StudentID,
		key registrar.IdempotencyKey,
	) (registrar.EnrolFacts, error)
	EnrolmentFacts(
		ctx context.Context,
		section registrar.SectionID,
		student registrar.StudentID,
		key registrar.IdempotencyKey,
	) (registrar.EnrolFacts, error)
	Term(ctx context.Context, id registrar.TermID) (registrar.Term, error)
	StudentsByNumber(ctx context.Context, numbers []string) (map[string]registrar.Student, error)
	StudentsByEmail(ctx context.Context, addresses []string) (map[string]registrar.Student, error)
	Instructors(ctx context.Context, page registrar.PageRequest) (registrar.Page[registrar.Instructor], error)
	InstructorsByNumber(ctx context.Context, numbers []string) (map[string]registrar.Instructor, error)
	InstructorsByEmail(ctx context.Context, addresses []string) (map[string]registrar.Instructor, error)
	CoursesByCode(ctx context.Context, codes []string) (map[string]registrar.Course, error)
	SectionsByCRN(ctx context.Context, term registrar.TermID, crns []string) (map[string]registrar.Section, error)
	// ImportedInstructors finds the instructors that imports made under these names.
	ImportedInstructors(ctx context.Context, names []string) (map[string]registrar.Instructor, error)
}

// Writes changes records. There are two implementations: the store, and the one of dry runs, which only remembers.
type Writes interface {
	CommitRegistration(ctx context.Context, change registrar.RegistrationChange, answer registrar.Answer) error
	// InstructorsByName finds the instructors that imports made under these names, makes those that are missing, and
	// returns the names of the new ones.
	InstructorsByName(
		ctx context.Context,
		names []string,
	) (ids map[string]registrar.InstructorID, made []string, err error)
	CreateCourse(ctx context.Context, c registrar.Course, answer registrar.Answer) error
	UpdateCourse(ctx context.Context, before, after registrar.Course) error
	CreateSection(ctx context.Context, s registrar.Section, answer registrar.Answer) error
	UpdateSection(ctx context.Context, before, after registrar.Section) error
	CreateStudent(ctx context.Context, p registrar.Student, answer registrar.Answer) error
	UpdateStudent(ctx context.Context, before, after registrar.Student) error
	CreateInstructor(ctx context.Context, p registrar.Instructor, answer registrar.Answer) error
	UpdateInstructor(ctx context.Context, before, after registrar.Instructor) error
}

// Objects reads uploaded files.
type Objects interface {
	// Open opens an object, and returns its size in bytes. The caller closes it.
	Open(ctx context.Context, key string) (file io.ReadCloser, size int64, err error)
}

// writers is how many transactions are in progress at once.
const writers = 8

// Applier applies uploaded files.
type Applier struct {
	Store   Store
	Objects Objects
	Audit   registrar.Auditor
	Formats map[string]Format // of files of sections; see [Formats]
	Clock   registrar.Clock
	NewID   registrar.IDs
}

// Apply reads the import's file to its end. It may be called again for the same import, also after a crash.
// Registrations then continue after the last row that is known to be decided, because the student whom the file names
// first gets the seat: see [intake.Import.Resumes]. Other kinds are read again from the first row, in a new run, and
// the import then shows only that run: rows that were applied before change nothing. An error means that the message
// should come back. A fault of the file itself, a [*files.FileError], is shown in the import, and is not an error.
//
// A dry run reads and decides like any other run, but its store only remembers what it was asked to write. The first of
// the two runs of an import with a limit of refused rows does the same.
func (a Applier) Apply(ctx context.Context, id registrar.ImportID) error {
	by := request.From(ctx)
	by.Principal = principal(id)
	ctx = request.With(ctx, by)
	im, err := a.Store.Import(ctx, id)
	if registrar.IsRefusal(err, registrar.NotFound) { // nobody asked for it, and waiting does not help
		return consumer.Permanent(fmt.Errorf("import %s: %w", id, err))
	}
	if err != nil {
		return fmt.Errorf("import %s: %w", id, err)
	}
	for !im.State.Ended() { // else it was delivered again
		run := a
		if dry(im) {
			run.Store = dryStore(a.Store, a.NewID)
		}
		if err := run.run(ctx, &im); err != nil {
			return err
		}
	}
	return nil
}

// dry reports whether the import's next run changes nothing but the import.
func dry(im intake.Import) bool { return im.DryRun || im.MaxRefusedPercent != nil && !im.Checked }

// principal is the actor of an import's changes.
func principal(id registrar.ImportID) string { return "import:" + string(id) }

// run reads the file once.
func (a Applier) run(ctx context.Context, im *intake.Import) error {
	resumed := im.State == intake.Running && im.Resumes()
	if im.State = intake.Running; im.StartedAt.IsZero() {
		im.StartedAt = registrar.Instant(a.Clock())
	}
	if !resumed {
		begin(im)
	}
	if err := a.save(ctx, im, intake.Report{}); err != nil {
		return err
	}
	file, size, err := a.Objects.Open(ctx, ObjectKey(im.ID))
	if err != nil {
		return fmt.Errorf("import %s: open the upload: %w", im.ID, err)
	}
	defer file.Close()
	apply := map[intake.Kind]func(context.Context, *intake.Import, io.Reader) error{
		intake.KindSections: a.sections, intake.KindStudents: a.people, intake.KindInstructors: a.people,
		intake.KindRegistrations: a.registrations,
	}[im.Kind]
	if err = errTooLarge; size <= intake.MaxBytes {
		err = apply(ctx, im, &bounded{file: file, left: intake.MaxBytes})
	}
	var broken *files.FileError
	if errors.As(err, &broken) {
		if dry(*im) {
			im.Rows.Applied, im.Changed = 0, intake.Changes{}
		}
		im.State, im.Reason, im.EndedAt = intake.Failed, broken.Reason, registrar.Instant(a.Clock())
		return a.save(ctx, im, intake.Report{})
	}
	if err != nil {
		return fmt.Errorf("import %s: %w", im.ID, err)
	}
	return nil
}

// bounded reads at most this many bytes, whatever size the bucket gave. Beyond that it fails instead of ending: a file
// that is cut must not look complete.
type bounded struct {
	file io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		if n, err := b.file.Read(make([]byte, 1)); n == 0 {
			return 0, err
		}
		return 0, errTooLarge
	}
	n, err := b.file.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

var errTooLarge error = &files.FileError{Reason: "the file is larger than 64 MiB"}

// formatOf names the format of files of a kind.
func formatOf(kind intake.Kind) string {
	switch kind {
	case intake.KindRegistrations:
		return "registrations-csv"
	case intake.KindStudents, intake.KindInstructors:
		return files.PeopleCSV // until the header says otherwise
	case intake.KindSections:
	}
	return "yacs-csv"
}

// objectPrefix is the prefix of uploads in the bucket.
const objectPrefix = "imports/"

// ObjectKey is the key of an import's upload in the bucket.
func ObjectKey(id registrar.ImportID) string { return objectPrefix + string(id) }

// save writes progress, and as much of the report as there is room for. Only a dry run lists changes.
func (a Applier) save(ctx context.Context, im *intake.Import, report intake.Report) error {
	report.Problems = report.Problems[:min(len(report.Problems), intake.MaxProblems-im.Problems)]
	if !im.DryRun {
		report.Changes = nil
	}
	report.Changes = report.Changes[:min(len(report.Changes), intake.MaxProblems-im.Listed)]
	im.Problems, im.Listed = im.Problems+len(report.Problems), im.Listed+len(report.Changes)
	im.Stamp = im.Next(a.Clock())
	if err := a.Store.SaveImport(ctx, *im, report); err != nil {
		return fmt.Errorf("import %s: save progress: %w", im.ID, err)
	}
	return nil
}

// finish saves the end of a run: the import is over, unless it is the run before the one that changes something.
func (a Applier) finish(ctx context.Context, im *intake.Import, report intake.Report) error {
	if concluded := im.Conclude(a.Clock()); im.DryRun || !dry(*im) || concluded.State == intake.Failed {
		*im = concluded
		return a.save(ctx, im, report)
	}
	im.Checked = true
	begin(im)
	return a.save(ctx, im, intake.Report{})
}

// begin begins another run, from the first row on.
func begin(im *intake.Import) {
	im.Run++
	im.Rows, im.Changed, im.Problems, im.Listed = intake.Rows{}, intake.Changes{}, 0, 0
}

// outcome is the result of one entry. It belongs to one writer until all have finished.
type outcome struct {
	changes   []intake.Change // what was created and updated, still without the row
	unchanged int
	refusal   error    // the domain or the store refused the record
	field     string   // of the file, that the refusal is about; empty: the record as a whole
	notes     []string // what was corrected or left out, of the entry's course
}

func (o *outcome) created(record string) {
	o.changes = append(o.changes, intake.Change{Record: record, Effect: intake.EffectCreated})
}

func (o *outcome) updated(record string, fields []string) {
	o.changes = append(o.changes, intake.Change{Record: record, Effect: intake.EffectUpdated, Fields: fields})
}

// tally counts the results for a row's records, and returns the list of them.
func (o *outcome) tally(im *intake.Import, row int) []intake.Change {
	im.Changed.Unchanged += o.unchanged
	for n := range o.changes {
		o.changes[n].Row = row
		if o.changes[n].Effect == intake.EffectCreated {
			im.Changed.Created++
		} else {
			im.Changed.Updated++
		}
	}
	return o.changes
}

// refuse records what is wrong with the entry, with the file's own name of the column.
func (o *outcome) refuse(p files.Problem) {
	o.field, o.refusal = p.Field, errors.New(p.Reason)
}

// settle records a refusal, also one of the record's form, as the entry's outcome, and returns failures. Two imports of
// one term at once refuse each other's records by version or natural key; the row says so and may be imported again.
func (o *outcome) settle(err error) error {
	var refusal *registrar.Refusal
	var wrong registrar.FieldErrors
	if errors.As(err, &refusal) || errors.As(err, &wrong) || errors.Is(err, registrar.ErrVersionMismatch) {
		o.refusal = err
		return nil
	}
	return err
}

// inParallel runs work for 0 … n-1 on a few goroutines, and returns the first failure after all have stopped.
func inParallel(ctx context.Context, n int, work func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var running sync.WaitGroup
	for range min(n, writers) {
		running.Go(func() {
			for i := range next {
				if err := work(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
feed:
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	running.Wait()
	return context.Cause(ctx)
}
