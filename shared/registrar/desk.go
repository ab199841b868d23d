package registrar

import (
	"context"
	"errors"
	"fmt"
)

// ErrStale tells that a fact that the change was decided on no longer holds: read again and decide again.
var ErrStale = errors.New("the facts changed since they were read")

// RegistrationStore is what enrolling and dropping need of the store.
type RegistrationStore interface {
	// RegistrationFacts reads what a decision about one student in one section needs, in one batch. It returns
	// [*AnsweredBefore] when the key has an answer, a [*Refusal] with [IdempotencyMismatch] when the key belongs to another
	// request, and one with [NotFound] when section or student do not exist.
	RegistrationFacts(ctx context.Context, section SectionID, student StudentID, key IdempotencyKey) (EnrolFacts, error)
	// CommitRegistration writes the change, its event and its answer in one transaction, if every fact that it rests on
	// still holds: else [ErrStale], and nothing is written. [*AnsweredBefore] when the key was answered meanwhile. [ErrBusy]
	// when contention outlasted the context's deadline, [ErrOutcomeUnknown] when an attempt was still unanswered then.
	CommitRegistration(ctx context.Context, change RegistrationChange, answer Answer) error
}

// Auditor keeps what was refused. What was done is kept by the store, as the event in its transaction.
type Auditor interface {
	// Refused returns when the event is safe, or an error: then the refusal must not be told, as it would be on no record.
	// [ErrBusy] when the same may succeed a moment later.
	Refused(ctx context.Context, e Event) error
}

// Desk is where registrations are made: it reads, decides and commits, and does so again when it was overtaken. Every
// attempt that is decided leaves one event (domain.md §9); one whose fields are wrong is none.
type Desk struct {
	Store RegistrationStore
	Audit Auditor
	NewID IDs
}

// Reply renders the answer to a request from the registration that it made.
type Reply func(Registration) ([]byte, error)

// Enrol gives the student a seat, or returns [Refusals], [FieldErrors], [*AnsweredBefore], [ErrBusy], [ErrOutcomeUnknown] or
// a failure.
func (d Desk) Enrol(ctx context.Context, r EnrolRequest, key IdempotencyKey, reply Reply) (Registration, error) {
	var term TermID
	reg, err := d.change(ctx, r.Section, r.Student, key, reply, func(f EnrolFacts) (RegistrationChange, error) {
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
	reg, err := d.change(ctx, r.Section, r.Student, key, reply, func(f EnrolFacts) (RegistrationChange, error) {
		term = f.Term.ID
		return DecideDrop(r, f, d.NewID)
	})
	return reg, d.audited(ctx, err, func(no Refusals) Event {
		return RefusedEvent("drop", term, r.Section, r.Student, r.Actor, r.At, no, d.NewID)
	})
}

// audited hands refusals to the audit before they are told. When that fails, nothing is refused: the caller gets the audit's
// error, and may ask again when it is [ErrBusy].
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

// change ends: each round that found stale facts was overtaken by another's success, and the context has a deadline.
func (d Desk) change(ctx context.Context, section SectionID, student StudentID, key IdempotencyKey, reply Reply,
	decide func(EnrolFacts) (RegistrationChange, error),
) (Registration, error) {
	for {
		facts, err := d.Store.RegistrationFacts(ctx, section, student, key)
		if err != nil {
			return Registration{}, err
		}
		change, err := decide(facts)
		if err != nil {
			return Registration{}, err
		}
		answer := Answer{Key: key}
		if !key.Zero() {
			if answer.Reply, err = reply(change.Registration); err != nil {
				return Registration{}, fmt.Errorf("render the answer: %w", err)
			}
		}
		switch err = d.Store.CommitRegistration(ctx, change, answer); {
		case err == nil:
			return change.Registration, nil
		case !errors.Is(err, ErrStale):
			return Registration{}, err
		case ctx.Err() != nil:
			return Registration{}, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
		}
	}
}
