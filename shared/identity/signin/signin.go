// Package signin is how people sign in, step by step: what is checked in which order, what counts against which limit,
// what is written, and what of it may be told. It knows neither AWS nor HTTP; the store, the hash of passwords and the
// signer of tokens are handed in.
//
// Whether an account exists is told by nothing here: an unknown address takes the same steps, in the same time, to the
// same answer as a wrong password. Start with [Desk.Password].
package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/registrar/shared/identity"
	"example.com/registrar/shared/registrar"
)

// Store is what signing in needs of the store. An account, a session or a token that is not there is the zero value.
type Store interface {
	AccountByEmail(ctx context.Context, email registrar.Personal) (identity.Account, error)
	Account(ctx context.Context, id identity.AccountID) (identity.Account, error)
	// SaveAccount replaces what was read as before, or returns [registrar.ErrVersionMismatch].
	SaveAccount(ctx context.Context, before, after identity.Account) error

	Session(ctx context.Context, account identity.AccountID, id identity.SessionID) (identity.Session, error)
	// BeginSession stores a new session, and ends the oldest of too many. It is [registrar.ErrVersionMismatch] when the
	// account's rights are no longer those that the session has.
	BeginSession(ctx context.Context, s identity.Session) error
	// SaveSession writes a session over the version before, or returns [registrar.ErrVersionMismatch].
	SaveSession(ctx context.Context, s identity.Session) error

	OneTime(ctx context.Context, hash identity.Hash) (identity.OneTime, error)
	KeepOneTime(ctx context.Context, o identity.OneTime) error
	// SpendOneTime uses a token up, or returns [identity.ErrSpent]: somebody else was quicker.
	SpendOneTime(ctx context.Context, hash identity.Hash) error
	// CountAttempt counts a wrong code against a token.
	CountAttempt(ctx context.Context, hash identity.Hash) error

	// Taken is what is kept of a limit; see [identity.Limit.Take].
	Taken(ctx context.Context, keys []string) (map[string]time.Time, error)
	// Take counts one more against a limit.
	Take(ctx context.Context, key string, limit identity.Limit) error
}

// Passwords hash and compare passwords (package password).
type Passwords interface {
	// Check compares in a time that does not depend on whether there is a hash.
	Check(ctx context.Context, hash, password registrar.Secret) (right, rehash bool, err error)
	Hash(ctx context.Context, password registrar.Secret) (registrar.Secret, error)
}

// Tokens sign access tokens (package token).
type Tokens interface {
	Sign(who identity.Principal, methods []identity.Method, id string, now time.Time, lasts time.Duration) (
		registrar.Secret, error)
}

// Desk signs people in.
type Desk struct {
	Store     Store
	Passwords Passwords
	Tokens    Tokens
	Limits    identity.Limits
	Clock     registrar.Clock
	NewID     registrar.IDs
	Random    identity.Random
	Report    Reporter
}

// Reporter keeps security events for the audit. It may wait, and it does not fail: what cannot be kept is logged.
type Reporter interface {
	Report(ctx context.Context, e Event)
}

// Event is something that happened to an account's security.
type Event struct {
	Kind    EventKind
	Account identity.AccountID // empty: of no account that exists
	Session identity.SessionID
	Method  identity.Method
	From    Device
}

// EventKind is a kind of [Event].
type EventKind string

// The kinds.
const (
	SignedIn        EventKind = "signed-in"
	SignInFailed    EventKind = "sign-in-failed"
	SignInThrottled EventKind = "sign-in-throttled"
	TokenReused     EventKind = "refresh-token-reused" // its session was revoked
	SignedOut       EventKind = "signed-out"
)

// Device is where a request comes from.
type Device struct {
	Address registrar.Personal // the client's IP address
	Name    string             // what the client calls itself, shortened
	Known   registrar.Secret   // the token of [Grant.Known], if the client has kept one
}

// Grant is what a client gets when somebody has signed in.
type Grant struct {
	Access    registrar.Secret
	ExpiresIn time.Duration
	Refresh   registrar.Secret
	// Known is for the client to keep beyond the session: a device that has it is not stopped by a stranger's mistakes.
	// Empty when the client has one.
	Known   registrar.Secret
	Session identity.Session
	Account identity.Account
}

// Step is the outcome of a first factor: a grant, or a token for the second step.
type Step struct {
	Grant  *Grant
	Second registrar.Secret
	// Methods that the second step may use.
	Methods []identity.Method
	Expires time.Time
}

// ErrRefused tells that somebody could not sign in. It does not say why, to them or to anybody.
var ErrRefused = errors.New("the sign-in is refused")

// ThrottledError tells that there were too many failures lately.
type ThrottledError struct{ Wait time.Duration }

// Error gives the wait.
func (e *ThrottledError) Error() string { return fmt.Sprintf("too many failures: wait for %v", e.Wait) }

// ErrCannotSignIn tells that the account's owner is known, but has no second factor, which their role needs: they have
// to register one by the link of their invitation, or ask the office for another.
var ErrCannotSignIn = errors.New("the account needs a second factor, and has none")

// Password is the first factor of most: an e-mail address and a password.
func (d Desk) Password(ctx context.Context, email registrar.Personal, password registrar.Secret, from Device) (Step,
	error) {
	account, err := d.Store.AccountByEmail(ctx, email)
	if err != nil {
		return Step{}, fmt.Errorf("find an account: %w", err)
	}
	keys := d.keys(email, account, from)
	if err := d.admitted(ctx, keys, d.Clock()); err != nil {
		d.report(ctx, SignInThrottled, account, from)
		return Step{}, err
	}
	right, rehash, err := d.Passwords.Check(ctx, account.PasswordHash, password)
	if err != nil {
		return Step{}, fmt.Errorf("check a password: %w", err)
	}
	if !right || account.Disabled || !account.EmailVerified {
		return Step{}, d.failed(ctx, keys, account, from)
	}
	if rehash {
		d.renewHash(ctx, account, password)
	}
	return d.first(ctx, account, []identity.Method{identity.MethodPassword}, from)
}

// first goes on after a first factor was right.
func (d Desk) first(
	ctx context.Context, account identity.Account, methods []identity.Method, from Device,
) (Step, error) {
	if !account.NeedsSecondFactor(methods) {
		grant, err := d.begin(ctx, account, methods, from)
		return Step{Grant: grant}, err
	}
	var may []identity.Method
	if account.TOTP.Confirmed {
		may = append(may, identity.MethodOTP)
	}
	if len(account.Recovery) > 0 {
		may = append(may, identity.MethodRecovery)
	}
	if len(may) == 0 {
		return Step{}, ErrCannotSignIn
	}
	token := identity.NewToken(d.Random)
	o := identity.NewOneTime(identity.HashOf(token), identity.PurposeSecondStep, account, d.Clock())
	if err := d.Store.KeepOneTime(ctx, o); err != nil {
		return Step{}, fmt.Errorf("keep a second step: %w", err)
	}
	return Step{Second: token, Methods: may, Expires: o.ExpiresAt}, nil
}

// Second is the second step: a code of the TOTP device, or a recovery code.
func (d Desk) Second(ctx context.Context, token registrar.Secret, method identity.Method, code registrar.Secret,
	from Device) (*Grant, error) {
	now := d.Clock()
	hash := identity.HashOf(token)
	o, err := d.Store.OneTime(ctx, hash)
	if err != nil {
		return nil, fmt.Errorf("read a second step: %w", err)
	}
	if o.Hash == "" {
		return nil, ErrRefused
	}
	account, err := d.Store.Account(ctx, o.Account)
	if err != nil {
		return nil, fmt.Errorf("read an account: %w", err)
	}
	if err := o.Use(identity.PurposeSecondStep, account, now); err != nil {
		return nil, ErrRefused
	}
	after, err := factor(account, method, code, now)
	if err != nil {
		// Counted before it is told, so that two at once do not count as one.
		if err := d.Store.CountAttempt(ctx, hash); err != nil {
			return nil, fmt.Errorf("count a wrong code: %w", err)
		}
		return nil, d.failed(ctx, d.keys(account.Email, account, from), account, from)
	}
	after.Stamp = after.Stamp.Next(now)
	// The code is used up first: of two requests with it, one wins.
	switch err := d.Store.SaveAccount(ctx, account, after); {
	case errors.Is(err, registrar.ErrVersionMismatch):
		return nil, ErrRefused
	case err != nil:
		return nil, fmt.Errorf("use up a code: %w", err)
	}
	switch err := d.Store.SpendOneTime(ctx, hash); {
	case errors.Is(err, identity.ErrSpent):
		return nil, ErrRefused
	case err != nil:
		return nil, fmt.Errorf("use up a second step: %w", err)
	}
	return d.begin(ctx, after, []identity.Method{identity.MethodPassword, method, identity.MethodMulti}, from)
}

// factor uses a code of a second factor.
func factor(
	a identity.Account, method identity.Method, code registrar.Secret, now time.Time,
) (identity.Account, error) {
	var err error
	switch {
	case method == identity.MethodOTP && a.TOTP.Confirmed:
		a.TOTP, err = a.TOTP.Use(code.Reveal(), now)
	case method == identity.MethodRecovery:
		a.Recovery, err = identity.UseRecoveryCode(a.Recovery, code)
	default:
		err = identity.ErrWrongCode
	}
	return a, err
}

// begin begins a session.
func (d Desk) begin(ctx context.Context, a identity.Account, methods []identity.Method, from Device) (*Grant, error) {
	now := registrar.Instant(d.Clock())
	refresh := identity.NewToken(d.Random)
	s := identity.Session{
		ID: identity.NewSessionID(d.Random), Account: a.ID, CreatedAt: now, AuthenticatedAt: now, UsedAt: now,
		Methods: methods, Device: from.Name, Address: from.Address, Staff: a.Staff(), Rights: a.Rights,
		Current: identity.HashOf(refresh), Version: 1,
	}
	switch err := d.Store.BeginSession(ctx, s); {
	case errors.Is(err, registrar.ErrVersionMismatch): // disabled, or of other roles, since its password was checked
		return nil, ErrRefused
	case err != nil:
		return nil, fmt.Errorf("begin a session: %w", err)
	}
	d.Report.Report(ctx, Event{Kind: SignedIn, Account: a.ID, Session: s.ID, Method: methods[0], From: from})
	grant, err := d.grant(a, s, refresh, now)
	if err == nil && !a.Knows(from.Known) {
		grant.Known = d.remember(ctx, a)
	}
	return grant, err
}

// remember makes the token of a device. It is no reason to refuse anybody when it cannot be kept.
func (d Desk) remember(ctx context.Context, a identity.Account) registrar.Secret {
	token := identity.NewToken(d.Random)
	after := a.WithDevice(identity.HashOf(token))
	after.Stamp = a.Stamp.Next(d.Clock())
	if d.Store.SaveAccount(ctx, a, after) != nil {
		return registrar.Secret{}
	}
	return token
}

func (d Desk) grant(a identity.Account, s identity.Session, refresh registrar.Secret, now time.Time) (*Grant, error) {
	access, err := d.Tokens.Sign(a.Principal(s), s.Methods, d.NewID(), now, identity.AccessTokenFor)
	if err != nil {
		return nil, fmt.Errorf("make an access token: %w", err)
	}
	return &Grant{Access: access, ExpiresIn: identity.AccessTokenFor, Session: s, Account: a,
		Refresh: registrar.NewSecret(string(a.ID) + "." + string(s.ID) + "." + refresh.Reveal())}, nil
}
