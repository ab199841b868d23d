package identity

import "time"

// Purpose is what a one-time token is for.
type Purpose string

// The purposes, and how long a token of each is valid.
const (
	PurposeInvite      Purpose = "invite"       // to set the first password of an account that the office made
	PurposeVerifyEmail Purpose = "verify-email" // to show that an address is one's own, after sign-up
	PurposeReset       Purpose = "reset"        // to set a new password
	PurposeSecondStep  Purpose = "second-step"  // to give the second factor after the password
	PurposePasskey     Purpose = "passkey"      // a challenge of WebAuthn
	PurposeProvider    Purpose = "provider"     // the state of a sign-in with another provider
)

// Lifetime is how long a token for the purpose is valid.
func (p Purpose) Lifetime() time.Duration {
	switch p {
	case PurposeInvite:
		return 7 * 24 * time.Hour
	case PurposeVerifyEmail:
		return 24 * time.Hour
	case PurposeReset:
		return 30 * time.Minute
	case PurposeSecondStep, PurposePasskey, PurposeProvider:
		return 10 * time.Minute
	}
	return 0
}

// OneTime is what is stored of a one-time token.
type OneTime struct {
	Hash      Hash
	Purpose   Purpose
	Account   AccountID // empty while it is not known
	ExpiresAt time.Time
	// Password is the version of the account's password when the token was made: a change makes it worthless.
	Password int64
	Attempts int // of a second step: wrong codes so far
	// what the purpose needs to keep, for example a provider's nonce; nothing secret in the clear
	Data map[string]string
}

// NewOneTime is the record of a token.
func NewOneTime(hash Hash, purpose Purpose, account Account, now time.Time) OneTime {
	return OneTime{Hash: hash, Purpose: purpose, Account: account.ID, ExpiresAt: now.Add(purpose.Lifetime()),
		Password: account.PasswordVersion}
}

// MostAttempts is how many wrong codes one second step may bring.
const MostAttempts = 5

// Use judges a token that was found by its hash; the zero value is one that was not found. It is [ErrSpent], or nil;
// the caller then removes it, on condition that it is still there.
func (o OneTime) Use(purpose Purpose, account Account, now time.Time) error {
	if o.Hash == "" || o.Purpose != purpose || !now.Before(o.ExpiresAt) || o.Attempts >= MostAttempts ||
		o.Account != account.ID || o.Password != account.PasswordVersion || account.Disabled {
		return ErrSpent
	}
	return nil
}
