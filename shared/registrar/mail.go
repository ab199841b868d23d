package registrar

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// MailKind is what a mail is about, and what a person may switch off.
type MailKind string

// The kinds of mail.
const (
	MailRegistrationMade    MailKind = "registration-made"
	MailRegistrationDropped MailKind = "registration-dropped"
	MailImportFinished      MailKind = "import-finished" // or failed
)

// MailKinds are all kinds, in the order in which they are shown.
func MailKinds() []MailKind {
	return []MailKind{MailRegistrationMade, MailRegistrationDropped, MailImportFinished}
}

// Recipient is whom a mail is for, as keys and tokens say it: "student:" and an id, or "address:" and an [AddressHash]
// for a person of whom there is no record.
type Recipient string

// OfStudent is the student as a recipient.
func OfStudent(id StudentID) Recipient { return Recipient(recipientStudent + string(id)) }

// OfAddress is whoever reads the mail of an address.
func OfAddress(address string) Recipient {
	return Recipient(recipientAddress + string(HashAddress(address)))
}

const (
	recipientStudent = "student:"
	recipientAddress = "address:"
)

// Student is the student's id, if it is one.
func (r Recipient) Student() (StudentID, bool) {
	id, ok := strings.CutPrefix(string(r), recipientStudent)
	return StudentID(id), ok
}

// Address is the hash of the address, if that is all that is known of the recipient.
func (r Recipient) Address() (AddressHash, bool) {
	hash, ok := strings.CutPrefix(string(r), recipientAddress)
	return AddressHash(hash), ok
}

// AddressHash stands for an e-mail address in keys: the SHA-256 of the address, in small letters and in hexadecimal. It
// keeps addresses out of keys, logs and tokens; whoever guesses an address can compute it, so it is no secret.
type AddressHash string

// HashAddress makes the hash. The case of an address does not matter: RFC 5321 section 2.4 lets a mailbox's name depend
// on it, and no provider's does.
func HashAddress(address string) AddressHash {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(address))))
	return AddressHash(hex.EncodeToString(sum[:]))
}

// MailPreferences are what kinds of mail a person does not want. Who never said gets all: such preferences have version
// 1, and are not stored.
type MailPreferences struct {
	Recipient Recipient
	Off       []MailKind // each once
	Stamp
}

// Wants tells whether mail of the kind is to be sent.
func (p MailPreferences) Wants(kind MailKind) bool { return !slices.Contains(p.Off, kind) }

// With are the preferences with one kind switched on or off.
func (p MailPreferences) With(kind MailKind, on bool) MailPreferences {
	off := make([]MailKind, 0, len(p.Off)+1)
	for _, known := range MailKinds() {
		if known == kind && !on || known != kind && !p.Wants(known) {
			off = append(off, known)
		}
	}
	p.Off = off
	return p
}

// SameFacts reports whether both want the same mail.
func (p MailPreferences) SameFacts(o MailPreferences) bool {
	return !slices.ContainsFunc(MailKinds(), func(kind MailKind) bool { return p.Wants(kind) != o.Wants(kind) })
}

// Validate checks the form of preferences: [FieldErrors].
func (p MailPreferences) Validate() error {
	var fe FieldErrors
	for i, kind := range p.Off {
		if !slices.Contains(MailKinds(), kind) {
			fe.add(indexed("off", i), FieldFormat, "is no kind of mail")
		}
		if slices.Contains(p.Off[:i], kind) {
			fe.add(indexed("off", i), FieldDuplicate, "the kind is named twice")
		}
	}
	return fe.OrNil()
}

// ValidateAddress checks that a text is one e-mail address: [FieldErrors] that name the field.
func ValidateAddress(field, address string) error {
	var fe FieldErrors
	email(&fe, field, address)
	return fe.OrNil()
}

// Suppression says why an address gets no mail any more: its provider refused one for good, or its reader complained of
// one. To go on sending there would cost all mail its reputation (Amazon SES developer guide, "Understanding bounces").
type Suppression struct {
	Address  AddressHash
	Reason   SuppressionReason
	Feedback string // id of the provider's report
	At       time.Time
}

// SuppressionReason is why an address is suppressed.
type SuppressionReason string

// The reasons.
const (
	SuppressedForBounce    SuppressionReason = "bounce"
	SuppressedForComplaint SuppressionReason = "complaint"
)

// MailState is where the record of a mail stands.
type MailState string

// The states of a mail. A mail is CLAIMED before it is handed over; what becomes of it then is written down. A claim
// that was not settled in its time counts as UNKNOWN: whoever held it may have handed the mail over, or not.
const (
	MailClaimed    MailState = "CLAIMED"
	MailSent       MailState = "SENT"       // the provider took it
	MailRefused    MailState = "REFUSED"    // the provider said no, and would again
	MailUnknown    MailState = "UNKNOWN"    // nobody knows whether the provider took it: an operator decides
	MailSuppressed MailState = "SUPPRESSED" // it was not wanted, or its address is suppressed
	MailReleased   MailState = "RELEASED"   // for certain not sent, and may be claimed again
)

// MailID identifies the mail of one event, person and kind. It is derived: see [MailOf].
type MailID string

// Mail is the record of one mail: of one event, to one person, of one kind there is at most one.
type Mail struct {
	ID        MailID
	Event     EventID
	Kind      MailKind
	Recipient Recipient
	// What the mail tells of, so that it can be written again: the section of a registration, or the import.
	Section     SectionID
	Import      ImportID
	At          time.Time // when it happened
	Correlation string    // of the request that made it happen

	State     MailState
	Reason    string    // why it is refused, unknown, suppressed or released; never an address
	Message   string    // the provider's id of it, once it is sent
	Claims    int       // how often it was claimed
	ClaimEnds time.Time // of a claimed mail: from then on its outcome is unknown
	Stamp
}

// MailOf begins the record of the mail of an event, to a person, of a kind. The id is a UUID of version 8 (RFC 9562
// section 5.8), made of the SHA-256 of the three, so that whoever handles the event again finds the record.
func MailOf(event EventID, recipient Recipient, kind MailKind) Mail {
	sum := sha256.Sum256([]byte(string(event) + "\n" + string(recipient) + "\n" + string(kind)))
	id := sum[:16]
	const version8, variant = 0x80, 0x80
	id[6], id[8] = id[6]&0x0f|version8, id[8]&0x3f|variant
	text := hex.EncodeToString(id)
	return Mail{
		ID:    MailID(strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")),
		Event: event, Recipient: recipient, Kind: kind,
	}
}

// StateAt is where the mail stands at a time: a claim whose time is over is unknown.
func (m Mail) StateAt(t time.Time) MailState {
	if m.State == MailClaimed && !t.Before(m.ClaimEnds) {
		return MailUnknown
	}
	return m.State
}

// settled is the mail after its outcome.
func (m Mail) settled(state MailState, reason string, at time.Time) Mail {
	m.State, m.Reason, m.ClaimEnds, m.Stamp = state, reason, time.Time{}, m.Next(at)
	return m
}

// Letter is a mail as it is handed over: to one address, with two forms of one text.
type Letter struct {
	To          Personal
	Subject     string // one line
	Text, HTML  string
	Unsubscribe string // address that takes the one-click request of RFC 8058
	Mail        MailID
	Event       EventID
	Correlation string
}
