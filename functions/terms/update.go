package terms

import (
	"context"
	"fmt"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// UpdateStore is what [Update] needs of the store.
type UpdateStore interface {
	GetStore
	// Sections is asked when the term becomes shorter.
	Sections(ctx context.Context, f registrar.SectionFilter, page registrar.PageRequest) (registrar.Page[registrar.SectionView], error)
	UpdateTerm(ctx context.Context, before, after registrar.Term) error
}

type updateInput struct {
	api.IDInput
	api.IfMatchInput
	Body TermChange
}

// Update changes an academic term.
func Update(store UpdateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "terms-update", Method: http.MethodPatch, Path: "/v1/terms/{id}", Summary: "Change an academic term", Tag: "terms",
		Description: "A JSON merge patch (RFC 7396): what is absent stays, null removes. " +
			"A term does not become shorter than the meetings of its sections.",
		Access: api.Registrar, Codes: []registrar.Code{registrar.NotFound, registrar.NameTaken},
	}, func(ctx context.Context, in *updateInput) (*api.Read[Term], error) {
		after, err := api.Change(in.IfMatchInput,
			func() (registrar.Term, error) { return store.Term(ctx, registrar.TermID(in.ID)) },
			func(t registrar.Term) registrar.Term {
				t = in.Body.change(t)
				t.Stamp = t.Next(system.Clock())
				return t
			},
			func(before, after registrar.Term) error {
				if err := keepsMeetings(ctx, store, before, after); err != nil {
					return err
				}
				return store.UpdateTerm(ctx, before, after)
			})
		if err != nil {
			return nil, err
		}
		return &api.Read[Term]{ETag: api.ETag(after.Version), Body: show(after)}, nil
	})
}

// keepsMeetings refuses dates that would leave meetings of the term's sections outside of it. It reads all sections,
// which only a term that becomes shorter needs. A section that is scheduled in the same moment may be overlooked.
func keepsMeetings(ctx context.Context, store UpdateStore, before, after registrar.Term) error {
	if after.Start <= before.Start && after.End >= before.End {
		return nil
	}
	var early, late meetingOutside
	page := registrar.PageRequest{Limit: registrar.MaxPage}
	for {
		sections, err := store.Sections(ctx, registrar.SectionFilter{Term: after.ID}, page)
		if err != nil {
			return err
		}
		for _, s := range sections.Items {
			if s.FitsIn(after) == nil {
				continue
			}
			for _, m := range s.Meetings {
				early.add(s.CRN, m.From < after.Start)
				late.add(s.CRN, m.To >= after.End)
			}
		}
		if page.Cursor = sections.Next; page.Cursor == "" {
			break
		}
	}
	var wrong registrar.FieldErrors
	wrong = early.tell(wrong, "start", "before this day")
	wrong = late.tell(wrong, "end", "on this day or later")
	return wrong.OrNil()
}

// meetingOutside counts sections with a meeting that a term would no longer hold.
type meetingOutside struct {
	first, last string // their CRNs
	sections    int
}

func (o *meetingOutside) add(crn string, outside bool) {
	if !outside || o.last == crn { // the meetings of a section come one after the other
		return
	}
	if o.sections == 0 {
		o.first = crn
	}
	o.last = crn
	o.sections++
}

func (o *meetingOutside) tell(wrong registrar.FieldErrors, field, when string) registrar.FieldErrors {
	if o.sections == 0 {
		return wrong
	}
	return append(wrong, registrar.FieldError{
		Field: field, Code: registrar.FieldOutOfRange,
		Detail: fmt.Sprintf("%d of the term's sections meet %s, with CRN %s the first: change their meetings before", o.sections, when, o.first),
	})
}
