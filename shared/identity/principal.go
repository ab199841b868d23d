package identity

import (
	"slices"
	"time"

	"example.com/registrar/shared/registrar"
)

type (
	// AccountID identifies an account, for example "0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11". It is a token's sub.
	AccountID string
	// SessionID identifies a session: a text of 128 random bits, so that nobody can guess one.
	SessionID string
	// ClientID identifies a machine client of OAuth 2.
	ClientID string
)

// Role is what somebody is to the university. An account has any number of them.
type Role string

// The roles.
const (
	RoleStudent    Role = "student"
	RoleInstructor Role = "instructor"
	RoleAdvisor    Role = "advisor"
	RoleRegistrar  Role = "registrar" // the registrar's office
	RoleAdmin      Role = "admin"     // accounts, roles, machine clients, keys
)

// AllRoles are the roles in the order in which they are shown.
func AllRoles() []Role {
	return []Role{RoleStudent, RoleInstructor, RoleAdvisor, RoleRegistrar, RoleAdmin}
}

// Staff reports whether the role works for the university, and so has to sign in with two factors (AAL2 of NIST SP
// 800-63B-4).
func (r Role) Staff() bool { return r != RoleStudent }

// Valid reports whether there is such a role.
func (r Role) Valid() bool { return slices.Contains(AllRoles(), r) }

// Kind is a kind of [Principal].
type Kind string

// The kinds of principals.
const (
	KindPerson Kind = "account" // somebody who has signed in
	KindClient Kind = "client"  // a machine client, with a token of its own
	KindSystem Kind = "system"  // the work behind a queue, a stream or a schedule
)

// Principal is who acts. The zero value is nobody: it may do what is public, and nothing else.
type Principal struct {
	Kind Kind
	// ID is the account's, the client's, or the name of the system's function, for example "imports-apply".
	ID         string
	Roles      []Role              // of a person
	Scopes     []Permission        // of a machine client
	Student    registrar.StudentID // whose record is the person's own; empty: none
	Instructor registrar.InstructorID
	Session    SessionID // of a person
	// Rights is the version of the account's rights that the token was made for: see [Session.Rights].
	Rights int64
	// AuthenticatedAt is when the person last showed who they are; a refresh does not move it. See [Principal.Fresh].
	AuthenticatedAt time.Time
}

// SystemPrincipal is the principal of work behind a queue, a stream or a schedule. The name is the function's.
func SystemPrincipal(name string) Principal { return Principal{Kind: KindSystem, ID: name} }

// Anonymous reports whether nobody is known to act.
func (p Principal) Anonymous() bool { return p.Kind == "" }

// String is how records name the principal, for example "account:0198…", "system:imports-apply", or "anonymous". It has
// no personal data.
func (p Principal) String() string {
	if p.Anonymous() {
		return "anonymous"
	}
	return string(p.Kind) + ":" + p.ID
}

// Has reports whether the principal has the role.
func (p Principal) Has(r Role) bool { return slices.Contains(p.Roles, r) }

// FreshFor is how long after a sign-in roles and keys may be changed and authenticators added or removed. NIST SP
// 800-63B-4 section 4.1 asks for authentication before an authenticator is bound.
const FreshFor = 15 * time.Minute

// Fresh reports whether the person signed in within [FreshFor] of now.
func (p Principal) Fresh(now time.Time) bool {
	return p.Kind == KindPerson && now.Sub(p.AuthenticatedAt) <= FreshFor
}
