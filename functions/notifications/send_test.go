package notifications_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/registrar/functions/notifications"
	localdynamodb "example.com/registrar/infra/local/dynamodb"
	"example.com/registrar/infra/local/inprocess"
	"example.com/registrar/infra/local/ses"
	"example.com/registrar/shared/consumer"
	"example.com/registrar/shared/consumer/cloudevents"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/intake"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/mail/carrier"
	"example.com/registrar/shared/mail/letters"
	"example.com/registrar/shared/mail/unsubscribe"
	"example.com/registrar/shared/registrar"
	"example.com/registrar/shared/registrar/registrartest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
)

// mailroom is the two workers over an embedded table and an embedded SES, with a clock that is set by hand.
type mailroom struct {
	*registrartest.University
	t        *testing.T
	store    *dynamo.Store
	engine   *ses.Engine
	before   func(http.Handler) http.Handler // stands before SES
	links    unsubscribe.Links
	send     consumer.Handler
	feedback consumer.Handler

	mu     sync.Mutex // guards the rest
	now    time.Time
	log    bytes.Buffer
	hidden map[string]time.Duration // by message id
	dead   map[string]string
}

func openMailroom(t *testing.T) *mailroom {
	t.Helper()
	m := &mailroom{t: t, hidden: map[string]time.Duration{}, dead: map[string]string{}}
	client := dynamodb.New(dynamodb.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		BaseEndpoint: aws.String("http://dynamodb.local"), HTTPClient: inprocess.Client(
			localdynamodb.New(localdynamodb.Options{})),
	})
	if _, err := client.CreateTable(t.Context(), dynamo.TableDefinition("table")); err != nil {
		t.Fatal(err)
	}
	m.store = dynamo.New(client, dynamo.Config{Table: "table", CursorKey: registrar.NewSecret("0123456789abcdef")},
		m.clock)
	m.University = registrartest.New(t, m.store)
	m.now = m.Now()
	m.engine = ses.New(ses.Options{
		ConfigurationSets: []string{"set"}, Identities: []string{"example.edu"},
		Publish: func(ctx context.Context, envelope []byte) error {
			batch := []consumer.Message{{ID: "feedback", Body: envelope, Receives: 1}}
			if failed := m.feedback.HandleBatch(ctx, batch); len(failed) > 0 {
				t.Errorf("feedback failed: %s", envelope)
			}
			return nil
		},
	})
	mailer := carrier.New(sesv2.New(sesv2.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		BaseEndpoint: aws.String("http://ses.local"),
		HTTPClient: inprocess.Client(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m.before != nil {
				m.before(m.engine).ServeHTTP(w, r)
				return
			}
			m.engine.ServeHTTP(w, r)
		})),
	}), carrier.Config{Sender: "registrar@example.edu", ConfigurationSet: "set"})
	writer, err := letters.New()
	if err != nil {
		t.Fatal(err)
	}
	m.links = unsubscribe.Links{Tokens: unsubscribe.New("0123456789abcdef"), API: "https://api.example.edu"}
	settings := consumer.Settings{
		Queue: m, Claims: m.store, Receives: 3, Visibility: time.Hour, Clock: m.clock, NewID: m.NewID,
		Log: slog.New(slog.NewTextHandler(m, nil)),
	}
	m.send = notifications.Send(settings, notifications.Sender{Store: m.store, Carrier: mailer, Letters: writer,
		Links: m.links})
	m.feedback = notifications.Feedback(settings, m.store)
	return m
}

func (m *mailroom) clock() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *mailroom) set(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = now
}

// Write takes what is logged.
func (m *mailroom) Write(line []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.Write(line)
}

// ChangeVisibility implements [consumer.Queue].
func (m *mailroom) ChangeVisibility(_ context.Context, message consumer.Message, d time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hidden[message.ID] = d
	return nil
}

// SendToDeadLetters implements [consumer.Queue].
func (m *mailroom) SendToDeadLetters(_ context.Context, message consumer.Message, reason string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead[message.ID] = reason
	return nil
}

// deliver delivers an event, and reports whether its message comes back.
func (m *mailroom) deliver(e registrar.Event) (back bool) {
	m.t.Helper()
	body, err := cloudevents.Marshal(e)
	if err != nil {
		m.t.Fatal(err)
	}
	return len(m.send.HandleBatch(m.t.Context(), []consumer.Message{{ID: string(e.ID), Body: body, Receives: 1}})) > 0
}

// registered is a student with an address, enrolled in a section, and the event that tells so.
func (m *mailroom) registered(address, title string) (registrar.Student, registrar.Section, registrar.Event) {
	m.t.Helper()
	term, course := m.NewTerm("T"+m.NewID()), m.NewCourse("CSCI", m.NewID()[30:], title)
	section := m.NewSection(term, course, "12345", 5)
	student := m.NewStudent("U"+m.NewID()[24:], "Ann", "Able")
	if address != "" {
		with := student
		with.Email, with.Stamp = registrar.Personal(address), student.Next(m.Now())
		if err := m.UpdateStudent(m.t.Context(), student, with); err != nil {
			m.t.Fatal(err)
		}
	}
	if _, err := m.Enrol(section.ID, student.ID); err != nil {
		m.t.Fatal(err)
	}
	return student, section, m.told(registrar.EventFilter{Student: student.ID}, registrar.RegistrationEnrolled)
}

// told finds the event of a type.
func (m *mailroom) told(filter registrar.EventFilter, kind registrar.EventType) registrar.Event {
	m.t.Helper()
	for _, e := range registrartest.All(m.t, registrar.MaxPage,
		func(p registrar.PageRequest) (registrar.Page[registrar.Event], error) {
			return m.Events(m.t.Context(), filter, p)
		}) {
		if e.Type == kind {
			return e
		}
	}
	m.t.Fatalf("there is no event %s", kind)
	return registrar.Event{}
}

// record is the mail of an event.
func (m *mailroom) record(e registrar.Event, to mail.Recipient, kind mail.Kind) mail.Mail {
	m.t.Helper()
	found, err := m.store.Mail(m.t.Context(), mail.Of(e.ID, to, kind).ID, registrar.IdempotencyKey{})
	if err != nil {
		m.t.Fatal(err)
	}
	return found
}

func TestARegistrationIsTold(t *testing.T) {
	m := openMailroom(t)
	student, section, made := m.registered("ann@example.edu", "Data Structures")
	if _, err := m.Drop(section.ID, student.ID); err != nil {
		t.Fatal(err)
	}
	dropped := m.told(registrar.EventFilter{Student: student.ID}, registrar.RegistrationDropped)
	if m.deliver(made) || m.deliver(dropped) {
		t.Fatalf("a message came back: %s", m.log.String())
	}
	sent := m.engine.Sent()
	if len(sent) != 2 {
		t.Fatalf("%d mails", len(sent))
	}
	for i, want := range []struct {
		subject string
		kind    mail.Kind
		event   registrar.Event
	}{
		{"You are enrolled in CSCI", mail.RegistrationMade, made},
		{"You are no longer enrolled in CSCI", mail.RegistrationDropped, dropped},
	} {
		got := sent[i]
		if !strings.HasPrefix(got.Subject, want.subject) || len(got.To) != 1 || got.To[0] != "ann@example.edu" ||
			got.ConfigurationSet != "set" {
			t.Errorf("mail: %+v", got)
		}
		for _, part := range []string{got.Text, got.HTML} {
			if !strings.Contains(part, "Data Structures") || !strings.Contains(part, "12345") ||
				strings.Contains(part, "Able") || strings.Contains(part, string(student.Number)) {
				t.Errorf("part: %s", part)
			}
		}
		recipient := mail.OfStudent(student.ID)
		stop := m.links.Address(recipient, want.kind)
		if got.Headers[0].Value != "<"+stop+">" || got.Headers[1].Value != "List-Unsubscribe=One-Click" ||
			!strings.Contains(got.HTML, stop) || !strings.Contains(got.Text, stop) {
			t.Errorf("nothing to unsubscribe with: %+v", got.Headers)
		}
		record := m.record(want.event, recipient, want.kind)
		if record.State != mail.Sent || record.Message != got.ID ||
			got.Tags[0].Value != string(record.ID) || got.Tags[1].Value != string(want.event.ID) {
			t.Errorf("record %+v, tags %+v", record, got.Tags)
		}
	}
	if log := m.log.String(); strings.Contains(log, "ann@") || strings.Contains(log, "Able") {
		t.Errorf("the log tells who: %s", log)
	}
}

func TestTheEndOfAnImportIsTold(t *testing.T) {
	m := openMailroom(t)
	term := m.NewTerm("2025-SPRING")
	end := func(id string, notify registrar.Personal, state intake.State) registrar.Event {
		im := intake.Import{
			ID: registrar.ImportID(id), Kind: intake.KindSections, Format: "yacs-csv", Term: term.ID, Notify: notify,
			State: intake.Waiting,
			Stamp: registrar.Stamp{}.Next(m.Now()),
		}
		if err := m.store.CreateImport(t.Context(), im, registrar.Answer{}); err != nil {
			t.Fatal(err)
		}
		im.State, im.EndedAt, im.Stamp = state, m.Now(), im.Next(m.Now())
		if state == intake.Failed {
			im.Reason = "the file is no CSV"
		}
		if err := m.store.SaveImport(t.Context(), im, intake.Report{}); err != nil {
			t.Fatal(err)
		}
		return m.told(registrar.EventFilter{Record: registrar.Record{Kind: registrar.KindImport, ID: id}},
			registrar.ImportEnded)
	}
	for _, e := range []registrar.Event{
		end("i1", "Desk@example.edu", intake.Finished), end("i2", "desk@example.edu", intake.Failed),
		end("i3", "", intake.Finished),
	} {
		for range 2 {
			if m.deliver(e) {
				t.Errorf("a message came back: %s", m.log.String())
			}
		}
	}
	sent := m.engine.Sent()
	if len(sent) != 2 || sent[0].To[0] != "Desk@example.edu" || !strings.Contains(sent[0].Subject, "is finished") ||
		!strings.Contains(sent[1].Subject, "failed") || !strings.Contains(sent[1].Text, "the file is no CSV") {
		t.Errorf("mails: %+v", sent)
	}
}

func TestManyDeliveriesSendOneMail(t *testing.T) {
	const deliveries = 64
	m := openMailroom(t)
	student, _, e := m.registered("ann@example.edu", "X")
	var wg sync.WaitGroup
	var mu sync.Mutex
	back := 0
	for range deliveries {
		wg.Go(func() {
			if m.deliver(e) {
				mu.Lock()
				defer mu.Unlock()
				back++
			}
		})
	}
	wg.Wait()
	for range back {
		if m.deliver(e) {
			t.Error("a message came back a second time")
		}
	}
	if n := len(m.engine.Sent()); n != 1 || len(m.dead) != 0 {
		t.Errorf("%d mails of %d deliveries, %d came back, dead: %v", n, deliveries, back, m.dead)
	}
	if record := m.record(e, mail.OfStudent(student.ID),
		mail.RegistrationMade); record.State != mail.Sent || record.Claims != 1 {
		t.Errorf("record: %+v", record)
	}
}

// answering answers requests for SES itself, after the engine has taken the mail or instead of it.
func answering(status int, code string, taken bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if taken {
				next.ServeHTTP(discard{}, r)
			}
			w.Header().Set("X-Amzn-Errortype", code)
			w.WriteHeader(status)
			fmt.Fprint(w, `{"message": "something about ann@example.edu"}`)
		})
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

func TestWhatBecomesOfAMail(t *testing.T) {
	for name, c := range map[string]struct {
		before func(http.Handler) http.Handler
		state  mail.State
		back   bool
		again  int // mails after the next delivery, when SES is well again
	}{
		"the reply is lost": {answering(502, "", true), mail.Unknown, false, 1},
		"SES fails before it takes": {answering(500, "InternalServiceErrorException", false), mail.Unknown, false,
			0},
		"refused":               {answering(400, "MessageRejected", false), mail.Refused, false, 0},
		"the account is paused": {answering(400, "SendingPausedException", false), mail.Released, true, 1},
		"throttled":             {answering(429, "TooManyRequestsException", false), mail.Released, true, 1},
		"not allowed":           {answering(403, "AccessDeniedException", false), mail.Released, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := openMailroom(t)
			student, _, e := m.registered("ann@example.edu", "X")
			m.before = c.before
			if back := m.deliver(e); back != c.back {
				t.Errorf("the message comes back: %v", back)
			}
			record := m.record(e, mail.OfStudent(student.ID), mail.RegistrationMade)
			if record.State != c.state || record.Reason == "" || strings.Contains(record.Reason, "@") {
				t.Errorf("record: %+v", record)
			}
			m.before = nil
			if m.deliver(e) {
				t.Errorf("delivered again: the message comes back: %s", m.log.String())
			}
			if n := len(m.engine.Sent()); n != c.again {
				t.Errorf("%d mails, want %d", n, c.again)
			}
			if log := m.log.String(); strings.Contains(log, "ann@") {
				t.Errorf("the log has the address: %s", log)
			}
		})
	}
}

// A claim that is not over hides the message until it is; then it is an operator's.
func TestAClaimIsWaitedFor(t *testing.T) {
	m := openMailroom(t)
	student, section, e := m.registered("ann@example.edu", "X")
	claimed := mail.Of(e.ID, mail.OfStudent(student.ID), mail.RegistrationMade)
	claimed.Section, claimed.State, claimed.Claims = section.ID, mail.Claimed, 1
	claimed.ClaimEnds, claimed.Stamp = m.Now().Add(time.Minute), claimed.Next(m.Now())
	if err := m.store.SaveMail(t.Context(), claimed); err != nil {
		t.Fatal(err)
	}
	if !m.deliver(e) || m.hidden[string(e.ID)] != time.Minute || len(m.dead) != 0 {
		t.Errorf("hidden for %v; dead %v", m.hidden, m.dead)
	}
	m.set(m.Now().Add(time.Minute))
	if m.deliver(e) || len(m.engine.Sent()) != 0 {
		t.Errorf("a claim that ended without a word: %d mails", len(m.engine.Sent()))
	}
	if record := m.record(e, claimed.Recipient, claimed.Kind); record.State != mail.Unknown {
		t.Errorf("record: %+v", record)
	}
	if !strings.Contains(m.log.String(), "level=ERROR") {
		t.Errorf("nobody is told: %s", m.log.String())
	}
	operator := registrar.Actor{Principal: "operator"}
	resolved, event, err := mail.DecideResolution(m.record(e, claimed.Recipient, claimed.Kind),
		mail.ResolveSendAgain, operator, m.clock(), m.NewID)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.store.ResolveMail(t.Context(), resolved, event, registrar.Answer{}); err != nil {
		t.Fatal(err)
	}
	m.set(m.Now().Add(1000 * time.Hour)) // an operator may take time
	event.At = m.clock()
	for range 3 {
		if m.deliver(event) || m.deliver(e) {
			t.Errorf("after the resolution: %s", m.log.String())
		}
	}
	if n := len(m.engine.Sent()); n != 1 {
		t.Errorf("%d mails after one was to be sent again", n)
	}
}

func TestMailThatIsNotSent(t *testing.T) {
	m := openMailroom(t)
	_, _, nowhere := m.registered("", "X")
	if m.deliver(nowhere) {
		t.Error("a student without an address: the message comes back")
	}
	student, _, e := m.registered("bob@example.edu", "X")
	p, err := m.store.MailPreferences(t.Context(), mail.OfStudent(student.ID))
	if err != nil {
		t.Fatal(err)
	}
	p = p.With(mail.RegistrationMade, false)
	p.Stamp = p.Next(m.Now())
	if err := m.store.SaveMailPreferences(t.Context(), p, mail.PreferencesEvent(p, registrar.Anonymous(),
		m.NewID)); err != nil {
		t.Fatal(err)
	}
	if m.deliver(e) || m.record(e, p.Recipient, mail.RegistrationMade).Reason != "preferences" {
		t.Error("a mail that is not wanted")
	}
	_, _, old := m.registered("cid@example.edu", "X")
	m.set(m.Now().Add(31 * 24 * time.Hour))
	if m.deliver(old) {
		t.Error("old news: the message comes back")
	}
	if n := len(m.engine.Sent()); n != 0 {
		t.Errorf("%d mails", n)
	}
}

func TestABounceStopsFurtherMail(t *testing.T) {
	for _, address := range []string{"bounce+a@simulator.amazonses.com", "complaint+a@simulator.amazonses.com"} {
		m := openMailroom(t)
		student, section, e := m.registered(address, "X")
		if m.deliver(e) || len(m.engine.Sent()) != 1 {
			t.Errorf("the first mail: %d", len(m.engine.Sent()))
		}
		if _, err := m.Drop(section.ID, student.ID); err != nil {
			t.Fatal(err)
		}
		dropped := m.told(registrar.EventFilter{Student: student.ID}, registrar.RegistrationDropped)
		reason, _, _ := strings.Cut(address, "+")
		if m.deliver(dropped) || len(m.engine.Sent()) != 1 || m.record(dropped, mail.OfStudent(student.ID),
			mail.RegistrationDropped).Reason != reason {
			t.Errorf("after feedback: %d mails", len(m.engine.Sent()))
		}
	}
}

func TestAHostileTitle(t *testing.T) {
	m := openMailroom(t)
	_, _, e := m.registered("ann@example.edu", "<script>alert(1)</script>\nBcc: all@example.edu\n{{.Unsubscribe}}")
	if m.deliver(e) {
		t.Fatalf("the message came back: %s", m.log.String())
	}
	got := m.engine.Sent()[0]
	if strings.Contains(got.HTML, "<script") || !strings.Contains(got.HTML, "&lt;script&gt;") ||
		strings.Contains(got.Text, "\nBcc:") || strings.ContainsAny(got.Subject, "\r\n") || len(got.To) != 1 {
		t.Errorf("mail: %+v", got)
	}
}

func TestEventsThatCannotBeTold(t *testing.T) {
	m := openMailroom(t)
	student, _, good := m.registered("ann@example.edu", "X")
	without := good
	without.ID, without.Facts = "without", registrar.Facts{}
	nobody := good
	nobody.ID, nobody.Student = "nobody", "none"
	nothing := good
	nothing.ID, nothing.Record.ID = "nothing", "none"
	unresolved := registrar.Event{
		ID: "unresolved", Type: registrar.MailResolved, Schema: 1, At: m.Now(), Record: registrar.Record{
			Kind: registrar.KindMail, ID: "none"}, Facts: registrar.Facts{"as": "send-again"},
	}
	undecided := unresolved
	undecided.ID, undecided.Facts = "undecided", registrar.Facts{"as": "perhaps"}
	noImport := registrar.Event{
		ID: "import", Type: registrar.ImportEnded, Schema: 1, At: m.Now(), Record: registrar.Record{
			Kind: registrar.KindImport, ID: "none"},
		Facts: registrar.Facts{"kind": "sections", "state": "FINISHED"},
	}
	for _, e := range []registrar.Event{without, nobody, nothing, unresolved, undecided, noImport} {
		if m.deliver(e) || m.dead[string(e.ID)] == "" {
			t.Errorf("event %s: not dead at once: %s", e.ID, m.log.String())
		}
	}
	if len(m.engine.Sent()) != 0 {
		t.Errorf("mails: %+v", m.engine.Sent())
	}
	if _, err := m.store.Mail(t.Context(), mail.Of("nothing", mail.OfStudent(student.ID),
		mail.RegistrationMade).ID, registrar.IdempotencyKey{}); !registrar.IsRefusal(err, registrar.NotFound) {
		t.Errorf("a mail that cannot be written was claimed: %v", err)
	}
}
