package notifications

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/mail/letters"
	"example.com/registrar/shared/mail/unsubscribe"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/telemetry"
)

// Timeout is the timeout of the function that sends. The manifest uses it, because a mail's claim depends on it: when
// it is over, whoever claimed the mail has ended.
const Timeout = 90 * time.Second

const (
	// claimTime is a timeout, and the difference that the clocks of two machines may have.
	claimTime = Timeout + 10*time.Second
	// sendTime is the longest time for one mail, a little more than the carrier's own limit. A batch of five ends within
	// the timeout, however slow the mail provider is.
	sendTime = 16 * time.Second
)

// newsFor is how long an event is news. For an event that is published again much later, when the record of its mail
// may have expired (see shared/dynamo), no mail is sent.
const newsFor = 30 * 24 * time.Hour

// BatchSize is the most messages of an invocation; see [Timeout].
const BatchSize = 5

// Store is what sending needs of the store.
type Store interface {
	mail.Store
	Mail(ctx context.Context, id mail.ID, key registrar.IdempotencyKey) (mail.Mail, error)
	Student(ctx context.Context, id registrar.StudentID) (registrar.Student, error)
	Section(ctx context.Context, id registrar.SectionID) (registrar.SectionView, error)
	Term(ctx context.Context, id registrar.TermID) (registrar.Term, error)
	Import(ctx context.Context, id registrar.ImportID) (intake.Import, error)
}

// Sender sends the mails of events.
type Sender struct {
	Store   Store
	Carrier mail.Carrier
	Letters *letters.Writer
	Links   unsubscribe.Links

	clock registrar.Clock
	log   *slog.Logger
}

// Send makes the work of the function notifications-send. The record of each mail is its own claim, so claims of
// shared/consumer are not needed.
func Send(s consumer.Settings, sender Sender) consumer.Handler {
	s.Claims, sender.clock, sender.log = nil, s.Clock, s.Log
	return consumer.Events(s, consumer.EventWork{
		Name: "notifications-send",
		Do: map[registrar.EventType]func(context.Context, registrar.Event) error{
			registrar.RegistrationEnrolled: sender.registration,
			registrar.RegistrationDropped:  sender.registration,
			registrar.ImportEnded:          sender.importEnded,
			registrar.MailResolved:         sender.resolved,
		},
	})
}

// registration mails a student about a registration that was made or dropped.
func (s Sender) registration(ctx context.Context, e registrar.Event) error {
	facts, err := e.Registration()
	if err != nil {
		return consumer.Permanent(err)
	}
	kind := mail.RegistrationMade
	if e.Type == registrar.RegistrationDropped {
		kind = mail.RegistrationDropped
	}
	m := mail.Of(e.ID, mail.OfStudent(facts.Student), kind)
	m.Section, m.At, m.Correlation = facts.Section, e.At, e.Correlation
	return s.news(ctx, m)
}

// importEnded mails the person who is named in an import.
func (s Sender) importEnded(ctx context.Context, e registrar.Event) error {
	facts, err := intake.ReadEnd(e)
	if err != nil {
		return consumer.Permanent(err)
	}
	im, err := s.Store.Import(ctx, facts.ID)
	if err != nil {
		return permanentIfGone(err)
	}
	if im.Notify == "" {
		return nil
	}
	m := mail.Of(e.ID, mail.OfAddress(string(im.Notify)), mail.ImportFinished)
	m.Import, m.At, m.Correlation = facts.ID, e.At, e.Correlation
	return s.news(ctx, m)
}

// resolved sends a mail again that an operator has released.
func (s Sender) resolved(ctx context.Context, e registrar.Event) error {
	id, as, err := mail.ReadResolution(e)
	if err != nil {
		return consumer.Permanent(err)
	}
	if as != mail.ResolveSendAgain {
		return nil
	}
	m, err := s.Store.Mail(ctx, id, registrar.IdempotencyKey{})
	if err != nil {
		return permanentIfGone(err)
	}
	if m.State != mail.Released {
		return nil // delivered again
	}
	return s.send(ctx, m)
}

// news sends a mail unless its event is old.
func (s Sender) news(ctx context.Context, m mail.Mail) error {
	if s.clock().Sub(m.At) > newsFor {
		s.log.DebugContext(ctx, "no mail of what is no news", "mail", m.ID, "event", m.Event)
		return nil
	}
	return s.send(ctx, m)
}

// send finds the mail's address and gives the mail to the post office.
func (s Sender) send(ctx context.Context, m mail.Mail) error {
	address, write, err := s.facts(ctx, m)
	if err != nil {
		return permanentIfGone(err)
	}
	if address == "" {
		s.log.DebugContext(ctx, "nobody to write to: no address", "mail", m.ID)
		return nil
	}
	office := mail.PostOffice{Store: s.Store, Carrier: s.Carrier, Clock: s.clock, ClaimTime: claimTime,
		SendTime: sendTime}
	done, news, err := office.Deliver(ctx, m, address, func() (mail.Letter, error) {
		stop := s.Links.Address(m.Recipient, m.Kind)
		text, err := write(stop)
		if err != nil {
			return mail.Letter{}, permanentIfGone(err)
		}
		return mail.Letter{
			To: address, Subject: text.Subject, Text: text.Plain, HTML: text.HTML, Unsubscribe: stop,
			Mail: m.ID, Event: m.Event, Correlation: m.Correlation,
		}, nil
	})
	if errors.Is(err, mail.ErrClaimed) {
		return &consumer.ClaimedError{Until: done.ClaimEnds}
	}
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	switch {
	case !news: // delivered again
		level = slog.LevelDebug
	case done.State == mail.Sent:
		telemetry.Count(ctx, telemetry.MailsSent, 1)
	case done.State == mail.Unknown, done.State == mail.Refused: // an operator has to look
		telemetry.Count(ctx, telemetry.MailsOpen, 1)
		level = slog.LevelError
	}
	s.log.Log(ctx, level, "a mail was dealt with", "mail", done.ID, "kind", done.Kind, "state", done.State, "reason",
		done.Reason, "messageId", done.Message)
	return nil
}

// facts are the address of a mail, which may be empty, and the function that writes its letter.
func (s Sender) facts(
	ctx context.Context, m mail.Mail,
) (address registrar.Personal, write func(unsubscribeAt string) (letters.Text, error), err error) {
	switch m.Kind {
	case mail.ImportFinished:
		im, err := s.Store.Import(ctx, m.Import)
		if err != nil {
			return "", nil, err
		}
		return im.Notify, func(address string) (letters.Text, error) {
			var term registrar.Term
			if im.Term != "" {
				if term, err = s.Store.Term(ctx, im.Term); err != nil {
					return letters.Text{}, err
				}
			}
			return s.Letters.ImportEnded(letters.English, im, term, address)
		}, nil
	case mail.RegistrationMade, mail.RegistrationDropped:
		id, ok := m.Recipient.Student()
		if !ok {
			break
		}
		student, err := s.Store.Student(ctx, id)
		if err != nil {
			return "", nil, err
		}
		return student.Email, func(address string) (letters.Text, error) {
			section, err := s.Store.Section(ctx, m.Section)
			if err != nil {
				return letters.Text{}, err
			}
			term, err := s.Store.Term(ctx, section.Term)
			if err != nil {
				return letters.Text{}, err
			}
			return s.Letters.Registration(letters.English, m.Kind, section.Section, term, m.At, address)
		}, nil
	}
	return "", nil, consumer.Permanent(fmt.Errorf("mail %s to %s of kind %s: nobody knows how to write it", m.ID,
		m.Recipient, m.Kind))
}

// permanentIfGone marks a missing record as permanent: waiting does not bring it back.
func permanentIfGone(err error) error {
	if registrar.IsRefusal(err, registrar.NotFound) {
		return consumer.Permanent(err)
	}
	return err
}
