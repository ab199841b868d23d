package api

import (
	"time"

	"example.com/registrar/shared/registrar"
	"github.com/danielgtaylor/huma/v2"
)

// Deadline is the last moment for an act as a client states it: an instant, or a whole day in the time zone of the term
// (domain.md §11). It is stored and shown as an instant.
type Deadline struct {
	instant Instant
	day     registrar.Date // instead of the instant; empty: none
	wrong   bool           // it is neither
}

// UnmarshalText implements [encoding.TextUnmarshaler]. The schema refuses other forms. [Deadline.Resolve] refuses texts
// of the form of a date or an instant that do not exist.
func (d *Deadline) UnmarshalText(text []byte) error {
	*d = Deadline{}
	switch {
	case len(text) == len(time.DateOnly):
		d.day = registrar.Date(text)
		d.wrong = !d.day.Valid()
	case len(text) > len(time.DateOnly) && (text[len(time.DateOnly)]|' ') == 't':
		d.wrong = d.instant.UnmarshalText(text) != nil
	}
	return nil
}

// Resolve implements [huma.ResolverWithPath].
func (d *Deadline) Resolve(ctx huma.Context, at *huma.PathBuffer) []error {
	switch {
	case d.wrong:
		return []error{&fieldFault{at.String(), fieldFormat,
			"must be a day that there is, or a date and time as in RFC 3339"}}
	case d.day != "" && !registrar.InstantInRange(d.day.LastMoment(time.UTC)):
		return []error{&fieldFault{at.String(), registrar.FieldOutOfRange, registrar.OutOfRange}}
	}
	return d.instant.Resolve(ctx, at)
}

// Schema implements [huma.SchemaProvider].
func (Deadline) Schema(huma.Registry) *huma.Schema {
	const (
		day    = `[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])`
		clock  = `([01][0-9]|2[0-3]):[0-5][0-9]`
		moment = `[Tt]` + clock + `:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]` + clock + `)`
	)
	return &huma.Schema{
		Type: huma.TypeString, Pattern: `^` + day + `(` + moment + `)?$`,
		PatternDescription: "a date, such as 2028-02-01, or a date and time as in RFC 3339",
	}
}

// dated reports whether it is a day.
func (d Deadline) dated() bool { return d.day != "" }

// stored is the instant in the form that is stored: for a day, its last one in the time zone. A term with an unknown
// zone is refused; until then the day is one in UTC, and never no deadline.
func (d Deadline) stored(zone string) time.Time {
	if !d.dated() {
		return d.instant.Stored()
	}
	in, err := registrar.Zone(zone)
	if err != nil {
		in = time.UTC
	}
	return registrar.Instant(d.day.LastMoment(in))
}
