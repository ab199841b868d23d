package signin_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/registrar/shared/identity"
	"example.com/registrar/shared/identity/signin"
	"example.com/registrar/shared/registrar"
)

// vault keeps accounts, sessions and tokens of one test.
type vault struct {
	accounts map[identity.AccountID]identity.Account
	sessions map[identity.SessionID]identity.Session
	tokens   map[identity.Hash]identity.OneTime
	taken    map[string]time.Time
	clock    registrar.Clock
}

func (v *vault) AccountByEmail(_ context.Context, email registrar.Personal) (identity.Account, error) {
	for _, a := range v.accounts {
		if identity.FoldEmail(a.Email) == identity.FoldEmail(email) {
			return a, nil
		}
	}
	return identity.Account{}, nil
}

func (v *vault) Account(_ context.Context, id identity.AccountID) (identity.Account, error) {
	return v.accounts[id], nil
}

func (v *vault) SaveAccount(_ context.Context, before, after identity.Account) error {
	if v.accounts[before.ID].Version != before.Version {
		return registrar.ErrVersionMismatch
	}
	v.accounts[after.ID] = after
	return nil
}

func (v *vault) Session(
	_ context.Context, of identity.AccountID, id identity.SessionID,
) (identity.Session, error) {
	if s := v.sessions[id]; s.Account == of {
		return s, nil
	}
	return identity.Session{}, nil
}

func (v *vault) BeginSession(_ context.Context, s identity.Session) error {
	v.sessions[s.ID] = s
	return nil
}

func (v *vault) SaveSession(_ context.Context, s identity.Session) error {
	if v.sessions[s.ID].Version != s.Version-1 {
		return registrar.ErrVersionMismatch
	}
	v.sessions[s.ID] = s
	return nil
}

func (v *vault) OneTime(_ context.Context, hash identity.Hash) (identity.OneTime, error) {
	return v.tokens[hash], nil
}

func (v *vault) KeepOneTime(_ context.Context, o identity.OneTime) error {
	v.tokens[o.Hash] = o
	return nil
}

func (v *vault) SpendOneTime(_ context.Context, hash identity.Hash) error {
	if _, ok := v.tokens[hash]; !ok {
		return identity.ErrSpent
	}
	delete(v.tokens, hash)
	return nil
}

func (v *vault) CountAttempt(_ context.Context, hash identity.Hash) error {
	o := v.tokens[hash]
	o.Attempts++
	v.tokens[hash] = o
	return nil
}

func (v *vault) Taken(_ context.Context, keys []string) (map[string]time.Time, error) {
	taken := map[string]time.Time{}
	for _, k := range keys {
		taken[k] = v.taken[k]
	}
	return taken, nil
}

func (v *vault) Take(_ context.Context, key string, limit identity.Limit) error {
	kept, _ := limit.Take(v.taken[key], v.clock())
	v.taken[key] = kept
	return nil
}

// plain keeps passwords as they are, and counts how often one was compared.
type plain struct{ compared int }

func (p *plain) Check(_ context.Context, hash, password registrar.Secret) (right, rehash bool, err error) {
	p.compared++
	return hash.Reveal() != "" && hash.Reveal() == password.Reveal(), false, nil
}

func (p *plain) Hash(_ context.Context, password registrar.Secret) (registrar.Secret, error) {
	return password, nil
}

type signer struct{}

func (signer) Sign(
	who identity.Principal, _ []identity.Method, _ string, _ time.Time, _ time.Duration,
) (registrar.Secret, error) {
	return registrar.NewSecret(fmt.Sprint(who.ID, who.Roles, who.Rights)), nil
}

type reports []signin.Event

func (r *reports) Report(_ context.Context, e signin.Event) { *r = append(*r, e) }

type campus struct {
	signin.Desk
	*vault
	passwords *plain
	reports   *reports
	now       time.Time
}

const password = "correct horse battery"

func open() *campus {
	c := &campus{passwords: &plain{}, reports: &reports{}, now: time.Date(2027, 1, 11, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return c.now }
	account := func(id identity.AccountID, email registrar.Personal, role identity.Role) identity.Account {
		return identity.Account{ID: id, Email: email, EmailVerified: true, Roles: []identity.Role{role}, Rights: 1,
			PasswordHash: registrar.NewSecret(password), Stamp: registrar.Stamp{Version: 1}}
	}
	office := account("a2", "office@example.edu", identity.RoleRegistrar)
	office.TOTP = identity.TOTP{Secret: registrar.NewSecret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), Confirmed: true}
	c.vault = &vault{accounts: map[identity.AccountID]identity.Account{
		"a1": account("a1", "ada@example.edu", identity.RoleStudent), "a2": office,
		"a3": account("a3", "bare@example.edu", identity.RoleAdmin),
	}, sessions: map[identity.SessionID]identity.Session{}, tokens: map[identity.Hash]identity.OneTime{},
		taken: map[string]time.Time{}, clock: clock}
	made := 0
	c.Desk = signin.Desk{Store: c.vault, Passwords: c.passwords, Tokens: signer{}, Limits: identity.StandardLimits(),
		Clock: clock, Report: c.reports, Random: func(n int) []byte {
			b := make([]byte, n)
			_, _ = rand.Read(b)
			return b
		}, NewID: func() string {
			made++
			return fmt.Sprint("id", made)
		}}
	return c
}

func from(address registrar.Personal) signin.Device {
	return signin.Device{Address: address, Name: "curl"}
}

func secret(text string) registrar.Secret { return registrar.NewSecret(text) }

func TestAStudentSignsInWithAPassword(t *testing.T) {
	t.Parallel()
	c := open()
	step, err := c.Password(t.Context(), "Ada@Example.edu", secret(password), from("192.0.2.1"))
	if err != nil || step.Grant == nil || step.Grant.Access.Reveal() != "a1[student] 1" || step.Grant.Session.Staff {
		t.Fatalf("%+v, %v", step, err)
	}
	if got := (*c.reports)[0]; got.Kind != signin.SignedIn || got.Account != "a1" ||
		got.Method != identity.MethodPassword {
		t.Errorf("the audit has %+v", got)
	}
	renewed, err := c.Refresh(t.Context(), step.Grant.Refresh, from("192.0.2.1"))
	if err != nil || renewed.Refresh.Reveal() == step.Grant.Refresh.Reveal() {
		t.Errorf("refreshed: %+v, %v", renewed, err)
	}
}

// TestNothingTellsWhetherAnAccountExists: the answer, its cause, and what is done for it are those of a wrong password.
func TestNothingTellsWhetherAnAccountExists(t *testing.T) {
	t.Parallel()
	c := open()
	unverified, disabled := c.accounts["a1"], c.accounts["a1"]
	unverified.ID, unverified.Email, unverified.EmailVerified = "a4", "new@example.edu", false
	disabled.ID, disabled.Email, disabled.Disabled = "a5", "gone@example.edu", true
	c.accounts["a4"], c.accounts["a5"] = unverified, disabled
	for n, email := range []registrar.Personal{"ada@example.edu", "nobody@example.edu", "new@example.edu",
		"gone@example.edu"} {
		text := password
		if n == 0 {
			text = "wrong horse battery"
		}
		step, err := c.Password(t.Context(), email, secret(text), from("192.0.2.1"))
		if !errors.Is(err, signin.ErrRefused) || err.Error() != signin.ErrRefused.Error() || step.Grant != nil ||
			step.Second.Reveal() != "" {
			t.Errorf("%s: %+v, %v", string(email), step, err)
		}
		if c.passwords.compared != n+1 {
			t.Errorf("%s: %d passwords were compared, want %d: the answer comes at another time", string(email),
				c.passwords.compared, n+1)
		}
	}
	if len(c.taken) != 2*4+1 {
		t.Errorf("%d limits count them, want two for each account and one for the address", len(c.taken))
	}
}

func TestStaffNeedTwoFactors(t *testing.T) {
	t.Parallel()
	c := open()
	here := from("192.0.2.1")
	if _, err := c.Password(t.Context(), "bare@example.edu", secret(password), here); !errors.Is(err,
		signin.ErrCannotSignIn) {
		t.Errorf("staff without a second factor: %v", err)
	}
	second := func() registrar.Secret {
		t.Helper()
		step, err := c.Password(t.Context(), "office@example.edu", secret(password), here)
		if err != nil || step.Grant != nil || !slices.Equal(step.Methods, []identity.Method{identity.MethodOTP}) {
			t.Fatalf("%+v, %v", step, err)
		}
		return step.Second
	}
	c.now = time.Unix(1111111111, 0)
	token := second()
	for _, wrong := range []struct {
		token  registrar.Secret
		method identity.Method
		code   string
	}{
		{token, identity.MethodOTP, "000000"}, {token, identity.MethodRecovery, "050471"},
		{token, identity.MethodPassword, password}, {secret("guess"), identity.MethodOTP, "050471"},
	} {
		if grant, err := c.Second(t.Context(), wrong.token, wrong.method, secret(wrong.code), here); !errors.Is(err,
			signin.ErrRefused) {
			t.Errorf("%s %s: %+v, %v", wrong.method, wrong.code, grant, err)
		}
	}
	grant, err := c.Second(t.Context(), token, identity.MethodOTP, secret("050471"), here)
	if err != nil || !identity.TwoFactors(grant.Session.Methods) || !grant.Session.Staff {
		t.Fatalf("%+v, %v", grant, err)
	}
	if _, err := c.Second(t.Context(), token, identity.MethodOTP, secret("050471"), here); !errors.Is(err,
		signin.ErrRefused) {
		t.Errorf("the same step twice: %v", err)
	}
	if _, err := c.Second(t.Context(), second(), identity.MethodOTP, secret("050471"), here); !errors.Is(err,
		signin.ErrRefused) {
		t.Errorf("the same code at another sign-in: %v", err)
	}
	token = second()
	for range identity.MostAttempts {
		c.now = c.now.Add(time.Hour / 60)
		_, _ = c.Second(t.Context(), token, identity.MethodOTP, secret("000000"), here)
	}
	if o := c.tokens[identity.HashOf(token)]; o.Attempts != identity.MostAttempts {
		t.Errorf("%d wrong codes are counted", o.Attempts)
	}
}

func TestAStolenRefreshTokenEndsTheSession(t *testing.T) {
	t.Parallel()
	c := open()
	step, err := c.Password(t.Context(), "ada@example.edu", secret(password), from("192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	stolen := step.Grant.Refresh
	c.now = c.now.Add(time.Minute)
	thief, err := c.Refresh(t.Context(), stolen, from("203.0.113.9"))
	if err != nil {
		t.Fatal(err)
	}
	c.now = c.now.Add(time.Minute)
	if _, err := c.Refresh(t.Context(), stolen, from("192.0.2.1")); !errors.Is(err, signin.ErrRefused) {
		t.Errorf("the owner, after the thief: %v", err)
	}
	if _, err := c.Refresh(t.Context(), thief.Refresh, from("203.0.113.9")); !errors.Is(err, signin.ErrRefused) {
		t.Errorf("the thief, after the owner: %v", err)
	}
	if last := (*c.reports)[len(*c.reports)-1]; last.Kind != signin.TokenReused || last.Account != "a1" {
		t.Errorf("the audit has %+v", last)
	}
	whole := step.Grant.Refresh.Reveal()
	id := string(step.Grant.Session.ID)
	for _, bad := range []string{"", "..", "x", id, "a1." + id, "a1." + id + ".", "a2" + whole[2:], "a1#." + id + ".x"} {
		if _, err := c.Refresh(t.Context(), secret(bad), from("192.0.2.1")); !errors.Is(err, signin.ErrRefused) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestARefreshTellsTheRightsOfNow(t *testing.T) {
	t.Parallel()
	c := open()
	here := from("192.0.2.1")
	step, err := c.Password(t.Context(), "ada@example.edu", secret(password), here)
	if err != nil {
		t.Fatal(err)
	}
	c.accounts["a1"] = c.accounts["a1"].WithRoles([]identity.Role{identity.RoleStudent, identity.RoleInstructor})
	if _, err := c.Refresh(t.Context(), step.Grant.Refresh, here); !errors.Is(err, signin.ErrRefused) {
		t.Errorf("a session of one factor goes on with a role of staff: %v", err)
	}
	c.accounts["a1"] = c.accounts["a1"].WithRoles([]identity.Role{identity.RoleStudent})
	if grant, err := c.Refresh(t.Context(), step.Grant.Refresh, here); err != nil ||
		grant.Access.Reveal() != "a1[student] 3" {
		t.Errorf("%+v, %v", grant, err)
	} else {
		step.Grant = grant
	}
	c.accounts["a1"] = c.accounts["a1"].WithDisabled(true)
	if _, err := c.Refresh(t.Context(), step.Grant.Refresh, here); !errors.Is(err, signin.ErrRefused) {
		t.Errorf("a disabled account goes on: %v", err)
	}
}

// TestAStrangerLocksNobodyOut: guesses from everywhere use up the account's limit, and the owner still signs in from a
// device that has done so before.
func TestAStrangerLocksNobodyOut(t *testing.T) {
	t.Parallel()
	c := open()
	home := from("192.0.2.1")
	step, err := c.Password(t.Context(), "ada@example.edu", secret(password), home)
	if err != nil || step.Grant.Known.Reveal() == "" {
		t.Fatalf("%+v, %v", step, err)
	}
	throttled := 0
	for n := range 200 {
		var wait *signin.ThrottledError
		_, err := c.Password(t.Context(), "ada@example.edu", secret("guess"),
			from(registrar.Personal(fmt.Sprint("203.0.113.", n))))
		if errors.As(err, &wait) {
			throttled++
		}
	}
	if want := 200 - identity.StandardLimits().Account.Burst; throttled != want {
		t.Errorf("%d guesses were turned away, want %d", throttled, want)
	}
	if c.passwords.compared != 1+identity.StandardLimits().Account.Burst {
		t.Errorf("%d passwords were compared", c.passwords.compared)
	}
	home.Known = step.Grant.Known
	again, err := c.Password(t.Context(), "ada@example.edu", secret(password), home)
	if err != nil || again.Grant == nil || again.Grant.Known.Reveal() != "" {
		t.Errorf("the owner, from a device that is known: %+v, %v", again, err)
	}
	stranger := from("203.0.113.1")
	stranger.Known = secret("made up")
	var wait *signin.ThrottledError
	if _, err := c.Password(t.Context(), "ada@example.edu", secret(password), stranger); !errors.As(err, &wait) {
		t.Errorf("a device that only says it is known: %v", err)
	}
	c.now = c.now.Add(wait.Wait)
	if _, err := c.Password(t.Context(), "ada@example.edu", secret(password), from("198.51.100.7")); err != nil {
		t.Errorf("the owner from a new device, after the wait: %v", err)
	}
}
