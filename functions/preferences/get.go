package preferences

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
)

// Get shows what mail a student wants.
func Get(store GetStore) api.Operation {
	return api.Define(api.Spec{
		ID: "preferences-get", Method: http.MethodGet, Path: "/v1/students/{id}/mail-preferences",
		Summary:     "Get what mail a student wants",
		Description: "A student who never chose gets all mail.",
		Tag:         "mail", Access: api.Self, Codes: []registrar.Code{registrar.NotFound},
	}, func(ctx context.Context, in *api.IDInput) (*api.Read[Preferences], error) {
		p, err := store.MailPreferences(ctx, mail.OfStudent(registrar.StudentID(in.ID)))
		if err != nil {
			return nil, err
		}
		return &api.Read[Preferences]{ETag: api.ETag(p.Version), Body: show(p)}, nil
	})
}
