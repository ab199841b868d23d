package registrar

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// EventType names what happened: the kind of record first, then the past tense.
type EventType string

// The events of registrations. A refused attempt is an event too; only the audit gets it: see [Auditor].
const (
	RegistrationEnrolled EventType = "registration.enrolled"
	RegistrationDropped  EventType = "registration.dropped"
	RegistrationRefused  EventType = "registration.refused"
)

// The events of imports.
const (
	ImportEnded EventType = "import.ended" // finished or failed
)

// The events of mail.
const (
	MailResolved           EventType = "mail.resolved"            // by an operator
	MailPreferencesChanged EventType = "mail-preferences.changed" // by the recipient, or for them
)

// Kind is a kind of record, for events and audit.
type Kind string

// The kinds of records that events are about.
const (
	KindTerm       Kind = "term"
	KindCourse     Kind = "course"
	KindSection    Kind = "section" // also what happens to its registrations
	KindStudent    Kind = "student"
	KindInstructor Kind = "instructor"
	KindImport     Kind = "import"
)

// Kinds of which there are no other events than their own; a recipient's id is a [Recipient].
const (
	KindMail      Kind = "mail"
	KindRecipient Kind = "recipient"
)

// Kinds are all of them.
func Kinds() []Kind {
	return []Kind{KindTerm, KindCourse, KindSection, KindStudent, KindInstructor, KindImport}
}

// Created is the type of the event when a record of this kind is created. Every kind has this type of event, and the
// two that follow.
func (k Kind) Created() EventType { return EventType(k + ".created") }

// Updated is the type of the event when the record changed.
func (k Kind) Updated() EventType { return EventType(k + ".updated") }

// Deleted is the type of the event when the record was deleted.
func (k Kind) Deleted() EventType { return EventType(k + ".deleted") }

// EventTypes are all types of events, in order.
func EventTypes() []EventType {
	types := []EventType{RegistrationEnrolled, RegistrationDropped, RegistrationRefused, ImportEnded, MailResolved,
		MailPreferencesChanged}
	for _, k := range Kinds() {
		types = append(types, k.Created(), k.Updated(), k.Deleted())
	}
	slices.Sort(types)
	return types
}

// Record says which record an event is about.
type Record struct {
	Kind Kind
	ID   string
}

// String writes "section/0198c0a4-…".
func (r Record) String() string { return string(r.Kind) + "/" + r.ID }

// Facts are the contents of an event beyond its head: text, int64 or []string by name. They never hold a person's name,
// address or number, so that events may be kept for ever and be read in a log.
type Facts map[string]any

// Event says that something happened. It is stored in the transaction of the change, and nowhere else before, so there
// is an event if and only if the change was made. The events of a record, or of a person, are its audit trail.
type Event struct {
	ID     EventID
	Type   EventType
	Schema int // version of the facts' form, from 1
	At     time.Time
	// Actor is who acted, and OnBehalfOf for whom, if for another; see [Actor].
	Actor, OnBehalfOf string
	// Request is the id of the request or message that caused it. Correlation is the same for everything that one request
	// caused. Trace is its X-Ray trace. Empty when there is none.
	Request, Correlation, Trace string

	Record Record
	// Student is the student whom it happened to; empty when it happened to no student.
	Student StudentID
	// Version is the version, after the change, of the record that changed, or of the registration. Consumers skip
	// versions that are older than one that they handled.
	Version Version
	Facts   Facts
}

// Audited reports whether the event is kept for ever. Other events, which only say how work went that is recorded
// elsewhere, expire when nobody is going to publish them again.
func (e Event) Audited() bool { return e.Type != ImportEnded }

// Text gives the fact of that name; empty when there is no such text.
func (e Event) Text(name string) string {
	text, _ := e.Facts[name].(string)
	return text
}

// Number gives the fact of that name; zero when there is no such number.
func (e Event) Number(name string) int64 {
	n, _ := e.Facts[name].(int64)
	return n
}

// Texts gives the fact of that name; nil when there is no such list.
func (e Event) Texts(name string) []string {
	texts, _ := e.Facts[name].([]string)
	return texts
}

// The names of facts.
const (
	factTerm      = "term"
	factCourse    = "course"
	factSection   = "section"
	factCRN       = "crn"
	factState     = "state"
	factAttempt   = "attempt"
	factCredits   = "credits" // hundredths
	factCodes     = "codes"
	factChanged   = "changed"
	factAttempted = "attempted" // enrol or drop
	factEvidence  = "evidence"  // of refusals: the code, and what its rule looked at
)

// RegistrationFacts are what the events of a registration say; see [Event.Registration].
type RegistrationFacts struct {
	Section SectionID
	Student StudentID
	Term    TermID
	Course  CourseID
	CRN     string
	State   RegistrationState
	Attempt int
	Credits Credits
}

// Registration reads the facts of an event of a registration. It is an error when the event is of another type, or when
// a fact is missing or not in its form: it would be read as none, or as 0.
func (e Event) Registration() (RegistrationFacts, error) {
	if e.Type != RegistrationEnrolled && e.Type != RegistrationDropped {
		return RegistrationFacts{}, fmt.Errorf("event %s of type %s is not of a registration", e.ID, e.Type)
	}
	r := ReadFacts(e)
	f := RegistrationFacts{
		Section: SectionID(e.Record.ID), Student: e.Student, Term: TermID(r.Text(factTerm)),
		Course: CourseID(r.Text(factCourse)),
		CRN:    r.Text(factCRN), State: RegistrationState(r.Text(factState)),
		Attempt: int(r.Count(factAttempt)), Credits: Credits(r.Count(factCredits)),
	}
	if f.Section == "" {
		r.Fail("record")
	}
	if f.Student == "" {
		r.Fail("student")
	}
	if f.State != Enrolled && f.State != Dropped {
		r.Fail(factState)
	}
	if err := r.Err(); err != nil {
		return RegistrationFacts{}, err
	}
	return f, nil
}

// FactReader reads the facts that an event must have. It keeps the first fact that is missing or not in its form, so
// that a caller reads all of them and asks once, with [FactReader.Err].
type FactReader struct {
	event Event
	err   error
}

// ReadFacts begins to read an event's facts.
func ReadFacts(e Event) *FactReader { return &FactReader{event: e} }

// Err is the first fact that could not be read; nil when all could.
func (r *FactReader) Err() error { return r.err }

// Fail records that a fact cannot be read.
func (r *FactReader) Fail(name string) {
	if r.err == nil {
		r.err = fmt.Errorf("event %s of type %s: the fact %s is missing, or cannot be read", r.event.ID, r.event.Type, name)
	}
}

// Text is a text that is not empty.
func (r *FactReader) Text(name string) string {
	text := r.OptionalText(name)
	if text == "" {
		r.Fail(name)
	}
	return text
}

// OptionalText is a text that may be empty, and must be there.
func (r *FactReader) OptionalText(name string) string {
	text, ok := r.event.Facts[name].(string)
	if !ok {
		r.Fail(name)
	}
	return text
}

// Count is a number from 0 to [math.MaxInt32].
func (r *FactReader) Count(name string) int64 {
	n, ok := r.event.Facts[name].(int64)
	if !ok || n < 0 || n > math.MaxInt32 {
		r.Fail(name)
		return 0
	}
	return n
}

// registrationEvent is the event of a decided enrolment or drop.
func registrationEvent(kind EventType, reg Registration, actor Actor, at time.Time, newID IDs) Event {
	return Event{
		ID: EventID(newID()), Type: kind, Schema: 1, At: Instant(at), Actor: actor.Principal,
		Record: Record{Kind: KindSection, ID: string(reg.Section)}, Student: reg.Student, Version: reg.Version,
		Facts: Facts{
			factTerm: string(reg.Term), factCourse: string(reg.Course), factCRN: reg.CRN, factState: string(reg.State),
			factAttempt: int64(reg.Attempt), factCredits: int64(reg.Credits),
		},
	}
}

// RefusedEvent is the event of an attempt that was refused, for the audit. Its codes and their evidence say why;
// domain.md §9 asks for one event for each attempt. The term is empty when it is not known, for example because there
// is no such section.
func RefusedEvent(
	attempt string, term TermID, section SectionID, student StudentID, actor Actor, at time.Time, refusals Refusals,
	newID IDs,
) Event {
	codes, evidence := make([]string, len(refusals)), []string{}
	for i, r := range refusals {
		codes[i] = string(r.Code)
		for _, name := range slices.Sorted(maps.Keys(r.Evidence)) {
			evidence = append(evidence, fmt.Sprintf("%s %s=%v", r.Code, name, r.Evidence[name]))
		}
	}
	facts := Facts{factAttempted: attempt, factCodes: codes}
	if term != "" {
		facts[factTerm] = string(term)
	}
	if len(evidence) > 0 {
		facts[factEvidence] = evidence
	}
	return Event{
		ID: EventID(newID()), Type: RegistrationRefused, Schema: 1, At: Instant(at), Actor: actor.Principal,
		Record: Record{Kind: KindSection, ID: string(section)}, Student: student, Facts: facts,
	}
}

// Codes are why an attempt was refused; nil for other events.
func (e Event) Codes() []Code {
	var codes []Code
	for _, code := range e.Texts(factCodes) {
		codes = append(codes, Code(code))
	}
	return codes
}

// RecordEvent is the event of the creation, a change or the deletion of a record: which fields changed, not their
// values.
func RecordEvent(kind EventType, record Record, version Version, at time.Time, changed []string, newID IDs) Event {
	e := Event{ID: EventID(newID()), Type: kind, Schema: 1, At: Instant(at), Record: record, Version: version,
		Facts: Facts{}}
	if record.Kind == KindStudent {
		e.Student = StudentID(record.ID)
	}
	if len(changed) > 0 {
		e.Facts[factChanged] = changed
	}
	return e
}

// Changed are the names of the fields that the update of a record changed, as they are stored; nil for other events.
func (e Event) Changed() []string { return e.Texts(factChanged) }
