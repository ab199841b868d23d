package intake

import (
	"strconv"
	"time"

	"example.com/registrar/shared/registrar"
)

// Kind is what a file holds.
type Kind string

// What can be imported.
const (
	KindSections      Kind = "sections"      // courses, sections, meetings and instructors of a term
	KindStudents      Kind = "students"      // people who register, by student number; of no term
	KindInstructors   Kind = "instructors"   // people who teach, by number, e-mail or name; of no term
	KindRegistrations Kind = "registrations" // who takes what, by student number and CRN
)

// OfTerm reports whether files of the kind belong to a term.
func (k Kind) OfTerm() bool { return k == KindSections || k == KindRegistrations }

// State is the state of an import.
type State string

// The states of an import. It ends FINISHED when the file was read to its end and at least one row was applied. It ends
// FAILED when the file could not be read, when no row could be applied, or when more rows were refused than the import
// allows.
const (
	Waiting  State = "WAITING" // for the upload
	Running  State = "RUNNING"
	Finished State = "FINISHED"
	Failed   State = "FAILED"
)

// Ended reports whether the import has finished or failed.
func (s State) Ended() bool { return s == Finished || s == Failed }

// FormatMapping is the format of a file that is read by the import's own mapping.
const FormatMapping = "mapping"

// MaxBytes bounds an uploaded file.
const MaxBytes = 64 << 20

// MaxProblems bounds the problems that are kept of an import: nobody reads more of a file in which nothing is right.
const MaxProblems = 10_000

// Import is one uploaded file and what became of it.
type Import struct {
	ID     registrar.ImportID
	Kind   Kind
	Format string // which reader takes the file, for example "yacs-csv"
	// Mapping says how to read a file of sections whose format is [FormatMapping]: JSON, in the form of package files.
	Mapping string
	// Complete: the file has all facts of each section and course that it names, so an empty cell deletes the old value.
	// Otherwise an empty cell keeps it.
	Complete bool
	Term     registrar.TermID // empty for kinds that belong to no term
	// DryRun: the file is read and decided on, but nothing except this import is written.
	DryRun bool
	// MaxRefusedPercent is the largest percentage of rows, 0 to 100, that may be refused. When more are refused, nothing
	// is changed and the import fails. Nil: any number may be refused.
	MaxRefusedPercent *int
	Notify            registrar.Personal // e-mail address that gets a mail at its end; may be empty
	State             State
	Reason            string // why it failed; empty otherwise
	Rows              Rows
	Changed           Changes
	// StartedAt and EndedAt are zero until then.
	StartedAt, EndedAt time.Time
	// Run counts how often a worker began to read its file. Rows, Changed and Problems are of the last run. An import of
	// registrations that was interrupted continues in the same run, after the rows that Rows.Read counts.
	Run int
	// Checked: the file of an import with MaxRefusedPercent was read once without a change, and few enough rows were
	// refused.
	Checked bool
	// Listed is how many changes are kept of a dry run, at most [MaxProblems]. Changed counts them all.
	Listed int
	// Problems is how many problems are kept, at most [MaxProblems]. Rows counts all that were refused.
	Problems int
	// Resent is how often its file was announced to the workers again, because nobody was working on it any more.
	Resent int
	registrar.Stamp
}

// Rows counts rows of the file, without its header. Read = Applied + Refused + Skipped once the import has
// finished. A row is skipped when it is about somebody whom the import does not concern, such as a teacher in an import
// of students.
type Rows struct {
	Read, Applied, Refused, Skipped int
}

// Changes counts records. A file that is imported again changes nothing.
type Changes struct {
	Created, Updated, Unchanged int
}

// Filter chooses imports; empty fields do not restrict.
type Filter struct {
	State State
	Kind  Kind
	Term  registrar.TermID
}

// Has reports whether the filter lets the import through.
func (f Filter) Has(im Import) bool {
	return (f.State == "" || f.State == im.State) && (f.Kind == "" || f.Kind == im.Kind) &&
		(f.Term == "" || f.Term == im.Term)
}

// Problem is a fault in one row. A row that was not refused was applied: then the problem is a note.
type Problem struct {
	Row     int // the header is row 1
	Field   string
	Reason  string
	Refused bool
}

// Effect is the effect that a row would have on a record.
type Effect string

// The effects of a row.
const (
	EffectCreated Effect = "created"
	EffectUpdated Effect = "updated"
)

// Change is the effect that a dry run expects of one row on one record.
type Change struct {
	Row    int    // the header is row 1
	Record string // kind of the record: course, section, instructor, student or registration
	Effect Effect
	Fields []string // names of the fields that would change, in order; none when the record would be created
}

// Report is what a run adds to the records of an import.
type Report struct {
	Problems []Problem
	Changes  []Change
}

// Decision is the refusal of a row by the rules. It is kept until the progress of its batch is saved. So the row stays
// refused when the import is interrupted and continues, and the audit gets the refusal once.
type Decision struct {
	Row    int
	Reason string
	Event  registrar.Event // for the audit
}

// Conclude ends a run that read the file to its end. The import fails when no row was applied, or when more rows were
// refused than it allows; in the second case the counts say that nothing was changed.
func (im Import) Conclude(now time.Time) Import {
	im.State, im.EndedAt = Finished, registrar.Instant(now)
	rows := im.Rows
	switch {
	case im.TooManyRefused():
		im.State, im.Reason = Failed, strconv.Itoa(rows.Refused)+" of "+strconv.Itoa(rows.Read)+
			" rows were refused, which is more than "+strconv.Itoa(*im.MaxRefusedPercent)+" percent: nothing was changed"
		im.Rows.Applied, im.Changed = 0, Changes{}
	case rows.Read == 0:
		im.State, im.Reason = Failed, "the file has no rows"
	case rows.Refused == rows.Read:
		im.State, im.Reason = Failed, "every row was refused: nothing was applied"
	case rows.Applied == 0:
		im.State, im.Reason = Failed, "no row was applied: those that were not refused do not concern this import"
	}
	return im
}

// TooManyRefused reports whether more rows were refused, in a run without changes, than the import allows.
func (im Import) TooManyRefused() bool {
	const hundred = 100
	return im.MaxRefusedPercent != nil && !im.Checked && im.Rows.Refused*hundred > *im.MaxRefusedPercent*im.Rows.Read
}

// Resumes reports whether an import that was interrupted continues after the rows that it has counted, instead of
// reading the file again. It does where the order of rows decides: the student whom the file names first gets the seat.
func (im Import) Resumes() bool {
	return im.Kind == KindRegistrations && !im.DryRun && im.Run > 0 && (im.MaxRefusedPercent == nil || im.Checked)
}

const (
	// UploadTime is how long a client has to begin an upload.
	UploadTime = 15 * time.Minute
	// WorkTime is how long a worker may work on an import: the longest that Lambda lets a function run (Lambda
	// quotas).
	WorkTime = 15 * time.Minute

	// uploadPatience is how much later a worker may still begin to read a file: a large upload takes its time, and its
	// announcement may wait behind others in the queue.
	uploadPatience = 6 * time.Hour
	// workPatience is added to a worker's time. After that nobody can be working any more, even where clocks differ.
	workPatience = 5 * time.Minute
	// mostResent is how often an import's file is announced again, at most.
	mostResent = 3
)

// Sweep decides about an import that nobody may be working on any more: it ends, with a reason, or is sent to the
// workers again. It returns the import as it is to be written, if the version that was read is still stored. The
// version is the same when there is nothing to do.
func (im Import) Sweep(now time.Time) (next Import, resend bool) {
	next = im
	switch {
	case im.State == Waiting && now.After(im.CreatedAt.Add(UploadTime+uploadPatience)):
		next.State, next.Reason = Failed, "no file arrived in time"
	case im.State == Running && now.After(im.UpdatedAt.Add(WorkTime+workPatience)):
		if im.Resent < mostResent {
			next.Resent, resend = im.Resent+1, true
			break
		}
		next.State, next.Reason = Failed, "the file was begun again and again, and never read to its end"
	default:
		return im, false
	}
	if next.State.Ended() {
		next.EndedAt = registrar.Instant(now)
	}
	next.Stamp = im.Next(now)
	return next, resend
}

// Upload is an address to which a client may upload one object.
type Upload struct {
	Method  string
	URL     string            // whoever has it may upload
	Headers map[string]string // to be sent as they are
	Until   time.Time         // the upload must have begun by then
}
