package imports

import (
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/intake/files"
)

// NewImport is what a client wants to import.
type NewImport struct {
	Kind string `json:"kind" enum:"sections,students,instructors,registrations" doc:"What the file holds" example:"sections"`
	Term api.ID `json:"term,omitempty" doc:"Id of the term that it is about: for sections and registrations. People belong to no term"`
	// How a file of sections is read.
	Format   string         `json:"format,omitempty" enum:"yacs-csv" doc:"How a file of sections is read, by a mapping that is built in: yacs-csv is what the YACS project publishes. Absent: yacs-csv, unless a mapping is given" example:"yacs-csv"`
	Mapping  *files.Mapping `json:"mapping,omitempty" doc:"How a file of sections is read whose columns are other ones, at most 8 KiB of JSON; instead of a format"`
	Complete bool           `json:"complete,omitempty" doc:"The file of sections is the whole truth about each section and course that it names: an empty cell empties what is there. Absent or false: an empty cell keeps it. What the file does not name stays, either way"`
	// DryRun and MaxRefusedPercent are for a check before anything is changed.
	DryRun            bool `json:"dryRun,omitempty" doc:"Only tell what would change: nothing else is written. GET /v1/imports/{id}?show=changes lists it" example:"true"`
	MaxRefusedPercent *int `json:"maxRefusedPercent,omitempty" minimum:"0" maximum:"100" doc:"When more than so many rows of a hundred would be refused, change nothing, and fail; absent: any number may be refused" example:"5"`
	// Accounts come later. Then whoever asks gets the mail.
	Notify *api.Email `json:"notify,omitempty" doc:"E-mail address that is told when the import has ended; absent: nobody is" example:"registrar@example.edu"`
}

// Import is an import as clients see it.
type Import struct {
	ID                string     `json:"id" format:"uuid"`
	Kind              string     `json:"kind" enum:"sections,students,instructors,registrations"`
	Format            string     `json:"format" doc:"How the file is read; mapping: by the mapping that came with the import. Of people the header tells: people-csv, oneroster-users-csv or canvas-users-csv" example:"yacs-csv"`
	Complete          bool       `json:"complete" doc:"Whether an empty cell empties what is there; otherwise it keeps it"`
	Term              string     `json:"term,omitempty" format:"uuid" doc:"Absent for people"`
	DryRun            bool       `json:"dryRun" doc:"Whether nothing is changed: what is counted as applied, created and updated would be" example:"false"`
	MaxRefusedPercent *int       `json:"maxRefusedPercent,omitempty" doc:"When more rows of a hundred are refused, nothing is changed" example:"5"`
	Notify            string     `json:"notify,omitempty" example:"registrar@example.edu"`
	State             string     `json:"state" enum:"WAITING,RUNNING,FINISHED,FAILED" doc:"WAITING for the upload; FINISHED when at least one row was applied, else FAILED" example:"FINISHED"`
	Reason            string     `json:"reason,omitempty" doc:"Why it failed"`
	Rows              Rows       `json:"rows"`
	Changed           Changed    `json:"changed"`
	StartedAt         *time.Time `json:"startedAt,omitempty"`
	EndedAt           *time.Time `json:"endedAt,omitempty"`
	api.Stamp
}

// Rows counts rows of the file.
type Rows struct {
	Read    int `json:"read" example:"2667"`
	Applied int `json:"applied" example:"2667"`
	Refused int `json:"refused" example:"0"`
	Skipped int `json:"skipped" doc:"Rows about somebody whom the import does not concern" example:"0"`
}

// Changed counts records.
type Changed struct {
	Created   int `json:"created" example:"3144"`
	Updated   int `json:"updated" example:"0"`
	Unchanged int `json:"unchanged" example:"0"`
}

// RowProblem is a problem of one row.
type RowProblem struct {
	Row     int    `json:"row" doc:"As a spreadsheet numbers it: the header is row 1" example:"1036"`
	Field   string `json:"field" doc:"Column of the file" example:"course_start_time"`
	Reason  string `json:"reason" example:"a day is stated, but no time"`
	Refused bool   `json:"refused" doc:"Whether the row was refused, in a file of sections with all rows of its section; otherwise it was applied, and this is a note" example:"true"`
}

// RowChange is a change that a dry run expects of one row.
type RowChange struct {
	Row    int      `json:"row" doc:"As a spreadsheet numbers it: the header is row 1" example:"1036"`
	Record string   `json:"record" enum:"course,section,instructor,student,registration" doc:"Kind of the record" example:"section"`
	Effect string   `json:"effect" enum:"created,updated" example:"updated"`
	Fields []string `json:"fields" doc:"Fields that would change; none when the record would be created" example:"[\"capacity\"]"`
}

func show(im intake.Import) Import {
	return Import{
		ID:   string(im.ID),
		Kind: string(im.Kind), Format: im.Format, Complete: im.Complete, Term: string(im.Term), DryRun: im.DryRun,
		MaxRefusedPercent: im.MaxRefusedPercent,
		Notify:            string(im.Notify), State: string(im.State), Reason: im.Reason,
		Rows:      Rows{Read: im.Rows.Read, Applied: im.Rows.Applied, Refused: im.Rows.Refused, Skipped: im.Rows.Skipped},
		Changed:   Changed{Created: im.Changed.Created, Updated: im.Changed.Updated, Unchanged: im.Changed.Unchanged},
		StartedAt: api.TimeOf(im.StartedAt), EndedAt: api.TimeOf(im.EndedAt), Stamp: api.StampOf(im.Stamp),
	}
}
