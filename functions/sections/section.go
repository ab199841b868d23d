// Package sections has the HTTP operations on sections, one file each. It knows the domain, shared/api and what it
// needs of a store, as small interfaces; no AWS. Start with section.go, the form that clients see; each folder below is
// one Lambda.
package sections

import (
	"slices"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// Meeting is when and where a section meets, on the campus clock. A meeting over midnight is two.
type Meeting struct {
	Days  string   `json:"days" pattern:"^[MTWRFSU]{1,7}$" doc:"Weekdays: M T W R F S U, where R is Thursday and U is Sunday; one of them at least is between the dates" example:"MR"`
	Start string   `json:"start" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" doc:"Clock time" example:"10:00"`
	End   string   `json:"end" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$" doc:"Clock time, after the start" example:"11:50"`
	From  string   `json:"from" format:"date" doc:"First day, in the term" example:"2025-01-13"`
	To    string   `json:"to" format:"date" doc:"Last day, in the term" example:"2025-05-01"`
	Room  api.Line `json:"room,omitempty" maxLength:"100" example:"DARRIN 308"`
}

// NewSection is what a client states of a section.
type NewSection struct {
	Term        api.ID            `json:"term"`
	Course      api.ID            `json:"course"`
	CRN         api.Code          `json:"crn" doc:"Course reference number, unique in the term" example:"12345"`
	Label       *api.Line         `json:"label,omitempty" maxLength:"40" doc:"Section number within the course" example:"01"`
	Component   api.Line          `json:"component,omitempty" minLength:"1" maxLength:"32" default:"lecture" doc:"A student holds one section of each component" example:"lecture"`
	Credits     *api.CreditRange  `json:"credits,omitempty" doc:"Absent: the course's"`
	Capacity    int               `json:"capacity" minimum:"0" maximum:"10000" example:"30"`
	Status      string            `json:"status,omitempty" enum:"planned,open,closed,cancelled" default:"planned" doc:"Only an open section takes registrations" example:"open"`
	Meetings    []Meeting         `json:"meetings,omitempty" maxItems:"16" doc:"None: arranged"`
	Instructors []api.ID          `json:"instructors,omitempty" maxItems:"16" doc:"Ids" example:"[]"`
	Deadlines   *api.NewDeadlines `json:"deadlines,omitempty"`
}

// SectionChange is a merge patch of a section (RFC 7396). Term and course are the section's for life.
type SectionChange struct {
	CRN         *api.Code                          `json:"crn,omitempty" example:"12345"`
	Label       api.Removable[api.Line]            `json:"label,omitzero" maxLength:"40" example:"01"`
	Component   *api.Line                          `json:"component,omitempty" minLength:"1" maxLength:"32" example:"lecture"`
	Credits     *api.CreditRangeChange             `json:"credits,omitempty"`
	Capacity    *int                               `json:"capacity,omitempty" minimum:"0" maximum:"10000" doc:"May fall below what is taken: nobody loses a seat, and none is given out until enough are dropped" example:"40"`
	Status      *string                            `json:"status,omitempty" enum:"planned,open,closed,cancelled" example:"open"`
	Meetings    *[]Meeting                         `json:"meetings,omitempty" maxItems:"16" doc:"Replaces all; an empty list: arranged"`
	Instructors *[]api.ID                          `json:"instructors,omitempty" maxItems:"16" doc:"Replaces all" example:"[]"`
	Deadlines   api.Removable[api.DeadlinesChange] `json:"deadlines,omitzero" doc:"Null removes both"`
}

// Seats is the account of a section's seats at the time of the answer.
type Seats struct {
	Capacity  int `json:"capacity" example:"30"`
	Taken     int `json:"taken" doc:"Enrolled students" example:"12"`
	Available int `json:"available" doc:"Seats that can be had; never negative" example:"18"`
	Waiting   int `json:"waiting" doc:"Students on the waitlist" example:"0"`
}

// Section is a section as clients see it.
type Section struct {
	ID          string          `json:"id" format:"uuid"`
	Term        string          `json:"term" format:"uuid"`
	Course      string          `json:"course" format:"uuid"`
	Offering    string          `json:"offering" doc:"Of the course in the term"`
	Subject     string          `json:"subject" example:"CSCI"`
	Number      string          `json:"number" example:"1200"`
	Title       string          `json:"title" doc:"As scheduled: the course's, which it follows, unless an import gave the section one of its own" example:"Data Structures"`
	CRN         string          `json:"crn" example:"12345"`
	Label       string          `json:"label,omitempty" example:"01"`
	Component   string          `json:"component" example:"lecture"`
	Credits     api.CreditRange `json:"credits"`
	Status      string          `json:"status" enum:"planned,open,closed,cancelled" example:"open"`
	Meetings    []Meeting       `json:"meetings"`
	Instructors []string        `json:"instructors" doc:"Ids"`
	Deadlines   api.Deadlines   `json:"deadlines"`
	Seats       Seats           `json:"seats"`
	api.Stamp
}

func show(v registrar.SectionView) Section {
	s := Section{
		ID: string(v.ID), Term: string(v.Term), Course: string(v.Course), Offering: string(v.Offering()),
		Subject: v.Subject, Number: v.Number, Title: v.Title, CRN: v.CRN, Label: v.Label, Component: v.Component,
		Credits: api.CreditRangeOf(v.Credits), Status: string(v.Status), Meetings: make([]Meeting, len(v.Meetings)),
		Instructors: make([]string, len(v.Instructors)), Deadlines: api.DeadlinesOf(v.Deadlines), Stamp: api.StampOf(v.Stamp),
		Seats: Seats{Capacity: v.Seats.Capacity, Taken: v.Seats.Taken, Available: v.Seats.Available(),
			Waiting: v.Seats.Waiting},
	}
	for i, m := range v.Meetings {
		s.Meetings[i] = Meeting{
			Days: m.Days.String(), Start: m.Start.String(), End: m.End.String(), From: string(m.From), To: string(m.To),
			Room: api.Line(m.Room),
		}
	}
	for i, id := range v.Instructors {
		s.Instructors[i] = string(id)
	}
	return s
}

// read answers with a section and its seats. The seats are parts of the ETag: they change without a new version of the
// section.
func read(v registrar.SectionView) *api.Read[Section] {
	return &api.Read[Section]{ETag: api.ETag(v.Version, seatParts(v)...), Body: show(v)}
}

func seatParts(v registrar.SectionView) []int {
	return []int{v.Seats.Taken, v.Seats.Available(), v.Seats.Waiting}
}

// change applies what was sent to the domain's section. Days of deadlines end in the term's zone.
func (c SectionChange) change(s registrar.Section, zone string) registrar.Section {
	api.SetText(&s.CRN, c.CRN)
	api.PatchText(&s.Label, c.Label)
	api.SetText(&s.Component, c.Component)
	if c.Credits != nil {
		c.Credits.Change(&s.Credits)
	}
	api.Set(&s.Capacity, c.Capacity)
	api.SetText(&s.Status, c.Status)
	if c.Meetings != nil {
		before := s.Meetings
		s.Meetings = make([]registrar.Meeting, len(*c.Meetings))
		for i, m := range *c.Meetings {
			s.Meetings[i] = m.meeting()
		}
		s.Meetings = asStored(s.Meetings, before)
	}
	if c.Instructors != nil {
		s.Instructors = api.Texts[registrar.InstructorID](*c.Instructors)
	}
	api.PatchDeadlines(&s.Deadlines, c.Deadlines, zone)
	return s
}

// asStored leaves meetings in the order in which they were sent, so that a fault names a meeting by its number there.
// When they are the same as before, it returns those. They are sorted when they are stored.
func asStored(sent, before []registrar.Meeting) []registrar.Meeting {
	sorted := slices.Clone(sent)
	registrar.SortMeetings(sorted)
	if slices.Equal(sorted, before) {
		return before
	}
	return sent
}

// meeting leaves a value that cannot be read at one that [registrar.Section.Validate] refuses.
func (m Meeting) meeting() registrar.Meeting {
	days, _ := registrar.ParseDays(m.Days)
	start, errStart := registrar.ParseClockTime(m.Start)
	end, errEnd := registrar.ParseClockTime(m.End)
	if errStart != nil || errEnd != nil {
		start, end = 0, 0
	}
	return registrar.Meeting{Days: days, Start: start, End: end, From: registrar.Date(m.From), To: registrar.Date(m.To),
		Room: string(m.Room)}
}

// section makes a section of a course. What was not stated is the course's. The zone is the term's.
func (n NewSection) section(course registrar.Course, zone string) registrar.Section {
	s := registrar.Section{
		Term: registrar.TermID(n.Term), Course: course.ID, Subject: course.Subject, Number: course.Number,
		Title: course.Title, TitleFollows: true,
		Credits: course.Credits,
	}
	if n.Credits != nil {
		s.Credits = n.Credits.Domain()
	}
	return SectionChange{
		CRN: &n.CRN, Label: api.Stated(n.Label), Component: &n.Component, Capacity: &n.Capacity, Status: &n.Status,
		Meetings: &n.Meetings, Instructors: &n.Instructors, Deadlines: n.Deadlines.Stated(),
	}.change(s, zone)
}
