// Package terms has the HTTP operations on terms, one file each. It knows the domain, shared/api and what it needs of a
// store, as small interfaces; no AWS. Start with term.go, the form that clients see; each folder below is one Lambda.
package terms

import (
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// Window is when students may register.
type Window struct {
	Open  *time.Time `json:"open,omitempty" doc:"First moment, before the term's end; absent: no bound" example:"2024-11-04T13:00:00Z"`
	Close *time.Time `json:"close,omitempty" doc:"First moment when it is over; absent: the term's end" example:"2025-01-28T05:00:00Z"`
}

// WindowChange is a merge patch of a window (RFC 7396).
type WindowChange struct {
	Open  api.Removable[api.Instant] `json:"open,omitzero" doc:"First moment, before the term's end; null: no bound" example:"2024-11-04T13:00:00Z"`
	Close api.Removable[api.Instant] `json:"close,omitzero" doc:"First moment when it is over; null: the term's end" example:"2025-01-28T05:00:00Z"`
}

// NewWindow states a window.
type NewWindow struct {
	Open  *api.Instant `json:"open,omitempty" doc:"First moment, before the term's end; absent: no bound" example:"2024-11-04T13:00:00Z"`
	Close *api.Instant `json:"close,omitempty" doc:"First moment when it is over; absent: the term's end" example:"2025-01-28T05:00:00Z"`
}

// NewTerm is what a client states of a term.
type NewTerm struct {
	Code         api.Code          `json:"code" doc:"Unique, in any case" example:"2025-SPRING"`
	Title        api.Line          `json:"title" minLength:"1" maxLength:"200" example:"Spring 2025"`
	Start        string            `json:"start" format:"date" doc:"First day" example:"2025-01-13"`
	End          string            `json:"end" format:"date" doc:"Day after the last" example:"2025-05-10"`
	TimeZone     string            `json:"timeZone" maxLength:"64" doc:"IANA name of the campus time zone" example:"America/New_York"`
	Registration *NewWindow        `json:"registration,omitempty" doc:"When students may register; absent: the term is closed. Nothing is open after the term's end"`
	CreditLimit  *api.Credits      `json:"creditLimit,omitempty" minimum:"0" maximum:"100" doc:"Most credits that a student may hold; 0 or absent: no limit" example:"21"`
	Deadlines    *api.NewDeadlines `json:"deadlines,omitempty" doc:"For sections that state none"`
}

// TermChange is a merge patch of a term (RFC 7396).
type TermChange struct {
	Code         *api.Code                          `json:"code,omitempty" example:"2025-SPRING"`
	Title        *api.Line                          `json:"title,omitempty" minLength:"1" maxLength:"200" example:"Spring 2025"`
	Start        *string                            `json:"start,omitempty" format:"date" example:"2025-01-13"`
	End          *string                            `json:"end,omitempty" format:"date" example:"2025-05-10"`
	TimeZone     *string                            `json:"timeZone,omitempty" maxLength:"64" example:"America/New_York"`
	Registration api.Removable[WindowChange]        `json:"registration,omitzero" doc:"Null closes the term"`
	CreditLimit  api.Removable[api.Credits]         `json:"creditLimit,omitzero" minimum:"0" maximum:"100" doc:"0 or null: no limit" example:"21"`
	Deadlines    api.Removable[api.DeadlinesChange] `json:"deadlines,omitzero" doc:"Null removes both"`
}

// Term is a term as clients see it.
type Term struct {
	ID           string        `json:"id" format:"uuid"`
	Code         string        `json:"code" example:"2025-SPRING"`
	Title        string        `json:"title" example:"Spring 2025"`
	Start        string        `json:"start" format:"date" example:"2025-01-13"`
	End          string        `json:"end" format:"date" example:"2025-05-10"`
	TimeZone     string        `json:"timeZone" example:"America/New_York"`
	Registration Window        `json:"registration"`
	CreditLimit  api.Credits   `json:"creditLimit" doc:"0: no limit" example:"21"`
	Deadlines    api.Deadlines `json:"deadlines"`
	api.Stamp
}

func show(t registrar.Term) Term {
	return Term{
		ID: string(t.ID), Code: t.Code, Title: t.Title, Start: string(t.Start), End: string(t.End), TimeZone: t.TimeZone,
		Registration: Window{Open: api.TimeOf(t.Registration.Open), Close: api.TimeOf(t.Registration.Close)},
		CreditLimit:  api.CreditsOf(t.CreditLimit), Deadlines: api.DeadlinesOf(t.Deadlines), Stamp: api.StampOf(t.Stamp),
	}
}

// read answers with one.
func read(t registrar.Term) *api.Read[Term] {
	return &api.Read[Term]{ETag: api.ETag(t.Version), Body: show(t)}
}

// change applies what was sent to the domain's term.
func (c TermChange) change(t registrar.Term) registrar.Term {
	api.SetText(&t.Code, c.Code)
	api.SetText(&t.Title, c.Title)
	api.SetText(&t.Start, c.Start)
	api.SetText(&t.End, c.End)
	api.Set(&t.TimeZone, c.TimeZone)
	if c.Registration.Sent() {
		window, given := c.Registration.Get()
		if !given {
			t.Registration = registrar.Window{}
		}
		api.PatchInstant(&t.Registration.Open, window.Open)
		api.PatchInstant(&t.Registration.Close, window.Close)
	}
	if c.CreditLimit.Sent() {
		limit, _ := c.CreditLimit.Get()
		t.CreditLimit = limit.Domain()
	}
	api.PatchDeadlines(&t.Deadlines, c.Deadlines, t.TimeZone)
	return t
}

func (n NewTerm) term() registrar.Term {
	c := TermChange{
		Code: &n.Code, Title: &n.Title, Start: &n.Start, End: &n.End, TimeZone: &n.TimeZone,
		CreditLimit: api.Stated(n.CreditLimit),
		Deadlines:   n.Deadlines.Stated(),
	}
	if n.Registration != nil {
		c.Registration = api.Stated(&WindowChange{Open: api.Stated(n.Registration.Open),
			Close: api.Stated(n.Registration.Close)})
	}
	return c.change(registrar.Term{})
}
