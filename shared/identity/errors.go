package identity

import "errors"

// Why somebody may not. The edge makes answers of them, and says no more than they say.
var (
	// ErrForbidden tells that none of the principal's roles has the permission.
	ErrForbidden = errors.New("none of the roles has this permission")
	// ErrHidden tells that the permission does not reach the record. The answer is that of a record which does not exist.
	ErrHidden = errors.New("the record is none of the principal's")
	// ErrStale tells that the sign-in is older than [FreshFor].
	ErrStale = errors.New("the sign-in is too old for this")
	// ErrSessionEnded tells that the session has been revoked, or has expired, or never was.
	ErrSessionEnded = errors.New("the session has ended")
	// ErrRightsChanged tells that roles have changed since the access token was made. A refresh gives a new one.
	ErrRightsChanged = errors.New("the account's rights have changed since the token was made")
	// ErrReused tells that a refresh token came a second time: somebody has a copy. Its session is to be revoked.
	ErrReused = errors.New("the refresh token was used before")
	// ErrWrongCode tells that a code of a second factor is not the right one, or was used before.
	ErrWrongCode = errors.New("the code is not right")
	// ErrSpent tells that a one-time token is unknown, used, expired, for something else, or overtaken by a newer one.
	ErrSpent = errors.New("the token is not valid, or no longer")
)
