package mails

import (
	"context"
	"net/http"
	"strings"
	"time"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
)

// ListStore is what [List] needs of the store.
type ListStore interface {
	OpenMails(ctx context.Context, state mail.State, at time.Time,
		page registrar.PageRequest) (registrar.Page[mail.Mail], error)
}

type listInput struct {
	api.PageInput
	State string `query:"state" enum:"unknown,refused" default:"unknown" doc:"unknown: nobody knows whether it was sent. refused: the mail provider refused it"`
}

// List pages through the open mails.
func List(store ListStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "mails-list", Method: http.MethodGet, Path: "/v1/mails", Summary: "List open mails", Tag: "mail",
		Description: "The oldest first. A mail that was about to be sent when its function ended is unknown from the end " +
			"of its claim on.",
		Access: api.Registrar,
	}, func(ctx context.Context, in *listInput) (*api.List[Mail], error) {
		now := system.Clock()
		page, err := store.OpenMails(ctx, mail.State(strings.ToUpper(in.State)), now, in.Request())
		if err != nil {
			return nil, err
		}
		return api.ListOf(ctx, page, func(m mail.Mail) Mail { return show(m, now) }), nil
	})
}
