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
	Registration Window  // when students may act; see [Term.Open]
	CreditLimit  Credits // most credits that a student may hold in the term; 0: no limit
	Deadlines    Deadlines
	Stamp
}

// Window is the half-open range of instants [Open, Close). One bound may be zero: there is no bound on that side.
// Without both there is no window, and the term is closed (domain.md §11).
type Window struct {
	Open, Close time.Time
}

// Contains reports whether t lies in the window.
func (w Window) Contains(t time.Time) bool {
	return w != Window{} && !t.Before(w.Open) && (w.Close.IsZero() || t.Before(w.Close))
}

// Equal reports whether both are the same window.
func (w Window) Equal(o Window) bool { return w.Open.Equal(o.Open) && w.Close.Equal(o.Close) }

// Open reports whether students may register at t: in the term's registration window, and before the term has ended in
// its own time zone.
func (t Term) Open(at time.Time) bool { return t.Registration.Contains(at) && !t.over(at) }

// over reports whether the term has ended. Reading a zone takes a fraction of a millisecond, so it is only done in the
// hours in which the zone makes a difference. A term whose end cannot be known has ended.
func (t Term) over(at time.Time) bool {
	const east, west = 14 * time.Hour, 12 * time.Hour // the zones that are furthest from UTC
	end, err := t.End.in(time.UTC)
	switch {
	case err != nil:
		return true
	case at.Before(end.Add(-east)):
		return false
	case !at.Before(end.Add(west)):
		return true
	}
	zone, err := Zone(t.TimeZone)
	if err != nil {
		return true
	}
	end, err = t.End.in(zone)
	return err != nil || !at.Before(end)
}

// Deadlines are the last instants for an act. A zero one means that there is no deadline. Each section uses its own
// value, else the offering's, else the term's (domain.md §8).
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

// Equal reports whether both name the same instants.
func (d Deadlines) Equal(o Deadlines) bool {
	return d.LastAdd.Equal(o.LastAdd) && d.LastDrop.Equal(o.LastDrop)
}

func (d Deadlines) validate(fe *FieldErrors) {
	moment(fe, "deadlines.lastAdd", d.LastAdd)
	moment(fe, "deadlines.lastDrop", d.LastDrop)
}

// SameFacts reports whether two terms state the same, whatever their ids and stamps.
func (t Term) SameFacts(o Term) bool {
	return t.Code == o.Code && t.Title == o.Title && t.Start == o.Start && t.End == o.End && t.TimeZone == o.TimeZone &&
		t.Registration.Equal(o.Registration) && t.CreditLimit == o.CreditLimit && t.Deadlines.Equal(o.Deadlines)
}

// Validate checks the form of a term: [FieldErrors].
func (t Term) Validate() error {
	var fe FieldErrors
	code(&fe, "code", t.Code)
	line(&fe, "title", t.Title, 1, 200)
	date(&fe, "start", t.Start)
	date(&fe, "end", t.End)
	if t.Start.Valid() && t.End.Valid() && t.End <= t.Start {
		fe.Add("end", FieldOutOfRange, "the end must be after the start")
	}
	_, unknown := Zone(t.TimeZone)
	if unknown != nil {
		fe.Add("timeZone", FieldFormat, "must be an IANA time zone name")
	}
	moment(&fe, "registration.open", t.Registration.Open)
	moment(&fe, "registration.close", t.Registration.Close)
	t.Deadlines.validate(&fe)
	if !t.Registration.Open.IsZero() && !t.Registration.Close.IsZero() &&
		!t.Registration.Open.Before(t.Registration.Close) {
		fe.Add("registration.close", FieldOutOfRange, "registration must close after it opens")
	}
	if opens := t.Registration.Open; t.End.Valid() && unknown == nil && !opens.IsZero() && InstantInRange(opens) &&
		t.over(opens) {
		fe.Add("registration.open", FieldOutOfRange,
			"registration must open before the term's end, which is the first moment of its end day in its time zone")
	}
	if t.CreditLimit < 0 || t.CreditLimit > 100*100 {
		fe.Add("creditLimit", FieldOutOfRange, "must be between 0 and 100")
	}
	return fe.OrNil()
}
