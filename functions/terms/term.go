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
	Open  *time.Time `json:"open,omitempty" doc:"First moment; absent: no bound" example:"2024-11-04T13:00:00Z"`
	Close *time.Time `json:"close,omitempty" doc:"First moment when it is over; absent: no bound" example:"2025-01-28T05:00:00Z"`
}

// NewTerm is what a client states of a term.
type NewTerm struct {
	Code         string         `json:"code" minLength:"1" maxLength:"32" doc:"Unique" example:"2025-SPRING"`
	Title        string         `json:"title" minLength:"1" maxLength:"200" example:"Spring 2025"`
	Start        string         `json:"start" format:"date" doc:"First day" example:"2025-01-13"`
	End          string         `json:"end" format:"date" doc:"Day after the last" example:"2025-05-10"`
	TimeZone     string         `json:"timeZone" maxLength:"64" doc:"IANA name of the campus time zone" example:"America/New_York"`
	Registration *Window        `json:"registration,omitempty" doc:"When students may register; absent: at any time"`
	CreditLimit  *api.Credits   `json:"creditLimit,omitempty" minimum:"0" maximum:"100" doc:"Most credits that a student may hold; 0 or absent: no limit" example:"21"`
	Deadlines    *api.Deadlines `json:"deadlines,omitempty" doc:"For sections that state none"`
}

// TermChange is what a client may change of a term: what is absent stays.
type TermChange struct {
	Code         *string        `json:"code,omitempty" minLength:"1" maxLength:"32" example:"2025-SPRING"`
	Title        *string        `json:"title,omitempty" minLength:"1" maxLength:"200" example:"Spring 2025"`
	Start        *string        `json:"start,omitempty" format:"date" example:"2025-01-13"`
	End          *string        `json:"end,omitempty" format:"date" example:"2025-05-10"`
	TimeZone     *string        `json:"timeZone,omitempty" maxLength:"64" example:"America/New_York"`
	Registration *Window        `json:"registration,omitempty" doc:"Replaces the whole window"`
	CreditLimit  *api.Credits   `json:"creditLimit,omitempty" minimum:"0" maximum:"100" doc:"0: no limit" example:"21"`
	Deadlines    *api.Deadlines `json:"deadlines,omitempty" doc:"Replaces both"`
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

// change makes the domain's term of what was sent.
func (c TermChange) change(t registrar.Term) registrar.Term {
	api.Set(&t.Code, c.Code)
	api.Set(&t.Title, c.Title)
	api.Set((*string)(&t.Start), c.Start)
	api.Set((*string)(&t.End), c.End)
	api.Set(&t.TimeZone, c.TimeZone)
	if c.Registration != nil {
		t.Registration = registrar.Window{Open: api.Time(c.Registration.Open), Close: api.Time(c.Registration.Close)}
	}
	if c.CreditLimit != nil {
		t.CreditLimit = c.CreditLimit.Domain()
	}
	if c.Deadlines != nil {
		t.Deadlines = c.Deadlines.Domain()
	}
	return t
}

func (n NewTerm) term() registrar.Term {
	return TermChange{
		Code: &n.Code, Title: &n.Title, Start: &n.Start, End: &n.End, TimeZone: &n.TimeZone,
		Registration: n.Registration, CreditLimit: n.CreditLimit, Deadlines: n.Deadlines,
	}.change(registrar.Term{})
}
