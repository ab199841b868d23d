package registrar

import "time"

// ImportKind is what a file holds.
type ImportKind string

// What can be imported.
const (
	ImportSections      ImportKind = "sections"      // courses, sections, meetings and instructors of a term
	ImportRegistrations ImportKind = "registrations" // who takes what, by student number and CRN
)

// ImportState is where an import stands.
type ImportState string

// The states of an import. It ends FINISHED when the file was read to its end, however many rows were refused, and FAILED
// when the file itself could not be read.
const (
	ImportWaiting  ImportState = "WAITING" // for the upload
	ImportRunning  ImportState = "RUNNING"
	ImportFinished ImportState = "FINISHED"
	ImportFailed   ImportState = "FAILED"
)

// Ended tells whether the import is over, either way.
func (s ImportState) Ended() bool { return s == ImportFinished || s == ImportFailed }

// MaxImportBytes bounds an uploaded file.
const MaxImportBytes = 64 << 20

// MaxImportProblems bounds the problems that are kept of an import: nobody reads more of a file in which nothing is right.
const MaxImportProblems = 10_000

// Import is one upload and what came of it.
type Import struct {
	ID      ImportID
	Kind    ImportKind
	Format  string // which reader takes the file, for example "yacs-csv"
	Term    TermID
	Notify  Personal // e-mail address that is told of its end; may be empty
	State   ImportState
	Reason  string // why it failed; empty otherwise
	Rows    ImportRows
	Changed ImportChanges
	// StartedAt and EndedAt are zero until then.
	StartedAt, EndedAt time.Time
	// Run counts how often its file was begun to be read. Rows, Changed and Problems are of the last run.
	Run int
	// Problems is how many problems are kept, at most [MaxImportProblems]. Rows counts all that were refused.
	Problems int
	// Resent is how often its file was announced again because nobody was working on it any more.
	Resent int
	Stamp
}

// ImportRows counts rows of the file, without its header. Read = Applied + Refused once the import has finished.
type ImportRows struct {
	Read, Applied, Refused int
}

// ImportChanges counts records. A file that is imported again changes nothing.
type ImportChanges struct {
	Created, Updated, Unchanged int
}

// ImportProblem is what was wrong in one row. A row that is not refused was applied without what the field says.
type ImportProblem struct {
	Row     int // the header is row 1
	Field   string
	Reason  string
	Refused bool
}

const (
	// UploadTime is how long a client has to begin an upload.
	UploadTime = 15 * time.Minute
	// ImportWorkTime is how long a worker may work on an import: the longest that Lambda lets a function run (Lambda quotas).
	ImportWorkTime = 15 * time.Minute

	// uploadPatience is how much later a file may still begin to be read: a large upload takes its time, and its announcement
	// may wait behind others in the queue.
	uploadPatience = 6 * time.Hour
	// workPatience is added to a worker's time before nobody can be at work any more: clocks differ.
	workPatience = 5 * time.Minute
	// mostResent is how often an import's file is announced again.
	mostResent = 3
)

// Sweep decides what is to become of an import that nobody may be working on any more: ended, with its reason, or to be sent
// to the workers again. The import is as it is to be written, if it is still the version that was read; its version is the
// same when there is nothing to do.
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
