package registrar

import (
	"slices"
	"strings"
	"time"
)

// RegistrationState is the state of a registration in the state machine of domain.md §2.
type RegistrationState string

// The states that exist so far. The machine has room for the others: a state is data, and [RegistrationState.Live] is
// the only question that rules ask about it.
const (
	Enrolled RegistrationState = "ENROLLED"
	Dropped  RegistrationState = "DROPPED"
)

// Live reports whether the registration holds a seat. One that does not can be opened again, as a new attempt.
func (s RegistrationState) Live() bool { return s == Enrolled }

// Registration is the record of one student in one section. It is never deleted: a drop changes its state, and a new
// enrolment re-opens it with the next attempt.
type Registration struct {
	Section     SectionID
	Student     StudentID
	Term        TermID
	Course      CourseID
	CRN         string
	StudentName Personal // family name first, copied for the roster
	State       RegistrationState
	Attempt     int // from 1
	Credits     Credits
	EnrolledAt  time.Time // of this attempt
	DroppedAt   time.Time // zero while enrolled
	Stamp
}

// Holding is what the rules need of one section that a student holds in a term.
type Holding struct {
	Section   SectionID
	Course    CourseID
	Code      string // the course's, "CSCI 1200", for people; empty in records of earlier versions
	CRN       string
	Component string
	Credits   Credits
	Meetings  []Meeting
}

// HoldingOf is the part of a section that a term record keeps, with the credits that the student takes it for.
func HoldingOf(s Section, credits Credits) Holding {
	code := strings.TrimSpace(s.Subject + " " + s.Number)
	return Holding{Section: s.ID, Course: s.Course, Code: code, CRN: s.CRN, Component: s.Component, Credits: credits,
		Meetings: s.Meetings}
}

// equal compares what the rules need. Rooms are not kept.
func (h Holding) equal(o Holding) bool {
	same := slices.EqualFunc(h.Meetings, o.Meetings, func(a, b Meeting) bool {
		a.Room, b.Room = "", ""
		return a == b
	})
	return same && h.Section == o.Section && h.Course == o.Course && h.Code == o.Code && h.CRN == o.CRN &&
		h.Component == o.Component && h.Credits == o.Credits
}

// rosterName is the student's name as rosters show it.
func rosterName(p Student) Personal {
	if p.FamilyName == "" || p.GivenName == "" { // one name is enough
		return p.FamilyName + p.GivenName
	}
	return p.FamilyName + ", " + p.GivenName
}

// TermRecord is one student in one term, under one version: what the rules about the whole schedule read. Two requests
// of one student at the same time conflict here.
type TermRecord struct {
	Student  StudentID
	Term     TermID
	Version  Version // 0: not stored yet
	Holdings []Holding
}

// Credits is the load: the sum over the holdings.
func (t TermRecord) Credits() Credits {
	var sum Credits
	for _, h := range t.Holdings {
		sum += h.Credits
	}
	return sum
}

// Holds reports whether the student holds the section.
func (t TermRecord) Holds(section SectionID) bool {
	for _, h := range t.Holdings {
		if h.Section == section {
			return true
		}
	}
	return false
}

func (t TermRecord) without(section SectionID) TermRecord {
	kept := make([]Holding, 0, len(t.Holdings))
	for _, h := range t.Holdings {
		if h.Section != section {
			kept = append(kept, h)
		}
	}
	t.Holdings = kept
	return t
}

func (t TermRecord) with(h Holding) TermRecord {
	t.Holdings = append(t.Holdings[:len(t.Holdings):len(t.Holdings)], h)
	return t
}
