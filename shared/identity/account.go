package identity

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"example.com/registrar/shared/registrar"
)

// Account is somebody who can sign in.
type Account struct {
	ID            AccountID
	Email         registrar.Personal // where mail goes; unique by [FoldEmail]
	EmailVerified bool
	Roles         []Role
	Student       registrar.StudentID    // whose record is their own; empty: none
	Instructor    registrar.InstructorID // likewise
	PasswordHash  registrar.Secret       // argon2id in PHC's string format; empty: no password
	// PasswordVersion counts the passwords: a token to reset the one before is worthless.
	PasswordVersion int64
	TOTP            TOTP
	Recovery        []Hash // of the codes that are left
	Passkeys        int    // how many are registered
	Devices         []Hash // that have signed in, the newest last: see [Account.Knows]
	Disabled        bool
	// Rights counts the changes of roles and state: see [Session.Rights].
	Rights int64
	registrar.Stamp
}

// Staff reports whether one of the roles works for the university.
func (a Account) Staff() bool { return slices.ContainsFunc(a.Roles, Role.Staff) }

// NeedsSecondFactor reports whether a sign-in by these methods has to go on with a second factor. Staff always have to;
// students who have one registered have to, too.
func (a Account) NeedsSecondFactor(methods []Method) bool {
	return !TwoFactors(methods) && (a.Staff() || a.TOTP.Confirmed)
}

// Principal is who acts in a session of the account.
func (a Account) Principal(s Session) Principal {
	return Principal{Kind: KindPerson, ID: string(a.ID), Roles: a.Roles, Student: a.Student, Instructor: a.Instructor,
		Session: s.ID, Rights: a.Rights, AuthenticatedAt: s.AuthenticatedAt}
}

// WithRoles gives the account other roles, in their order and each once. Its rights' version rises if that is a change.
func (a Account) WithRoles(roles []Role) Account {
	var sorted []Role
	for _, r := range AllRoles() {
		if slices.Contains(roles, r) {
			sorted = append(sorted, r)
		}
	}
	if !slices.Equal(sorted, a.Roles) {
		a.Roles = sorted
		a.Rights++
	}
	return a
}

// WithDisabled ends the account's rights, or gives them back. Its sessions end with it.
func (a Account) WithDisabled(disabled bool) Account {
	if a.Disabled != disabled {
		a.Disabled = disabled
		a.Rights++
	}
	return a
}

// MostDevices is how many devices an account remembers.
const MostDevices = 10

// Knows reports whether the token is one of a device that has signed in to the account. It lets nobody in: it only
// keeps a stranger's mistakes from counting against this device.
func (a Account) Knows(device registrar.Secret) bool {
	hash := HashOf(device)
	return device.Reveal() != "" && slices.ContainsFunc(a.Devices, hash.Is)
}

// WithDevice remembers a device, and forgets the oldest beyond [MostDevices].
func (a Account) WithDevice(h Hash) Account {
	devices := append(slices.Clone(a.Devices), h)
	a.Devices = devices[max(0, len(devices)-MostDevices):]
	return a
}

// FoldEmail is the form in which addresses are compared. Both parts fold to lower case: no mail system that students
// use tells Ada@ and ada@ apart, and two accounts that differ in nothing else would be a trap. Addresses are ASCII
// ([registrar.ValidEmail]), so that no other letter can look like one of these.
func FoldEmail(address registrar.Personal) registrar.Personal {
	return registrar.Personal(strings.ToLower(string(address)))
}

// Lengths of passwords, in characters (NIST SP 800-63B-4 section 3.1.1.2: 15 where it is the only factor, 8 beside
// another; 64 at least must be possible).
const (
	LeastPassword      = 15
	LeastStaffPassword = 12 // beside a second factor
	MostPassword       = 128
)

// Validate checks the form of an account: [registrar.FieldErrors].
func (a Account) Validate() error {
	var fe registrar.FieldErrors
	if !registrar.ValidEmail(string(a.Email)) {
		fe = append(fe, registrar.FieldError{Field: "email", Code: registrar.FieldFormat,
			Detail: "must be one e-mail address, such as name@example.edu"})
	}
	if len(a.Roles) == 0 {
		fe = append(fe, registrar.FieldError{Field: "roles", Code: registrar.FieldRequired, Detail: "at least one role"})
	}
	for i, r := range a.Roles {
		if !r.Valid() || slices.Contains(a.Roles[:i], r) {
			fe = append(fe, registrar.FieldError{Field: "roles", Code: registrar.FieldFormat,
				Detail: "must be different ones of student, instructor, advisor, registrar, admin"})
			break
		}
	}
	if slices.Contains(a.Roles, RoleStudent) != (a.Student != "") {
		fe = append(fe, registrar.FieldError{Field: "student", Code: registrar.FieldRequired,
			Detail: "a student's account belongs to a student's record, and no other does"})
	}
	if slices.Contains(a.Roles, RoleInstructor) != (a.Instructor != "") {
		fe = append(fe, registrar.FieldError{Field: "instructor", Code: registrar.FieldRequired,
			Detail: "an instructor's account belongs to an instructor's record, and no other does"})
	}
	return fe.OrNil()
}

// Common reports whether a password, in lower case, is among those that people use most.
type Common func(password string) bool

// CheckPassword says what is wrong with a new password of the account: [registrar.FieldErrors] of the field. There are
// no rules of composition (NIST SP 800-63B-4 section 3.1.1.2); it must be long, not common, and not what everybody
// knows of the account. The password is in Unicode's form NFC.
func (a Account) CheckPassword(field string, password registrar.Secret, common Common) error {
	least := LeastPassword
	if a.Staff() {
		least = LeastStaffPassword
	}
	text := password.Reveal()
	wrong := func(code, detail string) error {
		return registrar.FieldErrors{{Field: field, Code: code, Detail: detail}}
	}
	local, _, _ := strings.Cut(string(FoldEmail(a.Email)), "@")
	lower := strings.ToLower(text)
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, registrar.Refused):
		return wrong(registrar.FieldFormat, "must be text without control characters")
	case n < least:
		return wrong(FieldTooShort, "at least "+strconv.Itoa(least)+" characters")
	case n > MostPassword:
		return wrong(registrar.FieldTooLong, "at most "+strconv.Itoa(MostPassword)+" characters")
	case common(lower) || repeated(lower):
		return wrong(FieldCommon, "is among the commonest passwords, or repeats itself")
	case len(local) > 3 && strings.Contains(lower, local) || strings.Contains(lower, "registrar"):
		return wrong(FieldCommon, "must not have the e-mail address or this service's name in it")
	}
	return nil
}

// Codes of what is wrong with a password, beside those of package registrar.
const (
	FieldTooShort = "TOO_SHORT"
	FieldCommon   = "COMMON" // it can be guessed
)

// repeated reports whether a text is one part, or one character, over and over.
func repeated(text string) bool {
	for part := 1; part <= len(text)/3; part++ {
		if strings.Repeat(text[:part], len(text)/part+1)[:len(text)] == text {
			return true
		}
	}
	return false
}
