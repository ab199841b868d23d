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

// Upload is an address to which a client may upload one object.
type Upload struct {
	Method  string
	URL     string            // whoever has it may upload
	Headers map[string]string // to be sent as they are
	Until   time.Time         // the upload must have begun by then
}
