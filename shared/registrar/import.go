package registrar

import (
	"strconv"
	"time"
)

// ImportKind is what a file holds.
type ImportKind string

// What can be imported.
const (
	ImportSections      ImportKind = "sections"      // courses, sections, meetings and instructors of a term
	ImportStudents      ImportKind = "students"      // people who register, by student number; of no term
	ImportInstructors   ImportKind = "instructors"   // people who teach, by number, e-mail or name; of no term
	ImportRegistrations ImportKind = "registrations" // who takes what, by student number and CRN
)

// OfTerm reports whether files of the kind belong to a term.
func (k ImportKind) OfTerm() bool { return k == ImportSections || k == ImportRegistrations }

// ImportState is where an import stands.
type ImportState string

// The states of an import. It ends FINISHED when the file was read to its end and at least one row was applied. It ends
// FAILED when the file could not be read, when no row could be applied, or when more rows were refused than the import
// allows.
const (
	ImportWaiting  ImportState = "WAITING" // for the upload
	ImportRunning  ImportState = "RUNNING"
	ImportFinished ImportState = "FINISHED"
	ImportFailed   ImportState = "FAILED"
)

// Ended tells whether the import is over, either way.
func (s ImportState) Ended() bool { return s == ImportFinished || s == ImportFailed }

// FormatMapping is the format of a file that is read by the import's own mapping.
const FormatMapping = "mapping"

// MaxImportBytes bounds an uploaded file.
const MaxImportBytes = 64 << 20

// MaxImportProblems bounds the problems that are kept of an import: nobody reads more of a file in which nothing is
// right.
const MaxImportProblems = 10_000

// Import is one upload and what came of it.
type Import struct {
	ID     ImportID
	Kind   ImportKind
	Format string // which reader takes the file, for example "yacs-csv"
	// Mapping is how a file of sections is read whose format is [FormatMapping]: JSON, as package files has it.
	Mapping string
	// Complete: the file is the whole truth about each section and course that it names, so an empty cell empties.
	// Otherwise an empty cell keeps what is there.
	Complete bool
	Term     TermID // empty for kinds that belong to no term
	// DryRun: the file is read and decided on, and nothing but this import is written.
	DryRun bool
	// MaxRefusedPercent is the most rows, 0 to 100 in a hundred, that may be refused: when there are more, nothing is
	// changed and the import fails. Nil: any number may be.
	MaxRefusedPercent *int
	Notify            Personal // e-mail address that is told of its end; may be empty
	State             ImportState
	Reason            string // why it failed; empty otherwise
	Rows              ImportRows
	Changed           ImportChanges
	// StartedAt and EndedAt are zero until then.
	StartedAt, EndedAt time.Time
	// Run counts how often its file was begun to be read. Rows, Changed and Problems are of the last run. An import of
	// registrations that was interrupted goes on in the same run, after the rows that Rows.Read counts.
	Run int
	// Checked: of an import with MaxRefusedPercent, the file was read once without a change, and few enough rows were
	// refused.
	Checked bool
	// Listed is how many changes are kept of a dry run, at most [MaxImportProblems]. Changed counts them all.
	Listed int
	// Problems is how many problems are kept, at most [MaxImportProblems]. Rows counts all that were refused.
	Problems int
	// Resent is how often its file was announced again because nobody was working on it any more.
	Resent int
	Stamp
}

// ImportRows counts rows of the file, without its header. Read = Applied + Refused + Skipped once the import has
// finished. A row is skipped when it is about somebody whom the import does not concern, such as a teacher in an import
// of students.
type ImportRows struct {
	Read, Applied, Refused, Skipped int
}

// ImportChanges counts records. A file that is imported again changes nothing.
type ImportChanges struct {
	Created, Updated, Unchanged int
}

// ImportProblem is what was wrong in one row. A row that is not refused was
// applied: then it is a note.
type ImportProblem struct {
	Row     int // the header is row 1
	Field   string
	Reason  string
	Refused bool
}

// ImportEffect is what a row would do to a record.
type ImportEffect string

// What a row would do.
const (
	EffectCreated ImportEffect = "created"
	EffectUpdated ImportEffect = "updated"
)

// ImportChange is what a dry run foretells of one row and one record.
type ImportChange struct {
	Row    int    // the header is row 1
	Record string // kind of the record: course, section, instructor, student or registration
	Effect ImportEffect
	Fields []string // names of the fields that would change, in order; none when the record would be created
}

// ImportReport is what a run adds to what is kept of an import.
type ImportReport struct {
	Problems []ImportProblem
	Changes  []ImportChange
}

// ImportDecision is that a row was refused by the rules, kept until the progress of its batch is saved: the row stays
// refused when the import is interrupted and goes on, and the audit hears of it once.
type ImportDecision struct {
	Row    int
	Reason string
	Event  Event // for the audit
}

// Conclude ends a run that read the file to its end. The import fails when no row was applied, or when more rows were
// refused than it allows; of the second the counts say that nothing was changed.
func (im Import) Conclude(now time.Time) Import {
	im.State, im.EndedAt = ImportFinished, Instant(now)
	rows := im.Rows
	switch {
	case im.TooManyRefused():
		im.State, im.Reason = ImportFailed, strconv.Itoa(rows.Refused)+" of "+strconv.Itoa(rows.Read)+
			" rows were refused, which is more than "+strconv.Itoa(*im.MaxRefusedPercent)+" percent: nothing was changed"
		im.Rows.Applied, im.Changed = 0, ImportChanges{}
	case rows.Read == 0:
		im.State, im.Reason = ImportFailed, "the file has no rows"
	case rows.Refused == rows.Read:
		im.State, im.Reason = ImportFailed, "every row was refused: nothing was applied"
	case rows.Applied == 0:
		im.State, im.Reason = ImportFailed, "no row was applied: those that were not refused do not concern this import"
	}
	return im
}

// TooManyRefused reports whether more rows were refused, in a run without changes, than the import allows.
func (im Import) TooManyRefused() bool {
	const hundred = 100
	return im.MaxRefusedPercent != nil && !im.Checked && im.Rows.Refused*hundred > *im.MaxRefusedPercent*im.Rows.Read
}

// Resumes reports whether an import that was interrupted goes on after the rows that it has counted, instead of reading
// the file anew. That is so where the order of rows decides: a seat goes to whom the file names first.
func (im Import) Resumes() bool {
	return im.Kind == ImportRegistrations && !im.DryRun && im.Run > 0 && (im.MaxRefusedPercent == nil || im.Checked)
}

const (
	// UploadTime is how long a client has to begin an upload.
	UploadTime = 15 * time.Minute
	// ImportWorkTime is how long a worker may work on an import: the longest that Lambda lets a function run (Lambda
	// quotas).
	ImportWorkTime = 15 * time.Minute

	// uploadPatience is how much later a file may still begin to be read: a large upload takes its time, and its
	// announcement may wait behind others in the queue.
	uploadPatience = 6 * time.Hour
	// workPatience is added to a worker's time before nobody can be at work any more: clocks differ.
	workPatience = 5 * time.Minute
	// mostResent is how often an import's file is announced again.
	mostResent = 3
)

// Sweep decides what is to become of an import that nobody may be working on any more: ended, with its reason, or to be
// sent to the workers again. The import is as it is to be written, if it is still the version that was read; its
// version is the same when there is nothing to do.
func (im Import) Sweep(now time.Time) (next Import, resend bool) {
	next = im
	switch {
	case im.State == ImportWaiting && now.After(im.CreatedAt.Add(UploadTime+uploadPatience)):
		next.State, next.Reason = ImportFailed, "no file arrived in time"
	case im.State == ImportRunning && now.After(im.UpdatedAt.Add(ImportWorkTime+workPatience)):
		if im.Resent < mostResent {
			next.Resent, resend = im.Resent+1, true
			break
		}
		next.State, next.Reason = ImportFailed, "the file was begun again and again, and never read to its end"
	default:
		return im, false
	}
	if next.State.Ended() {
		next.EndedAt = Instant(now)
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
