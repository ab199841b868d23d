package unsubscribe_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/mail/unsubscribe"
)

const secret = "0123456789abcdef"

func TestATokenIsForOnePersonAndKind(t *testing.T) {
	tokens := unsubscribe.New(secret)
	seen := map[string]bool{}
	for _, recipient := range []mail.Recipient{
		mail.OfStudent("0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b11"),
		mail.OfStudent("0198c0a4-2b6e-7c3d-9a41-5f0e2d7c8b12"), mail.OfAddress("ann@example.edu"),
	} {
		for _, kind := range mail.Kinds() {
			token := tokens.Make(recipient, kind)
			gotRecipient, gotKind, err := tokens.Read(token)
			if err != nil || gotRecipient != recipient || gotKind != kind || seen[token] || strings.Contains(token, "ann") {
				t.Errorf("%s: %s, %s, %v", token, gotRecipient, gotKind, err)
			}
			seen[token] = true
		}
	}
	if got := (unsubscribe.Links{Tokens: tokens, API: "https://api.example.edu/"}).Address("student:1",
		mail.ImportFinished); got != "https://api.example.edu/v1/unsubscribe/"+
		tokens.Make("student:1", mail.ImportFinished) {
		t.Error(got)
	}
	// Behind a domain's mapping the setting has the mapping in it.
	const public = "https://courses.example.edu/registrar"
	links, err := unsubscribe.OpenLinks(func(name string) string {
		return map[string]string{"UNSUBSCRIBE_KEY": secret,
			"API_URL": public}[name]
	})
	if got := links.Address("student:1", mail.ImportFinished); err != nil ||
		!strings.HasPrefix(got, public+"/v1/unsubscribe/") {
		t.Errorf("%s, %v", got, err)
	}
}

func TestAForgedTokenIsNone(t *testing.T) {
	tokens := unsubscribe.New(secret)
	token := tokens.Make("student:1", mail.RegistrationMade)
	payload, mac, _ := strings.Cut(token, ".")
	other, _, _ := strings.Cut(tokens.Make("student:2", mail.RegistrationMade), ".")
	for what, forged := range map[string]string{
		"empty": "", "a dot": ".", "no MAC": payload + ".", "without MAC": payload, "another's payload": other + "." +
			mac, "cut": token[:len(token)-1],
		"of another secret": unsubscribe.New(secret+"!").Make("student:1", mail.RegistrationMade),
		"of no kind":        tokens.Make("student:1", "all"), "padded": token + "=", "more behind": token + ".x",
		"no base64": "?." + mac, "in another spelling": payload + "." + mac[:42] + string(mac[42]+1),
		"a kind added": base64.RawURLEncoding.EncodeToString([]byte("import-finished\nstudent:1")) + "." + mac,
	} {
		if recipient, kind, err := tokens.Read(forged); !errors.Is(err, unsubscribe.ErrForged) {
			t.Errorf("%s: taken for %s, %s, %v", what, recipient, kind, err)
		}
	}
}

func TestTheSecretMustBeThere(t *testing.T) {
	for _, value := range []string{"", "short"} {
		if _, err := unsubscribe.Open(func(string) string { return value }); err == nil ||
			!strings.Contains(err.Error(), "UNSUBSCRIBE_KEY") {
			t.Errorf("%q: %v", value, err)
		}
	}
	_, err := unsubscribe.OpenLinks(func(string) string { return "" })
	if err == nil || !strings.Contains(err.Error(), "UNSUBSCRIBE_KEY") || !strings.Contains(err.Error(), "API_URL") {
		t.Errorf("an empty environment: %v", err)
	}
	tokens, err := unsubscribe.Open(func(string) string { return secret })
	if err != nil || tokens.Make("student:1", "x") != unsubscribe.New(secret).Make("student:1", "x") {
		t.Error(err)
	}
}
