package identity

import (
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/registrar/shared/registrar"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return b
}

// TestTOTP_IsRFC6238 has the vectors of RFC 6238 appendix B for SHA-1, in their last six digits.
func TestTOTP_IsRFC6238(t *testing.T) {
	t.Parallel()
	key := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037",
		20000000000: "353130",
	} {
		if got := totpCode(key, at/30); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

func TestATOTPCodeIsTakenOnce(t *testing.T) {
	t.Parallel()
	device := TOTP{Secret: registrar.NewSecret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")}
	at := time.Unix(1111111111, 0)
	used, err := device.Use("050471", at)
	if err != nil || !used.Confirmed {
		t.Fatalf("the right code: %v", err)
	}
	if _, err := used.Use("050471", at); !errors.Is(err, ErrWrongCode) {
		t.Errorf("the same code again: %v", err)
	}
	if _, err := used.Use("081804", at); !errors.Is(err, ErrWrongCode) {
		t.Errorf("the code of the step before, after this one's: %v", err)
	}
	if _, err := device.Use("081804", at); err != nil {
		t.Errorf("the code of the step before: %v", err)
	}
	if _, err := device.Use("081804", at.Add(30*time.Second)); !errors.Is(err, ErrWrongCode) {
		t.Errorf("the code of two steps before: %v", err)
	}
	for _, code := range []string{"", "0", "50471", "0504710", "050472", "０５０４７１"} {
		if _, err := device.Use(code, at); !errors.Is(err, ErrWrongCode) {
			t.Errorf("%q: %v", code, err)
		}
	}
	if _, err := (TOTP{}).Use("050471", at); !errors.Is(err, ErrWrongCode) {
		t.Errorf("no device: %v", err)
	}
	made := NewTOTP(random)
	uri := made.URI("Kite University", "ada+x@example.edu").Reveal()
	if want := "otpauth://totp/Kite%20University:ada+x@example.edu?issuer=Kite%20University&secret="; !strings.HasPrefix(
		uri,
		want) || len(uri) != len(want)+32 {
		t.Errorf("the URI is %s", uri)
	}
}

func TestARecoveryCodeIsTakenOnce(t *testing.T) {
	t.Parallel()
	codes := NewRecoveryCodes(random)
	var left []Hash
	for _, c := range codes {
		left = append(left, HashOfRecoveryCode(c))
	}
	if len(codes) != RecoveryCodes || len(slices.Compact(slices.Sorted(slices.Values(left)))) != RecoveryCodes {
		t.Fatalf("%d codes, not all different", len(codes))
	}
	typed := registrar.NewSecret(strings.ToLower(strings.ReplaceAll(codes[4].Reveal(), "-", " ")))
	fewer, err := UseRecoveryCode(left, typed)
	if err != nil || len(fewer) != RecoveryCodes-1 || len(left) != RecoveryCodes {
		t.Fatalf("%d are left of %d: %v", len(fewer), len(left), err)
	}
	for _, wrong := range []registrar.Secret{typed, {}, registrar.NewSecret("-"), registrar.NewSecret("AAAA")} {
		if _, err := UseRecoveryCode(fewer, wrong); !errors.Is(err, ErrWrongCode) {
			t.Errorf("%q: %v", wrong.Reveal(), err)
		}
	}
}

func TestAOneTimeTokenIsForOneThing(t *testing.T) {
	t.Parallel()
	a := Account{ID: "a1", PasswordVersion: 2}
	token := NewToken(random)
	good := NewOneTime(HashOf(token), PurposeReset, a, begun())
	if len(token.Reveal()) != 43 || HashOf(token) == HashOf(NewToken(random)) {
		t.Error("tokens have to be 256 random bits")
	}
	changed, disabled, other, tried := a, a, a, good
	changed.PasswordVersion++
	disabled.Disabled = true
	other.ID = "a2"
	tried.Attempts = MostAttempts
	for name, c := range map[string]struct {
		o       OneTime
		purpose Purpose
		account Account
		after   time.Duration
		want    error
	}{
		"good":                        {good, PurposeReset, a, 0, nil},
		"not found":                   {OneTime{}, PurposeReset, a, 0, ErrSpent},
		"for another purpose":         {good, PurposeInvite, a, 0, ErrSpent},
		"too late":                    {good, PurposeReset, a, PurposeReset.Lifetime(), ErrSpent},
		"after the password's change": {good, PurposeReset, changed, 0, ErrSpent},
		"of a disabled account":       {good, PurposeReset, disabled, 0, ErrSpent},
		"of another account":          {good, PurposeReset, other, 0, ErrSpent},
		"after many wrong codes":      {tried, PurposeReset, a, 0, ErrSpent},
	} {
		if err := c.o.Use(c.purpose, c.account, begun().Add(c.after)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	student := Account{Email: "Hopper@example.edu", Roles: []Role{RoleStudent}}
	staff := Account{Email: "al@example.edu", Roles: []Role{RoleStudent, RoleRegistrar}}
	common := func(p string) bool { return p == "leave me alone now" }
	for _, c := range []struct {
		account  Account
		password string
		want     string
	}{
		{student, "fourteen chars", FieldTooShort}, {student, "fifteen chars !", ""}, {staff, "twelve chars", ""},
		{staff, "eleven char", FieldTooShort}, {student, "ñandúñandúñandx", ""}, {student, "", FieldTooShort},
		{student, strings.Repeat("a b c d ", 17), registrar.FieldTooLong}, {student, "Leave Me Alone NOW", FieldCommon},
		{student, strings.Repeat("kite", 5), FieldCommon}, {student, strings.Repeat("k", 15), FieldCommon},
		{student, "my name is hopper!", FieldCommon}, {student, "RegistrarRegister", FieldCommon},
		{staff, "al has a short name", ""}, {student, "with a \x00 in the middle", registrar.FieldFormat},
	} {
		err := c.account.CheckPassword("password", registrar.NewSecret(c.password), common)
		var fe registrar.FieldErrors
		got := ""
		if errors.As(err, &fe) {
			got = fe[0].Code
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.password, got, c.want)
		}
		if err != nil && c.password != "" && strings.Contains(err.Error(), c.password) {
			t.Errorf("the error quotes the password: %v", err)
		}
	}
}

func TestAChangeOfRightsIsANewVersion(t *testing.T) {
	t.Parallel()
	a := Account{Roles: []Role{RoleStudent}, Rights: 1}
	same := a.WithRoles([]Role{RoleStudent, RoleStudent}).WithDisabled(false)
	more := a.WithRoles([]Role{RoleAdmin, RoleStudent})
	if same.Rights != 1 || more.Rights != 2 || !slices.Equal(more.Roles, []Role{RoleStudent, RoleAdmin}) ||
		a.WithDisabled(true).Rights != 2 || more.WithDisabled(true).WithDisabled(false).Rights != 4 {
		t.Errorf("%+v, %+v", same, more)
	}
}

func TestAnAccountBelongsToARecord(t *testing.T) {
	t.Parallel()
	good := Account{Email: "ada@example.edu", Roles: []Role{RoleStudent}, Student: "s1"}
	if err := good.Validate(); err != nil {
		t.Errorf("%v", err)
	}
	for field, change := range map[string]func(*Account){
		"email":   func(a *Account) { a.Email = "аda@example.edu" }, // a Cyrillic а
		"student": func(a *Account) { a.Student = "" }, "instructor": func(a *Account) { a.Instructor = "i1" },
		"roles": func(a *Account) { a.Roles = []Role{RoleStudent, "root"} },
	} {
		a := good
		change(&a)
		var fe registrar.FieldErrors
		if err := a.Validate(); !errors.As(err, &fe) || len(fe) != 1 || fe[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if FoldEmail("Ada@Example.EDU") != FoldEmail("ada@example.edu") {
		t.Error("two accounts could differ in the case of their addresses alone")
	}
}
