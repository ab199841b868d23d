package registrar_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"example.com/registrar/shared/registrar"
)

// refusing is a store for which nothing exists.
type refusing struct{ registrar.RegistrationStore }

func (refusing) RegistrationFacts(
	context.Context, registrar.SectionID, registrar.StudentID, registrar.IdempotencyKey,
) (registrar.EnrolFacts, error) {
	return registrar.EnrolFacts{}, registrar.Refuse(registrar.NotFound, "s", "there is no such section")
}

func (r refusing) EnrolmentFacts(
	ctx context.Context, section registrar.SectionID, student registrar.StudentID, key registrar.IdempotencyKey,
) (registrar.EnrolFacts, error) {
	return r.RegistrationFacts(ctx, section, student, key)
}

// auditor answers with an error.
type auditor struct{ err error }

func (a auditor) Refused(context.Context, registrar.Event) error { return a.err }

// A refusal that is on no record is not told; whether to ask again is worth it, only the audit knows.
func TestDesk_TellsNoRefusalThatIsNotAudited(t *testing.T) {
	denied := errors.New("access denied")
	for name, c := range map[string]struct {
		audit         error
		refused, busy bool
	}{
		"audited":            {nil, true, false},
		"passing":            {fmt.Errorf("%w: throttled", registrar.ErrBusy), false, true},
		"not before mending": {denied, false, false},
	} {
		d := registrar.Desk{Store: refusing{}, Audit: auditor{c.audit}, NewID: func() string { return "id" }}
		_, enrol := d.Enrol(t.Context(), registrar.EnrolRequest{}, registrar.IdempotencyKey{}, nil)
		_, drop := d.Drop(t.Context(), registrar.DropRequest{}, registrar.IdempotencyKey{}, nil)
		for _, err := range []error{enrol, drop} {
			if registrar.IsRefusal(err, registrar.NotFound) != c.refused ||
				errors.Is(err, registrar.ErrBusy) != c.busy || !errors.Is(err, c.audit) && c.audit != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
