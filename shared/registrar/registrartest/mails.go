package registrartest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/registrar/shared/registrar"
)

// carrier counts the letters that are handed over, and answers as it is told.
type carrier struct {
	letters atomic.Int64
	answer  func() (string, error)
}

// Send implements [registrar.Carrier].
func (c *carrier) Send(context.Context, registrar.Letter) (string, error) {
	n := c.letters.Add(1)
	if c.answer != nil {
		return c.answer()
	}
	return fmt.Sprintf("message-%d", n), nil
}

const (
	claimTime = time.Minute
	address   = "Ann@Example.edu"
)

// office sends by the carrier at a time.
func (u *University) office(c registrar.Carrier, at time.Time) registrar.PostOffice {
	return registrar.PostOffice{Store: u.Store, Carrier: c, Clock: func() time.Time { return at }, ClaimTime: claimTime}
}

// deliver delivers as a worker would.
func (u *University) deliver(o registrar.PostOffice, m registrar.Mail) (registrar.Mail, error) {
	done, _, err := o.Deliver(u.T.Context(), m, address,
		func() (registrar.Letter, error) { return registrar.Letter{To: address, Mail: m.ID}, nil })
	return done, err
}

// open lists the mails that lie open in a state.
func (u *University) open(state registrar.MailState, at time.Time) []registrar.Mail {
	u.T.Helper()
	return All(u.T, 1, func(p registrar.PageRequest) (registrar.Page[registrar.Mail], error) {
		return u.OpenMails(u.T.Context(), state, at, p)
	})
}

func mailOf(n int) registrar.Mail {
	m := registrar.MailOf(registrar.EventID(fmt.Sprint("event-", n)), registrar.OfStudent("s1"),
		registrar.MailRegistrationMade)
	m.Section, m.Import, m.Correlation = "section", "import", "correlation"
	m.At = time.Date(2024, 11, 4, 8, 0, 0, 123e6, time.UTC)
	return m
}

// manyDeliveries delivers one event many times at once, and once more.
func manyDeliveries(t *testing.T, u *University) {
	const deliveries = 64
	carrier := &carrier{}
	office := u.office(carrier, u.at)
	var wg sync.WaitGroup
	for range deliveries {
		wg.Go(func() {
			m, err := u.deliver(office, mailOf(1))
			switch {
			case errors.Is(err, registrar.ErrMailClaimed) && m.ClaimEnds.Equal(u.at.Add(claimTime)):
			case err != nil || m.State != registrar.MailSent || m.Message != "message-1":
				t.Errorf("one of many deliveries: %+v, %v", m, err)
			}
		})
	}
	wg.Wait()
	m, news, err := office.Deliver(t.Context(), mailOf(1), address, nil)
	u.must(err)
	if news {
		t.Error("a mail that was sent is news once more")
	}
	if n := carrier.letters.Load(); n != 1 || m.State != registrar.MailSent {
		t.Errorf("%d letters of one event; the mail is %s", n, m.State)
	}
	want := mailOf(1)
	want.State, want.Message, want.Claims = registrar.MailSent, "message-1", 1
	want.Stamp = registrar.Stamp{}.Next(u.at).Next(u.at)
	stored, err := u.Mail(t.Context(), want.ID, registrar.IdempotencyKey{})
	u.must(err)
	same(t, "the record of a mail", stored, want)
	_, err = u.Mail(t.Context(), "none", registrar.IdempotencyKey{})
	refused(t, "a mail that is not there", err, registrar.NotFound)
}

// outcomes tells what becomes of a mail by what its carrier says, and whether the event, delivered again, sends it
// again.
func outcomes(t *testing.T, u *University) {
	handover := func(outcome registrar.MailState) func() (string, error) {
		return func() (string, error) { return "", &registrar.HandoverError{Outcome: outcome, Reason: "Code"} }
	}
	for n, c := range []struct {
		what   string
		answer func() (string, error)
		state  registrar.MailState
		reason string
		back   error // that brings the event back
		again  int64 // letters after a second delivery
	}{
		{"sent", nil, registrar.MailSent, "", nil, 1},
		{"refused", handover(registrar.MailRefused), registrar.MailRefused, "Code", nil, 1},
		{"not sent", handover(registrar.MailReleased), registrar.MailReleased, "Code", registrar.ErrNotSent, 2},
		{"of unknown outcome", handover(registrar.MailUnknown), registrar.MailUnknown, "Code", nil, 1},
		{"lost in any other way", func() (string, error) { return "", errors.New("boom") }, registrar.MailUnknown,
			"no answer", nil, 1},
	} {
		carrier := &carrier{answer: c.answer}
		office := u.office(carrier, u.at.Add(time.Duration(n)*time.Second))
		m, err := u.deliver(office, mailOf(n))
		if !errors.Is(err, c.back) || m.State != c.state || m.Reason != c.reason || m.Claims != 1 {
			t.Errorf("%s: %+v, %v", c.what, m, err)
		}
		if _, err := u.deliver(office, mailOf(n)); !errors.Is(err, c.back) {
			t.Errorf("%s, delivered again: %v", c.what, err)
		}
		if got := carrier.letters.Load(); got != c.again {
			t.Errorf("%s: %d letters", c.what, got)
		}
	}
	for state, want := range map[registrar.MailState][]registrar.MailID{
		registrar.MailUnknown: {mailOf(3).ID, mailOf(4).ID}, registrar.MailRefused: {mailOf(1).ID},
	} {
		var ids []registrar.MailID
		for _, m := range u.open(state, u.at.Add(time.Hour)) {
			ids = append(ids, m.ID)
		}
		same(t, "mails that are "+string(state), ids, want)
	}
}

// crashes ends the process between the claim and the outcome. Nobody can know whether the mail went out, so nobody
// sends it again; it lies open from the very moment in which the claim is over.
func crashes(t *testing.T, u *University) {
	for n, where := range []func() (string, error){
		func() (string, error) { panic("killed while it sends") },
		nil, // killed before it writes down that it has sent
	} {
		carrier := &carrier{answer: where}
		office := u.office(carrier, u.at)
		office.Store = &mortal{MailStore: u.Store, lives: 1}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("nobody was killed")
				}
			}()
			_, _ = u.deliver(office, mailOf(n)) // it does not return
		}()
		ends := u.at.Add(claimTime)
		if _, err := u.deliver(u.office(carrier, ends.Add(-time.Millisecond)), mailOf(n)); !errors.Is(err,
			registrar.ErrMailClaimed) {
			t.Errorf("delivered again within the claim's time: %v", err)
		}
		isIt := func(m registrar.Mail) bool { return m.ID == mailOf(n).ID && m.StateAt(ends) == registrar.MailUnknown }
		if open := u.open(registrar.MailUnknown, ends.Add(-time.Millisecond)); slices.ContainsFunc(open, isIt) {
			t.Errorf("before the claim is over it lies open: %+v", open)
		}
		if open := u.open(registrar.MailUnknown, ends); !slices.ContainsFunc(open, isIt) {
			t.Errorf("when the claim is over only these lie open: %+v", open)
		}
		for range 2 {
			m, err := u.deliver(u.office(carrier, ends), mailOf(n))
			if err != nil || m.State != registrar.MailUnknown || m.Reason == "" || !m.ClaimEnds.IsZero() {
				t.Errorf("delivered again after the claim's time: %+v, %v", m, err)
			}
		}
		if got := carrier.letters.Load(); got != 1 {
			t.Errorf("%d letters", got)
		}
	}
}

// mortal is a store whose user is killed when it has saved so many mails.
type mortal struct {
	registrar.MailStore

	lives int
}

// SaveMail implements [registrar.MailStore].
func (m *mortal) SaveMail(ctx context.Context, mail registrar.Mail) error {
	if m.lives == 0 {
		panic("killed")
	}
	m.lives--
	return m.MailStore.SaveMail(ctx, mail)
}

// unwanted mail is not sent, not even when it is wanted later: the event is over.
func unwanted(t *testing.T, u *University) {
	ctx := t.Context()
	ann := u.NewStudent("U1", "Ann", "Able")
	recipient := registrar.OfStudent(ann.ID)
	mail := func(n int, kind registrar.MailKind) registrar.Mail {
		return registrar.MailOf(registrar.EventID(fmt.Sprint("event-", n)), recipient, kind)
	}
	p, err := u.MailPreferences(ctx, recipient)
	u.must(err)
	same(t, "preferences of somebody who never said", p, registrar.MailPreferences{
		Recipient: recipient, Stamp: registrar.Stamp{Version: 1, CreatedAt: ann.CreatedAt, UpdatedAt: ann.CreatedAt},
	})
	save := func(p registrar.MailPreferences) (registrar.MailPreferences, error) {
		p.Stamp = p.Next(u.at)
		return p, u.SaveMailPreferences(ctx, p, registrar.PreferencesEvent(p, registrar.Anonymous(), u.NewID))
	}
	off, err := save(p.With(registrar.MailRegistrationMade, false))
	u.must(err)
	if _, err := save(p); !errors.Is(err, registrar.ErrVersionMismatch) {
		t.Errorf("saving preferences of an old version: %v", err)
	}
	got, err := u.MailPreferences(ctx, recipient)
	u.must(err)
	same(t, "preferences", got, off)

	carrier := &carrier{}
	office := u.office(carrier, u.at)
	m, err := u.deliver(office, mail(1, registrar.MailRegistrationMade))
	if err != nil || m.State != registrar.MailSuppressed || m.Reason != "preferences" {
		t.Errorf("a mail of a kind that is switched off: %+v, %v", m, err)
	}
	if m, err := u.deliver(office, mail(1, registrar.MailRegistrationDropped)); err != nil ||
		m.State != registrar.MailSent {
		t.Errorf("a mail of another kind: %+v, %v", m, err)
	}
	on, err := save(got.With(registrar.MailRegistrationMade, true))
	u.must(err)
	if len(on.Off) != 0 || on.Version != 3 {
		t.Errorf("preferences switched on again: %+v", on)
	}
	if m, err := u.deliver(office, mail(1, registrar.MailRegistrationMade)); err != nil ||
		m.State != registrar.MailSuppressed {
		t.Errorf("a mail that was not wanted when it was time: %+v, %v", m, err)
	}

	for range 2 { // reported twice
		u.must(u.Suppress(ctx, registrar.Suppression{
			Address: registrar.HashAddress(" ann@example.EDU"), Reason: registrar.SuppressedForBounce, Feedback: "f", At: u.at,
		}))
	}
	if m, err := u.deliver(office, mail(2, registrar.MailRegistrationMade)); err != nil ||
		m.State != registrar.MailSuppressed || m.Reason != "bounce" {
		t.Errorf("a mail to an address that bounced: %+v, %v", m, err)
	}
	if n := carrier.letters.Load(); n != 1 {
		t.Errorf("%d letters", n)
	}

	told := told(t, u, registrar.EventFilter{Record: registrar.Record{Kind: registrar.KindRecipient,
		ID: string(recipient)}})
	if len(told) != 2 || told[0].Type != registrar.MailPreferencesChanged || told[0].Student != ann.ID {
		t.Errorf("events of the preferences: %+v", told)
	}
	u.must(u.DeleteStudent(ctx, ann.ID, 0))
	_, err = u.MailPreferences(ctx, recipient)
	refused(t, "preferences of a student who is gone", err, registrar.NotFound)
	_, err = save(p)
	refused(t, "saving preferences of a student who is gone", err, registrar.NotFound)

	stranger := registrar.OfAddress(address)
	p, err = u.MailPreferences(ctx, stranger)
	u.must(err)
	_, err = save(p.With(registrar.MailImportFinished, false))
	u.must(err)
	p, err = u.MailPreferences(ctx, registrar.OfAddress("ANN@example.edu"))
	u.must(err)
	if p.Wants(registrar.MailImportFinished) {
		t.Error("preferences of an address differ with its spelling")
	}
}

// resolutions settles what lies open: once, and what is sent again goes out once.
func resolutions(t *testing.T, u *University) {
	ctx := t.Context()
	lost := &carrier{answer: func() (string, error) { return "", errors.New("no answer") }}
	key := func(n int) registrar.IdempotencyKey {
		return registrar.IdempotencyKey{Principal: "operator", Key: fmt.Sprint(n), Request: [32]byte{1}}
	}
	resolve := func(n int, as registrar.Resolution) (registrar.Mail, error) {
		m, err := u.Mail(ctx, mailOf(n).ID, registrar.IdempotencyKey{})
		u.must(err)
		m, event, err := registrar.DecideResolution(m, as, registrar.Actor{Principal: "operator"}, u.at, u.NewID)
		if err != nil {
			return m, err
		}
		id, said, err := event.Resolution()
		if id != m.ID || said != as || err != nil {
			t.Errorf("the event says %s of %s, %v", said, id, err)
		}
		return m, u.ResolveMail(ctx, m, event, registrar.Answer{Key: key(n), Reply: []byte("done")})
	}
	for n := range 2 {
		_, err := u.deliver(u.office(lost, u.at), mailOf(n))
		u.must(err)
	}
	m, err := resolve(0, registrar.ResolveSent)
	if err != nil || m.State != registrar.MailSent {
		t.Errorf("resolved as sent: %+v, %v", m, err)
	}
	before, err := u.Mail(ctx, mailOf(1).ID, registrar.IdempotencyKey{})
	u.must(err)
	m, err = resolve(1, registrar.ResolveSendAgain)
	if err != nil || m.State != registrar.MailReleased {
		t.Errorf("resolved to be sent again: %+v, %v", m, err)
	}
	before.Stamp = before.Next(u.at)
	if err := u.SaveMail(ctx, before); !errors.Is(err, registrar.ErrStale) {
		t.Errorf("saving over what an operator decided: %v", err)
	}
	for n := range 2 {
		_, err = resolve(n, registrar.ResolveSendAgain)
		refused(t, "resolving twice", err, registrar.StateForbids)
		_, err = u.Mail(ctx, mailOf(n).ID, key(n))
		var answered *registrar.AnsweredBefore
		if !errors.As(err, &answered) || string(answered.Reply) != "done" {
			t.Errorf("the key of a resolution: %v", err)
		}
	}
	again := &carrier{}
	for range 3 {
		for n := range 2 {
			if m, err := u.deliver(u.office(again, u.at), mailOf(n)); err != nil || m.State != registrar.MailSent ||
				n == 1 && m.Claims != 2 {
				t.Errorf("after the resolution: %+v, %v", m, err)
			}
		}
	}
	if n := again.letters.Load(); n != 1 {
		t.Errorf("%d letters after one was to be sent again", n)
	}
	if open := u.open(registrar.MailUnknown, u.at.Add(time.Hour)); len(open) != 0 {
		t.Errorf("still open: %+v", open)
	}
	events := told(t, u, registrar.EventFilter{Record: registrar.Record{Kind: registrar.KindMail,
		ID: string(mailOf(1).ID)}})
	if len(events) != 1 || events[0].Type != registrar.MailResolved || events[0].Actor != "operator" ||
		events[0].Student != "s1" {
		t.Errorf("events of the mail: %+v", events)
	}
}
