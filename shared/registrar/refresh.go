package registrar

import (
	"context"
	"time"
)

// Rosters and rules read copies. A registration has a copy of its student's name and its section's CRN. A term record
// has copies of what its sections are and when they meet. When a section or a student changes, the copies are refreshed
// afterwards. The term record gets a new version with them, so that no rule decides on old copies.

// Copies are a registration and a term record with fresh copies in them: what is written if the facts still hold.
type Copies struct {
	// after the change, with its new version: clients see another representation of it
	Registration Registration
	Was          Version    // of the registration, as read: the same when nothing in it changes
	Record       TermRecord // after, still with the version that was read
	Section      Version    // of the section and the student that were copied, for the conditions
	Student      Version
	// Held reports whether the term record holds the section, and so is written, too.
	Held bool
}

// RefreshStore is what refreshing needs of the store.
type RefreshStore interface {
	RegistrationFacts(ctx context.Context, section SectionID, student StudentID, key IdempotencyKey) (EnrolFacts, error)
	// SaveCopies writes them, or returns [ErrStale] and writes nothing.
	SaveCopies(ctx context.Context, c Copies) error
}

// Refresh brings the copies of a student's registration in a section up to date. Doing it again changes nothing.
func Refresh(ctx context.Context, store RefreshStore, section SectionID, student StudentID, now Clock) error {
	return Decision[EnrolFacts]{
		Read: func(ctx context.Context) (EnrolFacts, error) {
			return store.RegistrationFacts(ctx, section, student, IdempotencyKey{})
		},
		Commit: func(ctx context.Context, facts EnrolFacts) error {
			c, stale := DecideRefresh(facts, now())
			if !stale {
				return nil
			}
			return store.SaveCopies(ctx, c)
		},
		Same: EnrolFacts.sameAs,
	}.Make(ctx)
}

// DecideRefresh reports whether any copy differs from what it was copied from, and what the copies should be.
func DecideRefresh(f EnrolFacts, now time.Time) (c Copies, stale bool) {
	if f.Registration.Attempt == 0 {
		return Copies{}, false
	}
	c = Copies{Registration: f.Registration, Was: f.Registration.Version, Record: f.Record, Section: f.Section.Version,
		Student: f.Student.Version}
	c.Registration.StudentName = rosterName(f.Student)
	if f.Registration.State.Live() { // a dropped registration keeps the CRN of its time
		c.Registration.CRN = f.Section.CRN
	}
	stale = c.Registration != f.Registration
	if stale {
		c.Registration.Stamp = c.Registration.Next(now)
	}
	c.Record.Holdings = make([]Holding, len(f.Record.Holdings))
	for n, h := range f.Record.Holdings {
		c.Record.Holdings[n] = h
		if h.Section != f.Section.ID {
			continue
		}
		fresh := HoldingOf(f.Section, h.Credits)
		c.Held = true
		c.Record.Holdings[n] = fresh
		stale = stale || !fresh.equal(h)
	}
	return c, stale
}
