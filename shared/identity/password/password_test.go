package password

import (
	"strings"
	"testing"

	"example.com/registrar/shared/registrar"
	"github.com/alexedwards/argon2id"
)

func TestAPasswordIsRightOnlyForItsOwnHash(t *testing.T) {
	t.Parallel()
	const text = "correct horse battery"
	hash, err := Hash(registrar.NewSecret(text))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash.Reveal(), "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash is made with other parameters: %.40s", hash.Reveal())
	}
	again, err := Hash(registrar.NewSecret(text))
	if err != nil || again.Reveal() == hash.Reveal() {
		t.Errorf("the same password has the same hash twice (%v): there is no salt", err)
	}
	older := *parameters()
	older.Memory /= 2
	old, err := argon2id.CreateHash(text, &older)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		hash, password registrar.Secret
		want           Verdict
	}{
		"right":      {hash, registrar.NewSecret(text), Verdict{Right: true}},
		"wrong":      {hash, registrar.NewSecret(text + " "), Verdict{}},
		"empty":      {hash, registrar.Secret{}, Verdict{}},
		"no hash":    {registrar.Secret{}, registrar.NewSecret(text), Verdict{}},
		"weaker":     {registrar.NewSecret(old), registrar.NewSecret(text), Verdict{Right: true, Rehash: true}},
		"both empty": {registrar.Secret{}, registrar.Secret{}, Verdict{}},
	} {
		if got, err := Check(c.hash, c.password); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
	unreadable := registrar.NewSecret("$scrypt$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$WEAK")
	if _, err := Check(unreadable, registrar.NewSecret(text)); err == nil {
		t.Error("a hash that cannot be read is taken for one")
	} else if strings.Contains(err.Error(), "WEAK") {
		t.Errorf("the error quotes the hash: %v", err)
	}
}

func TestCommonPasswordsAreKnown(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]bool{
		"qwerty123456": true, "leavemealone": true, "zzzzzzzzzzzz": true, "correct horse battery": false, "": false,
		"~~~~~~~~~~~~~~~~~~~~": false,
	} {
		if got := Common(password); got != want {
			t.Errorf("Common(%q) = %v", password, got)
		}
	}
}
