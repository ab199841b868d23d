package registrar

import "fmt"

// Personal is text that identifies a person: a name, an e-mail address, a student number. It masks itself wherever it
// is printed, logged or written as JSON. string(p) is the text, for the places that must have it: the store, and the
// answers to those who may see it.
//
// Package fmt cannot mask a value in an unexported field, nor can encoding/json mask the key of a map. So keep it in
// exported fields, and never make it a key.
type Personal string

const masked, secret = "[personal]", "[secret]"

// String implements [fmt.Stringer]: "[personal]", or empty.
func (p Personal) String() string {
	if p == "" {
		return ""
	}
	return masked
}

// Format implements [fmt.Formatter], for all verbs.
func (p Personal) Format(f fmt.State, _ rune) { fmt.Fprint(f, p.String()) }

// MarshalText implements encoding.TextMarshaler, which slog and encoding/json ask.
func (p Personal) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Secret is a value that must not become known: a key, a token. It masks itself like [Personal], even in unexported
// fields.
type Secret struct{ value *string }

// NewSecret keeps a secret.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal is the secret; empty when there is none.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// String implements [fmt.Stringer]: "[secret]", or empty.
func (s Secret) String() string {
	if s.Reveal() == "" {
		return ""
	}
	return secret
}

// Format implements [fmt.Formatter], for all verbs.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText implements encoding.TextMarshaler, which slog and encoding/json ask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
