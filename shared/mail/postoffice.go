package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/registrar/shared/registrar"
)

var (
	// ErrClaimed says that another delivery of the same event is handing the mail over at this moment.
	ErrClaimed = errors.New("another delivery is sending the mail")
	// ErrNotSent says that the mail was certainly not handed over, and may be tried again later.
	ErrNotSent = errors.New("the mail was not sent")
)

// HandoverError says what became of a letter that the provider did not take. Its text is safe for logs and records: it
// does not contain the provider's own words, which may have an address in them.
type HandoverError struct {
	Outcome State  // [Refused], [Released] or [Unknown]
	Reason  string // the provider's code, or our own word
	Err     error  // what happened, for errors.Is and errors.As
}

// Error gives outcome and reason.
func (e *HandoverError) Error() string {
	return "hand a mail over: " + string(e.Outcome) + ": " + e.Reason
}

// Unwrap gives the cause.
func (e *HandoverError) Unwrap() error { return e.Err }

// Carrier hands letters over to the mail provider.
type Carrier interface {
	// Send hands the letter over once, and returns the provider's id of it. A [*HandoverError] says what the outcome is;
	// after any other error it is unknown. A letter that may have been taken is never handed over again.
	Send(ctx context.Context, letter Letter) (message string, err error)
}

// Facts are the facts on which sending a mail is decided.
type Facts struct {
	Mail        Mail // version 0: there is no record of it yet
	Preferences Preferences
	Suppression Suppression // zero: the address is not suppressed
}

// Store is what sending mail needs of the store.
type Store interface {
	// MailFacts reads them in one batch.
	MailFacts(ctx context.Context, id ID, recipient Recipient, address AddressHash) (Facts, error)
	// SaveMail writes the record over the version before; [registrar.ErrStale] when that is no longer stored.
	// [registrar.ErrBusy] when contention outlasted the context's deadline.
	SaveMail(ctx context.Context, m Mail) error
}

// PostOffice sends mail, each at most once. It claims the record of a mail before it hands the mail over, so that an
// event may be delivered many times, and several times at once.
type PostOffice struct {
	Store   Store
	Carrier Carrier
	Clock   registrar.Clock
	// ClaimTime is how long a claim lasts. Whoever claims must have ended by then. So it is at least the function's
	// timeout, and the difference that clocks may have. The shorter it is, the sooner an operator sees what a crash left
	// unknown.
	ClaimTime time.Duration
	// SendTime is the least time that the context must have left for a mail to be claimed.
	SendTime time.Duration
}

// settleTime is how long writing the outcome of a mail may take, also after the context has ended.
const settleTime = 5 * time.Second

// Deliver sends the mail to the address if there is no record of it yet, and returns the record afterwards: sent,
// refused or unknown, or suppressed without a letter. News is false when the record was in this state before. The
// letter is written before the claim, so that the claim is only as long as the handing over.
//
// After an error the event has to come back: [ErrClaimed], [ErrNotSent], [registrar.ErrBusy] or a failure. No error
// leads to a second letter.
func (o PostOffice) Deliver(
	ctx context.Context, m Mail, address registrar.Personal, write func() (Letter, error),
) (_ Mail, news bool, _ error) {
	var (
		known, next Mail
		letter      Letter
	)
	err := registrar.Decision[Facts]{
		Read: func(ctx context.Context) (Facts, error) {
			return o.Store.MailFacts(ctx, m.ID, m.Recipient, HashAddress(string(address)))
		},
		Commit: func(ctx context.Context, facts Facts) (err error) {
			known = facts.Mail
			if next, err = decideMail(m, facts, o.Clock(), o.ClaimTime); err != nil || next.Version == known.Version {
				return err
			}
			if next.State == Claimed {
				if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < o.SendTime {
					return fmt.Errorf("%w: no time is left to send it", registrar.ErrBusy)
				}
				if letter, err = write(); err != nil {
					return fmt.Errorf("write it: %w", err)
				}
			}
			return o.Store.SaveMail(ctx, next)
		},
		Same: func(before, now Facts) bool { return before.Mail.Version == now.Mail.Version },
	}.Make(ctx)
	switch {
	case err != nil:
		return known, false, fmt.Errorf("mail %s: %w", m.ID, err)
	case next.Version == known.Version:
		return known, false, nil // delivered again
	case next.State != Claimed:
		return next, true, nil
	}
	done, err := o.handOver(ctx, next, letter)
	return done, true, err
}

// decideMail decides what the record becomes. When the result has the version that is stored, nothing is to be done.
func decideMail(m Mail, facts Facts, at time.Time, claimTime time.Duration) (Mail, error) {
	known := facts.Mail
	switch state := known.StateAt(at); {
	case known.Version == 0 || state == Released:
	case state == Claimed:
		return known, ErrClaimed
	case state == Unknown && known.State == Claimed:
		return known.settled(Unknown, "whoever claimed it ended without a word", at), nil
	default:
		return known, nil
	}
	m.Claims, m.Stamp = known.Claims, known.Stamp
	m.Reason, m.Message = "", ""
	switch {
	case !facts.Preferences.Wants(m.Kind):
		return m.settled(Suppressed, "preferences", at), nil
	case facts.Suppression.Reason != "":
		return m.settled(Suppressed, string(facts.Suppression.Reason), at), nil
	}
	m.State, m.Claims, m.ClaimEnds, m.Stamp = Claimed, m.Claims+1, registrar.Instant(at.Add(claimTime)), m.Next(at)
	return m, nil
}

// handOver sends the letter that this call has claimed, and writes the outcome.
func (o PostOffice) handOver(ctx context.Context, claimed Mail, letter Letter) (Mail, error) {
	message, err := o.Carrier.Send(ctx, letter)
	var failed *HandoverError
	if err != nil && !errors.As(err, &failed) {
		failed = &HandoverError{Outcome: Unknown, Reason: "no answer", Err: err}
	}
	settled := claimed.settled(Sent, "", o.Clock())
	if failed != nil {
		settled = claimed.settled(failed.Outcome, failed.Reason, o.Clock())
	}
	settled.Message = message
	// The outcome is written even when the caller's time is over: nobody else knows it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := o.Store.SaveMail(ctx, settled); err != nil {
		return claimed, fmt.Errorf("mail %s is %s, which could not be written down: %w", claimed.ID, settled.State, err)
	}
	if settled.State == Released {
		return settled, fmt.Errorf("mail %s: %w: %w", claimed.ID, ErrNotSent, failed)
	}
	return settled, nil
}

// Resolution is an operator's decision about a mail that is unknown or refused.
type Resolution string

// What can be decided.
const (
	ResolveSent      Resolution = "sent"       // it was sent, as the provider's log or its reader says
	ResolveSendAgain Resolution = "send-again" // it may go out, perhaps for the second time
)

// The names of facts of mail.
const (
	factKind = "kind"
	factAs   = "as"
	factOff  = "off"
)

// DecideResolution settles a mail whose outcome is unknown, or that was refused, and makes the event of the decision. A
// mail that is to be sent again is released: whoever handles the event writes it again, under the preferences and
// suppressions of that time. It is a [registrar.StateForbids] refusal when the mail is in another state.
func DecideResolution(
	m Mail, as Resolution, actor registrar.Actor, at time.Time, newID registrar.IDs,
) (Mail, registrar.Event, error) {
	if state := m.StateAt(at); state != Unknown && state != Refused {
		return m, registrar.Event{}, registrar.Refuse(registrar.StateForbids, string(m.ID),
			"the mail is not open: its outcome is neither unknown nor a refusal")
	}
	state := Sent
	if as == ResolveSendAgain {
		state = Released
	}
	m = m.settled(state, "resolved by "+actor.Principal, at)
	student, _ := m.Recipient.Student()
	return m, registrar.Event{
		ID: registrar.EventID(newID()), Type: registrar.MailResolved, Schema: 1, At: registrar.Instant(at),
		Actor: actor.Principal, Record: registrar.Record{
			Kind: registrar.KindMail, ID: string(m.ID)},
		Student: student, Version: m.Version, Facts: registrar.Facts{factKind: string(m.Kind), factAs: string(as)},
	}, nil
}

// ReadResolution reads what an event of type [registrar.MailResolved] decided. It is an error when the event is of
// another type, or does not say which mail was resolved and how.
func ReadResolution(e registrar.Event) (ID, Resolution, error) {
	as := Resolution(e.Text(factAs))
	if e.Type != registrar.MailResolved || e.Record.ID == "" || as != ResolveSent && as != ResolveSendAgain {
		return "", "", fmt.Errorf("event %s of type %s does not say how which mail was resolved", e.ID, e.Type)
	}
	return ID(e.Record.ID), as, nil
}

// PreferencesEvent is the event of a change of mail preferences.
func PreferencesEvent(p Preferences, actor registrar.Actor, newID registrar.IDs) registrar.Event {
	student, _ := p.Recipient.Student()
	off := make([]string, len(p.Off))
	for i, kind := range p.Off {
		off[i] = string(kind)
	}
	return registrar.Event{
		ID: registrar.EventID(newID()), Type: registrar.MailPreferencesChanged, Schema: 1, At: p.UpdatedAt,
		Actor:  actor.Principal,
		Record: registrar.Record{Kind: registrar.KindRecipient, ID: string(p.Recipient)}, Student: student,
		Version: p.Version,
		Facts:   registrar.Facts{factOff: off},
	}
}
