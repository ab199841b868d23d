// Package unsubscribe makes and reads the tokens in unsubscribe links. No login is needed: whoever has a mail has its
// token, and can switch off that kind of mail to that person, and nothing else.
//
// A token is the person and the kind, with an HMAC over both. So nothing is stored for it, and it does not expire:
// people unsubscribe with old mails. The package knows the domain's words and nothing of HTTP. Start with [Open].
package unsubscribe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"

	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
)

// Tokens makes and reads tokens under one secret. With another secret all earlier tokens are invalid.
type Tokens struct{ secret registrar.Secret }

// Open reads the secret from the environment: UNSUBSCRIBE_KEY, at least 16 characters.
func Open(getenv func(string) string) (Tokens, error) {
	const shortest = 16
	secret := getenv("UNSUBSCRIBE_KEY")
	if len(secret) < shortest {
		return Tokens{}, errors.New("configuration of unsubscribing: UNSUBSCRIBE_KEY is not set, or has fewer than 16 " +
			"characters")
	}
	return New(secret), nil
}

// New makes tokens of a secret.
func New(secret string) Tokens { return Tokens{registrar.NewSecret(secret)} }

// ErrForged says that this system did not make the token.
var ErrForged = errors.New("the token is not one of this system")

// path is the path of unsubscribe links.
const path = "/v1/unsubscribe/"

// Links makes unsubscribe links.
type Links struct {
	Tokens

	API string // where the API answers, for example "https://api.example.edu"
}

// OpenLinks reads UNSUBSCRIBE_KEY and API_URL from the environment.
func OpenLinks(getenv func(string) string) (Links, error) {
	tokens, err := Open(getenv)
	if api, wrong := url.Parse(getenv("API_URL")); wrong != nil || api.Host == "" {
		err = errors.Join(err, errors.New("configuration of unsubscribing: API_URL is not set, or is no address"))
	}
	return Links{tokens, getenv("API_URL")}, err
}

// Address is the unsubscribe link for mail of the kind.
func (l Links) Address(recipient mail.Recipient, kind mail.Kind) string {
	return strings.TrimSuffix(l.API, "/") + path + l.Make(recipient, kind)
}

// Make makes a token.
func (t Tokens) Make(recipient mail.Recipient, kind mail.Kind) string {
	payload := string(kind) + "\n" + string(recipient)
	return base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." +
		base64.RawURLEncoding.EncodeToString(t.mac(payload))
}

// Read gives the recipient and the kind of a token, or [ErrForged].
func (t Tokens) Read(token string) (mail.Recipient, mail.Kind, error) {
	first, second, _ := strings.Cut(token, ".")
	strict := base64.RawURLEncoding.Strict() // one token has one spelling
	payload, err := strict.DecodeString(first)
	mac, errMAC := strict.DecodeString(second)
	if err != nil || errMAC != nil || !hmac.Equal(mac, t.mac(string(payload))) {
		return "", "", ErrForged
	}
	kind, recipient, _ := strings.Cut(string(payload), "\n")
	if !slices.Contains(mail.Kinds(), mail.Kind(kind)) {
		return "", "", ErrForged // the kind does not exist any more
	}
	return mail.Recipient(recipient), mail.Kind(kind), nil
}

func (t Tokens) mac(payload string) []byte {
	mac := hmac.New(sha256.New, []byte(t.secret.Reveal()))
	_, _ = mac.Write([]byte("registrar unsubscribe 1\n" + payload)) // a hash never fails to write
	return mac.Sum(nil)
}
