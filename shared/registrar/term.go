package registrar

import (
	"time"
)

// Term is an academic session: the half-open date range [Start, End), as in OneRoster, so the end day is not in it.
type Term struct {
	ID           TermID
	Code         string // natural key, for example "2024-FALL"; unique
	Title        string
	Start, End   Date
	TimeZone     string  // IANA name of the campus zone, for example "America/New_York"
	Registration Window  // when students may act; a zero bound is open
	CreditLimit  Credits // most credits that a student may hold in the term; 0: no limit
	Deadlines    Deadlines
	Stamp
}

// Window is the half-open range of instants [Open, Close). A zero bound does not bind.
type Window struct {
	Open, Close time.Time
}

// Contains tells whether t lies in the window.
func (w Window) Contains(t time.Time) bool {
	return (w.Open.IsZero() || !t.Before(w.Open)) && (w.Close.IsZero() || t.Before(w.Close))
}

// Deadlines are the last instants for an act; a zero one does not bind. Each section resolves its own value, else the
// offering's, else the term's (domain.md §8).
type Deadlines struct {
	LastAdd, LastDrop time.Time
}

// Or takes d's deadlines where they are set, else the fallback's.
func (d Deadlines) Or(fallback Deadlines) Deadlines {
	if d.LastAdd.IsZero() {
		d.LastAdd = fallback.LastAdd
	}
	if d.LastDrop.IsZero() {
		d.LastDrop = fallback.LastDrop
	}
	return d
}

// Equal tells whether both name the same instants.
func (d Deadlines) Equal(o Deadlines) bool {
	return d.LastAdd.Equal(o.LastAdd) && d.LastDrop.Equal(o.LastDrop)
}

// Validate checks the form of a term: [FieldErrors].
func (t Term) Validate() error {
	var fe FieldErrors
	text(&fe, "code", t.Code, 1, 32)
	text(&fe, "title", t.Title, 1, 200)
	date(&fe, "start", t.Start)
	date(&fe, "end", t.End)
	if t.Start.Valid() && t.End.Valid() && t.End <= t.Start {
		fe.add("end", FieldOutOfRange, "the end must be after the start")
	}
	if _, err := time.LoadLocation(t.TimeZone); err != nil || t.TimeZone == "" || t.TimeZone == "Local" {
		fe.add("timeZone", FieldFormat, "must be an IANA time zone name")
	}
	if !t.Registration.Open.IsZero() && !t.Registration.Close.IsZero() && !t.Registration.Open.Before(t.Registration.Close) {
		fe.add("registration.close", FieldOutOfRange, "registration must close after it opens")
	}
	if t.CreditLimit < 0 || t.CreditLimit > 100*100 {
		fe.add("creditLimit", FieldOutOfRange, "must be between 0 and 100")
	}
	return fe.OrNil()
}
