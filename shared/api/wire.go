package api

import (
	"math"
	"time"

	"example.com/registrar/shared/registrar"
	"github.com/danielgtaylor/huma/v2"
)

// Credits are credit hours on the wire: a number with at most two decimal places.
type Credits float64

// Resolve implements [huma.ResolverWithPath]: more decimal places are refused, not rounded.
func (c *Credits) Resolve(_ huma.Context, at *huma.PathBuffer) []error {
	if hundredths := float64(*c) * 100; math.Abs(hundredths-math.Round(hundredths)) > 1e-6 {
		return []error{&fieldFault{at.String(), fieldFormat, "expected at most two decimal places"}}
	}
	return nil
}

// Schema implements [huma.SchemaProvider]. The two decimal places are shown here, and checked by Resolve: huma divides,
// and would refuse 0.29.
func (Credits) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Format: "double", Extensions: map[string]any{"multipleOf": 0.01}}
}

// Domain is the number in the domain's unit.
func (c Credits) Domain() registrar.Credits { return registrar.Credits(math.Round(float64(c) * 100)) }

// CreditsOf is the number on the wire.
func CreditsOf(c registrar.Credits) Credits { return Credits(float64(c) / 100) }

// CreditRange is the range of credits that a course may be taken for.
type CreditRange struct {
	Min Credits `json:"min" minimum:"0" maximum:"100" doc:"Least credit hours" example:"4"`
	Max Credits `json:"max" minimum:"0" maximum:"100" doc:"Most credit hours" example:"4"`
}

// Domain is the range in the domain's unit.
func (r CreditRange) Domain() registrar.CreditRange {
	return registrar.CreditRange{Min: r.Min.Domain(), Max: r.Max.Domain()}
}

// CreditRangeOf is the range on the wire.
func CreditRangeOf(r registrar.CreditRange) CreditRange {
	return CreditRange{Min: CreditsOf(r.Min), Max: CreditsOf(r.Max)}
}

// CreditRangeChange changes a range, or one end of it.
type CreditRangeChange struct {
	Min *Credits `json:"min,omitempty" minimum:"0" maximum:"100" doc:"Least credit hours" example:"4"`
	Max *Credits `json:"max,omitempty" minimum:"0" maximum:"100" doc:"Most credit hours" example:"4"`
}

// Change changes what was sent of the range.
func (c CreditRangeChange) Change(r *registrar.CreditRange) {
	if c.Min != nil {
		r.Min = c.Min.Domain()
	}
	if c.Max != nil {
		r.Max = c.Max.Domain()
	}
}

// NewDeadlines are the deadlines of a new record.
type NewDeadlines struct {
	LastAdd  *Deadline `json:"lastAdd,omitempty" doc:"Last moment to enrol, or the last day, in the term's time zone; absent: the term's, or none" example:"2025-01-27T04:59:59Z"`
	LastDrop *Deadline `json:"lastDrop,omitempty" doc:"Last moment to drop, or the last day, in the term's time zone; absent: the term's, or none" example:"2025-02-10"`
}

// Stated returns the deadlines as a change of none.
func (d *NewDeadlines) Stated() Removable[DeadlinesChange] {
	if d == nil {
		return Removable[DeadlinesChange]{}
	}
	return Stated(&DeadlinesChange{LastAdd: Stated(d.LastAdd), LastDrop: Stated(d.LastDrop)})
}

// DeadlinesChange is a merge patch of deadlines (RFC 7396).
type DeadlinesChange struct {
	LastAdd  Removable[Deadline] `json:"lastAdd,omitzero" doc:"Last moment to enrol, or the last day, in the term's time zone; null: the term's, or none" example:"2025-01-27T04:59:59Z"`
	LastDrop Removable[Deadline] `json:"lastDrop,omitzero" doc:"Last moment to drop, or the last day, in the term's time zone; null: the term's, or none" example:"2025-02-10"`
}

// Dated reports whether a deadline in the member is a day. Then the time zone of the term is needed.
func Dated(member Removable[DeadlinesChange]) bool {
	change, _ := member.Get()
	add, _ := change.LastAdd.Get()
	drop, _ := change.LastDrop.Get()
	return add.dated() || drop.dated()
}

// PatchDeadlines applies a member: null removes both deadlines. The zone is the term's, in which days end.
func PatchDeadlines(d *registrar.Deadlines, member Removable[DeadlinesChange], zone string) {
	if !member.Sent() {
		return
	}
	change, given := member.Get()
	if !given {
		*d = registrar.Deadlines{}
	}
	patchDeadline(&d.LastAdd, change.LastAdd, zone)
	patchDeadline(&d.LastDrop, change.LastDrop, zone)
}

func patchDeadline(t *time.Time, member Removable[Deadline], zone string) {
	if member.Sent() {
		last, _ := member.Get()
		*t = last.stored(zone)
	}
}

// PatchInstant applies a member: null removes the instant.
func PatchInstant(t *time.Time, member Removable[Instant]) {
	if member.Sent() {
		at, _ := member.Get()
		*t = at.Stored()
	}
}

// Deadlines are the last instants for an act.
type Deadlines struct {
	LastAdd  *time.Time `json:"lastAdd,omitempty" doc:"Last moment to enrol; absent: the term's, or none" example:"2025-01-27T04:59:59Z"`
	LastDrop *time.Time `json:"lastDrop,omitempty" doc:"Last moment to drop; absent: the term's, or none" example:"2025-02-11T04:59:59Z"`
}

// DeadlinesOf is the same on the wire.
func DeadlinesOf(d registrar.Deadlines) Deadlines {
	return Deadlines{LastAdd: TimeOf(d.LastAdd), LastDrop: TimeOf(d.LastDrop)}
}

// TimeOf is a time to send; nil when it is zero.
func TimeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Stamp is the history of a record on the wire.
type Stamp struct {
	CreatedAt time.Time `json:"createdAt" doc:"When the record was made"`
	UpdatedAt time.Time `json:"updatedAt" doc:"When it changed last"`
}

// StampOf is the history on the wire. The version is in the ETag.
func StampOf(s registrar.Stamp) Stamp { return Stamp{CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt} }
