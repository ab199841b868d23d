package passkey_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"example.com/registrar/shared/identity"
	"example.com/registrar/shared/identity/passkey"
	"github.com/descope/virtualwebauthn"
)

func now() time.Time { return time.Date(2027, 1, 11, 9, 0, 0, 0, time.UTC) }

// desk is a relying party with one account that has one passkey, on a device that answers as a browser would.
type desk struct {
	*passkey.Relying
	page    virtualwebauthn.RelyingParty
	device  virtualwebauthn.Authenticator
	key     virtualwebauthn.Credential
	account identity.Account
	has     []passkey.Passkey
}

func open(t *testing.T) *desk {
	t.Helper()
	r, err := passkey.NewRelying("registrar.example.edu", "Registrar", []string{"https://registrar.example.edu"})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{Relying: r, account: identity.Account{ID: "a1", Email: "ada@example.edu"},
		page: virtualwebauthn.RelyingParty{ID: "registrar.example.edu", Name: "Registrar",
			Origin: "https://registrar.example.edu"},
		device: virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{
			UserHandle: []byte("a1")}),
		key: virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)}
	ceremony, answer := d.create(t)
	p, err := r.Registered(d.account, nil, ceremony, answer, "laptop", now())
	if err != nil {
		t.Fatal(err)
	}
	d.has = []passkey.Passkey{p}
	d.device.AddCredential(d.key)
	return d
}

func (d *desk) create(t *testing.T) (passkey.Ceremony, []byte) {
	t.Helper()
	options, ceremony, err := d.Register(d.account, d.has)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	return ceremony, []byte(virtualwebauthn.CreateAttestationResponse(d.page, d.device, d.key, *parsed))
}

func (d *desk) get(t *testing.T) (passkey.Ceremony, []byte) {
	t.Helper()
	options, ceremony, err := d.SignIn()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	return ceremony, []byte(virtualwebauthn.CreateAssertionResponse(d.page, d.device, d.key, *parsed))
}

func (d *desk) find(id identity.AccountID) (passkey.Holder, error) {
	if id != d.account.ID {
		return passkey.Holder{}, passkey.ErrInvalid
	}
	return passkey.Holder{Account: d.account, Has: d.has}, nil
}

func TestSomebodySignsInWithAPasskey(t *testing.T) {
	t.Parallel()
	d := open(t)
	if p := d.has[0]; p.Name != "laptop" || p.Account != "a1" || p.ID == "" || !p.CreatedAt.Equal(now()) {
		t.Errorf("registered: %+v", p)
	}
	ceremony, answer := d.get(t)
	who, used, err := d.SignedIn(ceremony, answer, now().Add(time.Hour), d.find)
	if err != nil || who.ID != "a1" || used.ID != d.has[0].ID || !used.UsedAt.Equal(now().Add(time.Hour)) ||
		used.Name != "laptop" {
		t.Errorf("%v, %+v, %v", who.ID, used, err)
	}
}

func TestTheOptionsAskForAVerifiedUser(t *testing.T) {
	t.Parallel()
	d := open(t)
	options, _, err := d.Register(d.account, d.has)
	if err != nil {
		t.Fatal(err)
	}
	var create struct {
		PublicKey struct {
			Attestation            string
			AuthenticatorSelection struct{ ResidentKey, UserVerification string }
			ExcludeCredentials     []struct{ ID string }
		}
	}
	if err := json.Unmarshal(options, &create); err != nil {
		t.Fatal(err)
	}
	k := create.PublicKey
	if k.AuthenticatorSelection.ResidentKey != "required" || k.AuthenticatorSelection.UserVerification != "required" ||
		len(k.ExcludeCredentials) != 1 || k.ExcludeCredentials[0].ID != d.has[0].ID || k.Attestation == "direct" {
		t.Errorf("to register: %s", options)
	}
	options, _, err = d.SignIn()
	if err != nil {
		t.Fatal(err)
	}
	var get struct {
		PublicKey struct {
			UserVerification string
			AllowCredentials []any
		}
	}
	if err := json.Unmarshal(options, &get); err != nil {
		t.Fatal(err)
	}
	if get.PublicKey.UserVerification != "required" || len(get.PublicKey.AllowCredentials) != 0 {
		t.Errorf("to sign in: %s", options)
	}
}

// TestOtherAnswersAreRefused is passkeys' part of the attack suite.
func TestOtherAnswersAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testing.T, *desk) (passkey.Ceremony, []byte){
		"of another origin": func(t *testing.T, d *desk) (passkey.Ceremony, []byte) {
			d.page.Origin = "https://registrar.example.edu.evil.example"
			return d.get(t)
		},
		"of another domain": func(t *testing.T, d *desk) (passkey.Ceremony, []byte) {
			d.page.ID = "evil.example"
			return d.get(t)
		},
		"of another challenge": func(t *testing.T, d *desk) (passkey.Ceremony, []byte) {
			_, answer := d.get(t)
			ceremony, _ := d.get(t)
			return ceremony, answer
		},
		"of another key": func(t *testing.T, d *desk) (passkey.Ceremony, []byte) {
			id := d.key.ID
			d.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
			d.key.ID = id
			return d.get(t)
		},
		"of a key that is not registered": func(t *testing.T, d *desk) (passkey.Ceremony, []byte) {
			d.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
			return d.get(t)
		},
		"of another account": func(t *testing.T, d *desk) (passkey.Ceremony, []byte) {
			d.device.Options.UserHandle = []byte("a2")
			return d.get(t)
		},
		"of no account": func(t *testing.T, d *desk) (passkey.Ceremony, []byte) {
			d.device.Options.UserHandle = nil
			return d.get(t)
		},
		"without verification": func(t *testing.T, d *desk) (passkey.Ceremony, []byte) {
			d.device.Options.UserNotVerified = true
			return d.get(t)
		},
		"empty":   func(t *testing.T, d *desk) (passkey.Ceremony, []byte) { c, _ := d.get(t); return c, nil },
		"no JSON": func(t *testing.T, d *desk) (passkey.Ceremony, []byte) { c, _ := d.get(t); return c, []byte("{") },
		"a registration's": func(t *testing.T, d *desk) (passkey.Ceremony, []byte) {
			ceremony, _ := d.get(t)
			_, answer := d.create(t)
			return ceremony, answer
		},
	} {
		d := open(t)
		ceremony, answer := change(t, d)
		if who, _, err := d.SignedIn(ceremony, answer, now(), d.find); !errors.Is(err, passkey.ErrInvalid) {
			t.Errorf("%s: %v signs in: %v", name, who.ID, err)
		}
	}
}

func TestARegistrationOfAnotherPageIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*desk){
		"of another origin":    func(d *desk) { d.page.Origin = "https://evil.example" },
		"of another domain":    func(d *desk) { d.page.ID = "evil.example" },
		"without verification": func(d *desk) { d.device.Options.UserNotVerified = true },
	} {
		d := open(t)
		change(d)
		d.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		ceremony, answer := d.create(t)
		if _, err := d.Registered(d.account, d.has, ceremony, answer, "x", now()); !errors.Is(err, passkey.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := open(t)
	_, answer := d.create(t)
	another, _ := d.create(t)
	if _, err := d.Registered(d.account, d.has, another, answer, "x", now()); !errors.Is(err, passkey.ErrInvalid) {
		t.Errorf("of another challenge: %v", err)
	}
}

// TestACounterThatFallsIsAnAlarm: and one that stays at 0, as a synced passkey's does, is none.
func TestACounterThatFallsIsAnAlarm(t *testing.T) {
	t.Parallel()
	d := open(t)
	for _, c := range []struct {
		counter uint32
		want    error
	}{{0, nil}, {0, nil}, {5, nil}, {6, nil}, {6, passkey.ErrCloned}, {4, passkey.ErrCloned}, {0, passkey.ErrCloned},
		{7, nil}} {
		d.key.Counter = c.counter
		ceremony, answer := d.get(t)
		_, used, err := d.SignedIn(ceremony, answer, now(), d.find)
		if !errors.Is(err, c.want) {
			t.Errorf("at %d: %v, want %v", c.counter, err, c.want)
		}
		if used.ID != d.has[0].ID {
			t.Errorf("at %d: the passkey is not told", c.counter)
		}
		if err == nil {
			d.has = []passkey.Passkey{used}
		}
	}
}
