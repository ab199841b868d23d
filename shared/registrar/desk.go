package registrar

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrStale says that a fact on which the change was decided no longer holds: read again and decide again.
var ErrStale = errors.New("the facts changed since they were read")

// RegistrationStore is what enrolling and dropping need of the store.
type RegistrationStore interface {
	// RegistrationFacts reads what a decision about one student in one section needs, in one batch. It returns
	// [*AnsweredBefore] when the key has an answer, a [*Refusal] with [IdempotencyMismatch] when the key belongs to
	// another request, and one with [NotFound] when section or student do not exist.
	RegistrationFacts(ctx context.Context, section SectionID, student StudentID, key IdempotencyKey) (EnrolFacts, error)
	// EnrolmentFacts is RegistrationFacts for a request for a seat. It does not read seats that were full a moment ago,
	// and returns them as they were then, at most [FullAge] ago.
	EnrolmentFacts(ctx context.Context, section SectionID, student StudentID, key IdempotencyKey) (EnrolFacts, error)
	// CommitRegistration writes the change, its event and its answer in one transaction, if every version that it rests on
	// is still stored: else [ErrStale], and nothing is written. [*AnsweredBefore] when the key was answered meanwhile.
	// [ErrBusy] when contention outlasted the context's deadline, [ErrOutcomeUnknown] when an attempt was still unanswered
	// then.
	CommitRegistration(ctx context.Context, change RegistrationChange, answer Answer) error
}

// FullAge is the longest time between seeing a section full and refusing a request because of that. A seat that was
// given back is seen after that time at the latest.
const FullAge = time.Second

// Auditor keeps what was refused. What was done is kept by the store, as the event in its transaction.
type Auditor interface {
	// Refused returns when the event is safe, or an error. After an error the refusal must not be given, because there
	// would be no record of it. [ErrBusy] when the same may succeed a moment later.
	Refused(ctx context.Context, e Event) error
}

// Desk makes registrations: it reads, decides and commits, and does so again when it was overtaken. A refusal is based
// on two readings, or on facts that no other request can contradict; see [Decision]. Every attempt that is decided
// leaves one event (domain.md §9). A request with invalid fields is not an attempt.
type Desk struct {
	Store RegistrationStore
	Audit Auditor
	NewID IDs
}

// Reply renders the answer to a request from the registration that it made.
type Reply func(Registration) ([]byte, error)

// Enrol gives the student a seat, or returns [Refusals], [FieldErrors], [*AnsweredBefore], [ErrBusy],
// [ErrOutcomeUnknown] or a failure.
func (d Desk) Enrol(ctx context.Context, r EnrolRequest, key IdempotencyKey, reply Reply) (Registration, error) {
	var term TermID
	read := func(ctx context.Context) (EnrolFacts, error) {
		return d.Store.EnrolmentFacts(ctx, r.Section, r.Student, key)
	}
	reg, err := d.change(ctx, read, key, reply, func(f EnrolFacts) (RegistrationChange, error) {
		term = f.Term.ID
		return DecideEnrol(r, f, d.NewID)
	})
	return reg, d.audited(ctx, err, func(no Refusals) Event {
		return RefusedEvent("enrol", term, r.Section, r.Student, r.Actor, r.At, no, d.NewID)
	})
}

// Drop takes the student's seat back. The errors are those of [Desk.Enrol].
func (d Desk) Drop(ctx context.Context, r DropRequest, key IdempotencyKey, reply Reply) (Registration, error) {
	var term TermID
	read := func(ctx context.Context) (EnrolFacts, error) {
		return d.Store.RegistrationFacts(ctx, r.Section, r.Student, key)
	}
	reg, err := d.change(ctx, read, key, reply, func(f EnrolFacts) (RegistrationChange, error) {
		term = f.Term.ID
		return DecideDrop(r, f, d.NewID)
	})
	return reg, d.audited(ctx, err, func(no Refusals) Event {
		return RefusedEvent("drop", term, r.Section, r.Student, r.Actor, r.At, no, d.NewID)
	})
}

// audited sends refusals to the audit before they are given. When that fails, nothing is refused: the caller gets the
// audit's error, and may ask again when it is [ErrBusy].
func (d Desk) audited(ctx context.Context, err error, event func(Refusals) Event) error {
	var all Refusals
	var one *Refusal
	switch {
	case errors.As(err, &all):
	case errors.As(err, &one):
		all = Refusals{one}
	default:
		return err
	}
	if lost := d.Audit.Refused(ctx, event(all)); lost != nil {
		return fmt.Errorf("the refusal cannot be audited: %w", lost)
	}
	return err
}

// change makes the decision about one student in one section, in as many rounds as it takes; see [Decision].
func (d Desk) change(
	ctx context.Context, read func(context.Context) (EnrolFacts, error), key IdempotencyKey, reply Reply,
	decide func(EnrolFacts) (RegistrationChange, error),
) (Registration, error) {
	var made Registration
	err := Decision[EnrolFacts]{
		Read: read,
		Commit: func(ctx context.Context, facts EnrolFacts) error {
			change, err := decide(facts)
			if err != nil {
				return err
			}
			answer := Answer{Key: key}
			if !key.Zero() {
				if answer.Reply, err = reply(change.Registration); err != nil {
					return fmt.Errorf("render the answer: %w", err)
				}
			}
			made = change.Registration
			return d.Store.CommitRegistration(ctx, change, answer)
		},
		Same:    EnrolFacts.sameAs,
		Certain: certain,
	}.Make(ctx)
	if err != nil {
		return Registration{}, err
	}
	return made, nil
}

// sameAs reports whether two readings found the same versions of everything that rules look at, except the counts of
// the seats. The section must be the one that the seats belong to.
func (f EnrolFacts) sameAs(o EnrolFacts) bool {
	return f.Registration.Version == o.Registration.Version && f.Record.Version == o.Record.Version &&
		f.Student.Version == o.Student.Version &&
		f.Term.Version == o.Term.Version && f.Section.Version == o.Section.Version &&
		o.Section.Version == o.Seats.SectionVersion
}

// certain reports whether one reading is enough for a refusal. It is when the refusal is based on the section, its
// seats and the term alone, and the seats were known before the student's own records and the key's answer were read.
// If an earlier attempt had taken the last seat, its answer or its registration would have been there. So a full
// section refuses after one reading, which does not touch the seats.
func certain(no error, f EnrolFacts) bool {
	if !f.SeatsFirst || f.Section.Version != f.Seats.SectionVersion {
		return false
	}
	all := codes(no)
	for _, code := range all {
		switch code {
		case SectionFull, SectionNotOpen, WindowClosed, DeadlinePassed:
		default:
			return false
		}
	}
	return len(all) > 0
}
