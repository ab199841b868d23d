// Package identitytest holds a store of accounts to what package identity expects of it.
package identitytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/registrar/shared/identity"
	"example.com/registrar/shared/identity/signin"
	"example.com/registrar/shared/registrar"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Store keeps accounts, sessions and one-time tokens.
type Store interface {
	signin.Store
	CreateAccount(ctx context.Context, a identity.Account, answer registrar.Answer) error
	Accounts(ctx context.Context, prefix registrar.Personal, page registrar.PageRequest) (
		registrar.Page[identity.Account], error)
	ChangeRights(ctx context.Context, before, after identity.Account) error
	Sessions(ctx context.Context, account identity.AccountID) ([]identity.Session, error)
}

// Run runs the tests, each with a new store.
func Run(t *testing.T, empty func(testing.TB) Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Store){
		"an account is read as it was written": accounts,
		"an address is one account's":          names,
		"a session is read as it was written":  sessions,
		"only the newest sessions stay":        surplus,
		"a change of rights misses no session": rights,
		"a one-time token is used once":        oneTimes,
		"limits count everybody":               limits,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, empty(t))
		})
	}
}

func begun() time.Time { return registrar.Instant(time.Now()) }

// account is one with everything that an account may have.
func account(n int) identity.Account {
	return identity.Account{
		ID:    identity.AccountID(fmt.Sprintf("0198c0a4-2b6e-7c3d-9a41-%012d", n)),
		Email: registrar.Personal(fmt.Sprintf("Ada%d@example.edu", n)), EmailVerified: true,
		Roles: []identity.Role{identity.RoleStudent, identity.RoleInstructor}, Student: registrar.StudentID(
			fmt.Sprint("s", n)),
		Instructor: registrar.InstructorID(fmt.Sprint("i", n)), PasswordHash: registrar.NewSecret("$argon2id$…"),
		PasswordVersion: 2, TOTP: identity.TOTP{Secret: registrar.NewSecret("GEZDGNBV"), Confirmed: true, LastStep: 7},
		Recovery: []identity.Hash{"r1", "r2"}, Passkeys: 1, Devices: []identity.Hash{"d1"}, Rights: 1,
		Stamp: registrar.Stamp{}.Next(begun()),
	}
}

func session(a identity.Account, n int) identity.Session {
	at := begun().Add(time.Duration(n) * time.Second)
	return identity.Session{
		ID: identity.SessionID(fmt.Sprintf("%032d", n)), Account: a.ID, CreatedAt: at, AuthenticatedAt: at, UsedAt: at,
		Methods: []identity.Method{identity.MethodPassword, identity.MethodOTP}, Device: "Firefox", Address: "192.0.2.1",
		Staff: true, Rights: a.Rights, Current: "h0", Previous: "h-", RotatedAt: at, Version: 1,
	}
}

func same(t *testing.T, what string, want, got any, err error) {
	t.Helper()
	secrets := cmp.Comparer(func(a, b registrar.Secret) bool { return a.Reveal() == b.Reveal() })
	if diff := cmp.Diff(want, got, secrets, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("%s: %v\n%s", what, err, diff)
	}
}

func create(t *testing.T, s Store, n int) identity.Account {
	t.Helper()
	a := account(n)
	if err := s.CreateAccount(t.Context(), a, registrar.Answer{}); err != nil {
		t.Fatal(err)
	}
	return a
}

func accounts(t *testing.T, s Store) {
	a := create(t, s, 1)
	bare := identity.Account{ID: "a0", Email: "bare@example.edu", Roles: []identity.Role{identity.RoleAdmin},
		Stamp: registrar.Stamp{}.Next(begun())}
	if err := s.CreateAccount(t.Context(), bare, registrar.Answer{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []identity.Account{a, bare} {
		got, err := s.Account(t.Context(), want.ID)
		same(t, "by id", want, got, err)
		got, err = s.AccountByEmail(t.Context(), identity.FoldEmail(want.Email))
		same(t, "by address", want, got, err)
	}
	got, err := s.Account(t.Context(), "nobody")
	same(t, "nobody by id", identity.Account{}, got, err)
	got, err = s.AccountByEmail(t.Context(), "nobody@example.edu")
	same(t, "nobody by address", identity.Account{}, got, err)

	after := a
	after.Email, after.TOTP, after.Recovery, after.Devices = "king@example.edu", identity.TOTP{}, nil, nil
	after.PasswordHash, after.Passkeys, after.Stamp = registrar.Secret{}, 0, a.Stamp.Next(begun())
	if err := s.SaveAccount(t.Context(), a, after); err != nil {
		t.Fatal(err)
	}
	got, err = s.AccountByEmail(t.Context(), "KING@example.edu")
	same(t, "saved", after, got, err)
	if err := s.SaveAccount(t.Context(), a, after); !errors.Is(err, registrar.ErrVersionMismatch) {
		t.Errorf("saved over another version: %v", err)
	}
	if err := s.SaveAccount(t.Context(), after, after.WithDisabled(true)); err == nil {
		t.Error("rights are changed, and the sessions are not")
	}
	got, err = s.AccountByEmail(t.Context(), a.Email)
	same(t, "by the address of before", identity.Account{}, got, err)
	page, err := s.Accounts(t.Context(), "ki", registrar.PageRequest{Limit: 10})
	same(t, "listed", []identity.Account{after}, page.Items, err)
}

func names(t *testing.T, s Store) {
	a := create(t, s, 1)
	for field, change := range map[string]func(*identity.Account){
		"email":      func(b *identity.Account) { b.Email = "ADA1@EXAMPLE.EDU" },
		"student":    func(b *identity.Account) { b.Student = a.Student },
		"instructor": func(b *identity.Account) { b.Instructor = a.Instructor },
	} {
		b := account(2)
		change(&b)
		err := s.CreateAccount(t.Context(), b, registrar.Answer{})
		if !registrar.IsRefusal(err, registrar.NameTaken) {
			t.Errorf("two accounts have one %s: %v", field, err)
		}
	}
}

func sessions(t *testing.T, s Store) {
	a := create(t, s, 1)
	full := session(a, 1)
	bare := identity.Session{ID: "b0", Account: a.ID, CreatedAt: begun(), AuthenticatedAt: begun(), UsedAt: begun(),
		Rights: 1, Version: 1}
	for _, want := range []identity.Session{full, bare} {
		if err := s.BeginSession(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		got, err := s.Session(t.Context(), a.ID, want.ID)
		same(t, "begun", want, got, err)
	}
	got, err := s.Session(t.Context(), "another", full.ID)
	same(t, "of another account", identity.Session{}, got, err)
	after := full.Revoke(begun())
	if err := s.SaveSession(t.Context(), after); err != nil {
		t.Fatal(err)
	}
	got, err = s.Session(t.Context(), a.ID, full.ID)
	same(t, "revoked", after, got, err)
	if err := s.SaveSession(t.Context(), after); !errors.Is(err, registrar.ErrVersionMismatch) {
		t.Errorf("saved over another version: %v", err)
	}
	stale := session(a, 3)
	stale.Rights++
	if err := s.BeginSession(t.Context(), stale); !errors.Is(err, registrar.ErrVersionMismatch) {
		t.Errorf("a session begins with other rights than its account's: %v", err)
	}
}

func surplus(t *testing.T, s Store) {
	a := create(t, s, 1)
	for n := range identity.MostSessions + 3 {
		if err := s.BeginSession(t.Context(), session(a, n)); err != nil {
			t.Fatal(err)
		}
	}
	left, err := s.Sessions(t.Context(), a.ID)
	if err != nil || len(left) != identity.MostSessions || left[0].ID != session(a, 3).ID {
		t.Errorf("%d sessions are left, the oldest %v: %v", len(left), left[0].ID, err)
	}
}

// rights changes an account's roles, again and again, while sessions begin and are refreshed: at every moment after a
// change each session either has the new rights or does not exist.
func rights(t *testing.T, s Store) {
	a := create(t, s, 1)
	stop := make(chan struct{})
	var group sync.WaitGroup
	var made, refused atomic.Int64
	for range 3 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				now, err := s.Account(t.Context(), a.ID)
				if err != nil {
					t.Error(err)
					return
				}
				n := int(made.Add(1))
				switch err := s.BeginSession(t.Context(), session(now, n)); {
				case errors.Is(err, registrar.ErrVersionMismatch), errors.Is(err, registrar.ErrBusy):
					refused.Add(1)
				case err != nil:
					t.Error(err)
					return
				}
			}
		})
	}
	for round := range 12 {
		before, err := s.Account(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		roles := []identity.Role{identity.RoleStudent, identity.RoleInstructor}
		if round%2 == 0 {
			roles = append(roles, identity.RoleAdvisor)
		}
		after := before.WithRoles(roles)
		after.Stamp = before.Stamp.Next(begun())
		if err := s.ChangeRights(t.Context(), before, after); err != nil {
			t.Fatal(err)
		}
		now, err := s.Sessions(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, session := range now {
			if session.Rights < after.Rights {
				t.Errorf("round %d: session %s has rights %d, its account %d", round, session.ID, session.Rights, after.Rights)
			}
		}
	}
	close(stop)
	group.Wait()
	before, err := s.Account(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	after := before.WithDisabled(true)
	after.Stamp = before.Stamp.Next(begun())
	if err := s.ChangeRights(t.Context(), before, after); err != nil {
		t.Fatal(err)
	}
	if left, err := s.Sessions(t.Context(), a.ID); err != nil || len(left) > 0 {
		t.Errorf("%d sessions of a disabled account are left: %v", len(left), err)
	}
	if err := s.BeginSession(t.Context(), session(after, 0)); !errors.Is(err, registrar.ErrVersionMismatch) {
		t.Errorf("a session of a disabled account begins: %v", err)
	}
	t.Logf("%d sessions were to begin, %d of them met a change", made.Load(), refused.Load())
}

func oneTimes(t *testing.T, s Store) {
	o := identity.NewOneTime("h1", identity.PurposeProvider, identity.Account{ID: "a1", PasswordVersion: 3}, begun())
	o.Data = map[string]string{"nonce": "n", "empty": ""}
	if err := s.KeepOneTime(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	got, err := s.OneTime(t.Context(), "h1")
	same(t, "kept", o, got, err)
	for range 2 {
		if err := s.CountAttempt(t.Context(), "h1"); err != nil {
			t.Error(err)
		}
	}
	o.Attempts = 2
	got, err = s.OneTime(t.Context(), "h1")
	same(t, "counted", o, got, err)
	var group sync.WaitGroup
	var won atomic.Int64
	for range 8 {
		group.Go(func() {
			switch err := s.SpendOneTime(t.Context(), "h1"); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, identity.ErrSpent):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 {
		t.Errorf("a token was used %d times", won.Load())
	}
	got, err = s.OneTime(t.Context(), "h1")
	same(t, "used", identity.OneTime{}, got, err)
	if err := s.SpendOneTime(t.Context(), "h2"); !errors.Is(err, identity.ErrSpent) {
		t.Errorf("a token that never was: %v", err)
	}
	if err := s.CountAttempt(t.Context(), "h2"); err != nil {
		t.Errorf("a wrong code for a token that never was: %v", err)
	}
}

func limits(t *testing.T, s Store) {
	limit := identity.Limit{Burst: 10, Every: time.Hour}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := s.Take(t.Context(), "one", limit); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	taken, err := s.Taken(t.Context(), []string{"one", "other"})
	if err != nil || len(taken) != 1 {
		t.Fatalf("%v, %v", taken, err)
	}
	if left := limit.Left(taken["one"], time.Now()); left != 2 {
		t.Errorf("%d are left of %d after eight", left, limit.Burst)
	}
}
