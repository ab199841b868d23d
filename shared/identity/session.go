package identity

import (
	"slices"
	"time"

	"example.com/registrar/shared/registrar"
)

// Method is a way in which somebody showed who they are, in the words of RFC 8176.
type Method string

// The methods.
const (
	MethodPassword Method = "pwd"
	MethodOTP      Method = "otp" // a TOTP code
	MethodRecovery Method = "kba" // a recovery code, which stands in for the second factor
	MethodPasskey  Method = "hwk" // a passkey with user verification, which counts as two factors
	MethodProvider Method = "fed" // another provider said so (OpenID Connect)
	MethodMulti    Method = "mfa" // added to two of the above, or to a passkey
)

// TwoFactors reports whether the methods are AAL2 of NIST SP 800-63B-4: a passkey with user verification, or a password
// with a second factor, or a provider that says so.
func TwoFactors(methods []Method) bool {
	has := func(m Method) bool { return slices.Contains(methods, m) }
	return has(MethodPasskey) || has(MethodMulti) || has(MethodPassword) && (has(MethodOTP) || has(MethodRecovery))
}

// Lifetimes of a session. For staff they are those of AAL2 (NIST SP 800-63B-4, section 2.2.3), for students of AAL1
// (section 2.1.3).
const (
	StaffSession   = 24 * time.Hour
	StaffIdle      = time.Hour
	StudentSession = 30 * 24 * time.Hour
	StudentIdle    = 7 * 24 * time.Hour
)

// AccessTokenFor is how long an access token is valid.
const AccessTokenFor = 15 * time.Minute

// LostReply is how long the refresh token before the current one still works, for a client whose reply was lost.
const LostReply = 10 * time.Second

// MostSessions is how many sessions an account may have at once; one more ends the oldest.
const MostSessions = 20

// Session is one sign-in of an account on one device, with its family of refresh tokens, of which one is current.
type Session struct {
	ID              SessionID
	Account         AccountID
	CreatedAt       time.Time
	AuthenticatedAt time.Time // the last sign-in or step-up
	UsedAt          time.Time // the last refresh
	Methods         []Method
	Device          string             // what the client calls itself, shortened
	Address         registrar.Personal // from where it was last refreshed
	Staff           bool               // lifetimes of staff
	// Rights is the version of the account's roles and state. A change of these raises it here too, so that a token made
	// before is refused: see [Session.Judge].
	Rights    int64
	Current   Hash      // of the refresh token that is to come next
	Previous  Hash      // of the one before
	RotatedAt time.Time // when Previous was used first
	RevokedAt time.Time // zero: it has not been
	Version   registrar.Version
}

// ExpiresAt is when the session ends by itself if it is not refreshed.
func (s Session) ExpiresAt() time.Time {
	most, idle := StudentSession, StudentIdle
	if s.Staff {
		most, idle = StaffSession, StaffIdle
	}
	end, quiet := s.CreatedAt.Add(most), s.UsedAt.Add(idle)
	if quiet.Before(end) {
		return quiet
	}
	return end
}

// Live reports whether the session has neither been revoked nor expired.
func (s Session) Live(now time.Time) bool {
	return s.ID != "" && s.RevokedAt.IsZero() && now.Before(s.ExpiresAt())
}

// Judge reports whether a change may be made with a token of the session: nil, [ErrSessionEnded] or [ErrRightsChanged].
// The session is the one that was read together with what the change is decided on; the zero value is one that does not
// exist.
func (s Session) Judge(who Principal, now time.Time) error {
	switch {
	case who.Kind != KindPerson:
		return nil
	case s.ID != who.Session || string(s.Account) != who.ID || !s.Live(now):
		return ErrSessionEnded
	case s.Rights != who.Rights:
		return ErrRightsChanged
	}
	return nil
}

// Refresh uses a refresh token: the session as it is to be, with next as its current token. It is [ErrSessionEnded], or
// [ErrReused] for a token that was used before: the session is then to be revoked, for either the client or a thief has
// the newer one. A client whose reply was lost may repeat itself for [LostReply]; of the two answers the later is
// valid.
func (s Session) Refresh(presented, next Hash, now time.Time) (Session, error) {
	if !s.Live(now) {
		return s, ErrSessionEnded
	}
	switch {
	case s.Current.Is(presented):
		s.Previous, s.RotatedAt = s.Current, now
	case s.Previous.Is(presented) && now.Sub(s.RotatedAt) <= LostReply:
		// Previous and its time stay, so that the ten seconds are not prolonged.
	default:
		return s, ErrReused
	}
	s.Current, s.UsedAt = next, now
	s.Version++
	return s, nil
}

// Revoke ends the session.
func (s Session) Revoke(now time.Time) Session {
	if s.RevokedAt.IsZero() {
		s.RevokedAt, s.Current, s.Previous = now, "", ""
		s.Version++
	}
	return s
}

// Surplus are the sessions to remove when another begins: those that have ended, and the oldest of more than
// [MostSessions].
func Surplus(sessions []Session, now time.Time) []Session {
	var gone, live []Session
	for _, s := range sessions {
		if s.Live(now) {
			live = append(live, s)
		} else {
			gone = append(gone, s)
		}
	}
	slices.SortFunc(live, func(a, b Session) int { return a.UsedAt.Compare(b.UsedAt) })
	gone = append(gone, live[:max(0, len(live)-MostSessions+1)]...)
	const most = 50 // a transaction has room for a hundred items; the rest goes next time
	return gone[:min(most, len(gone))]
}
