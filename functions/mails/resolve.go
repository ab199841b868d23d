package mails

import (
	"context"
	"net/http"

	"example.com/registrar/shared/api"
	"example.com/registrar/shared/mail"
	"example.com/registrar/shared/registrar"
)

// ResolveStore is what [Resolve] needs of the store.
type ResolveStore interface {
	// Mail reads a mail. It returns [*registrar.AnsweredBefore] when the key has an answer.
	Mail(ctx context.Context, id mail.ID, key registrar.IdempotencyKey) (mail.Mail, error)
	// ResolveMail writes the mail over the version before, with the event and the answer; [registrar.ErrStale] when that
	// is no longer stored.
	ResolveMail(ctx context.Context, m mail.Mail, e registrar.Event, answer registrar.Answer) error
}

// Resolution is an operator's decision.
type Resolution struct {
	As string `json:"as" enum:"sent,send-again" doc:"sent: it was sent, as the mail provider's log or its reader says. send-again: it may go out, perhaps for the second time" example:"send-again"`
}

type resolveInput struct {
	api.IDInput
	api.IdempotencyInput
	Body Resolution
}

// Resolve settles an open mail.
func Resolve(store ResolveStore, system api.System) api.Operation {
	return api.Define(api.Spec{
		ID: "mails-resolve", Method: http.MethodPost, Path: "/v1/mails/{id}/resolution", Summary: "Settle a mail that lies " +
			"open", Tag: "mail",
		Description: "A mail that is to be sent again is written anew within seconds, unless its recipient does not want " +
			"its kind any more, " +
			"or its address bounced or complained meanwhile.",
		Access: api.Registrar, Codes: []registrar.Code{registrar.NotFound, registrar.StateForbids,
			registrar.IdempotencyMismatch},
	}, func(ctx context.Context, in *resolveInput) (*api.Read[Mail], error) {
		out, err := resolve(ctx, store, in, system)
		if err != nil {
			return api.Replayed[api.Read[Mail]](err)
		}
		return out, nil
	})
}

// resolve settles it, unless another operator was faster: then it is no longer open.
func resolve(ctx context.Context, store ResolveStore, in *resolveInput, system api.System) (*api.Read[Mail], error) {
	key := in.Key(ctx)
	var out *api.Read[Mail]
	err := registrar.Decision[mail.Mail]{
		Read: func(ctx context.Context) (mail.Mail, error) {
			return store.Mail(ctx, mail.ID(in.ID), key)
		},
		Commit: func(ctx context.Context, m mail.Mail) error {
			now := system.Clock()
			m, event, err := mail.DecideResolution(m, mail.Resolution(in.Body.As), api.ActorOf(ctx), now, system.NewID)
			if err != nil {
				return err
			}
			out = &api.Read[Mail]{ETag: api.ETag(m.Version), Body: show(m, now)}
			answer := registrar.Answer{Key: key}
			if !key.Zero() {
				if answer.Reply, err = api.Reply(out); err != nil {
					return err
				}
			}
			return store.ResolveMail(ctx, m, event, answer)
		},
		Same: func(before, now mail.Mail) bool { return before.Version == now.Version },
	}.Make(ctx)
	if err != nil {
		return nil, err
	}
	return out, nil
}
