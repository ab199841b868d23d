package mail_test

import (
	"slices"
	"testing"
	"time"

	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
	"github.com/google/uuid"
)

func TestRecipient(t *testing.T) {
	student, address := mail.OfStudent("s"), mail.OfAddress(" Ann@Example.edu")
	if id, ok := student.Student(); id != "s" || !ok {
		t.Errorf("a student: %s, %t", id, ok)
	}
	if hash, ok := student.Address(); hash != "" || ok {
		t.Errorf("a student's address: %s, %t", hash, ok)
	}
	if id, ok := address.Student(); id != "" || ok {
		t.Errorf("an address as a student: %s, %t", id, ok)
	}
	if hash, ok := address.Address(); hash != mail.HashAddress("ann@example.EDU") || !ok || len(hash) != 64 {
		t.Errorf("an address: %s, %t", hash, ok)
	}
}

func TestPreferences(t *testing.T) {
	p := mail.Preferences{}
	for _, kind := range mail.Kinds() {
		if !p.Wants(kind) {
			t.Errorf("somebody who never chose does not want %s", kind)
		}
	}
	off := p.With(mail.ImportFinished, false).With(mail.RegistrationMade, false).With(mail.ImportFinished, false)
	if !slices.Equal(off.Off, []mail.Kind{mail.RegistrationMade, mail.ImportFinished}) ||
		!p.SameFacts(mail.Preferences{}) ||
		off.SameFacts(p) || !off.With(mail.RegistrationMade, true).With(mail.ImportFinished, true).SameFacts(p) {
		t.Errorf("off: %v", off.Off)
	}
	if err := off.Validate(); err != nil {
		t.Error(err)
	}
	for _, wrong := range [][]mail.Kind{{"post"}, {mail.RegistrationMade, mail.RegistrationMade}} {
		if (mail.Preferences{Off: wrong}).Validate() == nil {
			t.Errorf("%v is valid", wrong)
		}
	}
}

// The id of a mail is derived, so that whoever handles the event again finds its record.
func TestMail(t *testing.T) {
	m := mail.Of("e", mail.OfStudent("s"), mail.RegistrationMade)
	if id, err := uuid.Parse(string(m.ID)); err != nil || id.Version() != 8 || id.Variant() != uuid.RFC4122 {
		t.Errorf("id %s: %v", m.ID, err)
	}
	seen := map[mail.ID]bool{m.ID: true}
	for _, other := range []mail.Mail{mail.Of("f", mail.OfStudent("s"), mail.RegistrationMade),
		mail.Of("e", mail.OfStudent("t"), mail.RegistrationMade), mail.Of("e", mail.OfStudent("s"),
			mail.RegistrationDropped)} {
		if seen[other.ID] {
			t.Errorf("%s twice", other.ID)
		}
		seen[other.ID] = true
	}
	if again := mail.Of("e", mail.OfStudent("s"), mail.RegistrationMade); again.ID != m.ID {
		t.Errorf("%s and %s of one event", m.ID, again.ID)
	}
	ends := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	m.State, m.ClaimEnds = mail.Claimed, ends
	if m.StateAt(ends.Add(-1)) != mail.Claimed || m.StateAt(ends) != mail.Unknown {
		t.Error("a claim is unknown from its end on")
	}
	if m.State = mail.Sent; m.StateAt(ends) != mail.Sent {
		t.Error("what was sent stays sent")
	}
}

func TestResolutionOfAnImportsMail(t *testing.T) {
	m := mail.Of("e", mail.OfAddress("ann@example.edu"), mail.ImportFinished)
	m.State = mail.Unknown
	_, event, err := mail.DecideResolution(m, mail.ResolveSent, registrar.Actor{Principal: "operator"},
		time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), func() string { return "r" })
	if err != nil || event.Student != "" {
		t.Errorf("an event of the student %q, %v", event.Student, err)
	}
	id, as, err := mail.ReadResolution(event)
	if id != m.ID || as != mail.ResolveSent || err != nil {
		t.Errorf("the event says %s of %s, %v", as, id, err)
	}
	event.Facts = registrar.Facts{"as": "lost"}
	if _, _, err := mail.ReadResolution(event); err == nil {
		t.Error("an event that does not say how was read")
	}
}
