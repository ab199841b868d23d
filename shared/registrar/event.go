package registrar

import "time"

// EventType names what happened: the resource first, then the past tense.
type EventType string

// The events of registrations.
const (
	RegistrationEnrolled EventType = "registration.enrolled"
	RegistrationDropped  EventType = "registration.dropped"
)

// Event tells consumers that something happened. It is stored in the transaction that made it happen, and nowhere else
// first, so it is told if and only if it is true.
type Event struct {
	ID      EventID
	Type    EventType
	Schema  int // version of the event's form, from 1
	At      time.Time
	Actor   string // who acted, see [Actor]
	Section SectionID
	Student StudentID
	Term    TermID
	Attempt int
	// RecordVersion is the registration's after the change: consumers skip what is older than what they saw.
	RecordVersion Version
}
