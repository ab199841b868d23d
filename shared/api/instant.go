package api

import (
	"errors"
	"time"

	"example.com/registrar/shared/registrar"
	"github.com/danielgtaylor/huma/v2"
)

// Instant is an instant that a client sends. Its zero value is none. Go's zero time from a client is refused, and so is
// any other time that cannot be stored (see [registrar.EarliestInstant]).
type Instant struct {
	at    time.Time
	given bool
}

// expectedInstant is the message for a query with an invalid instant. In a query a + is a space (URL standard,
// "urlencoded parsing").
const expectedInstant = "expected a date and time as in RFC 3339, such as 2026-11-24T09:00:00Z; in a query + is " +
	"written %2B"

// UnmarshalText implements [encoding.TextUnmarshaler]. Its error says what was expected, and repeats nothing of what
// was sent.
func (i *Instant) UnmarshalText(text []byte) error {
	at, err := time.Parse(time.RFC3339, string(text))
	*i = Instant{at: at, given: err == nil}
	if err != nil {
		return errors.New(expectedInstant)
	}
	return nil
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

// Time is the instant in UTC; zero when none was sent.
func (i Instant) Time() time.Time { return i.at.UTC() }

// Stored is the instant in the form that is stored; zero when none was sent.
func (i Instant) Stored() time.Time {
	if !i.given {
		return time.Time{}
	}
	return registrar.Instant(i.at)
}
