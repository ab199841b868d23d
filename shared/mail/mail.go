package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"example.com/registrar/shared/registrar"
)

// Kind is the kind of a mail. A person may switch a kind off.
type Kind string

// The kinds of mail.
const (
	RegistrationMade    Kind = "registration-made"
	RegistrationDropped Kind = "registration-dropped"
	ImportFinished      Kind = "import-finished" // or failed
)

// Kinds are all kinds, in the order in which they are shown.
func Kinds() []Kind {
	return []Kind{RegistrationMade, RegistrationDropped, ImportFinished}
}

// Recipient is the recipient of a mail in keys and tokens: "student:" and an id, or "address:" and an [AddressHash] for
// a person without a record.
type Recipient string

// OfStudent is the student as a recipient.
func OfStudent(id registrar.StudentID) Recipient { return Recipient(recipientStudent + string(id)) }

// OfAddress is the reader of an address as a recipient.
func OfAddress(address string) Recipient {
	return Recipient(recipientAddress + string(HashAddress(address)))
}

const (
	recipientStudent = "student:"
	recipientAddress = "address:"
)

// Student is the student's id; empty and false when it is an address.
func (r Recipient) Student() (registrar.StudentID, bool) {
	id, ok := strings.CutPrefix(string(r), recipientStudent)
	if !ok {
		return "", false
	}
	return registrar.StudentID(id), true
}

// Address is the hash of the address, if that is all that is known of the recipient; else empty and false.
func (r Recipient) Address() (AddressHash, bool) {
	hash, ok := strings.CutPrefix(string(r), recipientAddress)
	if !ok {
		return "", false
	}
	return AddressHash(hash), true
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

// Preferences are the kinds of mail that a person does not want. Somebody who never chose gets all mail: such
// preferences have version 1, and are not stored.
type Preferences struct {
	Recipient Recipient
	Off       []Kind // each once
	registrar.Stamp
}

// Wants reports whether mail of the kind is to be sent.
func (p Preferences) Wants(kind Kind) bool { return !slices.Contains(p.Off, kind) }

// With returns the preferences with one kind switched on or off.
func (p Preferences) With(kind Kind, on bool) Preferences {
	off := make([]Kind, 0, len(p.Off)+1)
	for _, known := range Kinds() {
		if known == kind && !on || known != kind && !p.Wants(known) {
			off = append(off, known)
		}
	}
	p.Off = off
	return p
}

// SameFacts reports whether both want the same mail.
func (p Preferences) SameFacts(o Preferences) bool {
	return !slices.ContainsFunc(Kinds(), func(kind Kind) bool { return p.Wants(kind) != o.Wants(kind) })
}

// Validate checks the form of preferences: [FieldErrors].
func (p Preferences) Validate() error {
	var fe registrar.FieldErrors
	for i, kind := range p.Off {
		if !slices.Contains(Kinds(), kind) {
			fe.Add(registrar.Indexed("off", i), registrar.FieldFormat, "is no kind of mail")
		}
		if slices.Contains(p.Off[:i], kind) {
			fe.Add(registrar.Indexed("off", i), registrar.FieldDuplicate, "the kind is named twice")
		}
	}
	return fe.OrNil()
}

// Suppression says why an address gets no more mail: its provider refused a mail for good, or its reader complained
// about one. Sending there again would harm the reputation of all mail (Amazon SES developer guide, "Understanding
// bounces").
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

// State is the state of a mail's record.
type State string

// The states of a mail. A mail is CLAIMED before it is handed over, and its outcome is written afterwards. A claim
// without an outcome at the end of its time counts as UNKNOWN: whoever held it may have handed the mail over, or not.
const (
	Claimed    State = "CLAIMED"
	Sent       State = "SENT"       // the provider took it
	Refused    State = "REFUSED"    // the provider said no, and would again
	Unknown    State = "UNKNOWN"    // nobody knows whether the provider took it: an operator decides
	Suppressed State = "SUPPRESSED" // it was not wanted, or its address is suppressed
	Released   State = "RELEASED"   // for certain not sent, and may be claimed again
)

// ID identifies the mail of one event, person and kind. It is derived: see [Of].
type ID string

// Mail is the record of one mail. There is at most one for each event, person and kind.
type Mail struct {
	ID        ID
	Event     registrar.EventID
	Kind      Kind
	Recipient Recipient
	// The subject of the mail, so that it can be written again: the section of a registration, or the import.
	Section     registrar.SectionID
	Import      registrar.ImportID
	At          time.Time // when it happened
	Correlation string    // of the request that made it happen

	State     State
	Reason    string    // why it is refused, unknown, suppressed or released; never an address
	Message   string    // the provider's id of it, once it is sent
	Claims    int       // how often it was claimed
	ClaimEnds time.Time // of a claimed mail: from then on its outcome is unknown
	registrar.Stamp
}

// Of is the new record of the mail of an event, to a person, of a kind. The id is a UUID of version 8 (RFC 9562 section
// 5.8), derived from the SHA-256 of the three. So whoever handles the event again finds the record.
func Of(event registrar.EventID, recipient Recipient, kind Kind) Mail {
	sum := sha256.Sum256([]byte(string(event) + "\n" + string(recipient) + "\n" + string(kind)))
	id := sum[:16]
	const version8, variant = 0x80, 0x80
	id[6], id[8] = id[6]&0x0f|version8, id[8]&0x3f|variant
	text := hex.EncodeToString(id)
	return Mail{
		ID:    ID(strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")),
		Event: event, Recipient: recipient, Kind: kind,
	}
}

// StateAt is the state of the mail at a time: a claim whose time is over is unknown.
func (m Mail) StateAt(t time.Time) State {
	if m.State == Claimed && !t.Before(m.ClaimEnds) {
		return Unknown
	}
	return m.State
}

// settled is the mail with its outcome.
func (m Mail) settled(state State, reason string, at time.Time) Mail {
	m.State, m.Reason, m.ClaimEnds, m.Stamp = state, reason, time.Time{}, m.Next(at)
	return m
}

// Letter is a mail that is ready to be handed over: to one address, with two forms of one text.
type Letter struct {
	To          registrar.Personal
	Subject     string // one line
	Text, HTML  string
	Unsubscribe string // address for the one-click request of RFC 8058
	Mail        ID
	Event       registrar.EventID
	Correlation string
}
