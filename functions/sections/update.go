package sections

import (
	"context"
	"net/http"
	"slices"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/registrar"
)

// UpdateStore is what [Update] needs of the store.
type UpdateStore interface {
	GetStore
	Term(ctx context.Context, id registrar.TermID) (registrar.Term, error)
	UpdateSection(ctx context.Context, before, after registrar.Section) error
}

// Update changes a section.
func Update(store UpdateStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "sections-update", Method: http.MethodPatch, Path: "/v1/sections/{id}", Summary: "Change a section",
		Tag: "sections",
		Description: "A JSON merge patch (RFC 7396): what is absent stays, null removes, lists are replaced whole. " +
			"Term and course are the section's for life.",
		Access: api.Registrar, Codes: []registrar.Code{registrar.NotFound, registrar.NameTaken},
	}, func(ctx context.Context, in *api.UpdateInput[SectionChange]) (*api.Read[Section], error) {
		zone := ""
		after, err := api.Change(in.IfMatchInput,
			func() (registrar.SectionView, error) {
				v, err := store.Section(ctx, registrar.SectionID(in.ID))
				if err != nil || !api.Dated(in.Body.Deadlines) {
					return v, err
				}
				term, err := store.Term(ctx, v.Term)
				zone = term.TimeZone
				return v, err
			},
			func(v registrar.SectionView) registrar.SectionView {
				v.Seats.Free -= v.Capacity
				v.Section = in.Body.change(v.Section, zone)
				v.Seats.Free += v.Capacity
				v.Seats.Capacity = v.Capacity
				v.Stamp = v.Next(system.Clock())
				return v
			},
			func(before, after registrar.SectionView) error {
				if !slices.Equal(before.Meetings, after.Meetings) {
					term, err := store.Term(ctx, after.Term)
					if err != nil {
						return err
					}
					if err := after.FitsIn(term); err != nil {
						return err
					}
					registrar.SortMeetings(after.Meetings) // the answer's too
				}
				return store.UpdateSection(ctx, before.Section, after.Section)
			})
		if err != nil {
			return nil, err
		}
		return read(after), nil
	})
}
