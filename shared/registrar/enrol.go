package registrar

import "time"

// Actor is who acts, and for whom. Accounts come later; until then every request acts as [Anonymous].
type Actor struct {
	Principal string
}

// Anonymous is the actor of a request without credentials.
func Anonymous() Actor { return Actor{Principal: "anonymous"} }

// EnrolRequest asks for a seat.
type EnrolRequest struct {
	Section SectionID
	Student StudentID
	Credits *Credits // nil: the least that the section can be taken for
	Actor   Actor
	At      time.Time // when the request reached the gateway
}

// EnrolFacts is what an enrolment is decided on. The facts may be stale, or not from one moment: each has the version
// that its condition compares.
type EnrolFacts struct {
	Term         Term
	Section      Section
	Seats        Seats
	Student      Student
	Record       TermRecord
	Registration Registration // zero when the student never had one in this section
	// SeatsFirst reports that the section and its seats were known before the rest was read.
	SeatsFirst bool
}

// RegistrationChange is a decided enrolment or drop: what is written if the facts still hold.
type RegistrationChange struct {
	Registration Registration // after the change; its version is the new one
	Record       TermRecord   // after the change, still with the version that was read
	SeatDelta    int          // -1 takes a free seat, +1 gives it back
	Section      Version      // of the section that the rules read
	Student      Version      // of the student that the rules read
	Event        Event
}

// DecideEnrol applies every rule to the facts. It answers with the change, or with all [Refusals] at once.
func DecideEnrol(r EnrolRequest, f EnrolFacts, newID IDs) (RegistrationChange, error) {
	subject := string(r.Section)
	if f.Registration.State.Live() || f.Record.Holds(r.Section) {
		return RegistrationChange{}, Refusals{Refuse(AlreadyEnrolled, subject,
			"the student is enrolled in this section already")}
	}
	var no Refusals
	if !f.Student.Active {
		no = append(no, Refuse(StateForbids, string(r.Student),
			"the student is not active").ClearedBy("the registrar's office"))
	}
	if !f.Term.Open(r.At) {
		no = append(no, windowClosed(f.Term, r.At))
	}
	if f.Seats.Status != SectionOpen {
		no = append(no, Refuse(SectionNotOpen, subject, "the section is %s", f.Seats.Status))
	}
	deadlines := f.Section.Deadlines.Or(f.Term.Deadlines)
	if past(deadlines.LastAdd, r.At) {
		no = append(no, deadlinePassed(subject, "add", deadlines.LastAdd))
	}
	credits := f.Section.Credits.Min
	if r.Credits != nil {
		credits = *r.Credits
	}
	if !f.Section.Credits.Contains(credits) {
		return RegistrationChange{}, FieldErrors{{Field: "credits", Code: FieldOutOfRange,
			Detail: "the section cannot be taken for this many credits"}}
	}
	for _, h := range f.Record.Holdings {
		if h.Course == f.Section.Course && h.Component == f.Section.Component {
			no = append(no, h.standsAgainst(DuplicateCourse, subject, "another section of the course is held"))
		}
		if Conflict(h.Meetings, f.Section.Meetings) {
			no = append(no, h.standsAgainst(TimeConflict, subject, "time conflict"))
		}
	}
	if limit := f.Term.CreditLimit; limit > 0 && f.Record.Credits()+credits > limit {
		no = append(no, Refuse(CreditsOver, subject, "the term's credit limit would be exceeded").
			With("limit", limit).With("held", f.Record.Credits()).With("asked", credits).ClearedBy("dropping another section"))
	}
	if !f.Seats.Takeable() {
		no = append(no, Full(r.Section))
	}
	if err := no.OrNil(); err != nil {
		return RegistrationChange{}, err
	}
	reg := f.Registration
	reg.Section, reg.Student, reg.Term, reg.Course = r.Section, r.Student, f.Section.Term, f.Section.Course
	reg.CRN, reg.StudentName = f.Section.CRN, rosterName(f.Student)
	reg.State, reg.Attempt, reg.Credits = Enrolled, reg.Attempt+1, credits
	reg.EnrolledAt, reg.DroppedAt = Instant(r.At), time.Time{}
	reg.Stamp = reg.Next(r.At)
	record := f.Record.with(HoldingOf(f.Section, credits))
	return RegistrationChange{
		Registration: reg, Record: record, Section: f.Section.Version, SeatDelta: -1, Student: f.Student.Version,
		Event: registrationEvent(RegistrationEnrolled, reg, r.Actor, r.At, newID),
	}, nil
}

// Full is the refusal of a section without a free seat.
func Full(section SectionID) *Refusal {
	return Refuse(SectionFull, string(section), "the section has no free seat").
		ClearedBy("a seat that another student gives up, or a larger capacity, which the registrar's office can set")
}

// windowClosed refuses a request outside a term's registration window, with the window's bounds, or after the term's
// end.
func windowClosed(t Term, at time.Time) *Refusal {
	window := t.Registration
	no := Refuse(WindowClosed, string(t.ID), "registration for the term is not open")
	switch {
	case t.over(at):
		no.Detail = "the term has ended: " + string(t.End) + " is the first day after it"
		no.Clears = "a later end of the term, which the registrar's office can set"
		no = no.With("termEnd", string(t.End))
	case window == Window{}:
		no.Detail = "the term has no registration window: it is closed"
		no.Clears = "a window, which the registrar's office can set"
	case at.Before(window.Open):
		no.Detail = "registration for the term opens at " + window.Open.UTC().Format(time.RFC3339)
		no.Clears = "waiting until then"
	case !window.Close.IsZero() && !at.Before(window.Close):
		no.Detail = "registration for the term closed at " + window.Close.UTC().Format(time.RFC3339)
		no.Clears = "a later close, which the registrar's office can set"
	}
	if !window.Open.IsZero() {
		no = no.With("opens", window.Open.UTC().Format(time.RFC3339))
	}
	if !window.Close.IsZero() {
		no = no.With("closes", window.Close.UTC().Format(time.RFC3339))
	}
	return no
}

// deadlinePassed refuses an act whose deadline has passed.
func deadlinePassed(section, act string, deadline time.Time) *Refusal {
	at := deadline.UTC().Format(time.RFC3339)
	return Refuse(DeadlinePassed, section, "the last moment to %s the section was %s", act, at).With("deadline", at).
		ClearedBy("a later deadline, which the registrar's office can set")
}

// standsAgainst refuses a section because of another section that the student holds.
func (h Holding) standsAgainst(code Code, section, what string) *Refusal {
	name := h.CRN
	if h.Code != "" {
		name = h.Code + ", section " + h.CRN
	}
	no := Refuse(code, section, "%s: %s", what, name).With("conflictsWith", h.CRN).With("conflictingSection",
		string(h.Section)).
		ClearedBy("dropping the other section")
	if h.Code != "" {
		no = no.With("conflictingCourse", h.Code)
	}
	return no
}

// DropRequest asks to give a seat back.
type DropRequest struct {
	Section SectionID
	Student StudentID
	Actor   Actor
	At      time.Time
}

// DecideDrop decides a drop on the same facts. Whether the student is active does not matter for it. It is [ErrStale]
// when the facts are not of one moment.
func DecideDrop(r DropRequest, f EnrolFacts, newID IDs) (RegistrationChange, error) {
	subject := string(r.Section)
	if !f.Registration.State.Live() {
		return RegistrationChange{}, Refusals{Refuse(NotEnrolled, subject, "the student is not enrolled in this section")}
	}
	if last := f.Section.Deadlines.Or(f.Term.Deadlines).LastDrop; past(last, r.At) {
		return RegistrationChange{}, Refusals{deadlinePassed(subject, "drop", last)}
	}
	if f.Record.Version == 0 { // it was read before the registration was made, and the registration after
		return RegistrationChange{}, ErrStale
	}
	reg := f.Registration
	reg.State, reg.DroppedAt = Dropped, Instant(r.At)
	reg.Stamp = reg.Next(r.At)
	return RegistrationChange{
		Registration: reg, Record: f.Record.without(r.Section), Section: f.Section.Version, SeatDelta: +1,
		Student: f.Student.Version,
		Event:   registrationEvent(RegistrationDropped, reg, r.Actor, r.At, newID),
	}, nil
}

// past reports whether the deadline lies before t. A zero deadline never passes.
func past(deadline, t time.Time) bool { return !deadline.IsZero() && t.After(deadline) }
