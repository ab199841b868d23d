package api

import (
	"time"

	"example.com/registrar/shared/registrar"
	"github.com/danielgtaylor/huma/v2"
)

// Instant is a moment that a client sends. Its zero value is none: a client that sends Go's zero time, or any other
// that cannot be stored, is refused (see [registrar.EarliestInstant]).
type Instant struct {
	at    time.Time
	given bool
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (i *Instant) UnmarshalText(text []byte) error {
	at, err := time.Parse(time.RFC3339, string(text))
	i.at, i.given = at, err == nil
	return err
}

// Resolve implements [huma.ResolverWithPath].
func (i *Instant) Resolve(_ huma.Context, at *huma.PathBuffer) []error {
	if i.given && !registrar.InstantInRange(i.at) {
		return []error{&fieldFault{at.String(), registrar.FieldOutOfRange, registrar.OutOfRange}}
	}
	return nil
}

// Schema implements [huma.SchemaProvider].
func (Instant) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time"}
}

// Given reports whether the client sent one.
func (i Instant) Given() bool { return i.given }

// Time is the moment in UTC; zero when none was sent.
func (i Instant) Time() time.Time { return i.at.UTC() }

// Stored is the moment in the form that is stored; zero when none was sent.
func (i Instant) Stored() time.Time {
	if !i.given {
		return time.Time{}
	}
	return registrar.Instant(i.at)
}
