package signin

import (
	"context"
	"fmt"
	"time"

	"example.com/registrar/shared/identity"
	"example.com/registrar/shared/registrar"
)

// counted is one limit with the key under which it is kept.
type counted struct {
	key   string
	limit identity.Limit
}

// keys are the limits that a failure of this account from this device counts against. Their keys hold hashes alone, so
// that nobody's address stands in the table's keys. The limit of the account is not among those of a device that has
// signed in to it before: a stranger cannot lock its owner out.
func (d Desk) keys(email registrar.Personal, a identity.Account, from Device) []counted {
	account := short(string(identity.FoldEmail(email)))
	place := "from-" + short(string(from.Address))
	if a.Knows(from.Known) {
		return []counted{{"pair-" + account + "-" + short(from.Known.Reveal()), d.Limits.Pair}}
	}
	return []counted{
		{"pair-" + account + "-" + place, d.Limits.Pair},
		{"account-" + account, d.Limits.Account},
		{place, d.Limits.Address},
	}
}

// short is enough of a hash to tell keys apart.
func short(text string) string {
	const digits = 32
	return string(identity.HashOf(registrar.NewSecret(text)))[:digits]
}

// admitted is a [ThrottledError] when a limit is used up. It costs one batch read, and writes nothing.
func (d Desk) admitted(ctx context.Context, all []counted, now time.Time) error {
	keys := make([]string, len(all))
	for i, c := range all {
		keys[i] = c.key
	}
	taken, err := d.Store.Taken(ctx, keys)
	if err != nil {
		return fmt.Errorf("read the limits: %w", err)
	}
	var longest time.Duration
	for _, c := range all {
		if _, wait := c.limit.Take(taken[c.key], now); wait > longest {
			longest = wait
		}
	}
	if longest > 0 {
		return &ThrottledError{Wait: longest}
	}
	return nil
}

// failed counts a failure, and is [ErrRefused].
func (d Desk) failed(ctx context.Context, all []counted, account identity.Account, from Device) error {
	for _, c := range all {
		if err := d.Store.Take(ctx, c.key, c.limit); err != nil {
			return fmt.Errorf("count a failure: %w", err)
		}
	}
	d.report(ctx, SignInFailed, account, from)
	return ErrRefused
}

func (d Desk) report(ctx context.Context, kind EventKind, account identity.Account, from Device) {
	d.Report.Report(ctx, Event{Kind: kind, Account: account.ID, From: from})
}

// renewHash replaces a hash of weaker parameters. It is no reason to refuse anybody when that fails.
func (d Desk) renewHash(ctx context.Context, account identity.Account, password registrar.Secret) {
	hash, err := d.Passwords.Hash(ctx, password)
	if err != nil {
		return
	}
	after := account
	after.PasswordHash, after.Stamp = hash, account.Stamp.Next(d.Clock())
	_ = d.Store.SaveAccount(ctx, account, after) // the next sign-in tries again
}
