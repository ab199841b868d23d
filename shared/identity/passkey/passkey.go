// Package passkey registers passkeys and signs in with them (WebAuthn Level 3). It is the only package that knows the
// WebAuthn library, and belongs into the functions of passkeys alone.
//
// A passkey is always one that the client can find by itself (a discoverable credential), so that nobody types a name,
// and always one that verifies its user, so that it counts as two factors (NIST SP 800-63B-4 section 3.1.7).
// Attestation is not asked for: what make of device somebody has is none of a university's business.
//
// Each ceremony has two halves. What the first half keeps ([Ceremony]) is handed to the second, once: the caller keeps
// it as a one-time token. Start with [Relying.Register].
package passkey

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"example.com/registrar/shared/identity"
	"example.com/registrar/shared/registrar"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Passkey is one registered passkey.
type Passkey struct {
	ID        string // the credential's id, in base64url
	Account   identity.AccountID
	Name      string // what its owner calls it
	CreatedAt time.Time
	UsedAt    time.Time // zero: never
	Synced    bool      // it may be on several devices (backup eligible)
	Counter   uint32    // of its signatures; 0 for passkeys that do not count, as all synced ones
	// Key is the public key with what else the library keeps of the credential, as JSON.
	Key []byte
}

// Ceremony is what the second half of a ceremony needs of the first. It is no secret, but it must be used once.
type Ceremony string

// Options are for the browser: navigator.credentials.create or .get takes them as JSON.
type Options json.RawMessage

// Failures. Which check failed stands in the text, for a log; it has nothing of the credential.
var (
	// ErrInvalid tells that the browser's answer is not good: another origin, another challenge, a wrong signature, a user
	// who was not verified.
	ErrInvalid = errors.New("the passkey's answer is not valid")
	// ErrCloned is an [ErrInvalid] of a passkey whose counter went back: it may have a copy.
	ErrCloned = fmt.Errorf("%w: its counter went back", ErrInvalid)
)

// Relying is the relying party of WebAuthn: this service, under the domain that people see.
type Relying struct{ library *webauthn.WebAuthn }

// NewRelying makes a relying party. The id is a domain such as "registrar.example.edu"; the origins are those of the
// pages that may use it, such as "https://registrar.example.edu".
func NewRelying(id, name string, origins []string) (*Relying, error) {
	library, err := webauthn.New(&webauthn.Config{RPID: id, RPDisplayName: name, RPOrigins: origins})
	if err != nil {
		return nil, fmt.Errorf("the relying party of passkeys: %w", err)
	}
	return &Relying{library}, nil
}

// Register begins a registration: options for a new passkey of the account, on a device that has none of those it has.
func (r *Relying) Register(a identity.Account, has []Passkey) (Options, Ceremony, error) {
	owner, err := newOwner(a, has)
	if err != nil {
		return nil, "", err
	}
	options, session, err := r.library.BeginRegistration(owner,
		webauthn.WithExclusions(webauthn.Credentials(owner.credentials).CredentialDescriptors()),
		webauthn.WithConveyancePreference(protocol.PreferNoAttestation),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		}))
	if err != nil {
		return nil, "", fmt.Errorf("begin the registration of a passkey: %w", err)
	}
	return begun(options, session)
}

// Registered ends a registration: the passkey of the browser's answer, or [ErrInvalid].
func (r *Relying) Registered(
	a identity.Account, has []Passkey, ceremony Ceremony, answer []byte, name string, now time.Time,
) (Passkey, error) {
	owner, err := newOwner(a, has)
	if err != nil {
		return Passkey{}, err
	}
	session, err := ceremony.session()
	if err != nil {
		return Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Passkey{}, invalid(err)
	}
	credential, err := r.library.CreateCredential(owner, session, parsed)
	if err != nil {
		return Passkey{}, invalid(err)
	}
	if !credential.Flags.UserVerified {
		return Passkey{}, fmt.Errorf("%w: the user was not verified", ErrInvalid)
	}
	p := Passkey{Account: a.ID, Name: name, CreatedAt: now}
	return p.with(credential)
}

// SignIn begins a sign-in of whoever has a passkey.
func (r *Relying) SignIn() (Options, Ceremony, error) {
	options, session, err := r.library.BeginDiscoverableLogin(
		webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, "", fmt.Errorf("begin a sign-in with a passkey: %w", err)
	}
	return begun(options, session)
}

// Holder is who has a passkey.
type Holder struct {
	Account identity.Account
	Has     []Passkey
}

// SignedIn ends a sign-in: whose passkey the browser's answer is from, and that passkey as it is to be kept; or
// [ErrInvalid], of which [ErrCloned] is a kind. Find gives the account with that id and its passkeys.
func (r *Relying) SignedIn(
	ceremony Ceremony, answer []byte, now time.Time, find func(identity.AccountID) (Holder, error),
) (identity.Account, Passkey, error) {
	session, err := ceremony.session()
	if err != nil {
		return identity.Account{}, Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return identity.Account{}, Passkey{}, invalid(err)
	}
	var holder Holder
	var failed error
	_, credential, err := r.library.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		if holder, failed = find(identity.AccountID(handle)); failed != nil {
			return nil, failed
		}
		return newOwner(holder.Account, holder.Has)
	}, session, parsed)
	switch {
	case failed != nil:
		return identity.Account{}, Passkey{}, failed
	case err != nil:
		return identity.Account{}, Passkey{}, invalid(err)
	case !credential.Flags.UserVerified:
		return identity.Account{}, Passkey{}, fmt.Errorf("%w: the user was not verified", ErrInvalid)
	}
	used := Passkey{}
	for _, p := range holder.Has {
		if p.ID == base64.RawURLEncoding.EncodeToString(credential.ID) {
			used = p
		}
	}
	if credential.Authenticator.CloneWarning {
		return holder.Account, used, ErrCloned
	}
	used.UsedAt = now
	used, err = used.with(credential)
	return holder.Account, used, err
}

// owner is an account as the library sees one.
type owner struct {
	account     identity.Account
	credentials []webauthn.Credential
}

func newOwner(a identity.Account, has []Passkey) (owner, error) {
	o := owner{account: a, credentials: make([]webauthn.Credential, len(has))}
	for i, p := range has {
		if err := json.Unmarshal(p.Key, &o.credentials[i]); err != nil {
			return owner{}, fmt.Errorf("read a passkey of account %s: %w", a.ID, err)
		}
	}
	return o, nil
}

// WebAuthnID is the user handle: the account's id, which says nothing of its owner.
func (o owner) WebAuthnID() []byte { return []byte(o.account.ID) }

// WebAuthnName is what the browser shows beside the passkey.
func (o owner) WebAuthnName() string { return string(o.account.Email) }

// WebAuthnDisplayName is the same.
func (o owner) WebAuthnDisplayName() string { return string(o.account.Email) }

// WebAuthnCredentials are the account's passkeys.
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.credentials }

func begun(options any, session *webauthn.SessionData) (Options, Ceremony, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, "", fmt.Errorf("write the options of a passkey: %w", err)
	}
	kept, err := json.Marshal(session)
	if err != nil {
		return nil, "", fmt.Errorf("write what a passkey's ceremony keeps: %w", err)
	}
	return Options(text), Ceremony(kept), nil
}

func (c Ceremony) session() (webauthn.SessionData, error) {
	var s webauthn.SessionData
	if err := json.Unmarshal([]byte(c), &s); err != nil {
		return s, fmt.Errorf("read what a passkey's ceremony keeps: %w", err)
	}
	return s, nil
}

func (p Passkey) with(c *webauthn.Credential) (Passkey, error) {
	key, err := json.Marshal(c)
	if err != nil {
		return Passkey{}, fmt.Errorf("write a passkey: %w", err)
	}
	p.ID, p.Key = base64.RawURLEncoding.EncodeToString(c.ID), key
	p.Synced, p.Counter = c.Flags.BackupEligible, c.Authenticator.SignCount
	return p, nil
}

// invalid is [ErrInvalid] with the kind of the library's error, whose details may quote the answer.
func invalid(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%w: %s", ErrInvalid, e.Type)
	}
	return ErrInvalid
}

// NameFault says what is wrong with a passkey's name; empty when it is right.
func NameFault(name string) string {
	const most = 60
	if name == "" || len([]rune(name)) > most || !registrar.Visible(name) {
		return "must be a name of 1 to 60 characters"
	}
	return ""
}
