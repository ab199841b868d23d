package signin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/registrar/shared/identity"
	"example.com/registrar/shared/registrar"
)

// Refresh uses a refresh token, for a new one and a new access token with the account's rights of now. It is
// [ErrRefused] when the token is not good; one that was used before ends its session.
func (d Desk) Refresh(ctx context.Context, token registrar.Secret, from Device) (*Grant, error) {
	const parts = 3 // the account's id, the session's, the secret
	part := strings.SplitN(token.Reveal(), ".", parts)
	if len(part) != parts || !wellFormed(part[0]) || !wellFormed(part[1]) {
		return nil, ErrRefused
	}
	presented := identity.HashOf(registrar.NewSecret(part[2]))
	const most = 4 // a page that opens four requests at once refreshes four times
	for range most {
		grant, err := d.refresh(ctx, identity.AccountID(part[0]), identity.SessionID(part[1]), presented, from)
		if !errors.Is(err, registrar.ErrVersionMismatch) {
			return grant, err
		}
	}
	return nil, fmt.Errorf("%w: the session is refreshed by many at once", registrar.ErrBusy)
}

func (d Desk) refresh(
	ctx context.Context, of identity.AccountID, id identity.SessionID, presented identity.Hash, from Device,
) (*Grant, error) {
	now := registrar.Instant(d.Clock())
	s, err := d.Store.Session(ctx, of, id)
	if err != nil {
		return nil, fmt.Errorf("read a session: %w", err)
	}
	next := identity.NewToken(d.Random)
	after, err := s.Refresh(presented, identity.HashOf(next), now)
	switch {
	case errors.Is(err, identity.ErrReused):
		if err := d.Store.SaveSession(ctx, s.Revoke(now)); err != nil {
			return nil, fmt.Errorf("end a session whose refresh token was used twice: %w", err)
		}
		d.Report.Report(ctx, Event{Kind: TokenReused, Account: s.Account, Session: s.ID, From: from})
		return nil, ErrRefused
	case err != nil:
		return nil, ErrRefused
	}
	account, err := d.Store.Account(ctx, s.Account)
	if err != nil {
		return nil, fmt.Errorf("read an account: %w", err)
	}
	if account.ID == "" || account.Disabled {
		return nil, ErrRefused
	}
	// A role of staff that came since shortens the session, and asks for two factors.
	if account.Staff() && !identity.TwoFactors(s.Methods) {
		return nil, ErrRefused
	}
	after.Staff, after.Rights = account.Staff(), account.Rights
	after.Device, after.Address = from.Name, from.Address
	if err := d.Store.SaveSession(ctx, after); err != nil {
		return nil, fmt.Errorf("refresh a session: %w", err)
	}
	return d.grant(account, after, next, now)
}

// SignOut ends a session.
func (d Desk) SignOut(ctx context.Context, who identity.Principal, from Device) error {
	s, err := d.Store.Session(ctx, identity.AccountID(who.ID), who.Session)
	if err != nil {
		return fmt.Errorf("read a session: %w", err)
	}
	if string(s.Account) != who.ID || !s.RevokedAt.IsZero() {
		return nil // it has ended
	}
	err = d.Store.SaveSession(ctx, s.Revoke(registrar.Instant(d.Clock())))
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	d.Report.Report(ctx, Event{Kind: SignedOut, Account: s.Account, Session: s.ID, From: from})
	return nil
}

// wellFormed reports whether a part of a token can be an id, which stands in the table's keys.
func wellFormed(id string) bool {
	const longest = 64
	return id != "" && len(id) <= longest && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && r != '-'
	})
}
