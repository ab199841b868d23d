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

// EnrolFacts is what an enrolment is decided on. They may be torn or stale: each carries what its condition compares.
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
	Registration Registration // after; its version is the one it will have
	Record       TermRecord   // after, still with the version that was read
	SeatDelta    int          // -1 takes a free seat, +1 gives it back
	Section      Version      // of the section that the rules read
	Student      Version      // of the student that the rules read
	Event        Event
}

// DecideEnrol applies every rule to the facts. It answers with the change, or with all [Refusals] at once.
func DecideEnrol(r EnrolRequest, f EnrolFacts, newID IDs) (RegistrationChange, error) {
	subject := string(r.Section)
	if f.Registration.State.Live() || f.Record.Holds(r.Section) {
		return RegistrationChange{}, Refusals{Refuse(AlreadyEnrolled, subject, "the student is enrolled in this section already")}
	}
	var no Refusals
	if !f.Student.Active {
		no = append(no, Refuse(StateForbids, string(r.Student), "the student is not active").ClearedBy("the registrar's office"))
	}
	if !f.Term.Registration.Contains(r.At) {
		no = append(no, Refuse(WindowClosed, string(f.Term.ID), "registration for the term is not open at this time"))
	}
	if f.Seats.Status != SectionOpen {
		no = append(no, Refuse(SectionNotOpen, subject, "the section is %s", f.Seats.Status))
	}
	deadlines := f.Section.Deadlines.Or(f.Term.Deadlines)
	if past(deadlines.LastAdd, r.At) {
		no = append(no, Refuse(DeadlinePassed, subject, "the last day to add the section has passed").ClearedBy("a late permit"))
	}
	credits := f.Section.Credits.Min
	if r.Credits != nil {
		credits = *r.Credits
	}
	if !f.Section.Credits.Contains(credits) {
		return RegistrationChange{}, FieldErrors{{Field: "credits", Code: FieldOutOfRange, Detail: "the section cannot be taken for this many credits"}}
	}
	for _, h := range f.Record.Holdings {
		if h.Course == f.Section.Course && h.Component == f.Section.Component {
			no = append(no, Refuse(DuplicateCourse, subject, "another section of the course is held").
				With("conflictsWith", h.CRN).ClearedBy("dropping the other section"))
		}
		if Conflict(h.Meetings, f.Section.Meetings) {
			no = append(no, Refuse(TimeConflict, subject, "time conflict with %s", h.CRN).
				With("conflictsWith", h.CRN).ClearedBy("dropping the other section"))
		}
	}
	if limit := f.Term.CreditLimit; limit > 0 && f.Record.Credits()+credits > limit {
		no = append(no, Refuse(CreditsOver, subject, "the term's credit limit would be exceeded").
			With("limit", limit).With("held", f.Record.Credits()).ClearedBy("a credit permit"))
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
	record := f.Record.with(holdingOf(f.Section, credits))
	return RegistrationChange{
		Registration: reg, Record: record, Section: f.Section.Version, SeatDelta: -1, Student: f.Student.Version,
		Event: registrationEvent(RegistrationEnrolled, reg, r.Actor, r.At, newID),
	}, nil
}

// Full refuses for want of a seat.
func Full(section SectionID) *Refusal {
	return Refuse(SectionFull, string(section), "the section has no free seat").ClearedBy("a capacity permit, or a seat that another student gives up")
}

// DropRequest asks to give a seat back.
type DropRequest struct {
	Section SectionID
	Student StudentID
	Actor   Actor
	At      time.Time
}

// DecideDrop decides a drop on the same facts; the student's standing does not matter for it.
func DecideDrop(r DropRequest, f EnrolFacts, newID IDs) (RegistrationChange, error) {
	subject := string(r.Section)
	if !f.Registration.State.Live() {
		return RegistrationChange{}, Refusals{Refuse(NotEnrolled, subject, "the student is not enrolled in this section")}
	}
	if past(f.Section.Deadlines.Or(f.Term.Deadlines).LastDrop, r.At) {
		return RegistrationChange{}, Refusals{Refuse(DeadlinePassed, subject, "the last day to drop the section has passed").ClearedBy("a late permit")}
	}
	reg := f.Registration
	reg.State, reg.DroppedAt = Dropped, Instant(r.At)
	reg.Stamp = reg.Next(r.At)
	return RegistrationChange{
		Registration: reg, Record: f.Record.without(r.Section), Section: f.Section.Version, SeatDelta: +1, Student: f.Student.Version,
		Event: registrationEvent(RegistrationDropped, reg, r.Actor, r.At, newID),
	}, nil
}

// past tells whether the deadline lies before t. A zero deadline never passes.
func past(deadline, t time.Time) bool { return !deadline.IsZero() && t.After(deadline) }
