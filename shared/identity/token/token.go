// Package token makes and checks access tokens: JSON Web Tokens (RFC 7519) in the form of RFC 9068, signed with ES256
// (RFC 7518 section 3.4). It is the only package that knows the JOSE library.
//
// A [Signer] has the private key, and belongs into the functions that sign alone. A [Verifier] has public keys, and
// takes from a token nothing but which of them to use: the algorithm is fixed, and keys in or behind a token's header
// (jwk, jku, x5c, x5u) are never looked at.
package token

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/registrar/shared/identity"
	"example.com/registrar/shared/registrar"
	"github.com/golang-jwt/jwt/v5"
)

const (
	// Longest is how many bytes an access token may have. The longest that is made has some 900.
	Longest = 4096
	// Leeway is how far the clocks of those who sign and who verify may differ.
	Leeway = 30 * time.Second
	// Type is the header typ (RFC 9068 section 2.1): no other kind of token passes for an access token.
	Type = "at+jwt"

	algorithm = "ES256"
)

// ErrInvalid tells that a token is not one of ours, or not valid now. Why stands in the text, for a log: it has nothing
// of the token.
var ErrInvalid = errors.New("the access token is not valid")

// ErrExpired is an [ErrInvalid] of a token that was valid once.
var ErrExpired = fmt.Errorf("%w: it has expired", ErrInvalid)

// Issue names those who sign and those for whom.
type Issue struct {
	Issuer   string // the API's own address
	Audience string // likewise, for the API is the only one that reads its tokens
}

type claims struct {
	jwt.RegisteredClaims
	Kind       identity.Kind          `json:"kind"`
	Roles      []identity.Role        `json:"roles,omitempty"`
	Scope      string                 `json:"scope,omitempty"` // RFC 8693 section 4.2: parted by spaces
	Student    registrar.StudentID    `json:"student,omitempty"`
	Instructor registrar.InstructorID `json:"instructor,omitempty"`
	Session    identity.SessionID     `json:"sid,omitempty"`
	Rights     int64                  `json:"rights,omitempty"`
	AuthTime   *jwt.NumericDate       `json:"auth_time,omitempty"`
	Methods    []identity.Method      `json:"amr,omitempty"`
}

// Signer signs access tokens with the newest key.
type Signer struct {
	Issue
	KeyID string
	Key   *ecdsa.PrivateKey // P-256
}

// Sign makes an access token that is valid for the time given. The id is its jti.
func (s Signer) Sign(who identity.Principal, methods []identity.Method, id string, now time.Time,
	lasts time.Duration) (registrar.Secret, error) {
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: s.Issuer, Subject: who.ID, Audience: jwt.ClaimStrings{s.Audience}, ID: id,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lasts)),
		},
		Kind: who.Kind, Roles: who.Roles, Scope: joined(who.Scopes), Student: who.Student, Instructor: who.Instructor,
		Session: who.Session, Rights: who.Rights, Methods: methods,
	}
	if !who.AuthenticatedAt.IsZero() {
		c.AuthTime = jwt.NewNumericDate(who.AuthenticatedAt)
	}
	t := jwt.NewWithClaims(jwt.SigningMethodES256, c)
	t.Header["kid"], t.Header["typ"] = s.KeyID, Type
	text, err := t.SignedString(s.Key)
	if err != nil {
		return registrar.Secret{}, fmt.Errorf("sign an access token: %w", err)
	}
	return registrar.NewSecret(text), nil
}

func joined(scopes []identity.Permission) string {
	text := ""
	for i, s := range scopes {
		if i > 0 {
			text += " "
		}
		text += string(s)
	}
	return text
}

// Verifier checks access tokens. It is safe for use by many at once, and is not changed: other keys want another one.
type Verifier struct {
	keys   map[string]*ecdsa.PublicKey
	parser *jwt.Parser
}

// NewVerifier makes a verifier with the public keys that are valid now, by their ids.
func NewVerifier(issue Issue, keys map[string]*ecdsa.PublicKey, clock registrar.Clock) *Verifier {
	return &Verifier{keys: keys, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{algorithm}), jwt.WithIssuer(issue.Issuer), jwt.WithAudience(issue.Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(Leeway), jwt.WithTimeFunc(clock),
		jwt.WithStrictDecoding(),
	)}
}

// Has reports whether the verifier knows the key.
func (v *Verifier) Has(keyID string) bool { return v.keys[keyID] != nil }

// Verified is what a token says.
type Verified struct {
	Principal identity.Principal
	ID        string // jti
	ExpiresAt time.Time
	Methods   []identity.Method
}

// ErrUnknownKey is an [ErrInvalid] of a token whose key the verifier does not have: it may be newer than the verifier.
var ErrUnknownKey = fmt.Errorf("%w: its key is not known", ErrInvalid)

// Verify reads a token: [ErrInvalid], of which [ErrExpired] and [ErrUnknownKey] are kinds.
func (v *Verifier) Verify(token string) (Verified, error) {
	if len(token) > Longest {
		return Verified{}, fmt.Errorf("%w: it is longer than %d bytes", ErrInvalid, Longest)
	}
	var c claims
	var unknown bool
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		for name := range t.Header {
			if name != "alg" && name != "kid" && name != "typ" { // crit among them (RFC 7515 section 4.1.11)
				return nil, errors.New("its header has more than alg, kid and typ")
			}
		}
		if t.Header["typ"] != Type {
			return nil, errors.New("it is a token of another type")
		}
		id, _ := t.Header["kid"].(string)
		key := v.keys[id]
		if unknown = key == nil; unknown {
			return nil, ErrUnknownKey
		}
		return key, nil
	})
	switch {
	case unknown:
		return Verified{}, ErrUnknownKey
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return Verified{}, ErrExpired
	case err != nil:
		return Verified{}, fmt.Errorf("%w: %s", ErrInvalid, reason(err))
	case c.Subject == "" || c.ID == "" || c.IssuedAt == nil || c.Kind != identity.KindPerson &&
		c.Kind != identity.KindClient:
		return Verified{}, fmt.Errorf("%w: a claim is missing", ErrInvalid)
	case c.ExpiresAt.Sub(c.IssuedAt.Time) > identity.AccessTokenFor:
		return Verified{}, fmt.Errorf("%w: it would be valid for longer than any of ours", ErrInvalid)
	}
	return c.verified(), nil
}

func (c claims) verified() Verified {
	who := identity.Principal{Kind: c.Kind, ID: c.Subject, Roles: c.Roles, Student: c.Student, Instructor: c.Instructor,
		Session: c.Session, Rights: c.Rights}
	for scope := range strings.FieldsSeq(c.Scope) {
		who.Scopes = append(who.Scopes, identity.Permission(scope))
	}
	if c.AuthTime != nil {
		who.AuthenticatedAt = c.AuthTime.Time
	}
	return Verified{Principal: who, ID: c.ID, ExpiresAt: c.ExpiresAt.Time, Methods: c.Methods}
}

// reason is which of the library's checks failed, without what it was about: its texts may quote the token.
func reason(err error) string {
	for _, e := range []error{
		jwt.ErrTokenMalformed, jwt.ErrTokenUnverifiable, jwt.ErrTokenSignatureInvalid, jwt.ErrTokenInvalidAudience,
		jwt.ErrTokenUsedBeforeIssued, jwt.ErrTokenInvalidIssuer, jwt.ErrTokenNotValidYet, jwt.ErrTokenRequiredClaimMissing,
		jwt.ErrTokenInvalidClaims,
	} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return "it cannot be read"
}
