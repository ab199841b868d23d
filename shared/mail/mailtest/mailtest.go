// Package mailtest is the conformance suite of a store that keeps mails, preferences and suppressions: however often an
// event is delivered, its mail goes out once. It knows nothing of a database. Start with [Run]; shared/dynamo runs it.
package mailtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
)

// Store is what the tests ask of a store.
type Store interface {
	registrartest.Store
	mail.Store
	Mail(ctx context.Context, id mail.ID, key registrar.IdempotencyKey) (mail.Mail, error)
	OpenMails(ctx context.Context, state mail.State, at time.Time,
		page registrar.PageRequest) (registrar.Page[mail.Mail], error)
	ResolveMail(ctx context.Context, m mail.Mail, e registrar.Event, answer registrar.Answer) error
	MailPreferences(ctx context.Context, recipient mail.Recipient) (mail.Preferences, error)
	SaveMailPreferences(ctx context.Context, p mail.Preferences, e registrar.Event) error
	Suppress(ctx context.Context, p mail.Suppression) error
}

// university is a university over such a store.
type university struct {
	*registrartest.University
	Store
}

// Run runs the suite; open gives an empty store.
func Run(t *testing.T, open func(testing.TB) Store) { registrartest.RunTests(t, open, suite()) }

// RunSimulated runs the suite in simulated time, as [registrartest.RunSimulated] does.
func RunSimulated(t *testing.T, open func(testing.TB) Store) {
	registrartest.RunTestsSimulated(t, open, suite())
}

func suite() map[string]registrartest.Test[Store] {
	tests := map[string]func(*testing.T, *university){
		"many deliveries send one mail":    manyDeliveries,
		"what becomes of a mail":           outcomes,
		"killed between claim and outcome": crashes,
		"mail that is not wanted":          unwanted,
		"an operator settles a mail":       resolutions,
	}
	all := make(map[string]registrartest.Test[Store], len(tests))
	for name, test := range tests {
		all[name] = func(t *testing.T, u *registrartest.University, store Store) { test(t, &university{u, store}) }
	}
	return all
}

// carrier counts the letters that are handed over, and gives the answer that the test sets.
type carrier struct {
	letters atomic.Int64
	answer  func() (string, error)
}

// Send implements [mail.Carrier].
func (c *carrier) Send(context.Context, mail.Letter) (string, error) {
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
func (u *university) office(c mail.Carrier, at time.Time) mail.PostOffice {
	return mail.PostOffice{Store: u.Store, Carrier: c, Clock: func() time.Time { return at }, ClaimTime: claimTime}
}

// deliver delivers as a worker would.
func (u *university) deliver(o mail.PostOffice, m mail.Mail) (mail.Mail, error) {
	done, _, err := o.Deliver(u.T.Context(), m, address,
		func() (mail.Letter, error) { return mail.Letter{To: address, Mail: m.ID}, nil })
	return done, err
}

// open lists the mails that are open in a state.
func (u *university) open(state mail.State, at time.Time) []mail.Mail {
	u.T.Helper()
	return registrartest.All(u.T, 1, func(p registrar.PageRequest) (registrar.Page[mail.Mail], error) {
		return u.OpenMails(u.T.Context(), state, at, p)
	})
}

func mailOf(n int) mail.Mail {
	m := mail.Of(registrar.EventID(fmt.Sprint("event-", n)), mail.OfStudent("s1"),
		mail.RegistrationMade)
	m.Section, m.Import, m.Correlation = "section", "import", "correlation"
	m.At = time.Date(2024, 11, 4, 8, 0, 0, 123e6, time.UTC)
	return m
}

// manyDeliveries delivers one event many times at once, and once more.
func manyDeliveries(t *testing.T, u *university) {
	const deliveries = 64
	carrier := &carrier{}
	office := u.office(carrier, u.Now())
	var wg sync.WaitGroup
	for range deliveries {
		wg.Go(func() {
			m, err := u.deliver(office, mailOf(1))
			switch {
			case errors.Is(err, mail.ErrClaimed) && m.ClaimEnds.Equal(u.Now().Add(claimTime)):
			case err != nil || m.State != mail.Sent || m.Message != "message-1":
				t.Errorf("one of many deliveries: %+v, %v", m, err)
			}
		})
	}
	wg.Wait()
	m, news, err := office.Deliver(t.Context(), mailOf(1), address, nil)
	u.Must(err)
	if news {
		t.Error("a mail that was sent is news once more")
	}
	if n := carrier.letters.Load(); n != 1 || m.State != mail.Sent {
		t.Errorf("%d letters of one event; the mail is %s", n, m.State)
	}
	want := mailOf(1)
	want.State, want.Message, want.Claims = mail.Sent, "message-1", 1
	want.Stamp = registrar.Stamp{}.Next(u.Now()).Next(u.Now())
	stored, err := u.Mail(t.Context(), want.ID, registrar.IdempotencyKey{})
	u.Must(err)
	registrartest.Same(t, "the record of a mail", stored, want)
	_, err = u.Mail(t.Context(), "none", registrar.IdempotencyKey{})
	registrartest.WantRefusal(t, "a mail that is not there", err, registrar.NotFound)
}

// outcomes checks what becomes of a mail by its carrier's answer, and whether a second delivery of the event sends it
// again.
func outcomes(t *testing.T, u *university) {
	handover := func(outcome mail.State) func() (string, error) {
		return func() (string, error) { return "", &mail.HandoverError{Outcome: outcome, Reason: "Code"} }
	}
	for n, c := range []struct {
		what   string
		answer func() (string, error)
		state  mail.State
		reason string
		back   error // that brings the event back
		again  int64 // letters after a second delivery
	}{
		{"sent", nil, mail.Sent, "", nil, 1},
		{"refused", handover(mail.Refused), mail.Refused, "Code", nil, 1},
		{"not sent", handover(mail.Released), mail.Released, "Code", mail.ErrNotSent, 2},
		{"of unknown outcome", handover(mail.Unknown), mail.Unknown, "Code", nil, 1},
		{"lost in any other way", func() (string, error) { return "", errors.New("boom") }, mail.Unknown,
			"no answer", nil, 1},
	} {
		carrier := &carrier{answer: c.answer}
		office := u.office(carrier, u.Now().Add(time.Duration(n)*time.Second))
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
	for state, want := range map[mail.State][]mail.ID{
		mail.Unknown: {mailOf(3).ID, mailOf(4).ID}, mail.Refused: {mailOf(1).ID},
	} {
		var ids []mail.ID
		for _, m := range u.open(state, u.Now().Add(time.Hour)) {
			ids = append(ids, m.ID)
		}
		registrartest.Same(t, "mails that are "+string(state), ids, want)
	}
}

// crashes ends the process between the claim and the outcome. Nobody can know whether the mail went out, so nobody
// sends it again. It is open from the moment in which the claim ends.
func crashes(t *testing.T, u *university) {
	for n, where := range []func() (string, error){
		func() (string, error) { panic("killed while it sends") },
		nil, // killed before it writes down that it has sent
	} {
		carrier := &carrier{answer: where}
		office := u.office(carrier, u.Now())
		office.Store = &mortal{Store: u.Store, lives: 1}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("nobody was killed")
				}
			}()
			_, _ = u.deliver(office, mailOf(n)) // it does not return
		}()
		ends := u.Now().Add(claimTime)
		if _, err := u.deliver(u.office(carrier, ends.Add(-time.Millisecond)), mailOf(n)); !errors.Is(err,
			mail.ErrClaimed) {
			t.Errorf("delivered again within the claim's time: %v", err)
		}
		isIt := func(m mail.Mail) bool { return m.ID == mailOf(n).ID && m.StateAt(ends) == mail.Unknown }
		if open := u.open(mail.Unknown, ends.Add(-time.Millisecond)); slices.ContainsFunc(open, isIt) {
			t.Errorf("it is open before the claim is over: %+v", open)
		}
		if open := u.open(mail.Unknown, ends); !slices.ContainsFunc(open, isIt) {
			t.Errorf("when the claim is over only these are open: %+v", open)
		}
		for range 2 {
			m, err := u.deliver(u.office(carrier, ends), mailOf(n))
			if err != nil || m.State != mail.Unknown || m.Reason == "" || !m.ClaimEnds.IsZero() {
				t.Errorf("delivered again after the claim's time: %+v, %v", m, err)
			}
		}
		if got := carrier.letters.Load(); got != 1 {
			t.Errorf("%d letters", got)
		}
	}
}

// mortal is a store whose user is killed after this many mails were saved.
type mortal struct {
	mail.Store

	lives int
}

// SaveMail implements [mail.Store].
func (m *mortal) SaveMail(ctx context.Context, sent mail.Mail) error {
	if m.lives == 0 {
		panic("killed")
	}
	m.lives--
	return m.Store.SaveMail(ctx, sent)
}

// unwanted mail is not sent, not even when it is wanted later: the event is over.
func unwanted(t *testing.T, u *university) {
	ctx := t.Context()
	ann := u.NewStudent("U1", "Ann", "Able")
	recipient := mail.OfStudent(ann.ID)
	of := func(n int, kind mail.Kind) mail.Mail {
		return mail.Of(registrar.EventID(fmt.Sprint("event-", n)), recipient, kind)
	}
	p, err := u.MailPreferences(ctx, recipient)
	u.Must(err)
	registrartest.Same(t, "preferences of somebody who never said", p, mail.Preferences{
		Recipient: recipient, Stamp: registrar.Stamp{Version: 1, CreatedAt: ann.CreatedAt, UpdatedAt: ann.CreatedAt},
	})
	save := func(p mail.Preferences) (mail.Preferences, error) {
		p.Stamp = p.Next(u.Now())
		return p, u.SaveMailPreferences(ctx, p, mail.PreferencesEvent(p, registrar.Anonymous(), u.NewID))
	}
	off, err := save(p.With(mail.RegistrationMade, false))
	u.Must(err)
	if _, err := save(p); !errors.Is(err, registrar.ErrVersionMismatch) {
		t.Errorf("saving preferences of an old version: %v", err)
	}
	got, err := u.MailPreferences(ctx, recipient)
	u.Must(err)
	registrartest.Same(t, "preferences", got, off)

	carrier := &carrier{}
	office := u.office(carrier, u.Now())
	m, err := u.deliver(office, of(1, mail.RegistrationMade))
	if err != nil || m.State != mail.Suppressed || m.Reason != "preferences" {
		t.Errorf("a mail of a kind that is switched off: %+v, %v", m, err)
	}
	if m, err := u.deliver(office, of(1, mail.RegistrationDropped)); err != nil ||
		m.State != mail.Sent {
		t.Errorf("a mail of another kind: %+v, %v", m, err)
	}
	on, err := save(got.With(mail.RegistrationMade, true))
	u.Must(err)
	if len(on.Off) != 0 || on.Version != 3 {
		t.Errorf("preferences switched on again: %+v", on)
	}
	if m, err := u.deliver(office, of(1, mail.RegistrationMade)); err != nil ||
		m.State != mail.Suppressed {
		t.Errorf("a mail that was not wanted when it was time: %+v, %v", m, err)
	}

	for range 2 { // reported twice
		u.Must(u.Suppress(ctx, mail.Suppression{
			Address: mail.HashAddress(" ann@example.EDU"), Reason: mail.SuppressedForBounce, Feedback: "f", At: u.Now(),
		}))
	}
	if m, err := u.deliver(office, of(2, mail.RegistrationMade)); err != nil ||
		m.State != mail.Suppressed || m.Reason != "bounce" {
		t.Errorf("a mail to an address that bounced: %+v, %v", m, err)
	}
	if n := carrier.letters.Load(); n != 1 {
		t.Errorf("%d letters", n)
	}

	told := registrartest.Told(t, u.University,
		registrar.EventFilter{Record: registrar.Record{Kind: registrar.KindRecipient,
			ID: string(recipient)}})
	if len(told) != 2 || told[0].Type != registrar.MailPreferencesChanged || told[0].Student != ann.ID {
		t.Errorf("events of the preferences: %+v", told)
	}
	u.Must(u.DeleteStudent(ctx, ann.ID, 0))
	_, err = u.MailPreferences(ctx, recipient)
	registrartest.WantRefusal(t, "preferences of a student who is gone", err, registrar.NotFound)
	_, err = save(p)
	registrartest.WantRefusal(t, "saving preferences of a student who is gone", err, registrar.NotFound)

	stranger := mail.OfAddress(address)
	p, err = u.MailPreferences(ctx, stranger)
	u.Must(err)
	_, err = save(p.With(mail.ImportFinished, false))
	u.Must(err)
	p, err = u.MailPreferences(ctx, mail.OfAddress("ANN@example.edu"))
	u.Must(err)
	if p.Wants(mail.ImportFinished) {
		t.Error("preferences of an address differ with its spelling")
	}
}

// resolutions settles open mails: each once, and one that is sent again goes out once.
func resolutions(t *testing.T, u *university) {
	ctx := t.Context()
	lost := &carrier{answer: func() (string, error) { return "", errors.New("no answer") }}
	key := func(n int) registrar.IdempotencyKey {
		return registrar.IdempotencyKey{Principal: "operator", Key: fmt.Sprint(n), Request: [32]byte{1}}
	}
	resolve := func(n int, as mail.Resolution) (mail.Mail, error) {
		m, err := u.Mail(ctx, mailOf(n).ID, registrar.IdempotencyKey{})
		u.Must(err)
		m, event, err := mail.DecideResolution(m, as, registrar.Actor{Principal: "operator"}, u.Now(), u.NewID)
		if err != nil {
			return m, err
		}
		id, said, err := mail.ReadResolution(event)
		if id != m.ID || said != as || err != nil {
			t.Errorf("the event says %s of %s, %v", said, id, err)
		}
		return m, u.ResolveMail(ctx, m, event, registrar.Answer{Key: key(n), Reply: []byte("done")})
	}
	for n := range 2 {
		_, err := u.deliver(u.office(lost, u.Now()), mailOf(n))
		u.Must(err)
	}
	m, err := resolve(0, mail.ResolveSent)
	if err != nil || m.State != mail.Sent {
		t.Errorf("resolved as sent: %+v, %v", m, err)
	}
	before, err := u.Mail(ctx, mailOf(1).ID, registrar.IdempotencyKey{})
	u.Must(err)
	m, err = resolve(1, mail.ResolveSendAgain)
	if err != nil || m.State != mail.Released {
		t.Errorf("resolved to be sent again: %+v, %v", m, err)
	}
	before.Stamp = before.Next(u.Now())
	if err := u.SaveMail(ctx, before); !errors.Is(err, registrar.ErrStale) {
		t.Errorf("saving over what an operator decided: %v", err)
	}
	for n := range 2 {
		_, err = resolve(n, mail.ResolveSendAgain)
		registrartest.WantRefusal(t, "resolving twice", err, registrar.StateForbids)
		_, err = u.Mail(ctx, mailOf(n).ID, key(n))
		var answered *registrar.AnsweredBefore
		if !errors.As(err, &answered) || string(answered.Reply) != "done" {
			t.Errorf("the key of a resolution: %v", err)
		}
	}
	again := &carrier{}
	for range 3 {
		for n := range 2 {
			if m, err := u.deliver(u.office(again, u.Now()), mailOf(n)); err != nil || m.State != mail.Sent ||
				n == 1 && m.Claims != 2 {
				t.Errorf("after the resolution: %+v, %v", m, err)
			}
		}
	}
	if n := again.letters.Load(); n != 1 {
		t.Errorf("%d letters after one was to be sent again", n)
	}
	if open := u.open(mail.Unknown, u.Now().Add(time.Hour)); len(open) != 0 {
		t.Errorf("still open: %+v", open)
	}
	events := registrartest.Told(t, u.University, registrar.EventFilter{Record: registrar.Record{Kind: registrar.KindMail,
		ID: string(mailOf(1).ID)}})
	if len(events) != 1 || events[0].Type != registrar.MailResolved || events[0].Actor != "operator" ||
		events[0].Student != "s1" {
		t.Errorf("events of the mail: %+v", events)
	}
}
